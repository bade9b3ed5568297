"""The panel in the 3D Viewport's sidebar, tab Face Solve."""

from __future__ import annotations

from typing import List

import bpy

from .. import compat, session
from ..preferences import solver_python
from ..problem import ERROR, FaceSolveProblem, Problem
from ..scene.prechecks import prechecks
from ..scene.results import bad_frames

_ICONS = {"ERROR": "ERROR", "WARNING": "INFO", "INFO": "CHECKMARK"}


class FACE_SOLVE_PT_main(bpy.types.Panel):
    """Face, cameras, range, what is missing, and Solve Shot."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face Solve"
    bl_label = "Face Solve"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, settings = self.layout, context.scene.face_solve
        current = session.running()
        self._draw_setup(layout, settings, enabled=current is None)
        if current is not None:
            self._draw_running(layout, context, current)
            return
        problems = self._problems(context)
        _draw_problems(layout, context, problems)
        row = layout.row()
        row.scale_y = 1.5
        row.enabled = not any(problem.level == ERROR for problem in problems)
        row.operator("face_solve.solve_shot", icon="PLAY")
        self._draw_result(layout, context, settings)

    @staticmethod
    def _draw_setup(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, *, enabled: bool) -> None:
        column = layout.column()
        column.enabled = enabled
        column.operator("face_solve.setup_from_scene", icon="VIEWZOOM")
        column.prop(settings, "face", text="", icon="MESH_MONKEY")
        for item in settings.cameras:
            row = column.row(align=True)
            row.prop(item, "enabled", text="")
            row.label(text=item.camera.name if item.camera else "(deleted camera)", icon="CAMERA_DATA")
        row = column.row(align=True)
        row.prop(settings, "frame_start")
        row.prop(settings, "frame_end")

    @staticmethod
    def _problems(context: bpy.types.Context) -> List[Problem]:
        problems = prechecks(context.scene.face_solve)
        try:
            solver_python(context)
        except FaceSolveProblem as problem:
            problems.append(problem.as_problem())
        return problems

    @staticmethod
    def _draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, current: int) -> None:
        compat.draw_progress(layout, current.job.progress.fraction)
        compat.draw_wrapped(layout, context, session.describe(current), "TIME")
        layout.operator("face_solve.cancel", icon="CANCEL")

    @staticmethod
    def _draw_result(layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> None:
        problem = session.last_problem()
        if problem is not None:
            _draw_problem(layout, context, problem.as_problem())
            if session.last_log():
                layout.operator("wm.path_open", text="Open Log", icon="TEXT").filepath = session.last_log()
        elif settings.last_result:
            compat.draw_wrapped(layout, context, settings.last_result, "CHECKMARK")
        if settings.results:
            row = layout.row(align=True)
            row.operator("face_solve.previous_bad_frame", text="", icon="TRIA_LEFT")
            row.label(text=f"{len(bad_frames(settings))} bad frames")
            row.operator("face_solve.next_bad_frame", text="", icon="TRIA_RIGHT")
        if settings.face is not None:
            locked = context.scene.frame_current in {item.frame for item in settings.locked_frames}
            if locked:
                layout.operator("face_solve.unlock_frame", icon="LOCKED")
            else:
                layout.operator("face_solve.lock_frame", icon="UNLOCKED")


class FACE_SOLVE_PT_shapes(bpy.types.Panel):
    """Which parts of the face are solved, and how freely."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face Solve"
    bl_label = "Shape Keys"
    bl_parent_id = "FACE_SOLVE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw one row a group."""
        layout, settings = self.layout, context.scene.face_solve
        for group in settings.shape_groups:
            row = layout.row(align=True)
            row.prop(group, "enabled", text=f"{group.name} ({len(group.keys)})")
            row.prop(group, "strength", text="")
        layout.operator("face_solve.group_shape_keys", icon="FILE_REFRESH")


class FACE_SOLVE_PT_stages(bpy.types.Panel):
    """Each stage alone, and its settings."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face Solve"
    bl_label = "Stages"
    bl_parent_id = "FACE_SOLVE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the stages' settings and buttons."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = session.running() is None
        layout.prop(settings, "landmarks")
        layout.prop(settings, "refinement", slider=True)
        layout.prop(settings, "bad_error_px")
        column = layout.column(align=True)
        for name in (
            "solve_range",
            "rigid_alignment",
            "expression",
            "dense_alignment",
            "infill",
            "temporal_refinement",
        ):
            column.operator(f"face_solve.{name}")
        column = layout.column(align=True)
        column.operator("face_solve.export_shot", icon="EXPORT")
        column.operator("face_solve.import_solution", icon="IMPORT")


def _draw_problem(layout: bpy.types.UILayout, context: bpy.types.Context, problem: Problem) -> None:
    box = layout.box()
    compat.draw_wrapped(box, context, problem.message, _ICONS[problem.level])
    if problem.remedy:
        compat.draw_wrapped(box, context, problem.remedy, "RIGHTARROW")


def _draw_problems(layout: bpy.types.UILayout, context: bpy.types.Context, problems: List[Problem]) -> None:
    for problem in problems:
        _draw_problem(layout, context, problem)
    if not problems:
        layout.label(text="Ready to solve", icon="CHECKMARK")


def draw_status_bar(self: bpy.types.Header, _context: bpy.types.Context) -> None:
    """The running solve in Blender's status bar."""
    current = session.running()
    if current is not None:
        self.layout.label(text=f"{session.describe(current)}  (Esc stops)", icon="TIME")


CLASSES = (FACE_SOLVE_PT_main, FACE_SOLVE_PT_shapes, FACE_SOLVE_PT_stages)
