"""Takes: every solve that is kept, and how strong the one that plays is played."""

from __future__ import annotations

import bpy

from ..scene.takes.takes import median_error
from .base import Step, is_free


class FACE_SOLVE_UL_takes(bpy.types.UIList):
    """Takes with their median error; a double click renames."""

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
        """Whether it plays, its name, and its error."""
        split = layout.split(factor=0.72)
        icon = "PLAY" if item.name == settings.take else "BLANK1"
        split.prop(item, "label", text="", emboss=False, icon=icon)
        row = split.row()
        row.alignment = "RIGHT"
        error = median_error(item)
        row.label(text=f"{error:.2f} px" if error >= 0.0 else "")

    def draw_filter(self, _context: bpy.types.Context, _layout: bpy.types.UILayout) -> None:
        """A dozen rows need no search."""


class FACE_SOLVE_PT_takes(Step, bpy.types.Panel):
    """Every solve is a take."""

    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list, and what can be done to the take that plays."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        if not settings.takes:
            layout.label(text="Nothing has been solved yet", icon="INFO")
            return
        row = layout.row()
        row.template_list("FACE_SOLVE_UL_takes", "", settings, "takes", settings, "take_index", rows=3)
        row.operator("face_solve.delete_take", text="", icon="REMOVE")
        row = layout.row(align=True)
        row.operator("face_solve.play_take", icon="PLAY")
        row.operator("face_solve.swap_takes", text="", icon="UV_SYNC_SELECT")
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("face_solve.blend_takes", icon="ARROW_LEFTRIGHT")
        index = settings.takes.find(settings.take)
        if index >= 0:
            self._draw_current(layout, settings.takes[index])

    @staticmethod
    def _draw_current(layout: bpy.types.UILayout, take: bpy.types.PropertyGroup) -> None:
        layout.label(text=f"{take.name}:")
        row = layout.row(align=True)
        row.operator("face_solve.set_neutral")
        if take.has_neutral:
            row.label(text=f"{take.neutral_frame}")
            row.operator("face_solve.clear_neutral", text="", icon="X")
        column = layout.column(align=True)
        for strength in take.strengths:
            column.prop(strength, "value", text=strength.name, slider=True)


CLASSES = (FACE_SOLVE_UL_takes, FACE_SOLVE_PT_takes)
