"""The handles of the pins over the plate, in viewports that look through their camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import bpy
import gpu

from ..scene.pins import pins_at
from .layers import marks_batch, show_marks
from .marks import Color, Marks
from .view import view_of

Point = Tuple[float, float]
RADIUS, WIDTH = 6.0, 2.0  # of a handle's ring, pixels of the screen at an interface scale of 1
RING: Color = (1.0, 0.62, 0.05, 1.0)
CHOSEN: Color = (1.0, 1.0, 1.0, 1.0)
OFF: Color = (0.55, 0.55, 0.55, 1.0)
RIM: Color = (0.0, 0.0, 0.0, 0.75)


@dataclass
class _State:
    """Whether clicks put pins, and what is on the graphics card."""

    handle: Optional[object] = None
    on: bool = False
    key: Tuple = ()
    batch: Optional[gpu.types.GPUBatch] = None


_state = _State()


def active() -> bool:
    """Whether the artist is pinning: clicks on the head put pins."""
    return _state.on


def set_active(*, on: bool) -> None:
    """Begin to pin, or end."""
    _state.on = on


def draw() -> None:
    """Draw the current frame's pins into the region that is being drawn."""
    settings = bpy.context.scene.face_solve
    frame = bpy.context.scene.frame_current
    own = pins_at(settings, frame) if len(settings.pins) else []
    view = view_of(bpy.context) if own else None
    own = [i for i in own if view is not None and settings.pins[i].camera == view.camera]
    if not own or view is None:
        return
    place = view.plate(tuple(settings.pins[own[0]].size))
    if place is None:
        return
    chosen, scale = settings.pin_index, view.scale
    looks = tuple((i == chosen, *settings.pins[i].place, settings.pins[i].strength > 0.0) for i in own)
    key = (looks, scale)
    if key != _state.key:
        marks = Marks()
        for here, x, y, works in looks:
            color = CHOSEN if here else RING if works else OFF
            marks.dot(x, y, (RADIUS + 1.0) * scale, RIM, (RADIUS - WIDTH - 1.0) * scale)
            marks.dot(x, y, RADIUS * scale, color, (RADIUS - WIDTH) * scale)
            marks.dot(x, y, 1.25 * scale, color)
        _state.key, _state.batch = key, marks_batch(marks)
    show_marks(_state.batch, view, place)


def register() -> None:
    """Hang the drawing on the viewports; there are none in background mode."""
    if not bpy.app.background:
        _state.handle = bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Take it off again."""
    if _state.handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_state.handle, "WINDOW")
    _state.handle, _state.on, _state.key, _state.batch = None, False, (), None
