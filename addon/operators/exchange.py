"""Shot folders out, solutions in: the way to a farm and back."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import FloatProperty, IntProperty, StringProperty

from ..pieces import whole
from ..runs import current
from ..scene.performance.exchange import export_performance, import_performance
from ..scene.results.solution import import_solution
from ..scene.shot.export import shot_pieces
from ..solver_choice import preferences
from .base import chosen_path, reports_problems
from .solve import watch_on


class FACE_SOLVE_OT_export_shot(bpy.types.Operator):
    """Write the shot folder that the solver's command line takes."""

    bl_idname = "face_solve.export_shot"
    bl_label = "Export Shot"

    filepath: StringProperty(subtype="DIR_PATH", name="Folder")
    _asked = False  # by an artist, who would see Blender stand still; a script finds the folder written

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Write the folder."""
        pieces = shot_pieces(context.scene, chosen_path(self.filepath), device=preferences(context).device)
        if self._asked and not bpy.app.background:
            current.write(pieces, self.bl_label, lambda _plan: None)
            watch_on()
            return {"FINISHED"}
        plan = whole(pieces)
        for line in plan.warnings:
            self.report({"WARNING"}, line)
        self.report({"INFO"}, f"Shot written: {plan.folder}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the folder."""
        self._asked = True
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class FACE_SOLVE_OT_import_solution(bpy.types.Operator):
    """Key a SOLUTION.npz on the chosen face; your own keys and locked frames are kept."""

    bl_idname = "face_solve.import_solution"
    bl_label = "Import Solution"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", name="Solution")
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Read the file and key its frames."""
        current.refuse_second()
        self.report({"INFO"}, import_solution(context.scene, chosen_path(self.filepath)))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class FACE_SOLVE_OT_export_performance(bpy.types.Operator):
    """Write what plays as a CSV with ARKit's names, as Live Link Face writes it; turns are in radians."""

    bl_idname = "face_solve.export_performance"
    bl_label = "Export Performance"

    filepath: StringProperty(subtype="FILE_PATH", name="Table")
    filter_glob: StringProperty(default="*.csv", options={"HIDDEN"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Write the file."""
        current.refuse_second()
        path = chosen_path(self.filepath)
        path = path if path.suffix else path.with_suffix(".csv")
        self.report({"INFO"}, export_performance(context.scene, path))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the file."""
        self.filepath = self.filepath or "performance.csv"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class FACE_SOLVE_OT_import_performance(bpy.types.Operator):
    """Key a Live Link Face CSV on the face, as a take and a start: a solve may change it. Your own keys are kept."""

    bl_idname = "face_solve.import_performance"
    bl_label = "Import Performance"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", name="Table")
    filter_glob: StringProperty(default="*.csv", options={"HIDDEN"})
    at_frame: IntProperty(name="First Row At", default=0, description="Frame of the first row; 0 is the range's start")
    rate: FloatProperty(
        name="Its Frames a Second",
        default=0.0,
        min=0.0,
        max=240.0,
        description="What the table's times count; 0 finds it from the highest frame number",
    )

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Read the file and key it."""
        current.refuse_second()
        scene = context.scene
        start = self.at_frame or scene.face_solve.frame_start
        self.report({"INFO"}, import_performance(scene, chosen_path(self.filepath), start, self.rate or None))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


CLASSES = (
    FACE_SOLVE_OT_export_shot,
    FACE_SOLVE_OT_import_solution,
    FACE_SOLVE_OT_export_performance,
    FACE_SOLVE_OT_import_performance,
)
