"""Questions to the solver: Check Solver, and the networks' weights."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import StringProperty

from .. import compat, protocol, solver_report
from ..problem import FaceSolveProblem
from ..runs import current
from ..scene.shot.folders import user_cache
from ..solver_choice import preferences, solver_python
from .base import reports_problems
from .solve import watch_on

_ONLINE = "Turn on Allow Online Access in Preferences > System, or copy the files from another machine."


def ask(operator: bpy.types.Operator, context: bpy.types.Context, request: protocol.Message) -> Set[str]:
    """Start the solver on a request that concerns no shot, and wait for it (background) or let it run (interactive)."""
    current.refuse_second()
    python = solver_python(context)
    started = current.start(python, request, user_cache() / "check.log", None, operator.bl_label)
    if not bpy.app.background:
        watch_on()
        return {"FINISHED"}
    current.run_to_end(started)
    for line in started.job.outcome.lines:
        operator.report({"INFO"}, line)
    return {"FINISHED"}


class FACE_SOLVE_OT_check_solver(bpy.types.Operator):
    """Start the solver, ask what it finds, and let it solve a tiny shot of its own with a clock."""

    bl_idname = "face_solve.check_solver"
    bl_label = "Check Solver"

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Ask the solver to check itself."""
        return ask(self, context, {"type": protocol.CHECK, "device": preferences(context).device})


class FACE_SOLVE_OT_list_weights(bpy.types.Operator):
    """Ask the solver which networks there are, under which licences, and whether their weights are on this machine."""

    bl_idname = "face_solve.list_weights"
    bl_label = "List Weights"

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Ask for the list."""
        return ask(self, context, {"type": protocol.WEIGHTS, "fetch": ""})


class FACE_SOLVE_OT_fetch_weights(bpy.types.Operator):
    """Download a network's weights into your cache folder; its licence is shown first."""

    bl_idname = "face_solve.fetch_weights"
    bl_label = "Download Weights"

    name: StringProperty(name="Network", description="Its name in the list of weights")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Let the solver fetch them."""
        if not self.name:
            raise FaceSolveProblem("No network is named.", "Give its name in the list of weights.")
        item = solver_report.find(self.name)
        if not compat.online_access():
            raise FaceSolveProblem("Blender is not allowed to go online, and the weights must be fetched.", _ONLINE)
        if item is not None and item.by_hand:
            raise FaceSolveProblem(f"The weights of {item.name} are not fetched by the solver.", item.by_hand)
        if item is not None and item.package:
            raise FaceSolveProblem(
                f"{item.name} needs the Python package {item.package}, which is not installed.", solver_report.INSTALL
            )
        return ask(self, context, {"type": protocol.WEIGHTS, "fetch": self.name})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Show the licence and ask."""
        return context.window_manager.invoke_props_dialog(self, width=460)

    def draw(self, _context: bpy.types.Context) -> None:
        """What will be downloaded, and under which licence."""
        layout, item = self.layout, solver_report.find(self.name)
        if item is None:
            layout.label(text=f"{self.name}: its licence is not known here; list the weights first", icon="ERROR")
            return
        layout.label(text=f"{item.name}: {item.what}")
        layout.label(text=f"Download: {item.size / 1e6:.0f} MB")
        compat.draw_lines(layout, f"Licence: {item.licence}", "INFO", 70)


CLASSES = (FACE_SOLVE_OT_check_solver, FACE_SOLVE_OT_list_weights, FACE_SOLVE_OT_fetch_weights)
