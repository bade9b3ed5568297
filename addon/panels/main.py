"""The head of the tab: what is missing, Solve Shot, how far it is, and how it went."""

from __future__ import annotations

from typing import List, Set

import bpy

from .. import compat, solver_report
from ..problem import ERROR, FaceSolveProblem, Problem
from ..runs import current, install
from ..scene.camera.plate_watch import file_problems
from ..scene.setup.prechecks import prechecks
from ..solver_choice import solver_python
from .base import Tab, draw_failure, draw_problems


def problems_before_a_solve(context: bpy.types.Context) -> List[Problem]:
    """What is wrong with scene, plates, chosen networks and solver, as far as it is known before a solve."""
    settings = context.scene.face_solve
    problems = prechecks(settings)
    if not any(problem.level == ERROR for problem in problems):
        problems += file_problems(settings)
    problems += solver_report.choice_problems(settings.landmarks, settings.detector, settings.flow)
    try:
        solver_python(context)
    except FaceSolveProblem as problem:
        problems.append(Problem(ERROR, problem.message, problem.remedy, "face_solve.preferences"))
    return problems


class FACE_SOLVE_PT_main(Tab, bpy.types.Panel):
    """Face, range, what is missing, and Solve Shot."""

    bl_label = "Face Solve"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, settings = self.layout, context.scene.face_solve
        run = current.running()
        column = layout.column()
        column.enabled = run is None
        column.operator("face_solve.setup_from_scene", icon="VIEWZOOM")
        column.prop(settings, "face", text="", icon="MESH_MONKEY")
        self._draw_why(column, context, settings)
        part = column.column(align=True)
        part.prop(settings, "frame_start")
        part.prop(settings, "frame_end")
        if run is not None:
            self._draw_running(layout, context, run)
            return
        if install.running() is not None:
            layout.label(text=install.running().title, icon="TIME")
            compat.draw_progress(layout, context, install.running().fraction)
            return
        problems = problems_before_a_solve(context)
        draw_problems(layout, context, problems)
        row = layout.row()
        row.scale_y = 1.5
        row.enabled = not any(problem.level == ERROR for problem in problems)
        row.operator("face_solve.solve_shot", icon="PLAY")
        self._draw_result(layout, context, settings, {problem.mend for problem in problems})

    @staticmethod
    def _draw_why(layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> None:
        """Why this mesh is the face, and a button for each that could be it as well."""
        if settings.face is None or settings.face != settings.found_face:
            return
        compat.draw_wrapped(layout, context, f"The face, as found: {settings.found_why}.", "BLANK1")
        others = [name for name in settings.found_others.split("\n") if name in context.scene.objects]
        if others:
            compat.draw_wrapped(layout, context, "Could be the face as well:", "QUESTION")
        for name in others:
            layout.operator("face_solve.choose_face", text=name, icon="MESH_MONKEY").name = name

    @staticmethod
    def _draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, run: current.Run) -> None:
        compat.draw_progress(layout, context, run.fraction)
        compat.draw_wrapped(layout, context, run.describe(), "TIME")
        layout.operator("face_solve.cancel", icon="CANCEL")

    @staticmethod
    def _draw_result(
        layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup, offered: Set[str]
    ) -> None:
        problem = current.last_problem()
        if problem is not None:
            draw_failure(layout, context, problem, button=problem.mend not in offered)
        elif settings.last_result:
            compat.draw_wrapped(layout, context, settings.last_result, "CHECKMARK")
        for line in current.last_warnings():
            compat.draw_wrapped(layout, context, line, "INFO")


def draw_status_bar(self: bpy.types.Header, _context: bpy.types.Context) -> None:
    """The running solve in Blender's status bar."""
    run = current.running()
    if run is not None:
        self.layout.label(text=f"{run.describe()}  (Esc stops)", icon="TIME")


CLASSES = (FACE_SOLVE_PT_main,)
