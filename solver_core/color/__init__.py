"""Colour: sRGB's curve, and colour spaces by Blender's names."""
