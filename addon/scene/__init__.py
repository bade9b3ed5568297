"""Reads the Blender scene into a shot, and writes solved frames back as keys."""
