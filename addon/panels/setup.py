"""Setup: cameras with their plates, the networks, and presets."""

from __future__ import annotations

import bpy

from ..problem import FaceSolveProblem
from ..scene.camera.plate import read_plate
from ..scene.rig.jaw import armature_modifiers
from ..scene.setup.prechecks import is_there
from ..scene.shot.folders import preset_folder, shipped_presets
from .base import Step, below_its_name, is_free


class FACE_SOLVE_UL_cameras(bpy.types.UIList):
    """Matchmoved cameras with their plates."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        settings: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active: bpy.types.PropertyGroup,
        _active_name: str,
    ) -> None:
        """The camera, and how much of the range its plate covers."""
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        if not is_there(item):
            row.label(text="(deleted camera)", icon="ERROR")
            return
        row.label(text=item.camera.name, icon="CAMERA_DATA")
        try:
            plate = read_plate(item.camera)
        except FaceSolveProblem:
            row.label(text="no plate", icon="ERROR")
            return
        frames = range(settings.frame_start, settings.frame_end + 1)
        covered = sum(plate.frame_of(frame) is not None for frame in frames)
        number = row.row()  # alone and as narrow as it is: the camera's name needs the room
        number.alignment = "RIGHT"
        number.label(text=f"{covered}")


class FACE_SOLVE_MT_presets(bpy.types.Menu):
    """The presets in the user's folder, those that come with the add-on, and the way to files elsewhere."""

    bl_label = "Presets"

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw a row for each file."""
        layout = self.layout
        files = sorted(preset_folder().glob("*.json"), key=lambda path: path.stem.lower())
        for path in files:
            layout.operator("face_solve.load_preset", text=path.stem).filepath = str(path)
        if files:
            layout.separator()
        for path in shipped_presets():
            layout.operator("face_solve.load_preset", text=path.stem).filepath = str(path)
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("face_solve.load_preset", text="Load from File...", icon="FILEBROWSER")
        layout.operator("face_solve.save_preset", text="Save...", icon="FILE_TICK")


class FACE_SOLVE_PT_setup(Step, bpy.types.Panel):
    """What the solve works from."""

    bl_label = "Setup"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the cameras and the landmark network."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        layout.menu("FACE_SOLVE_MT_presets", icon="PRESET")
        row = layout.row()
        row.template_list("FACE_SOLVE_UL_cameras", "", settings, "cameras", settings, "camera_index", rows=2)
        column = row.column(align=True)
        column.operator("face_solve.add_camera", text="", icon="ADD")
        column.operator("face_solve.remove_camera", text="", icon="REMOVE")
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("face_solve.load_footage", icon="FILE_MOVIE")
        layout.operator("face_solve.fit_range", icon="PREVIEW_RANGE")
        row = layout.row(align=True)
        row.operator_context = "INVOKE_DEFAULT"
        chosen = f" ({len(settings.people)})" if len(settings.people) else ""
        row.operator("face_solve.choose_person", text=f"Choose Person{chosen}", icon="EYEDROPPER")
        if chosen:
            row.operator("face_solve.forget_person", text="", icon="X")
        below_its_name(layout, settings, "landmarks").prop(settings, "landmarks", text="")
        column = below_its_name(layout, settings, "head_owner")
        column.prop(settings, "head_owner", text="")
        if settings.head_owner is not None and settings.head_owner.type == "ARMATURE":
            column.prop_search(settings, "head_bone", settings.head_owner.data, "bones", text="", icon="BONE_DATA")
        rigs = armature_modifiers(settings.face) if settings.face else []
        if rigs:
            column = below_its_name(layout, settings, "jaw_bone")
            column.prop_search(settings, "jaw_bone", rigs[0].object.data, "bones", text="", icon="BONE_DATA")
        elif settings.jaw_bone:
            below_its_name(layout, settings, "jaw_bone").prop(settings, "jaw_bone", text="", icon="BONE_DATA")


class FACE_SOLVE_PT_advanced(Step, bpy.types.Panel):
    """What few shots need."""

    bl_label = "Advanced"
    bl_parent_id = "FACE_SOLVE_PT_setup"
    bl_order = 9

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choice of detector, optical flow, reference frames and stages."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        for name in ("detector", "flow", "reference_frames", "stage_file"):
            below_its_name(layout, settings, name).prop(settings, name, text="")


CLASSES = (FACE_SOLVE_UL_cameras, FACE_SOLVE_MT_presets, FACE_SOLVE_PT_setup, FACE_SOLVE_PT_advanced)
