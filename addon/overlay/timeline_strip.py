"""Draws every frame's status, infill ranges and pins below the ruler of timeline and dope sheet, in the review."""

from __future__ import annotations

from typing import List, Optional, Tuple

import bpy
import gpu

from ..scene.pins import pinned_frames
from ..scene.results.verdicts import shown_status
from .curve_layout import COLORS, RANGE_HEIGHT, STATUS_HEIGHT, Color, Rect
from .drawing import interface_scale, rectangles_batch
from .error_curve import read_ranges
from .pin_handles import RING

_RULER = 25.0  # pixels, at an interface scale of 1
_handle: List[Optional[object]] = [None]


def draw() -> None:
    """Draw into the region that is being drawn."""
    context = bpy.context
    settings = context.scene.face_solve
    if not settings.review or not len(settings.results):
        return
    filled = rectangles(context)
    if filled:
        gpu.state.blend_set("ALPHA")
        rectangles_batch(filled).draw(gpu.shader.from_builtin("FLAT_COLOR"))
        gpu.state.blend_set("NONE")


def rectangles(context: bpy.types.Context) -> List[Tuple[Rect, Color]]:
    """Status and ranges at their frames in the context's region; what lies beside it is left out."""
    region, settings = context.region, context.scene.face_solve
    zero, one = (region.view2d.view_to_region(frame, 0.0, clip=False)[0] for frame in (0.0, 100.0))
    pitch = (one - zero) / 100.0
    top = region.height - _RULER * interface_scale() - STATUS_HEIGHT

    def row(first: int, last: int, y: float, height: float, color: Color) -> List[Tuple[Rect, Color]]:
        left = max(0.0, zero + (first - 0.5) * pitch)
        right = min(float(region.width), zero + (last + 0.5) * pitch)
        return [((left, y, right - left, height), color)] if left < right else []

    filled: List[Tuple[Rect, Color]] = []
    for frame, status in shown_status(settings).items():
        filled += row(frame, frame, top, STATUS_HEIGHT, COLORS[status])
    for span in read_ranges(settings):
        filled += row(span.first, span.last, top - RANGE_HEIGHT - 1.0, RANGE_HEIGHT, span.color)
    for frame in pinned_frames(settings):
        filled += row(frame, frame, top - 2.0 * (RANGE_HEIGHT + 1.0), RANGE_HEIGHT, RING)
    return filled


def register() -> None:
    """Hang the drawing on the editors; there are none in background mode."""
    if not bpy.app.background:
        _handle[0] = bpy.types.SpaceDopeSheetEditor.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Take it off again."""
    if _handle[0] is not None:
        bpy.types.SpaceDopeSheetEditor.draw_handler_remove(_handle[0], "WINDOW")
    _handle[0] = None
