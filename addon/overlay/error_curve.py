"""Draws the error of every solved frame along the bottom of the 3D Viewport, and names the frame under the mouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import bpy
import gpu

from ..scene.results.verdicts import bad_frames, judged_error, shown_status
from .curve_layout import Bar, Layout, Range, layout, range_rectangles, rectangles
from .drawing import fill, interface_scale, rectangles_batch, text_width, write

_BACKGROUND = (0.05, 0.05, 0.05, 0.55)
_LINE = (0.95, 0.55, 0.25, 0.8)
_CURSOR = (1.0, 1.0, 1.0, 0.9)
_HOVER = (1.0, 1.0, 1.0, 0.25)


@dataclass
class _Drawn:
    """The batch on the graphics card and what it was made of: it is made again only where that has changed."""

    handle: Optional[object] = None
    key: Tuple = ()
    batch: Optional[gpu.types.GPUBatch] = None
    builds: int = 0
    hovered: Tuple[int, Optional[int]] = (0, None)  # area and frame under the mouse


_drawn = _Drawn()


def builds() -> int:
    """How often the curve was put on the graphics card; a redraw alone does not."""
    return _drawn.builds


def hovered_frame() -> Optional[int]:
    """The frame whose bar is under the mouse; None beside them."""
    return _drawn.hovered[1]


def is_shown(context: bpy.types.Context) -> bool:
    """Whether the curve is drawn in the viewport that the context is of."""
    settings = context.scene.face_solve
    region = context.region
    return bool(
        settings.review
        and len(settings.results)
        and context.area is not None
        and context.area.type == "VIEW_3D"
        and region is not None
        and region.type == "WINDOW"
    )


def frame_at(context: bpy.types.Context, x: int, y: int) -> Optional[int]:
    """The frame under a point of the region; None beside the curve."""
    return strip(context, read_bars(context.scene.face_solve)).frame_at(x, y)


def hover(context: bpy.types.Context, x: int, y: int) -> None:
    """Take note of where the mouse is in a region of a viewport; redraws where another frame is under it."""
    hovered = (context.area.as_pointer(), frame_at(context, x, y) if is_shown(context) else None)
    if hovered != _drawn.hovered:
        _drawn.hovered = hovered
        context.area.tag_redraw()


def read_bars(settings: bpy.types.PropertyGroup) -> List[Bar]:
    """One bar a solved frame, in their order."""
    bad, shown = set(bad_frames(settings)), shown_status(settings)
    bars = [
        Bar(item.frame, shown[item.frame], judged_error(settings, item), item.frame in bad) for item in settings.results
    ]
    return sorted(bars, key=lambda bar: bar.frame)


def read_ranges(settings: bpy.types.PropertyGroup) -> List[Range]:
    """The infill ranges, in their order."""
    return [Range(one.frame_start, one.frame_end, one.found, one.enabled) for one in settings.infill_ranges]


def strip(context: bpy.types.Context, bars: List[Bar]) -> Layout:
    """Where the curve lies in the region, clear of the tool bar and the sidebar that may overlap it."""
    region = context.region
    left, right = 0.0, float(region.width)
    for other in context.area.regions:
        if other.type == "TOOLS" and other.width > 1:
            left = max(left, float(other.x + other.width - region.x))
        if other.type == "UI" and other.width > 1:
            right = min(right, float(other.x - region.x))
    return layout(bars, context.scene.face_solve.bad_above, left, right, 0.0, interface_scale())


def draw() -> None:
    """Draw into the region that is being drawn."""
    context = bpy.context
    if not is_shown(context):
        return
    settings = context.scene.face_solve
    bars, ranges = read_bars(settings), read_ranges(settings)
    place = strip(context, bars)
    key = (place, tuple(bars), tuple(ranges))
    if key != _drawn.key:
        _drawn.key = key
        _drawn.batch = rectangles_batch([*rectangles(bars, place), *range_rectangles(ranges, place)])
        _drawn.builds += 1
    gpu.state.blend_set("ALPHA")
    fill((place.x, place.y, place.width, place.height), _BACKGROUND)
    _drawn.batch.draw(gpu.shader.from_builtin("FLAT_COLOR"))
    limit = place.y + 5.0 + place.height_of(settings.bad_above)
    fill((place.x, limit, place.width, 1.0), _LINE)
    frame = context.scene.frame_current
    if place.first <= frame <= place.last:
        x, width = place.column(frame)
        fill((x + 0.5 * width - 1.0, place.y, 2.0, place.height), _CURSOR)
    area, hovered = _drawn.hovered
    if hovered is not None and area == context.area.as_pointer() and place.first <= hovered <= place.last:
        _draw_hovered(place, bars, hovered)
    gpu.state.blend_set("NONE")
    scale = interface_scale()
    words = f"Frames {place.first}-{place.last}, {sum(bar.bad for bar in bars)} bad   |   {describe(bars, frame)}"
    write(words, place.x + 2.0 * scale, place.y + place.height + 5.0 * scale, scale)


def describe(bars: List[Bar], frame: int) -> str:
    """A frame's number, status and error, in words."""
    bar = next((one for one in bars if one.frame == frame), None)
    if bar is None:
        return f"frame {frame}: not solved"
    error = f"error {bar.error:.1f}" if bar.error >= 0.0 else "no error known"
    return f"frame {frame}: {bar.status}, {error}"


def _draw_hovered(place: Layout, bars: List[Bar], frame: int) -> None:
    scale = interface_scale()
    x, width = place.column(frame)
    fill((x, place.y, width, place.height), _HOVER)
    words = describe(bars, frame)
    wide = text_width(words, scale) + 8.0 * scale
    left = max(place.x, min(x + 0.5 * width - 0.5 * wide, place.x + place.width - wide))
    top = place.y + place.height - 18.0 * scale
    fill((left, top, wide, 16.0 * scale), (0.0, 0.0, 0.0, 0.85))
    gpu.state.blend_set("ALPHA")
    write(words, left + 4.0 * scale, top + 4.0 * scale, scale)


def register() -> None:
    """Hang the drawing on the viewports; there are none in background mode."""
    if not bpy.app.background:
        _drawn.handle = bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Take it off again."""
    if _drawn.handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_drawn.handle, "WINDOW")
    _drawn.handle, _drawn.key, _drawn.batch, _drawn.hovered = None, (), None, (0, None)
