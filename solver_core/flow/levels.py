"""Pictures as grey levels: all of them, or edges and texture alone."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from solver_core.common.arrays import Floats

Levels = npt.NDArray[np.uint8]  # [S,S]

NEIGHBOURHOOD = 3.0  # pixels: what changes more slowly than this is shading
CONTRAST = 10.0  # grey levels: details fainter than this are not raised further
LEVELS = 32.0  # grey levels that a strong detail gets in the picture of details


def details(image: Floats) -> Levels:
    """[S,S,3] display-referred, 0 to 1 -> [S,S] uint8.

    What is left is edges and texture without shading and contrast (local normalisation).
    """
    levels = cv2.cvtColor(np.clip(image, 0, 1).astype(np.float32), cv2.COLOR_RGB2GRAY) * 255
    detail = levels - cv2.GaussianBlur(levels, (0, 0), NEIGHBOURHOOD)
    strength = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), NEIGHBOURHOOD) + CONTRAST**2)
    return np.clip(128.5 + LEVELS * detail / strength, 0, 255).astype(np.uint8)


def grey(image: Floats) -> Levels:
    """[S,S,3] 0 to 1 -> [S,S] uint8."""
    return cv2.cvtColor((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), cv2.COLOR_RGB2GRAY)
