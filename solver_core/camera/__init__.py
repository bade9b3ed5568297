"""Cameras: projection, lens distortion, and the crops that networks are shown."""
