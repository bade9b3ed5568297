"""A panel for each stage that can be solved alone, in the order that Solve Shot takes them."""

from __future__ import annotations

from typing import List, Tuple

import bpy

from .. import compat
from ..problem import ERROR, INFO, Problem
from ..scene import infill
from ..scene.setup.needs import stage_needs
from .base import Step, draw_last_run, draw_problem, is_free


class FACE_SOLVE_UL_infill_ranges(bpy.types.UIList):
    """Frames where the face cannot be seen."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        settings: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active: bpy.types.PropertyGroup,
        _active_name: str,
        index: int,
    ) -> None:
        """A switch that shows whose it is, both ends, and the button that solves it, or mends it first."""
        row = layout.row(align=True)
        row.prop(item, "enabled", text="", icon="VIEWZOOM" if item.found else "USER")
        # Two number fields beside the buttons would cut frames of four digits: they stand below the list.
        row.label(text=f"{item.frame_start}-{item.frame_end}")
        if infill.problem_of(settings, index) is None:
            row.operator("face_solve.infill", text="", icon="PLAY").index = index
        else:
            row.operator("face_solve.mend_infill_range", text="", icon="ERROR").index = index

    def draw_filter(self, _context: bpy.types.Context, _layout: bpy.types.UILayout) -> None:
        """There is nothing to search for among frame numbers."""


class FACE_SOLVE_MT_infill_sources(bpy.types.Menu):
    """Where a new infill range comes from."""

    bl_label = "Add Infill Range"

    def draw(self, _context: bpy.types.Context) -> None:
        """One entry a source."""
        self.layout.operator_enum("face_solve.add_infill_range", "source")


def _draw_stages(layout: bpy.types.UILayout, context: bpy.types.Context, *stages: Tuple[str, str]) -> None:
    """Operator and title of each stage, with what it needs, said once, and what it did last."""
    said: List[Problem] = []
    for operator, title in stages:
        problems = stage_needs(context.scene.face_solve, operator)
        for problem in problems:
            if problem not in said:
                draw_problem(layout, context, problem)
        said += problems
        row = layout.row()  # off where it could not start, or would change nothing
        row.enabled = not any(problem.level in (ERROR, INFO) for problem in problems)
        row.operator(f"face_solve.{operator}", icon="PLAY")
        draw_last_run(layout, context, title)


class FACE_SOLVE_PT_rigid(Step, bpy.types.Panel):
    """The head's rotation and translation."""

    bl_label = "Rigid Alignment"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what it needs and what it did last."""
        self.layout.enabled = is_free()
        _draw_stages(self.layout, context, ("rigid_alignment", "Rigid Alignment"))


class FACE_SOLVE_PT_expression(Step, bpy.types.Panel):
    """Shape keys from the landmarks, and the alignment by optical flow that makes them exact."""

    bl_label = "Expression"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw both buttons and what they did last."""
        self.layout.enabled = is_free()
        _draw_stages(self.layout, context, ("expression", "Expression"), ("dense_alignment", "Dense Alignment"))


class FACE_SOLVE_PT_infill(Step, bpy.types.Panel):
    """Ranges where the face cannot be seen, bridged from both sides."""

    bl_label = "Infill"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list of ranges."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        row = layout.row()
        row.template_list(
            "FACE_SOLVE_UL_infill_ranges", "", settings, "infill_ranges", settings, "infill_index", rows=3
        )
        column = row.column(align=True)
        column.operator("face_solve.add_infill_range", text="", icon="ADD")
        column.operator("face_solve.remove_infill_range", text="", icon="REMOVE")
        column.menu("FACE_SOLVE_MT_infill_sources", text="", icon="DOWNARROW_HLT")
        self._draw_active(layout, context, settings)
        layout.operator("face_solve.find_infill_ranges", icon="VIEWZOOM")
        _draw_stages(layout, context, ("infill", "Infill"))

    @staticmethod
    def _draw_active(layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> None:
        """The active range's ends, and what is wrong with it or what became of it."""
        row = settings.infill_index
        if not 0 <= row < len(settings.infill_ranges):
            return
        item, column = settings.infill_ranges[row], layout.column(align=True)
        column.prop(item, "frame_start")
        column.prop(item, "frame_end")
        problem = infill.problem_of(settings, row)
        if problem is not None:
            compat.draw_wrapped(layout, context, str(problem), "ERROR")
            layout.operator("face_solve.mend_infill_range", text="Put Right", icon="TOOL_SETTINGS").index = row
            return
        whose = "Found by the solver" if item.found else "Your own"
        state = infill.state_of(settings, row)
        compat.draw_wrapped(layout, context, f"{whose}: {state}" if state else whose, "INFO")


class FACE_SOLVE_PT_refinement(Step, bpy.types.Panel):
    """The motion over time against the plate."""

    bl_label = "Temporal Refinement"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw its amount."""
        layout = self.layout
        layout.enabled = is_free()
        layout.prop(context.scene.face_solve, "refinement", text="Amount", slider=True)
        _draw_stages(layout, context, ("temporal_refinement", "Temporal Refinement"))


class FACE_SOLVE_PT_solve(Step, bpy.types.Panel):
    """The whole shot or a part of it, here or on a farm."""

    bl_label = "Solve Shot"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the buttons and what they did last."""
        layout = self.layout
        layout.enabled = is_free()
        layout.operator_context = "INVOKE_DEFAULT"
        _draw_stages(layout, context, ("solve_shot", "Solve Shot"), ("solve_range", "Solve Range"))
        column = layout.column(align=True)
        column.operator("face_solve.export_shot", icon="EXPORT")
        column.operator("face_solve.import_solution", icon="IMPORT")
        column.operator("face_solve.export_performance", icon="EXPORT")
        column.operator("face_solve.import_performance", icon="IMPORT")


CLASSES = (
    FACE_SOLVE_UL_infill_ranges,
    FACE_SOLVE_MT_infill_sources,
    FACE_SOLVE_PT_rigid,
    FACE_SOLVE_PT_expression,
    FACE_SOLVE_PT_infill,
    FACE_SOLVE_PT_refinement,
    FACE_SOLVE_PT_solve,
)
