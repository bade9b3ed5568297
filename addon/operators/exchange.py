"""Shot folders out, solutions in: the way to a farm and back."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import StringProperty

from ..pieces import whole
from ..runs import current
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


CLASSES = (FACE_SOLVE_OT_export_shot, FACE_SOLVE_OT_import_solution)
