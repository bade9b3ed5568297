"""Lock and unlock the current frame, and step through the bad ones."""

from __future__ import annotations

from typing import Set

import bpy

from ..problem import FaceSolveProblem
from ..scene.lock import lock, unlock
from ..scene.results import bad_frames, step
from .base import reports_problems


class FACE_SOLVE_OT_lock_frame(bpy.types.Operator):
    """Keep the current frame as it stands: a solve will not change it, and starts from it."""

    bl_idname = "face_solve.lock_frame"
    bl_label = "Lock Frame"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Lock the current frame."""
        frame = context.scene.frame_current
        made = lock(context.scene.face_solve, frame)
        self.report({"INFO"}, f"Frame {frame} is locked" + (f" ({made} channels keyed)." if made else "."))
        return {"FINISHED"}


class FACE_SOLVE_OT_unlock_frame(bpy.types.Operator):
    """Let the solver change the current frame again; keys that you made stay yours."""

    bl_idname = "face_solve.unlock_frame"
    bl_label = "Unlock Frame"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Unlock the current frame."""
        unlock(context.scene.face_solve, context.scene.frame_current)
        return {"FINISHED"}


def _step(operator: bpy.types.Operator, context: bpy.types.Context, forward: bool) -> Set[str]:
    scene = context.scene
    frames = bad_frames(scene.face_solve)
    target = step(frames, scene.frame_current, forward)
    if target is None:
        if not scene.face_solve.results:
            raise FaceSolveProblem("Nothing has been solved yet.", "Press Solve Shot first.")
        operator.report({"INFO"}, "No frame is bad.")
        return {"CANCELLED"}
    scene.frame_set(target)
    item = next(one for one in scene.face_solve.results if one.frame == target)
    operator.report(
        {"INFO"},
        f"Frame {target}: {item.reason or item.status}, error {item.error_px:.1f} px; {len(frames)} bad frames.",
    )
    return {"FINISHED"}


class FACE_SOLVE_OT_next_bad_frame(bpy.types.Operator):
    """Go to the next frame that failed or has a large error."""

    bl_idname = "face_solve.next_bad_frame"
    bl_label = "Next Bad Frame"

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Move the current frame forward."""
        return _step(self, context, forward=True)


class FACE_SOLVE_OT_previous_bad_frame(bpy.types.Operator):
    """Go to the previous frame that failed or has a large error."""

    bl_idname = "face_solve.previous_bad_frame"
    bl_label = "Previous Bad Frame"

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Move the current frame backward."""
        return _step(self, context, forward=False)


CLASSES = (
    FACE_SOLVE_OT_lock_frame,
    FACE_SOLVE_OT_unlock_frame,
    FACE_SOLVE_OT_next_bad_frame,
    FACE_SOLVE_OT_previous_bad_frame,
)
