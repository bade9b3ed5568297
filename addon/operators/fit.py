"""Fit the rig to the actor."""

from __future__ import annotations

from functools import partial
from typing import Set

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import protocol
from ..runs import current
from ..runs.fit import FitRun, check_fit
from ..runs.solve import SolveRun
from ..scene.rig.mesh import check_face
from ..scene.shot.export import Plan, shot_pieces
from ..scene.shot.folders import work_folder
from ..scene.shot.frame_list import read_frames
from ..solver_choice import preferences, solver_python
from .base import reports_problems
from .solve import write_and

FITTING = "Fit Rig to the Actor"


class FACE_SOLVE_OT_fit_rig(bpy.types.Operator):
    """Set the identity shape keys to the actor's shape, from several frames of the plate together."""

    bl_idname = "face_solve.fit_rig"
    bl_label = FITTING
    bl_description = (
        "Set the identity shape keys so that the head has the actor's shape, from several frames of the plate "
        "together. Once a shot, before solving it"
    )
    bl_options = {"REGISTER"}

    focal: BoolProperty(
        name="Focal Length Too",
        default=False,
        description="Also set the cameras' focal lengths, for footage whose lens nobody knows. "
        "Leave it off for a matchmoved camera",
    )
    frames: StringProperty(
        name="Frames",
        description="Frames to fit on, such as 1001, 1010-1012. "
        "Empty: some eight are chosen, spread over the shot and over the head's turns",
    )

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Write the shot, and start the solver on it."""
        current.refuse_second()
        settings = context.scene.face_solve
        check_face(settings)
        frames = read_frames(self.frames, settings)
        lenses = check_fit(settings, focal=self.focal)
        python = solver_python(context)
        folder, _where = work_folder(context.scene)
        request = {"type": protocol.FIT_RIG, "focal": self.focal, "frames": frames}

        def begin(plan: Plan) -> SolveRun:
            where = {"shot": str(plan.folder), "out": str(plan.folder / "FITTED.npz")}
            kind = partial(FitRun, lenses=lenses)
            return current.start(python, {**request, **where}, folder / "solver.log", plan, FITTING, kind)

        return write_and(self, shot_pieces(context.scene, folder, device=preferences(context).device), FITTING, begin)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the focal length and the frames."""
        return context.window_manager.invoke_props_dialog(self)


CLASSES = (FACE_SOLVE_OT_fit_rig,)
