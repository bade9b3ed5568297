"""Save Preset and Load Preset."""

from __future__ import annotations

from pathlib import Path
from typing import Set

import bpy
from bpy.props import BoolProperty, StringProperty

from ..problem import FaceSolveProblem
from ..scene.setup.preset import read_preset, write_preset
from ..scene.setup.preset_settings import apply_preset, take_preset
from ..scene.shot.folders import preset_folder
from .base import chosen_path, reports_problems


class FACE_SOLVE_OT_save_preset(bpy.types.Operator):
    """Save groups, strengths, switched-off keys, networks, refinement and the bad-frame limit for other shots."""

    bl_idname = "face_solve.save_preset"
    bl_label = "Save Preset"

    filepath: StringProperty(subtype="FILE_PATH", name="Preset")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Write the file."""
        settings = context.scene.face_solve
        if not settings.shape_groups:
            raise FaceSolveProblem("There are no groups to save.", "Press Set Up first.")
        path = chosen_path(self.filepath)
        path = path if path.suffix.lower() == ".json" else path.with_name(path.name + ".json")
        write_preset(path, take_preset(settings))
        self.report({"INFO"}, f"Preset saved: {path}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the file; the folder that the menu shows is offered."""
        preset_folder().mkdir(parents=True, exist_ok=True)
        face = context.scene.face_solve.face
        self.filepath = str(preset_folder() / f"{bpy.path.clean_name(face.name) if face else 'face'}.json")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class FACE_SOLVE_OT_load_preset(bpy.types.Operator):
    """Take groups and settings from a preset; cameras, range and everything else of the shot stay."""

    bl_idname = "face_solve.load_preset"
    bl_label = "Load Preset"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", name="Preset")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Read the file and set what suits the face."""
        path = chosen_path(self.filepath)
        for line in apply_preset(context.scene.face_solve, read_preset(path)):
            self.report({"WARNING"}, line)
        self.report({"INFO"}, f"Preset loaded: {path.stem}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the file."""
        if not self.filepath:
            self.filepath = str(Path(preset_folder(), ""))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


CLASSES = (FACE_SOLVE_OT_save_preset, FACE_SOLVE_OT_load_preset)
