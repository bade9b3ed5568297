"""The campaign: damaged inputs by the thousand over every reader, and solvers that die at every moment.

See docs/reliability.md.
"""
