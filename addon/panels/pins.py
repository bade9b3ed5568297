"""Pins: the tool, what follows a drag, and the current frame's pins."""

from __future__ import annotations

import bpy

from .. import compat
from ..overlay import pin_handles
from ..overlay.view import camera_of
from ..scene.pins import pinned_frames, pins_at
from .base import Step


class FACE_SOLVE_PT_pins(Step, bpy.types.Panel):
    """Drag places of the head to where they are in the plate."""

    bl_label = "Pins"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the tool and the current frame's pins."""
        layout, settings = self.layout, context.scene.face_solve
        if settings.face is None:
            layout.label(text="Choose the face first", icon="INFO")
            return
        if camera_of(context) is None:
            compat.draw_wrapped(layout, context, "Look through one of the cameras (Numpad 0) to pin.", "INFO")
        layout.operator("face_solve.pin", text="Pin the Head", icon="PINNED", depress=pin_handles.active())
        layout.prop(settings, "pin_moves", text="Moves")
        frame = context.scene.frame_current
        own = pins_at(settings, frame)
        layout.label(text=f"Frame {frame}: {len(own)} pin{'' if len(own) == 1 else 's'}")
        if settings.pin_index in own:
            layout.prop(settings.pins[settings.pin_index], "strength")
        row = layout.row(align=True)
        row.enabled = bool(own)
        row.operator("face_solve.copy_pins", text="Copy On", icon="FRAME_NEXT")
        row.operator("face_solve.delete_pin", text="Delete All", icon="X").all = True
        frames = pinned_frames(settings)
        if frames:
            compat.draw_wrapped(layout, context, "Pinned: " + ", ".join(map(str, frames)), "PINNED")


CLASSES = (FACE_SOLVE_PT_pins,)
