"""The bound above which a frame is bad, and what versions before 0.2 left of it: theirs was in plate pixels; no bpy."""

from __future__ import annotations

USUAL_BOUND = 12.0  # thousandths of the face's size in the plate
USUAL_PIXELS = 3.0  # the same in plates of up to 1920 pixels, before 0.2


def from_pixels(error_px: float, usual: float = USUAL_PIXELS) -> float:
    """An error of before 0.2 in thousandths of the face's size, as far as that can be told.

    Args:
        error_px: plate pixels; below zero where unknown.
        usual: the bound that was usual for that plate.
    """
    return error_px * USUAL_BOUND / usual if error_px >= 0.0 else -1.0
