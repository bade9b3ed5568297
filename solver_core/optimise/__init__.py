"""Nonlinear least squares for many small problems at once."""
