"""Say which of several people in the plate is the one to solve."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import FloatVectorProperty, IntProperty, StringProperty

from ..overlay.view import camera_of, view_of
from ..problem import FaceSolveProblem
from ..scene.camera.plate import plate_size, read_plate
from ..scene.setup.people import choose
from .base import reports_problems


class FACE_SOLVE_OT_choose_person(bpy.types.Operator):
    """Click on the face of the person to solve, where the plate shows several; a solve follows them from there."""

    bl_idname = "face_solve.choose_person"
    bl_label = "Choose Person"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}

    camera: StringProperty(name="Camera", description="Whose plate; empty: the scene's camera")
    frame: IntProperty(name="Frame", description="The frame in which the person is there")
    place: FloatVectorProperty(
        name="Place", size=2, description="Where the face is: shares of the plate's width and height, from its top left"
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Wait for a click on the plate."""
        camera = camera_of(context)
        if camera is None:
            self.report({"ERROR"}, "This view does not look through a solved camera. Look through one (Numpad 0).")
            return {"CANCELLED"}
        self.camera, self.frame = camera.name, context.scene.frame_current
        context.window_manager.modal_handler_add(self)
        context.window.cursor_modal_set("CROSSHAIR")
        context.workspace.status_text_set("Click on the person's face; Esc or a right click leaves it as it is")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        """Take the place of the click."""
        if event.type in {"RIGHTMOUSE", "ESC"}:
            return self._end(context, {"CANCELLED"})
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            region = next((one for one in context.area.regions if one.type == "WINDOW"), None)
            with context.temp_override(region=region):
                view = view_of(context)
            if view is None:
                return self._end(context, {"CANCELLED"})
            size = plate_size(view.camera, read_plate(view.camera), [self.frame])
            place = view.plate(size)
            if place is None:
                self.report({"ERROR"}, "The plate lies turned in the view, or is not shown.")
                return self._end(context, {"CANCELLED"})
            x, y = event.mouse_x - region.x, event.mouse_y - region.y
            self.place = ((x - place.x) / place.x_unit / size[0], (y - place.y) / place.y_unit / size[1])
            return self._end(context, self.execute(context))
        return {"RUNNING_MODAL"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Keep it; what was said of the same frame and camera is replaced."""
        name = self.camera or (context.scene.camera.name if context.scene.camera else "")
        choose(context.scene.face_solve, name, self.frame, tuple(self.place))
        self.report({"INFO"}, f"The person at frame {self.frame} is solved.")
        return {"FINISHED"}

    @staticmethod
    def _end(context: bpy.types.Context, answer: Set[str]) -> Set[str]:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        context.area.tag_redraw()
        return answer


class FACE_SOLVE_OT_forget_person(bpy.types.Operator):
    """Let the place of the head say again who is solved."""

    bl_idname = "face_solve.forget_person"
    bl_label = "Forget Chosen Person"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Forget all that was chosen."""
        people = context.scene.face_solve.people
        if not len(people):
            raise FaceSolveProblem("No person was chosen.", "The face where the head stands is solved.")
        people.clear()
        return {"FINISHED"}


CLASSES = (FACE_SOLVE_OT_choose_person, FACE_SOLVE_OT_forget_person)
