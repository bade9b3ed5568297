"""Lock and unlock the current frame, and step through the bad ones."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import BoolProperty, EnumProperty

from ..overlay import error_curve
from ..problem import FaceSolveProblem
from ..scene.keys.lock import give_back, lock, unlock
from ..scene.results.verdicts import bad_frames, judged_error, step
from ..scene.setup.prechecks import ranges
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
        context.view_layer.update()  # where a script has just solved, the head does not stand on its new keys yet
        made = lock(context.scene.face_solve, frame)
        self.report(
            {"INFO"},
            f"Frame {frame} is locked" + (f" ({made} channel{'' if made == 1 else 's'} keyed)." if made else "."),
        )
        return {"FINISHED"}


class FACE_SOLVE_OT_unlock_frame(bpy.types.Operator):
    """Let the solver change the current frame again."""

    bl_idname = "face_solve.unlock_frame"
    bl_label = "Unlock Frame"
    bl_description = (
        "Let the solver change the current frame again; keys that you made on a locked frame stay yours, "
        "those of another are given back"
    )
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Unlock the current frame."""
        unlock(context.scene.face_solve, context.scene.frame_current)
        return {"FINISHED"}


class FACE_SOLVE_OT_give_back_frames(bpy.types.Operator):
    """Let the solver change the frames of the range that are keyed by hand; locked frames stay locked."""

    bl_idname = "face_solve.give_back_frames"
    bl_label = "Give Frames Back"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Count their keys as the solver's."""
        settings = context.scene.face_solve
        locked = {item.frame for item in settings.locked_frames}
        frames = give_back(settings, set(range(settings.frame_start, settings.frame_end + 1)) - locked)
        self.report(
            {"INFO"}, f"Given back to the solver: {ranges(frames)}." if frames else "No frame is keyed by hand."
        )
        return {"FINISHED"}


def _invoke(operator: bpy.types.Operator, context: bpy.types.Context) -> Set[str]:
    if operator.from_key and not error_curve.is_shown(context):
        return {"PASS_THROUGH"}  # the key means what Blender means by it
    return operator.execute(context)


def _step(operator: bpy.types.Operator, context: bpy.types.Context, forward: bool) -> Set[str]:
    scene = context.scene
    frames = bad_frames(scene.face_solve)
    target = step(frames, scene.frame_current, forward)
    if target is None:
        if not scene.face_solve.results:
            raise FaceSolveProblem("Nothing has been solved yet.", "Press Solve Shot first.")
        operator.report({"INFO"}, "No frame is bad.")
        return {"CANCELLED"}
    row, item = next((row, one) for row, one in enumerate(scene.face_solve.results) if one.frame == target)
    scene.face_solve.result_index = row  # the list's active row, which goes to its frame
    judged = judged_error(scene.face_solve, item)
    error = f"error {judged:.1f}; " if judged >= 0.0 else ""
    counted = f"{len(frames)} bad frame{'' if len(frames) == 1 else 's'}"
    operator.report({"INFO"}, f"Frame {target}: {item.reason or item.doubt or item.status}, {error}{counted}.")
    return {"FINISHED"}


class FACE_SOLVE_OT_mark_frame(bpy.types.Operator):
    """Say that the current frame is good or bad, whatever its error is."""

    bl_idname = "face_solve.mark_frame"
    bl_label = "Mark Frame"
    bl_description = (
        "Say that the current frame is good or bad, whatever its error is. Pressed again it goes by the error as before"
    )
    bl_options = {"REGISTER", "UNDO"}

    mark: EnumProperty(name="Mark", items=(("GOOD", "Good", "It is good"), ("BAD", "Bad", "It is bad")))

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Mark the current frame."""
        scene = context.scene
        item = next((one for one in scene.face_solve.results if one.frame == scene.frame_current), None)
        if item is None:
            raise FaceSolveProblem(f"Frame {scene.frame_current} has not been solved.", "Solve it first.")
        item.mark = "NONE" if item.mark == self.mark else self.mark
        return {"FINISHED"}


class FACE_SOLVE_OT_pick_frame(bpy.types.Operator):
    """Go to the frame under the mouse in the error curve."""

    bl_idname = "face_solve.pick_frame"
    bl_label = "Go to Frame"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where the curve is drawn: elsewhere a click is Blender's own."""
        return error_curve.is_shown(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        """Go there, or let the click through."""
        frame = error_curve.frame_at(context, event.mouse_region_x, event.mouse_region_y)
        if frame is None:
            return {"PASS_THROUGH"}
        context.scene.frame_set(frame)
        return {"FINISHED"}


class FACE_SOLVE_OT_hover_frame(bpy.types.Operator):
    """Say which frame is under the mouse in the error curve."""

    bl_idname = "face_solve.hover_frame"
    bl_label = "Show Frame under the Mouse"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where the review is on; in the sidebar, too, to hear that the mouse has left the curve."""
        return context.scene.face_solve.review and context.area is not None and context.area.type == "VIEW_3D"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        """Note it, and let the mouse move on: whoever else listens does so undisturbed."""
        error_curve.hover(context, event.mouse_region_x, event.mouse_region_y)
        return {"PASS_THROUGH"}


class FACE_SOLVE_OT_next_bad_frame(bpy.types.Operator):
    """Go to the next frame that failed or has a large error."""

    bl_idname = "face_solve.next_bad_frame"
    bl_label = "Next Bad Frame"

    from_key: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Move the current frame forward."""
        return _step(self, context, forward=True)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """By its key only while the curve is shown."""
        return _invoke(self, context)


class FACE_SOLVE_OT_previous_bad_frame(bpy.types.Operator):
    """Go to the previous frame that failed or has a large error."""

    bl_idname = "face_solve.previous_bad_frame"
    bl_label = "Previous Bad Frame"

    from_key: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Move the current frame backward."""
        return _step(self, context, forward=False)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """By its key only while the curve is shown."""
        return _invoke(self, context)


CLASSES = (
    FACE_SOLVE_OT_lock_frame,
    FACE_SOLVE_OT_unlock_frame,
    FACE_SOLVE_OT_give_back_frames,
    FACE_SOLVE_OT_mark_frame,
    FACE_SOLVE_OT_pick_frame,
    FACE_SOLVE_OT_hover_frame,
    FACE_SOLVE_OT_next_bad_frame,
    FACE_SOLVE_OT_previous_bad_frame,
)
