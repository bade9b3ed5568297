"""A head made by code, the shot that it performs, and the run that solves it."""
