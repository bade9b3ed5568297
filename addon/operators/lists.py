"""The buttons beside the lists: cameras and infill ranges."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import IntProperty

from ..problem import FaceSolveProblem
from ..scene.setup import find_range
from .base import reports_problems


class FACE_SOLVE_OT_fit_range(bpy.types.Operator):
    """Set the range to the frames that the plates cover."""

    bl_idname = "face_solve.fit_range"
    bl_label = "Fit Range to Plate"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Set it."""
        self.report({"INFO"}, find_range(context.scene, context.scene.face_solve))
        return {"FINISHED"}


class FACE_SOLVE_OT_add_camera(bpy.types.Operator):
    """Add the selected cameras to the list, or the scene's camera where none is selected."""

    bl_idname = "face_solve.add_camera"
    bl_label = "Add Camera"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Add them."""
        scene = context.scene
        settings = scene.face_solve
        chosen = [one for one in scene.objects if one.type == "CAMERA" and one.select_get()]
        chosen = chosen or ([scene.camera] if scene.camera else [])
        listed = {item.camera for item in settings.cameras}
        new = [camera for camera in chosen if camera not in listed]
        if not new:
            raise FaceSolveProblem(
                "There is no camera to add." if not chosen else "That camera is in the list already.",
                "Select a matchmoved camera in the scene.",
            )
        for camera in new:
            settings.cameras.add().camera = camera
        settings.camera_index = len(settings.cameras) - 1
        return {"FINISHED"}


class FACE_SOLVE_OT_remove_camera(bpy.types.Operator):
    """Take the camera off the list; the camera itself stays."""

    bl_idname = "face_solve.remove_camera"
    bl_label = "Remove Camera"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Take off the active one."""
        settings = context.scene.face_solve
        if not 0 <= settings.camera_index < len(settings.cameras):
            raise FaceSolveProblem("No camera of the list is active.", "Click one.")
        settings.cameras.remove(settings.camera_index)
        settings.camera_index = max(0, settings.camera_index - 1)
        return {"FINISHED"}


class FACE_SOLVE_OT_add_infill_range(bpy.types.Operator):
    """Add frames where the face cannot be seen: the timeline's preview range, or the current frame where there is none."""

    bl_idname = "face_solve.add_infill_range"
    bl_label = "Add Infill Range"
    bl_options = {"REGISTER", "UNDO"}

    frame_start: IntProperty(name="Start")
    frame_end: IntProperty(name="End")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Add the range, kept in order; one that touches another grows it."""
        scene = context.scene
        settings = scene.face_solve
        start, end = self.frame_start, self.frame_end
        if not self.properties.is_property_set("frame_start"):
            preview = scene.use_preview_range
            start = scene.frame_preview_start if preview else scene.frame_current
            end = scene.frame_preview_end if preview else scene.frame_current
        if end < start:
            raise FaceSolveProblem(f"The range {start}-{end} ends before it starts.", "Give the first frame first.")
        ranges = settings.infill_ranges
        for row in reversed(range(len(ranges))):
            one = ranges[row]
            if one.frame_start <= end + 1 and start <= one.frame_end + 1:
                start, end = min(start, one.frame_start), max(end, one.frame_end)
                ranges.remove(row)
        item = ranges.add()
        item.frame_start, item.frame_end = start, end
        place = sum(one.frame_start < start for one in ranges)
        ranges.move(len(ranges) - 1, place)
        settings.infill_index = place
        return {"FINISHED"}


class FACE_SOLVE_OT_remove_infill_range(bpy.types.Operator):
    """Take the range off the list."""

    bl_idname = "face_solve.remove_infill_range"
    bl_label = "Remove Infill Range"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Take off the active one."""
        settings = context.scene.face_solve
        if not 0 <= settings.infill_index < len(settings.infill_ranges):
            raise FaceSolveProblem("No range of the list is active.", "Click one.")
        settings.infill_ranges.remove(settings.infill_index)
        settings.infill_index = max(0, settings.infill_index - 1)
        return {"FINISHED"}


CLASSES = (
    FACE_SOLVE_OT_fit_range,
    FACE_SOLVE_OT_add_camera,
    FACE_SOLVE_OT_remove_camera,
    FACE_SOLVE_OT_add_infill_range,
    FACE_SOLVE_OT_remove_infill_range,
)
