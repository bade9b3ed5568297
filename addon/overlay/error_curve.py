"""Draws the error of every solved frame along the bottom of the 3D Viewport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..scene.results import bad_frames
from .curve_layout import Bar, Layout, layout, rectangles

_BACKGROUND = (0.05, 0.05, 0.05, 0.55)
_LINE = (0.95, 0.55, 0.25, 0.8)
_CURSOR = (1.0, 1.0, 1.0, 0.9)
_PAIRS = ((0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1))


@dataclass
class _Drawn:
    """The batch on the graphics card and what it was made of: it is made again only where that has changed."""

    handle: Optional[object] = None
    key: Tuple = ()
    batch: Optional[gpu.types.GPUBatch] = None
    builds: int = 0


_drawn = _Drawn()


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


def read_bars(settings: bpy.types.PropertyGroup) -> List[Bar]:
    """One bar a solved frame, in their order."""
    bad = set(bad_frames(settings))
    locked = {item.frame for item in settings.locked_frames}
    bars = [
        Bar(item.frame, item.status, item.error_px, item.frame in bad, item.frame in locked)
        for item in settings.results
    ]
    return sorted(bars, key=lambda bar: bar.frame)


def strip(context: bpy.types.Context, bars: List[Bar]) -> Layout:
    """Where the curve lies in the region, clear of the tool bar and the sidebar that may overlap it."""
    region = context.region
    left, right = 0.0, float(region.width)
    for other in context.area.regions:
        if other.type == "TOOLS" and other.width > 1:
            left = max(left, float(other.x + other.width - region.x))
        if other.type == "UI" and other.width > 1:
            right = min(right, float(other.x - region.x))
    scale = context.preferences.system.ui_scale
    return layout(bars, context.scene.face_solve.bad_error_px, left, right, 0.0, scale)


def draw() -> None:
    """Draw into the region that is being drawn."""
    context = bpy.context
    if not is_shown(context):
        return
    settings = context.scene.face_solve
    bars = read_bars(settings)
    place = strip(context, bars)
    key = (place, tuple(bars))
    if key != _drawn.key:
        _drawn.key, _drawn.batch = key, _batch(rectangles(bars, place))
        _drawn.builds += 1
    gpu.state.blend_set("ALPHA")
    _fill(place.x, place.y, place.width, place.height, _BACKGROUND)
    _drawn.batch.draw(gpu.shader.from_builtin("FLAT_COLOR"))
    limit = place.y + 5.0 + place.height_of(settings.bad_error_px)
    _fill(place.x, limit, place.width, 1.0, _LINE)
    frame = context.scene.frame_current
    if place.first <= frame <= place.last:
        x, width = place.column(frame)
        _fill(x + 0.5 * width - 1.0, place.y, 2.0, place.height, _CURSOR)
    gpu.state.blend_set("NONE")
    _write(context, place, bars, frame)


def _write(context: bpy.types.Context, place: Layout, bars: List[Bar], frame: int) -> None:
    bar = next((one for one in bars if one.frame == frame), None)
    text = f"Frames {place.first}-{place.last}, {sum(one.bad for one in bars)} bad"
    if bar is not None:
        error = f"error {bar.error_px:.2f} px" if bar.error_px >= 0.0 else "no error known"
        text += f"   |   frame {frame}: {'locked' if bar.locked else bar.status}, {error}"
    scale = context.preferences.system.ui_scale
    blf.size(0, 11.0 * scale)
    blf.color(0, 1.0, 1.0, 1.0, 0.9)
    blf.position(0, place.x + 2.0 * scale, place.y + place.height + 5.0 * scale, 0.0)
    blf.draw(0, text)


def _batch(filled: List[Tuple]) -> gpu.types.GPUBatch:
    positions, colors = [], []
    for (x, y, width, height), color in filled:
        positions += [(x + i * width, y + j * height) for i, j in _PAIRS]
        colors += [color] * 6
    shader = gpu.shader.from_builtin("FLAT_COLOR")
    return batch_for_shader(shader, "TRIS", {"pos": positions, "color": colors})


def _fill(x: float, y: float, width: float, height: float, color: Tuple[float, float, float, float]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    positions = [(x + i * width, y + j * height) for i, j in _PAIRS]
    shader.bind()
    shader.uniform_float("color", color)
    batch_for_shader(shader, "TRIS", {"pos": positions}).draw(shader)


def register() -> None:
    """Hang the drawing on the viewports; there are none in background mode."""
    if not bpy.app.background:
        _drawn.handle = bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Take it off again."""
    if _drawn.handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_drawn.handle, "WINDOW")
    _drawn.handle, _drawn.key, _drawn.batch = None, (), None
