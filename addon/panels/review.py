"""Review: the worst frames, the error curve, and what the artist says of a frame."""

from __future__ import annotations

from typing import List, Tuple

import bpy

from .. import compat, protocol
from ..scene.results.verdicts import bad_frames, judged_error, region_errors, shown_status, worst_first
from .base import Step, below_its_name


class FACE_SOLVE_UL_worst(bpy.types.UIList):
    """Bad frames, the worst first; a click goes there."""

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
        """The frame, and what is wrong with it."""
        failed = item.status == protocol.FRAME_FAILED
        split = layout.split(factor=0.4)
        split.label(text=f"{item.frame}", icon="CANCEL" if failed else "ERROR")
        row = split.row()
        if failed or item.doubt:
            row.label(text=item.reason or item.doubt or "failed")
        else:
            row.label(text=f"{judged_error(settings, item):.1f}")
        if item.mark == "BAD":
            row.label(text="marked")

    def draw_filter(self, _context: bpy.types.Context, _layout: bpy.types.UILayout) -> None:
        """There is nothing to search for among frame numbers."""

    def filter_items(
        self, _context: bpy.types.Context, settings: bpy.types.PropertyGroup, _name: str
    ) -> Tuple[List[int], List[int]]:
        """Show the bad rows alone, in the order of their badness."""
        worst = worst_first(settings)
        shown = [0] * len(settings.results)
        for row in worst:
            shown[row] = self.bitflag_filter_item
        order = [0] * len(settings.results)
        others = (row for row in range(len(shown)) if not shown[row])
        for place, row in enumerate([*worst, *others]):
            order[row] = place
        return shown, order


class FACE_SOLVE_PT_review(Step, bpy.types.Panel):
    """Find the bad frames, and keep the good ones."""

    bl_label = "Review"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and the buttons for the current frame."""
        layout, settings = self.layout, context.scene.face_solve
        if not settings.results:
            layout.label(text="Nothing has been solved yet", icon="INFO")
        else:
            layout.prop(settings, "review", toggle=True, icon="GRAPH")
            below_its_name(layout, settings, "judged").prop(settings, "judged", text="")
            layout.prop(settings, "bad_above")
            row = layout.row(align=True)
            row.operator("face_solve.previous_bad_frame", text="", icon="TRIA_LEFT")
            bad = len(bad_frames(settings))
            row.label(text=f"{bad} bad frame{'' if bad == 1 else 's'}")
            row.operator("face_solve.next_bad_frame", text="", icon="TRIA_RIGHT")
            layout.template_list("FACE_SOLVE_UL_worst", "", settings, "results", settings, "result_index", rows=4)
        self._draw_frame(layout, context, settings)

    @staticmethod
    def _draw_frame(layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> None:
        frame = context.scene.frame_current
        result = next((item for item in settings.results if item.frame == frame), None)
        if result is not None:
            error = f", {result.error:.1f}" if result.error >= 0.0 else ""
            layout.label(text=f"Frame {frame}: {shown_status(settings)[frame]}{error}")
            if result.doubt:
                compat.draw_wrapped(layout, context, f"{result.doubt[0].upper()}{result.doubt[1:]}", "ERROR")
            known = {region: error for region, error in region_errors(result).items() if error >= 0.0}
            if known:
                grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
                for region, error in known.items():
                    grid.label(text=f"{region.title()} {error:.1f}")
            if result.reason:
                compat.draw_wrapped(layout, context, result.reason, "INFO")
            row = layout.row(align=True)
            for mark, icon in (("GOOD", "CHECKMARK"), ("BAD", "X")):
                operator = row.operator(
                    "face_solve.mark_frame", text=mark.title(), icon=icon, depress=result.mark == mark
                )
                operator.mark = mark
        if settings.face is not None:
            locked = frame in {item.frame for item in settings.locked_frames}
            if locked:
                layout.operator("face_solve.unlock_frame", icon="LOCKED")
            else:
                layout.operator("face_solve.lock_frame", icon="UNLOCKED")


CLASSES = (FACE_SOLVE_UL_worst, FACE_SOLVE_PT_review)
