"""The renderer: z-buffer, spherical-harmonics shading, exact-area outlines, and tangents of the image."""
