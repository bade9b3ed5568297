"""Drag the line between plate and render."""

from __future__ import annotations

from typing import Set

import bpy

from ..overlay.view import camera_of, view_of


class FACE_SOLVE_OT_drag_wipe(bpy.types.Operator):
    """Move the wipe's line with the mouse; a click leaves it there, Esc or a right click puts it back."""

    bl_idname = "face_solve.drag_wipe"
    bl_label = "Drag Wipe"
    bl_options = {"UNDO", "BLOCKING"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where there is a plate to look at."""
        return camera_of(context) is not None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Switch the wipe on and follow the mouse."""
        overlays = context.scene.face_solve.overlays
        self._before = (overlays.show, overlays.wipe, overlays.wipe_position)
        overlays.show = overlays.wipe = True
        context.window_manager.modal_handler_add(self)
        context.window.cursor_modal_set("MOVE_X")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        """Follow the mouse."""
        overlays = context.scene.face_solve.overlays
        if event.type == "MOUSEMOVE":
            region = next((one for one in context.area.regions if one.type == "WINDOW"), None)
            with context.temp_override(region=region):
                view = view_of(context)
            if view is not None:
                frame = view.frame()
                overlays.wipe_position = (event.mouse_x - region.x - frame.x) / frame.x_unit
                context.area.tag_redraw()
        elif event.type in {"LEFTMOUSE", "RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            return self._end(context, "FINISHED")
        elif event.type in {"RIGHTMOUSE", "ESC"}:
            overlays.show, overlays.wipe, overlays.wipe_position = self._before
            return self._end(context, "CANCELLED")
        return {"RUNNING_MODAL"}

    @staticmethod
    def _end(context: bpy.types.Context, answer: str) -> Set[str]:
        context.window.cursor_modal_restore()
        context.area.tag_redraw()
        return {answer}


CLASSES = (FACE_SOLVE_OT_drag_wipe,)
