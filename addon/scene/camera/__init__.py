"""Reads cameras and their plates."""
