"""Observers: what networks say of the plate and of the render, as energies."""
