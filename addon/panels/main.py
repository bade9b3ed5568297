"""The head of the tab: what is missing, Solve Shot, how far it is, and how it went."""

from __future__ import annotations

from typing import List, Set

import bpy

from .. import compat, installation, session, solver_state
from ..preferences import solver_python
from ..problem import ERROR, FaceSolveProblem, Problem
from ..scene.camera.plate_watch import file_problems
from ..scene.setup.prechecks import prechecks
from ..solving import Session
from .base import Tab, draw_failure, draw_problems


class FACE_SOLVE_PT_main(Tab, bpy.types.Panel):
    """Face, range, what is missing, and Solve Shot."""

    bl_label = "Face Solve"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, settings = self.layout, context.scene.face_solve
        current = session.running()
        column = layout.column()
        column.enabled = current is None
        column.operator("face_solve.setup_from_scene", icon="VIEWZOOM")
        column.prop(settings, "face", text="", icon="MESH_MONKEY")
        part = column.column(align=True)
        part.prop(settings, "frame_start")
        part.prop(settings, "frame_end")
        if current is not None:
            self._draw_running(layout, context, current)
            return
        if installation.running() is not None:
            layout.label(text=installation.running().title, icon="TIME")
            compat.draw_progress(layout, context, installation.running().fraction)
            return
        problems = self._problems(context)
        draw_problems(layout, context, problems)
        row = layout.row()
        row.scale_y = 1.5
        row.enabled = not any(problem.level == ERROR for problem in problems)
        row.operator("face_solve.solve_shot", icon="PLAY")
        self._draw_result(layout, context, settings, {problem.mend for problem in problems})

    @staticmethod
    def _problems(context: bpy.types.Context) -> List[Problem]:
        settings = context.scene.face_solve
        problems = prechecks(settings)
        if not any(problem.level == ERROR for problem in problems):
            problems += file_problems(settings)
        problems += solver_state.choice_problems(settings.landmarks, settings.detector, settings.flow)
        try:
            solver_python(context)
        except FaceSolveProblem as problem:
            problems.append(Problem(ERROR, problem.message, problem.remedy, "face_solve.preferences"))
        return problems

    @staticmethod
    def _draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, current: Session) -> None:
        compat.draw_progress(layout, context, current.job.progress.fraction)
        compat.draw_wrapped(layout, context, current.describe(), "TIME")
        layout.operator("face_solve.cancel", icon="CANCEL")

    @staticmethod
    def _draw_result(
        layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup, offered: Set[str]
    ) -> None:
        problem = session.last_problem()
        if problem is not None:
            draw_failure(layout, context, problem, button=problem.mend not in offered)
        elif settings.last_result:
            compat.draw_wrapped(layout, context, settings.last_result, "CHECKMARK")
        for line in session.last_warnings():
            compat.draw_wrapped(layout, context, line, "INFO")


def draw_status_bar(self: bpy.types.Header, _context: bpy.types.Context) -> None:
    """The running solve in Blender's status bar."""
    current = session.running()
    if current is not None:
        self.layout.label(text=f"{current.describe()}  (Esc stops)", icon="TIME")


CLASSES = (FACE_SOLVE_PT_main,)
