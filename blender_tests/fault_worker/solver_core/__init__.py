"""A solver for tests: it answers over the real protocol with a known motion, or breaks in the way it is told to."""
