"""Set Up, and the check of the solver."""

from __future__ import annotations

from typing import Set

import bpy

from .. import protocol, session
from ..preferences import solver_python
from ..scene.folders import user_cache
from ..scene.setup import set_up
from .base import reports_problems


class FACE_SOLVE_OT_setup_from_scene(bpy.types.Operator):
    """Find the face, the cameras with plates, the range and the shape-key groups."""

    bl_idname = "face_solve.setup_from_scene"
    bl_label = "Set Up"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Fill the settings and say what was chosen."""
        active = context.view_layer.objects.active
        for line in set_up(context.scene, active):
            self.report({"INFO"}, line)
        return {"FINISHED"}


class FACE_SOLVE_OT_check_solver(bpy.types.Operator):
    """Start the solver once and ask what it finds."""

    bl_idname = "face_solve.check_solver"
    bl_label = "Check Solver"

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Ask the solver to check itself."""
        session.refuse_second()
        python = solver_python(context)
        started = session.start(python, {"type": protocol.CHECK}, user_cache() / "check.log", None, self.bl_label)
        if not bpy.app.background:
            session.run_in_timer()
            bpy.ops.face_solve.watch("INVOKE_DEFAULT")
            return {"FINISHED"}
        session.run_to_end(started)
        for line in started.job.outcome.lines:
            self.report({"INFO"}, line)
        return {"FINISHED"}


CLASSES = (FACE_SOLVE_OT_setup_from_scene, FACE_SOLVE_OT_check_solver)
