"""Drags by pins in Blender: the warm solver on one side, the head of the current frame on the other."""

from __future__ import annotations

import atexit
import os
import time
from typing import Optional, Tuple

import bpy
from bpy.app.handlers import persistent

from .. import protocol
from ..problem import FaceSolveProblem
from ..scene.keys.lock import give_back
from ..scene.keys.writer import find_actors, show_frame, write_frames
from ..scene.results.verdicts import forget_errors
from ..scene.shot.drag_rig import DragRig, DragStart, begin_drag, pins_of, write_drag_rig
from ..scene.shot.folders import solver_folder, work_folder
from ..solver_choice import solver_python
from ..worker.dragging import Dragging
from ..worker.frame_result import FrameResult
from ..worker.interpreter import solver_environment, worker_command
from ..worker.process import WorkerProcess, end_all, see_off
from .current import refuse_second

ANSWER_SECONDS = 200.0  # that a script waits for an answer, the solver's start with it


class _State:
    """The solver that is warm, and the rig that it has open."""

    dragging: Optional[Dragging] = None
    opened: Optional[DragRig] = None
    python: str = ""


_state = _State()


def ready(context: bpy.types.Context, *, fresh: bool) -> Tuple[Dragging, DragRig]:
    """A warm solver with the scene's head open.

    Args:
        context: of the operator.
        fresh: write the rig again: the artist may have changed the head since.

    Raises:
        FaceSolveProblem: where a solve runs, there is no solver, or no head to drag.
    """
    refuse_second()
    scene, python = context.scene, solver_python(context)
    face = scene.face_solve.face
    alive = _state.dragging is not None and _state.dragging.alive and _state.python == python
    same = (
        _state.opened is not None
        and face is not None
        and (scene.name, face.name) == (_state.opened.scene, _state.opened.face)
    )
    if alive and same and not fresh:
        return _state.dragging, _state.opened
    folder = work_folder(scene)[0] / "pins"
    opened = write_drag_rig(scene, folder)
    if alive:
        _state.dragging.open(str(opened.path))
    else:
        stop()
        process = WorkerProcess(
            worker_command(python), folder / "solver.log", solver_environment(os.environ), solver_folder()
        )
        _state.dragging, _state.python = Dragging(process, str(opened.path)), python
    _state.opened = opened
    return _state.dragging, opened


def waiting() -> bool:
    """Whether the newest drag has not been answered yet."""
    return _state.dragging is not None and _state.dragging.waiting


class Drag:
    """One drag at the current frame: from the press of the button to its release.

    Args:
        context: of the operator.
        free: protocol.HEAD, protocol.EXPRESSION, or a list of groups.

    Raises:
        FaceSolveProblem: where it cannot begin.
    """

    def __init__(self, context: bpy.types.Context, free: object) -> None:
        self._dragging, opened = ready(context, fresh=False)
        self.scene, self.free = context.scene.name, free
        self.frame = context.scene.frame_current
        self.start: DragStart = begin_drag(context.scene, opened)
        self.result: Optional[FrameResult] = None

    def ask(self) -> None:
        """Ask for the pose that the frame's pins want as they are now."""
        pins = pins_of(bpy.data.scenes[self.scene].face_solve, self.frame)
        self._dragging.ask({**self.start.message, "pins": pins, "free": self.free})

    def poll(self) -> bool:
        """Show the newest answer; whether there was one.

        Raises:
            FaceSolveProblem: where the solver cannot answer, or the head is gone.
        """
        found = self._dragging.poll()
        if found is None or found.frame != self.frame:
            return False
        self.result = found
        show_frame(self.start.plan, found)
        return True

    def wait(self) -> None:
        """Until the newest question is answered.

        Raises:
            FaceSolveProblem: where it is not.
        """
        until = time.monotonic() + ANSWER_SECONDS
        while self._dragging.waiting:
            self.poll()
            if time.monotonic() > until:
                raise FaceSolveProblem("The solver does not answer.", "Try again.")
            time.sleep(0.002)

    def keep(self) -> None:
        """Key the frame as it was shown last. The keys count as the solver's: pins are what the artist has set.

        Raises:
            FaceSolveProblem: where the head is gone.
        """
        if self.result is None:
            return
        scene, _face = find_actors(self.start.plan)
        give_back(scene.face_solve, [self.frame])
        write_frames(self.start.plan, {self.frame: self.result}, [self.frame])
        forget_errors(item for item in scene.face_solve.results if item.frame == self.frame)

    def put_back(self) -> None:
        """Show the frame as it was when the drag began."""
        scene = bpy.data.scenes.get(self.scene)
        if self.result is None or scene is None:
            return
        before = {"frame": self.frame, "status": protocol.SOLVED, **self.start.message["pose"]}
        show_frame(self.start.plan, self._dragging.as_result(before))
        scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)


def stop() -> None:
    """Let the solver go."""
    dragging, _state.dragging, _state.opened = _state.dragging, None, None
    if dragging is not None:
        dragging.process.retire()
        if not bpy.app.background and not bpy.app.timers.is_registered(_see_off):
            bpy.app.timers.register(_see_off, persistent=True)


def _see_off() -> Optional[float]:
    return 0.1 if see_off() else None


def _at_exit() -> None:
    stop()
    end_all()


@persistent
def _on_load(*_args: object) -> None:
    stop()


def register() -> None:
    """Let go of the solver when another file is opened, and at Blender's end."""
    bpy.app.handlers.load_pre.append(_on_load)
    atexit.register(_at_exit)


def unregister() -> None:
    """Let go of it now."""
    stop()
    end_all()
    bpy.app.handlers.load_pre.remove(_on_load)
    atexit.unregister(_at_exit)
