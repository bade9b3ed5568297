"""The one solve, fit or question to the solver that may run, and what is said of it or of the last one."""

from __future__ import annotations

import atexit
import os
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, ContextManager, List, Optional, Union

import bpy
from bpy.app.handlers import persistent

from .. import compat, protocol, solver_report
from ..pieces import Pieces
from ..problem import FaceSolveProblem
from ..scene.infill import find_ranges
from ..scene.results.overlays import keep_overlays
from ..scene.shot.export import Plan
from ..scene.shot.folders import solver_folder
from ..scene.takes.takes import keep_take
from ..worker.interpreter import solver_environment, worker_command
from ..worker.job import Job
from ..worker.process import WorkerProcess, end_all, see_off
from .solve import SolveRun
from .writing import Next, WritingRun

Run = Union[SolveRun, WritingRun]
TICK_SECONDS = 0.1
_BEFORE = ("undo_pre", "redo_pre", "save_pre")


@dataclass
class _State:
    """The one run that may go on, and what the panel says of it or of the last one.

    Kept here and not in Blender's properties: setting one of those redraws every editor, ten times a second while
    solving.
    """

    run: Optional[Run] = None
    window: Optional[bpy.types.Window] = None  # that a shot is written for
    said: str = ""
    title: str = ""
    problem: Optional[FaceSolveProblem] = None
    warnings: List[str] = field(default_factory=list)
    log: str = ""


_state = _State()


def running() -> Optional[Run]:
    """What runs, or None."""
    return _state.run


def refuse_second() -> None:
    """Raise where something runs already."""
    if _state.run is not None:
        raise FaceSolveProblem("A solve is running already.", "Wait for it, or stop it with Esc or Cancel.")


def start(
    python: str,
    request: protocol.Message,
    log: Path,
    plan: Optional[Plan],
    title: str,
    kind: Callable[[Job, Optional[Plan], str], SolveRun] = SolveRun,
) -> SolveRun:
    """Start a worker on a request, and make that the current run; `kind` makes it.

    Raises:
        FaceSolveProblem: where another runs, or the worker cannot be started.
    """
    refuse_second()
    forget_failure()
    process = WorkerProcess(worker_command(python), log, solver_environment(os.environ), solver_folder())
    _state.run = kind(Job(process, request, len(plan.names) if plan else 0), plan, title)
    _show(_state.run)
    return _state.run


def write(pieces: Pieces[Plan], title: str, after: Next) -> WritingRun:
    """Begin to write a shot, and make that the current run; it goes on in the timer.

    Args:
        pieces: that write it.
        title: what it is for.
        after: what is done with the shot.

    Raises:
        FaceSolveProblem: where another runs, or the shot cannot be solved.
    """
    refuse_second()
    writing = WritingRun(pieces, title, after)
    writing.begin()
    forget_failure()
    _state.run, _state.window = writing, bpy.context.window
    _show(writing)
    return writing


def run_to_end(run: SolveRun) -> None:
    """Block until the run is over: background mode.

    Raises:
        FaceSolveProblem: where it failed.
    """
    shown = ""
    try:
        while not run.over:
            run.tick()
            progress = run.job.progress
            line = f"Face Solve: {progress.stage} {10 * int(progress.fraction * 10)} %"
            if line != shown:
                print(line, flush=True)
                shown = line
            time.sleep(0.02)
    finally:
        # An interrupt leaves no solver behind.
        run.job.abandon()
        _state.run = None
        while see_off():
            time.sleep(0.02)
        _conclude(run)
    failure, log = run.failure(), run.job.outcome.log
    if failure is not None:
        raise FaceSolveProblem(failure.message, f"{failure.remedy} Log: {log}" if log else failure.remedy)


def run_in_timer() -> None:
    """Let the run go on while Blender does."""
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=TICK_SECONDS)


def tick() -> Optional[float]:
    """One turn of the timer: seconds until the next, None when nothing runs any more."""
    run = _state.run
    if run is None:
        return None
    goes_on = False
    try:
        with _its_window(run):
            run.tick()
        if not run.over:
            _show(run)
            goes_on = True
    finally:
        if not goes_on:  # after an error too: Blender drops a timer that raises
            _end(run)
    if _state.run is None:
        return None
    return 0.0 if isinstance(_state.run, WritingRun) else TICK_SECONDS


def _its_window(run: Run) -> ContextManager[object]:
    """A timer has no window: its view layer would be the scene's first, and not what the artist looks at."""
    there = isinstance(run, WritingRun) and any(one == _state.window for one in bpy.context.window_manager.windows)
    return bpy.context.temp_override(window=_state.window) if there else nullcontext()


def _see_off() -> Optional[float]:
    return TICK_SECONDS if see_off() else None


def _end(run: Run) -> None:
    _state.run = None
    if isinstance(run, WritingRun):
        run.go_on()
        if run.followed_by is None:
            _conclude(run)
            _redraw(run)
        return
    run.job.abandon()
    if not bpy.app.timers.is_registered(_see_off):
        bpy.app.timers.register(_see_off, persistent=True)
    _conclude(run)
    if run.changed:
        bpy.ops.ed.undo_push(message=run.title)
    _redraw(run)


def _redraw(run: Run) -> None:
    if isinstance(run, SolveRun) and run.plan is None:  # asked from the preferences
        compat.redraw_preferences(bpy.context)
    else:
        compat.redraw_progress(bpy.context)


def stop() -> None:
    """End the run at once and forget it: the file or Blender closes."""
    run, _state.run = _state.run, None
    _state.said, _state.problem, _state.warnings, _state.log = "", None, [], ""
    if isinstance(run, WritingRun):
        run.cancel()
    elif run is not None:
        run.job.abandon()
    end_all()


def _show(run: Run) -> None:
    text = run.describe()
    if text != _state.said:
        _state.said, _state.warnings = text, []
        _redraw(run)


def forget_failure() -> None:
    """What failed is of the past.

    Another job begins, the solver is another one, or the artist took back what it was about.
    """
    _state.problem, _state.log = None, ""
    for scene in bpy.data.scenes:
        runs = scene.face_solve.runs
        for index in reversed(range(len(runs))):
            if runs[index].failed:
                runs.remove(index)


def _conclude(run: Run) -> None:
    _state.problem, _state.log, _state.title = run.failure(), "", run.title
    _state.said = "" if _state.problem else run.verdict()
    _state.warnings = run.warnings()
    if isinstance(run, WritingRun):
        return
    _state.log = run.job.outcome.log
    solver_report.remember(run.checked(), run.job.outcome.weights)
    if run.plan is not None:
        scene = bpy.data.scenes.get(run.plan.scene)
        if scene is not None:
            settings = scene.face_solve
            unkept = keep_overlays(scene, run.plan.solution) if run.results else ""
            run.plan.warnings += [unkept] if unkept else []
            settings.last_result = _state.said
            if run.results:
                find_ranges(settings)
                keep_take(settings, run.title)
            entry = settings.runs.get(run.title) or settings.runs.add()
            entry.name, entry.failed = run.title, _state.problem is not None
            entry.text = _state.problem.message if _state.problem else _state.said
    _state.warnings = run.warnings()


def last_problem() -> Optional[FaceSolveProblem]:
    """Why the last run failed; None where it did not, or where that is of the past."""
    return _state.problem


def last_title() -> str:
    """What the last run is called."""
    return _state.title


def last_warnings() -> List[str]:
    """What the artist should know of the last run though it did not fail; the panel is where they are seen."""
    return _state.warnings


@persistent
def _on_load(*_args: object) -> None:
    stop()


@persistent
def _on_meanwhile(*_args: object) -> None:
    """Undo, redo and saving must not see what the reading of a scene changes for its own sake."""
    if isinstance(_state.run, WritingRun):
        _state.run.stop("The file was saved, or a step undone, while the shot was being read: press it again.")


@persistent
def _on_undo(*_args: object) -> None:
    if isinstance(_state.run, SolveRun):
        _state.run.rewrite()
    _state.problem, _state.log = None, ""  # the scene is not the one that it was about


def last_log() -> str:
    """The log file of the last run that failed; empty where there is nothing in it."""
    return _state.log


def register_handlers() -> None:
    """Follow loading, undo and redo, and Blender's end."""
    bpy.app.handlers.load_pre.append(_on_load)
    for before in _BEFORE:
        getattr(bpy.app.handlers, before).append(_on_meanwhile)
    bpy.app.handlers.undo_post.append(_on_undo)
    bpy.app.handlers.redo_post.append(_on_undo)
    atexit.register(stop)


def unregister_handlers() -> None:
    """Let go of them, and of a running solve."""
    stop()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    bpy.app.handlers.load_pre.remove(_on_load)
    for before in _BEFORE:
        getattr(bpy.app.handlers, before).remove(_on_meanwhile)
    bpy.app.handlers.undo_post.remove(_on_undo)
    bpy.app.handlers.redo_post.remove(_on_undo)
    atexit.unregister(stop)
