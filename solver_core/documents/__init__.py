"""What crosses a boundary or lies on disk: the shot, the solution, the journal, the overlay file."""
