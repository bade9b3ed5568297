"""The buttons beside the shape keys: group, mend, move to another group, switch on and off."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import BoolProperty, StringProperty

from ..problem import FaceSolveProblem
from ..scene.rig.mesh import check_face, key_blocks, solvable_keys
from ..scene.rig.shape_groups import other_side
from ..scene.rig.shape_layout import complete, move
from ..scene.rig.shape_settings import active_key, fill_groups, read_layout, shown_keys, write_layout
from .base import reports_problems


class FACE_SOLVE_OT_group_shape_keys(bpy.types.Operator):
    """Group all shape keys by their names again; switches and strengths are kept, keys that you moved go back."""

    bl_idname = "face_solve.group_shape_keys"
    bl_label = "Group by Name"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Fill the list of groups."""
        settings = context.scene.face_solve
        check_face(settings)
        fill_groups(settings, afresh=True)
        return {"FINISHED"}


class FACE_SOLVE_OT_mend_groups(bpy.types.Operator):
    """Put every shape key of the face into exactly one group."""

    bl_idname = "face_solve.mend_groups"
    bl_label = "Mend Groups"
    bl_description = (
        "Put every shape key of the face into exactly one group: "
        "the first that has it, else the one that its name tells"
    )
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Mend them."""
        settings = context.scene.face_solve
        check_face(settings)
        fill_groups(settings, afresh=False)
        return {"FINISHED"}


class FACE_SOLVE_OT_move_shape_key(bpy.types.Operator):
    """Move the active shape key, and the same key of the other side, to a group."""

    bl_idname = "face_solve.move_shape_key"
    bl_label = "Move to Group"
    bl_options = {"REGISTER", "UNDO"}

    key: StringProperty(name="Shape Key", description="Its name; empty for the list's active one")
    group: StringProperty(name="Group", description="The group's name; a new one is made")
    both_sides: BoolProperty(name="Both Sides", default=True, description="Also move the same key of the other side")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Move them."""
        settings = context.scene.face_solve
        check_face(settings)
        name, group = self.key or active_key(settings), self.group.strip()
        keys = solvable_keys(settings.face)
        if name not in keys:
            raise FaceSolveProblem(f"{settings.face.name} has no shape key {name!r}.", "Choose one of its shape keys.")
        if not group:
            raise FaceSolveProblem("No group is named.", "Give the group's name.")
        other = other_side(name) if self.both_sides else None
        moved = [one for one in (name, other) if one in keys]
        write_layout(settings, move(complete(read_layout(settings), keys), moved, group))
        self.report({"INFO"}, f"{' and '.join(moved)}: now in the group {group}.")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the group's name."""
        return context.window_manager.invoke_props_dialog(self)


class FACE_SOLVE_OT_switch_shape_keys(bpy.types.Operator):
    """Switch all the shape keys that the list shows on or off."""

    bl_idname = "face_solve.switch_shape_keys"
    bl_label = "Switch Shown Shape Keys"
    bl_options = {"REGISTER", "UNDO"}

    enabled: BoolProperty(name="Solve", default=True, description="Solve them; otherwise they keep their values")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Switch them."""
        settings = context.scene.face_solve
        check_face(settings)
        blocks = key_blocks(settings.face)
        names = {block.name for block, shown in zip(blocks, shown_keys(settings), strict=True) if shown}
        for group in settings.shape_groups:
            for key in group.keys:
                if key.name in names:
                    key.enabled = self.enabled
        return {"FINISHED"}


CLASSES = (
    FACE_SOLVE_OT_group_shape_keys,
    FACE_SOLVE_OT_mend_groups,
    FACE_SOLVE_OT_move_shape_key,
    FACE_SOLVE_OT_switch_shape_keys,
)
