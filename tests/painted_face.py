"""A face painted from ellipses.

The detector and FaceMesh take it for a face, and nobody's picture is in the repository.
"""

from __future__ import annotations

import cv2
import numpy as np

SUBPIXEL = 8  # bits of the fixed-point coordinates


def painted_face(
    size: tuple[int, int] = (480, 640),  # height, width
    centre: tuple[float, float] = (320.0, 240.0),  # x, y in pixels
    height: float = 240.0,  # chin to crown, pixels
    onto: np.ndarray | None = None,
) -> np.ndarray:
    """[H, W, 3] RGB float32 from 0 to 1."""
    if onto is None:
        y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
        onto = np.stack([0.35 + 0.1 * x / size[1], 0.42 + 0 * x, 0.5 - 0.1 * y / size[0]], axis=-1)
    image = onto.astype(np.float32).copy()

    def ellipse(x, y, rx, ry, colour, start=0, end=360, thickness=-1):
        one = 1 << SUBPIXEL
        place = [round((c + d * height - 0.5) * one) for c, d in zip(centre, (x, y), strict=True)]
        axes = [round(r * height * one) for r in (rx, ry)]
        width = thickness if thickness < 0 else max(1, round(thickness * height / 240))
        cv2.ellipse(image, place, axes, 0, start, end, colour, width, cv2.LINE_AA, SUBPIXEL)

    skin, shade, hair, lip = (0.85, 0.66, 0.55), (0.7, 0.5, 0.4), (0.2, 0.13, 0.1), (0.7, 0.35, 0.33)
    ellipse(0, -0.08, 0.39, 0.47, hair)
    ellipse(0, 0.42, 0.16, 0.3, shade)
    for side in (-1, 1):
        ellipse(side * 0.36, 0.02, 0.05, 0.1, shade)
    ellipse(0, 0.03, 0.35, 0.47, skin)
    ellipse(0, -0.45, 0.3, 0.12, hair)
    for side in (-1, 1):
        ellipse(side * 0.15, -0.05, 0.085, 0.055, shade)
        ellipse(side * 0.15, -0.04, 0.07, 0.03, (0.95, 0.95, 0.95))
        ellipse(side * 0.15, -0.04, 0.028, 0.03, (0.25, 0.17, 0.1))
        ellipse(side * 0.15, -0.1, 0.1, 0.035, hair, 200, 340, 5)
        ellipse(side * 0.04, 0.155, 0.018, 0.01, (0.4, 0.22, 0.2))
    ellipse(0, 0.05, 0.022, 0.1, (0.92, 0.74, 0.63))
    ellipse(0, 0.13, 0.065, 0.035, shade, 20, 160, 3)
    ellipse(0, 0.27, 0.13, 0.04, lip)
    ellipse(0, 0.265, 0.12, 0.012, (0.4, 0.15, 0.15))
    ellipse(0, 0.43, 0.12, 0.05, shade, 200, 340, 2)
    return np.clip(cv2.GaussianBlur(image, (0, 0), height / 160), 0, 1)
