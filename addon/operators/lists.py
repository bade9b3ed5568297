"""The buttons beside the lists: cameras and infill ranges."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ..problem import FaceSolveProblem
from ..runs import current
from ..scene import infill
from ..scene.camera.footage import load_footage
from ..scene.camera.plate import cameras_with_plate
from ..scene.setup.find import find_range
from .base import chosen_path, reports_problems


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


class FACE_SOLVE_OT_load_footage(bpy.types.Operator):
    """Put a movie or an image sequence behind a camera, made where there is none, and set up."""

    bl_idname = "face_solve.load_footage"
    bl_label = "Load Footage"
    bl_description = (
        "Put a movie or an image sequence behind the active camera, or the scene's; without one free "
        "a new one is made before the head. The first plate gives the scene its size, rate and range"
    )
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", name="Footage")
    filter_image: BoolProperty(default=True, options={"HIDDEN"})
    filter_movie: BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Load it, and list its camera."""
        current.refuse_second()
        scene = context.scene
        said = [load_footage(scene, chosen_path(self.filepath), context.view_layer.objects.active)]
        listed = {item.camera for item in scene.face_solve.cameras}
        for camera in cameras_with_plate(scene):
            if camera not in listed:
                scene.face_solve.cameras.add().camera = camera
        said.append(find_range(scene, scene.face_solve, keep=True))
        self.report({"INFO"}, " ".join(said))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


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
    """Add frames where the face cannot be seen."""

    bl_idname = "face_solve.add_infill_range"
    bl_label = "Add Infill Range"
    bl_options = {"REGISTER", "UNDO"}

    source: EnumProperty(
        name="From",
        options={"SKIP_SAVE"},
        items=(
            ("AUTO", "Timeline", "The preview range, or the current frame where there is none"),
            ("SELECTED", "Selected Keys", "From the first to the last selected key of the face"),
            ("PREVIEW", "Preview Range", "The timeline's preview range"),
            ("CURRENT", "Current Frame", "The current frame alone"),
        ),
    )
    frame_start: IntProperty(name="Start", options={"SKIP_SAVE"})
    frame_end: IntProperty(name="End", options={"SKIP_SAVE"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Add the range, kept in order; one that touches another of your own grows it."""
        scene = context.scene
        if self.properties.is_property_set("frame_start"):
            span = self.frame_start, self.frame_end
        elif self.source == "SELECTED":
            span = infill.selected_span(scene.face_solve)
        elif self.source == "CURRENT" or (self.source == "AUTO" and not scene.use_preview_range):
            span = scene.frame_current, scene.frame_current
        elif scene.use_preview_range:
            span = scene.frame_preview_start, scene.frame_preview_end
        else:
            raise FaceSolveProblem("The timeline has no preview range.", "Set one with P in the timeline.")
        infill.add_own(scene.face_solve, *span)
        return {"FINISHED"}


class FACE_SOLVE_OT_find_infill_ranges(bpy.types.Operator):
    """List the frames that failed, are bad or are marked bad, in place of what was found before."""

    bl_idname = "face_solve.find_infill_ranges"
    bl_label = "Find Ranges"
    bl_description = (
        "List the frames that failed, are bad or are marked bad, in place of what was found before. "
        "Your own ranges stay"
    )
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Find them."""
        settings = context.scene.face_solve
        if not settings.results:
            raise FaceSolveProblem("Nothing has been solved yet.", "Press Solve Shot first, or add a range yourself.")
        count = infill.find_ranges(settings)
        self.report(
            {"INFO"}, f"{count} range{'' if count == 1 else 's'} found." if count else "No frame needs to be bridged."
        )
        return {"FINISHED"}


class FACE_SOLVE_OT_mend_infill_range(bpy.types.Operator):
    """Mend the range: turn it round, cut it to the shot, or make one of those that overlap."""

    bl_idname = "face_solve.mend_infill_range"
    bl_label = "Mend Infill Ranges"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(
        name="Row",
        default=-1,
        min=-1,
        options={"SKIP_SAVE"},
        description="The row, counted from 0; below zero mends them all",
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What is wrong and what a click does."""
        settings = context.scene.face_solve
        row = properties.index
        problem = infill.problem_of(settings, row) if 0 <= row < len(settings.infill_ranges) else None
        return str(problem) if problem else "Mend every infill range"

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Mend the row, or every row that needs it."""
        settings = context.scene.face_solve
        if self.index >= len(settings.infill_ranges):
            raise FaceSolveProblem(f"There is no infill range {self.index}.")
        if self.index >= 0:
            infill.mend(settings, self.index)
        else:
            infill.mend_all(settings)
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
    FACE_SOLVE_OT_load_footage,
    FACE_SOLVE_OT_fit_range,
    FACE_SOLVE_OT_add_camera,
    FACE_SOLVE_OT_remove_camera,
    FACE_SOLVE_OT_add_infill_range,
    FACE_SOLVE_OT_remove_infill_range,
    FACE_SOLVE_OT_find_infill_ranges,
    FACE_SOLVE_OT_mend_infill_range,
)
