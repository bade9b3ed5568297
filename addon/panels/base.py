"""What the panels share: their place, and how a problem and the last run are shown."""

from __future__ import annotations

from typing import List

import bpy

from .. import compat
from ..problem import ERROR, FaceSolveProblem, Problem
from ..runs import current
from ..scene.results.verdicts import bad_frames

_ICONS = {"ERROR": "ERROR", "WARNING": "INFO", "INFO": "CHECKMARK"}


class Tab:
    """The place of every panel."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face Solve"


class Step(Tab):
    """A panel below the main one."""

    bl_parent_id = "FACE_SOLVE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}


def draw_problem(
    layout: bpy.types.UILayout, context: bpy.types.Context, problem: Problem, *, button: bool = True
) -> None:
    """What is wrong, what to do about it, and the button that does it; without `button` that is elsewhere."""
    box = layout.box()
    compat.draw_wrapped(box, context, problem.message, _ICONS[problem.level])
    if problem.remedy:
        compat.draw_wrapped(box, context, problem.remedy, "RIGHTARROW")
    if problem.mend and button:
        box.operator_context = "INVOKE_DEFAULT"  # one that needs a file asks for it
        box.operator(problem.mend, icon="TOOL_SETTINGS")


def draw_problems(layout: bpy.types.UILayout, context: bpy.types.Context, problems: List[Problem]) -> None:
    """All of them, and whether a solve can start; a button that mends several stands below the last of them."""
    for number, problem in enumerate(problems):
        again = any(later.mend == problem.mend for later in problems[number + 1 :])
        draw_problem(layout, context, problem, button=not again)
    if not any(problem.level == ERROR for problem in problems):
        layout.label(text="Ready to solve", icon="CHECKMARK")


def draw_log(layout: bpy.types.UILayout) -> None:
    """The way to the log of the last run that failed, where it left one."""
    if current.last_log():
        layout.operator("wm.path_open", text="Open Log", icon="TEXT").filepath = current.last_log()


def draw_failure(
    layout: bpy.types.UILayout, context: bpy.types.Context, problem: FaceSolveProblem, *, button: bool
) -> None:
    """Why the last run failed, as of the past: the artist may have mended it since."""
    layout.label(text=f"{current.last_title()} failed:")
    draw_problem(layout, context, problem.as_problem(), button=button)
    draw_log(layout)


def draw_last_run(layout: bpy.types.UILayout, context: bpy.types.Context, title: str) -> None:
    """What the operator of this title did last."""
    run = context.scene.face_solve.runs.get(title)
    if run is None:
        return
    compat.draw_wrapped(layout, context, run.text, "ERROR" if run.failed else "CHECKMARK")
    if run.failed:
        draw_log(layout)
    elif run.text == context.scene.face_solve.last_result:
        bad = len(bad_frames(context.scene.face_solve))
        if bad:
            layout.operator("face_solve.next_bad_frame", text=f"Next Bad Frame ({bad})", icon="TRIA_RIGHT")


def below_its_name(layout: bpy.types.UILayout, data: bpy.types.bpy_struct, name: str) -> bpy.types.UILayout:
    """A column for a setting with its name above it: beside it, a narrow sidebar cuts the name off."""
    column = layout.column(align=True)
    column.label(text=data.bl_rna.properties[name].name)
    return column


def is_free() -> bool:
    """Whether settings may be changed: no solve is running."""
    return current.running() is None
