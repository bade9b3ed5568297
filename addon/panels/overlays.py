"""Overlays: what is drawn over the plate, through the camera."""

from __future__ import annotations

import bpy

from .. import compat
from ..overlay.plate_overlay import sidecar_of
from ..overlay.view import camera_of
from .base import Step


class FACE_SOLVE_PT_overlays(Step, bpy.types.Panel):
    """See how the solved head sits on the plate."""

    bl_label = "Overlays"

    def draw_header(self, context: bpy.types.Context) -> None:
        """The switch for all of them."""
        self.layout.prop(context.scene.face_solve.overlays, "show", text="")

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the switches, and why nothing may be seen."""
        layout, overlays = self.layout, context.scene.face_solve.overlays
        layout.active = overlays.show
        if overlays.show and camera_of(context) is None:
            compat.draw_wrapped(layout, context, "Look through one of the cameras (numpad 0).", "INFO")
        layout.prop(overlays, "see_through")
        layout.prop(overlays, "hide_head")
        _switch(layout, overlays, "wireframe", "wire_color")
        _switch(layout, overlays, "shaded", "shaded_color")
        _switch(layout, overlays, "flow")
        row = layout.row()
        row.active = overlays.shaded or overlays.flow
        row.prop(overlays, "opacity")
        self._draw_landmarks(layout, context, overlays)
        row = layout.row(align=True)
        row.prop(overlays, "wipe")
        row.prop(overlays, "wipe_position", text="")
        row.operator("face_solve.drag_wipe", text="", icon="ARROW_LEFTRIGHT")

    @staticmethod
    def _draw_landmarks(
        layout: bpy.types.UILayout, context: bpy.types.Context, overlays: bpy.types.PropertyGroup
    ) -> None:
        _switch(layout, overlays, "landmarks", *(() if overlays.regions else ("plate_color", "render_color")))
        column = layout.column(align=True)
        column.active = overlays.landmarks
        column.prop(overlays, "regions")
        _switch(column, overlays, "residuals", "residual_color")
        if overlays.residuals:
            column.prop(overlays, "residual_stretch")
        camera, wanted = camera_of(context), overlays.landmarks or overlays.flow
        if overlays.show and wanted and camera is not None:
            sidecar = sidecar_of(context.scene.face_solve)
            if sidecar is None or not sidecar.has(camera.name, context.scene.frame_current):
                compat.draw_wrapped(layout, context, "The solver has left no landmarks for this frame.", "INFO")


def _switch(layout: bpy.types.UILayout, overlays: bpy.types.PropertyGroup, name: str, *colors: str) -> None:
    """A layer's switch, with its colours beside it."""
    row = layout.row(align=True)
    row.prop(overlays, name)
    for color in colors:
        part = row.row()
        part.ui_units_x = 1.6
        part.prop(overlays, color, text="")


CLASSES = (FACE_SOLVE_PT_overlays,)
