"""What the preferences show of the solver: its check's lines, and the networks' weights with their licences."""

from __future__ import annotations

import bpy

from .. import compat, solver_report
from ..runs import current
from .base import draw_failure


def draw_check(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Check Solver, how far it is, and what it said."""
    run = current.running()
    if run is not None:
        compat.draw_progress(layout, context, run.fraction)
        compat.draw_wrapped(layout, context, run.describe(), "TIME")
        layout.operator("face_solve.cancel", icon="CANCEL")
        return
    layout.operator("face_solve.check_solver", icon="CHECKMARK")
    problem = current.last_problem()
    if problem is not None:
        draw_failure(layout, context, problem, button=False)  # it would lead here
        return
    for line in solver_report.lines():
        compat.draw_wrapped(layout, context, line, "DOT")


def draw_weights(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """A row for each network: whether it is there, its size, its licence, and the button that brings it."""
    row = layout.row()
    row.label(text="Weights")
    row.operator("face_solve.list_weights", text="", icon="FILE_REFRESH")
    known = solver_report.weights()
    if not known:
        compat.draw_wrapped(layout, context, "The arrow asks the solver which networks there are.", "INFO")
    column = layout.column()
    column.enabled = current.running() is None
    for item in known:
        row = column.row()
        row.label(text=item.name, icon="CHECKMARK" if item.ready else "BLANK1")
        if item.package:
            row.label(text=f"needs {item.package}: tick it above")
        elif item.state == "intact":
            row.label(text="there")
        elif item.by_hand:
            row.label(text="not there: brought by hand")
        else:
            text = f"Download {item.size / 1e6:.0f} MB" + (" again" if item.state == "altered" else "")
            button = row.row()
            button.operator_context = "INVOKE_DEFAULT"
            button.operator("face_solve.fetch_weights", text=text, icon="IMPORT").name = item.name
        more = "" if item.ready else item.by_hand
        compat.draw_wrapped(column, context, f"{item.what} Licence: {item.licence}. {more}", "BLANK1")
