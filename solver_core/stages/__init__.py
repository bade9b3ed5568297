"""How a shot is solved: a list of stages, each a list of steps, all of them data."""
