"""Operators: they read the context, call a service and report."""
