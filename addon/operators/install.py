"""Install Solver, its Cancel and its removal."""

from __future__ import annotations

from typing import Set

import bpy

from .. import installation, session
from ..preferences import preferences
from ..problem import FaceSolveProblem
from .base import reports_problems


class FACE_SOLVE_OT_install_solver(bpy.types.Operator):
    """Make a Python environment for the solver beside your data and install it there; Blender's own Python is not touched."""

    bl_idname = "face_solve.install_solver"
    bl_label = "Install Solver"

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Install, waiting in background mode alone."""
        chosen = preferences(context)
        session.refuse_second()
        steps = installation.plan(
            chosen.install_with.strip(), chosen.install_device, chosen.package_index.strip(), chosen.extras
        )
        installation.start(steps, chosen.install_device)
        if bpy.app.background:
            installation.run_to_end()
            self.report({"INFO"}, installation.verdict())
        else:
            installation.run_in_timer()
        return {"FINISHED"}


class FACE_SOLVE_OT_cancel_install(bpy.types.Operator):
    """Stop the installation; what has been fetched is kept, and Install Solver takes it up again."""

    bl_idname = "face_solve.cancel_install"
    bl_label = "Cancel Installation"

    @reports_problems
    def execute(self, _context: bpy.types.Context) -> Set[str]:
        """Stop it."""
        if installation.running() is None:
            raise FaceSolveProblem("No installation is running.")
        installation.stop()
        return {"FINISHED"}


class FACE_SOLVE_OT_remove_solver(bpy.types.Operator):
    """Delete the solver's Python environment, about 2 GB or more; the networks' weights and your scenes stay."""

    bl_idname = "face_solve.remove_solver"
    bl_label = "Remove Solver"

    @reports_problems
    def execute(self, _context: bpy.types.Context) -> Set[str]:
        """Delete it."""
        session.refuse_second()
        installation.remove()
        self.report({"INFO"}, installation.verdict())
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)


class FACE_SOLVE_OT_preferences(bpy.types.Operator):
    """Open the add-on's preferences, where the solver is installed."""

    bl_idname = "face_solve.preferences"
    bl_label = "Open Preferences"

    def execute(self, _context: bpy.types.Context) -> Set[str]:
        """Show them."""
        return bpy.ops.preferences.addon_show(module=__package__.rpartition(".")[0])


CLASSES = (
    FACE_SOLVE_OT_install_solver,
    FACE_SOLVE_OT_cancel_install,
    FACE_SOLVE_OT_remove_solver,
    FACE_SOLVE_OT_preferences,
)
