"""Setup: cameras with their plates, and which shape keys are solved how freely."""

from __future__ import annotations

import bpy

from ..problem import FaceSolveProblem
from ..scene.plate import read_plate
from .base import Step, is_free


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
        if item.camera is None:
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
        row.label(text=f"{covered} frames")


class FACE_SOLVE_UL_shape_groups(bpy.types.UIList):
    """Groups of shape keys with their strength."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _settings: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active: bpy.types.PropertyGroup,
        _active_name: str,
    ) -> None:
        """A switch, the name with how many are solved, and the strength."""
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        solved = sum(key.enabled for key in item.keys)
        row.label(text=f"{item.name} {solved}/{len(item.keys)}")
        part = row.row()
        part.active = item.enabled
        part.prop(item, "strength", text="", emboss=False)


class FACE_SOLVE_UL_keys(bpy.types.UIList):
    """The shape keys of one group; the arrow below the list opens the search."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        group: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active: bpy.types.PropertyGroup,
        _active_name: str,
    ) -> None:
        """A switch and the name."""
        row = layout.row()
        row.active = group.enabled
        row.prop(item, "enabled", text=item.name)


class FACE_SOLVE_PT_setup(Step, bpy.types.Panel):
    """What the solve works from."""

    bl_label = "Setup"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the cameras and the landmark network."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        row = layout.row()
        row.template_list("FACE_SOLVE_UL_cameras", "", settings, "cameras", settings, "camera_index", rows=2)
        column = row.column(align=True)
        column.operator("face_solve.add_camera", text="", icon="ADD")
        column.operator("face_solve.remove_camera", text="", icon="REMOVE")
        layout.operator("face_solve.fit_range", icon="PREVIEW_RANGE")
        layout.prop(settings, "landmarks")


class FACE_SOLVE_PT_shapes(Step, bpy.types.Panel):
    """Which shape keys are solved, and how freely."""

    bl_label = "Shape Keys"
    bl_parent_id = "FACE_SOLVE_PT_setup"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the groups, and the keys of the active one."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        layout.operator("face_solve.group_shape_keys", icon="FILE_REFRESH")
        if not settings.shape_groups:
            return
        layout.template_list(
            "FACE_SOLVE_UL_shape_groups", "", settings, "shape_groups", settings, "shape_group_index", rows=4
        )
        if 0 <= settings.shape_group_index < len(settings.shape_groups):
            group = settings.shape_groups[settings.shape_group_index]
            layout.template_list("FACE_SOLVE_UL_keys", group.name, group, "keys", group, "key_index", rows=4)


CLASSES = (
    FACE_SOLVE_UL_cameras,
    FACE_SOLVE_UL_shape_groups,
    FACE_SOLVE_UL_keys,
    FACE_SOLVE_PT_setup,
    FACE_SOLVE_PT_shapes,
)
