"""Filled rectangles and words over a region, in its pixels."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from .curve_layout import Color, Rect

_PAIRS = ((0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1))


def rectangles_batch(filled: Sequence[Tuple[Rect, Color]]) -> gpu.types.GPUBatch:
    """Rectangles, each of its colour, for the shader FLAT_COLOR."""
    positions: List[Tuple[float, float]] = []
    colors: List[Color] = []
    for (x, y, width, height), color in filled:
        positions += [(x + i * width, y + j * height) for i, j in _PAIRS]
        colors += [color] * 6
    shader = gpu.shader.from_builtin("FLAT_COLOR")
    return batch_for_shader(shader, "TRIS", {"pos": positions, "color": colors})


def fill(rect: Rect, color: Color) -> None:
    """Draw one rectangle."""
    rectangles_batch([(rect, color)]).draw(gpu.shader.from_builtin("FLAT_COLOR"))


def text_width(text: str, scale: float) -> float:
    """How wide words are, in pixels."""
    blf.size(0, 11.0 * scale)
    return float(blf.dimensions(0, text)[0])


def write(text: str, x: float, y: float, scale: float) -> None:
    """Draw words; (x, y) is the left end of their base line."""
    blf.size(0, 11.0 * scale)
    blf.color(0, 1.0, 1.0, 1.0, 0.9)
    blf.position(0, x, y, 0.0)
    blf.draw(0, text)


def interface_scale() -> float:
    """The artist's interface scale."""
    return bpy.context.preferences.system.ui_scale
