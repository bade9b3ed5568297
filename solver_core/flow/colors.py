"""Optical flow as a picture: the colour wheel of the Middlebury benchmark.

Baker et al. 2011, "A database and evaluation methodology for optical flow".
"""

from __future__ import annotations

import numpy as np

from solver_core.common.arrays import Floats

# Six hues in their order round the wheel, and how many of its 55 steps lead from each to the next: as many as the eye
# tells apart.
HUES = ((1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1))
STEPS = (15, 6, 4, 11, 13, 6)
TOO_LONG = 0.75  # brightness of what is longer than the full colour


def middlebury(flow: Floats, longest: float) -> Floats:
    """Direction as hue, length as saturation: no motion is white, right is red, down is yellow.

    Args:
        flow: [H,W,2] pixels, x right, y down; not a number where there is none.
        longest: pixels; a vector this long has the full colour, a longer one a darker one.

    Returns:
        [H,W,3] display-referred, 0 to 1; black where there is no flow.
    """
    wheel = _wheel()
    known = np.isfinite(flow).all(-1, keepdims=True)
    vectors = np.where(known, flow, 0.0) / longest
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    turn = np.arctan2(-vectors[..., 1], -vectors[..., 0]) / (2 * np.pi) + 0.5  # 0 to 1, from right over down
    place = turn * (len(wheel) - 1)
    low = np.floor(place).astype(int)
    part = (place - low)[..., None]
    hue = wheel[low] * (1 - part) + wheel[(low + 1) % len(wheel)] * part
    colors: Floats = np.where(length <= 1, 1 - length * (1 - hue), hue * TOO_LONG)
    return np.where(known, colors, 0.0)


def _wheel() -> Floats:
    """[55,3] the colours round the wheel."""
    rows = [
        np.linspace(hue, following, count, endpoint=False)
        for hue, following, count in zip(HUES, HUES[1:] + HUES[:1], STEPS, strict=True)
    ]
    wheel: Floats = np.concatenate(rows)
    return wheel


def key(side: int) -> Floats:
    """[side,side,4] RGBA: the wheel as a disc whose border is the longest vector, to be laid into a picture."""
    place = (np.arange(side) + 0.5) / side * 2 - 1
    flow = np.stack(np.meshgrid(place, place), -1)
    inside = np.linalg.norm(flow, axis=-1, keepdims=True) <= 1
    return np.concatenate([middlebury(flow, 1.0), inside], -1)
