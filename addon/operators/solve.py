"""Solve Shot, Solve Range and each stage alone; Cancel and the Esc key."""

from __future__ import annotations

from typing import Callable, List, Optional, Set

import bpy
from bpy.props import IntProperty

from .. import protocol
from ..pieces import Pieces, whole
from ..problem import FaceSolveProblem
from ..runs import current
from ..runs.solve import SolveRun
from ..runs.writing import WritingRun
from ..scene.infill import Span, spans_to_solve
from ..scene.shot.export import Plan, shot_pieces
from ..scene.shot.folders import work_folder
from ..solver_choice import preferences, solver_python
from .base import reports_problems

_HARMLESS = ("TIMER", "MOUSEMOVE", "INBETWEEN", "WINDOW_DEACTIVATE", "WHEEL", "MIDDLEMOUSE", "TRACKPAD")
AROUND_FRAME = 4  # frames on either side that Solve Range offers to solve again


def solve(
    operator: bpy.types.Operator,
    context: bpy.types.Context,
    title: str,
    stages: Optional[List[str]],
    first: Optional[int] = None,
    last: Optional[int] = None,
    spans: Optional[List[Span]] = None,
) -> Set[str]:
    """Write the shot, start the solver on it, and wait (background) or let it run (interactive)."""
    current.refuse_second()
    python = solver_python(context)
    folder, where = work_folder(context.scene)
    device = preferences(context).device
    pieces = shot_pieces(context.scene, folder, stages=stages, first=first, last=last, infill=spans, device=device)

    def begin(plan: Plan) -> SolveRun:
        workers = preferences(context).workers
        request = {"type": protocol.SOLVE, "shot": str(plan.folder), "out": str(plan.solution), "workers": workers}
        return current.start(python, request, folder / "solver.log", plan, title)

    operator.report({"INFO"}, f"The solve's files are {where}: {folder}")
    return write_and(operator, pieces, title, begin)


def write_and(
    operator: bpy.types.Operator, pieces: Pieces[Plan], title: str, begin: Callable[[Plan], SolveRun]
) -> Set[str]:
    """Write a shot and begin what it is for, in the background at once, in a window bit by bit."""
    if bpy.app.background:
        return go_on(operator, begin(whole(pieces)))
    current.write(pieces, title, begin)
    watch_on()
    return {"FINISHED"}


def watch_on() -> None:
    """Let what runs go on while Blender does, and listen for Esc."""
    current.run_in_timer()
    bpy.ops.face_solve.watch("INVOKE_DEFAULT")


def go_on(operator: bpy.types.Operator, started: SolveRun) -> Set[str]:
    """Wait for a run, and report how it went."""
    current.run_to_end(started)
    for line in started.warnings():
        operator.report({"WARNING"}, line)
    operator.report({"INFO"}, started.verdict())
    return {"FINISHED"}


def _stage_operator(identifier: str, label: str, description: str, stages: Optional[List[str]]) -> type:
    def execute(self: bpy.types.Operator, context: bpy.types.Context) -> Set[str]:
        return solve(self, context, label, stages)

    name = "FACE_SOLVE_OT_" + identifier
    return type(
        name,
        (bpy.types.Operator,),
        {
            "__doc__": description,
            "__module__": __name__,
            "bl_idname": f"face_solve.{identifier}",
            "bl_label": label,
            "bl_description": description,
            "bl_options": {"REGISTER"},
            "execute": reports_problems(execute),
        },
    )


# identifier, label, description, stages; a new stage is one more row.
STAGES = (
    ("solve_shot", "Solve Shot", "Solve head pose and expression for every frame of the range", None),
    ("rigid_alignment", "Rigid Alignment", "Solve the head's rotation and translation alone", ["rigid"]),
    ("expression", "Expression", "Solve pose and shape keys from the landmarks", ["expression"]),
    ("dense_alignment", "Dense Alignment", "Align the render with the plate by optical flow", ["dense"]),
    ("temporal_refinement", "Temporal Refinement", "Refine the motion over time against the plate", ["refinement"]),
)
STAGE_OPERATORS = tuple(_stage_operator(*row) for row in STAGES)


class FACE_SOLVE_OT_infill(bpy.types.Operator):
    """Bridge the frames where the face cannot be seen; keys outside them stay as they are."""

    bl_idname = "face_solve.infill"
    bl_label = "Infill"
    bl_options = {"REGISTER"}

    index: IntProperty(
        name="Row",
        default=-1,
        min=-1,
        options={"SKIP_SAVE"},
        description="The range to bridge, counted from 0; below zero bridges all that are on",
    )

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Bridge one range, or all."""
        spans = spans_to_solve(context.scene.face_solve, self.index)
        return solve(self, context, self.bl_label, ["infill"], spans=spans)


def around_frame(settings: bpy.types.PropertyGroup, frame: int) -> Span:
    """The part of the shot around a frame: a fix is solved towards from both sides."""
    first, last = settings.frame_start, settings.frame_end
    middle = min(max(frame, first), last)
    return max(first, middle - AROUND_FRAME), min(last, middle + AROUND_FRAME)


class FACE_SOLVE_OT_solve_range(bpy.types.Operator):
    """Solve a part of the shot again; locked and hand-keyed frames are kept."""

    bl_idname = "face_solve.solve_range"
    bl_label = "Solve Range"
    bl_options = {"REGISTER"}

    frame_start: IntProperty(name="Start")
    frame_end: IntProperty(name="End")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Solve the frames from `frame_start` to `frame_end`."""
        return solve(self, context, self.bl_label, None, self.frame_start, self.frame_end)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask for the range; the timeline's preview range is offered, or the current frame with some around it."""
        scene = context.scene
        if scene.use_preview_range:
            self.frame_start, self.frame_end = scene.frame_preview_start, scene.frame_preview_end
        else:
            self.frame_start, self.frame_end = around_frame(scene.face_solve, scene.frame_current)
        return context.window_manager.invoke_props_dialog(self)


class FACE_SOLVE_OT_cancel(bpy.types.Operator):
    """Stop the solve; the frames that are done are kept."""

    bl_idname = "face_solve.cancel"
    bl_label = "Cancel"

    @reports_problems
    def execute(self, _context: bpy.types.Context) -> Set[str]:
        """Ask the solver to stop."""
        run = current.running()
        if run is None:
            raise FaceSolveProblem("No solve is running.")
        run.cancel()
        return {"FINISHED"}


def _in_sidebar(context: bpy.types.Context, event: bpy.types.Event) -> bool:
    """Whether the mouse is over a sidebar, where Cancel is."""
    return event.type == "LEFTMOUSE" and any(
        region.type == "UI"
        and region.x <= event.mouse_x < region.x + region.width
        and region.y <= event.mouse_y < region.y + region.height
        for area in context.window.screen.areas
        for region in area.regions
    )


class FACE_SOLVE_OT_watch(bpy.types.Operator):
    """Listens for Esc while a solve runs, and reports how it ended."""

    bl_idname = "face_solve.watch"
    bl_label = "Face Solve"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Begin to listen."""
        self._run = current.running()
        if self._run is None:
            return {"CANCELLED"}
        if isinstance(self._run, WritingRun) and context.screen.is_animation_playing:
            bpy.ops.screen.animation_cancel(restore_frame=False)  # it would move on while frames are read
        self._timer = context.window_manager.event_timer_add(0.25, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        """Esc stops the solve, or first the animation where that is played.

        Everything else passes through to Blender.
        """
        if isinstance(self._run, WritingRun) and self._run.followed_by is not None:
            self._run = self._run.followed_by
        if current.running() is not self._run:
            context.window_manager.event_timer_remove(self._timer)
            self._report()
            return {"FINISHED"}
        playing = any(window.screen.is_animation_playing for window in context.window_manager.windows)
        if event.type == "ESC" and event.value == "PRESS" and not playing and not self._run.stopping:
            self._run.cancel()
            return {"RUNNING_MODAL"}
        if isinstance(self._run, WritingRun) and not (event.type.startswith(_HARMLESS) or _in_sidebar(context, event)):
            return {"RUNNING_MODAL"}  # the scene is being read: it must not change, nor be saved or undone
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """The file, its window or the add-on is closed: nobody listens any more."""
        context.window_manager.event_timer_remove(self._timer)

    def _report(self) -> None:
        failure = self._run.failure()
        if failure is not None:
            self.report({"ERROR"}, str(failure))
            return
        for line in self._run.warnings():
            self.report({"WARNING"}, line)
        self.report({"INFO"}, self._run.verdict())


CLASSES = (*STAGE_OPERATORS, FACE_SOLVE_OT_infill, FACE_SOLVE_OT_solve_range, FACE_SOLVE_OT_cancel, FACE_SOLVE_OT_watch)
