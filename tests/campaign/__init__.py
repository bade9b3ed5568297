"""The campaign: thousands of damaged inputs over every reader, and solvers that die at every moment (docs/reliability.md)."""
