"""The solver as a service: worker, listeners, command line, check."""
