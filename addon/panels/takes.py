"""Takes: every solve that is kept, and how strong the one that plays is played."""

from __future__ import annotations

import bpy

from ..scene.takes.takes import median_error
from .base import Step, is_free


class FACE_SOLVE_UL_takes(bpy.types.UIList):
    """Takes; a double click renames."""

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
        """Whether it plays, and its name, which needs all of a narrow sidebar."""
        icon = "PLAY" if item.name == settings.take else "BLANK1"
        layout.prop(item, "label", text="", emboss=False, icon=icon)

    def draw_filter(self, _context: bpy.types.Context, _layout: bpy.types.UILayout) -> None:
        """A dozen rows need no search."""


class FACE_SOLVE_PT_takes(Step, bpy.types.Panel):
    """Every solve is a take."""

    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list, how far the active one is off in the median, and what can be done to the take that plays."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        if not settings.takes:
            layout.label(text="Nothing has been solved yet", icon="INFO")
            return
        layout.template_list("FACE_SOLVE_UL_takes", "", settings, "takes", settings, "take_index", rows=3)
        active = settings.takes[min(max(settings.take_index, 0), len(settings.takes) - 1)]
        layout.label(text=f"{active.name}: {_error(active)}")
        row = layout.row(align=True)
        row.operator("face_solve.play_take", icon="PLAY")
        row.operator("face_solve.swap_takes", text="", icon="UV_SYNC_SELECT")
        row.operator("face_solve.delete_take", text="", icon="TRASH")
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("face_solve.blend_takes", icon="ARROW_LEFTRIGHT")
        index = settings.takes.find(settings.take)
        if index >= 0:
            self._draw_current(layout, settings.takes[index])

    @staticmethod
    def _draw_current(layout: bpy.types.UILayout, take: bpy.types.PropertyGroup) -> None:
        box = layout.box()
        box.label(text=take.name, icon="PLAY")
        row = box.row(align=True)
        row.operator("face_solve.set_neutral")
        if take.has_neutral:
            row.operator("face_solve.clear_neutral", text="", icon="X")
            box.label(text=f"Neutral at frame {take.neutral_frame}")
        column = box.column(align=True)
        for strength in take.strengths:
            column.prop(strength, "value", text=strength.name, slider=True)


def _error(take: bpy.types.PropertyGroup) -> str:
    error = median_error(take)
    return f"error {error:.1f}" if error >= 0.0 else "not measured"


CLASSES = (FACE_SOLVE_UL_takes, FACE_SOLVE_PT_takes)
