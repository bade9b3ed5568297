"""Reads the head: mesh, shape keys and their groups, colours, the jaw bone, what follows it."""
