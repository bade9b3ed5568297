"""Optical flow networks behind one interface: registry.py says which there are."""
