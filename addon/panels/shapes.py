"""Shape Keys: which are solved and how freely, in lists of groups and keys with a search."""

from __future__ import annotations

from typing import List, Tuple

import bpy

from .. import compat
from ..scene.rig.mesh import solvable_keys
from ..scene.rig.shape_groups import GROUPS, IDENTITY
from ..scene.rig.shape_settings import active_group, shown_keys
from .base import Step, draw_last_run, is_free


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
        split = row.split(factor=0.62)
        split.label(text=f"{item.name} {solved}/{len(item.keys)}")
        part = split.row()
        part.active = item.enabled
        part.prop(item, "strength", text="", emboss=False)


class FACE_SOLVE_UL_keys(bpy.types.UIList):
    """The face's shape keys: those that the search and the filters above the list let through."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        keys: bpy.types.Key,
        block: bpy.types.ShapeKey,
        _icon: int,
        _active: bpy.types.PropertyGroup,
        _active_name: str,
    ) -> None:
        """A switch, the name, the limits that the solve keeps to, and why it does not solve it."""
        settings = context.scene.face_solve
        row = layout.row(align=True)
        split = row.split(factor=0.78)
        group = next((one for one in settings.shape_groups if block.name in one.keys), None)
        left = split.row(align=True)
        if group is None:
            left.label(text=f"{block.name} (no group)", icon="ERROR")
        else:
            left.active = group.enabled
            left.prop(group.keys[block.name], "enabled", text="")
            left.label(text=block.name)  # a click on it selects the row
        right = split.row(align=True)
        right.alignment = "RIGHT"
        path, data = block.path_from_id("value"), keys.animation_data
        if block.mute:
            right.label(text="muted")
        elif data and any(driver.data_path == path for driver in data.drivers):
            right.label(text="driver")
        else:
            right.label(text=f"{block.slider_min:g}..{block.slider_max:g}")

    def draw_filter(self, _context: bpy.types.Context, _layout: bpy.types.UILayout) -> None:
        """The search stands above the list."""

    def filter_items(self, context: bpy.types.Context, _keys: bpy.types.Key, _name: str) -> Tuple[List[int], List[int]]:
        """Show what is searched for, in the mesh's order."""
        return [self.bitflag_filter_item if shown else 0 for shown in shown_keys(context.scene.face_solve)], []


class FACE_SOLVE_MT_move_key(bpy.types.Menu):
    """Groups that the active shape key can go to."""

    bl_label = "Move to Group"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the groups that are there, the usual ones, and a new one."""
        layout = self.layout
        names = dict.fromkeys([*(group.name for group in context.scene.face_solve.shape_groups), *GROUPS])
        for name in names:
            layout.operator("face_solve.move_shape_key", text=name).group = name
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("face_solve.move_shape_key", text="New Group...", icon="ADD")


class FACE_SOLVE_PT_shapes(Step, bpy.types.Panel):
    """Which shape keys are solved, and how freely."""

    bl_label = "Shape Keys"
    bl_parent_id = "FACE_SOLVE_PT_setup"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the groups, and the keys that are searched for."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        if not solvable_keys(settings.face):
            layout.label(text="Needs a face with shape keys", icon="INFO")
            return
        layout.operator("face_solve.group_shape_keys", icon="FILE_REFRESH")
        if not settings.shape_groups:
            return
        layout.template_list(
            "FACE_SOLVE_UL_shape_groups", "", settings, "shape_groups", settings, "shape_group_index", rows=4
        )
        self._draw_keys(layout, context, settings)
        if IDENTITY in settings.shape_groups:
            layout.operator_context = "INVOKE_DEFAULT"
            layout.operator("face_solve.fit_rig", icon="USER")
            draw_last_run(layout, context, "Fit Rig to the Actor")

    @staticmethod
    def _draw_keys(layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> None:
        row = layout.row(align=True)
        row.prop(settings, "key_search", text="", icon="VIEWZOOM")
        row.prop(settings, "key_of_group", text="", icon="FILTER")
        layout.row().prop(settings, "key_state", expand=True)
        keys = settings.face.data.shape_keys
        layout.template_list("FACE_SOLVE_UL_keys", "", keys, "key_blocks", settings, "key_index", rows=5)
        shown = shown_keys(settings)
        if not any(shown):
            where = f"No such key in {active_group(settings)}: the funnel shows all groups."
            text = where if settings.key_of_group else "No such key."
            compat.draw_wrapped(layout, context, text, "INFO")
            return
        row = layout.row(align=True)
        row.operator("face_solve.switch_shape_keys", text="Solve").enabled = True
        row.operator("face_solve.switch_shape_keys", text="Leave Out").enabled = False
        index = settings.key_index
        if 0 < index < len(keys.key_blocks) and shown[index]:
            block = keys.key_blocks[index]
            column = layout.column(align=True)
            column.prop(block, "slider_min", text="From")
            column.prop(block, "slider_max", text="To")
            layout.menu("FACE_SOLVE_MT_move_key", text=f"Move {block.name} to")


CLASSES = (FACE_SOLVE_UL_shape_groups, FACE_SOLVE_UL_keys, FACE_SOLVE_MT_move_key, FACE_SOLVE_PT_shapes)
