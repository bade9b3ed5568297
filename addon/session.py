"""The one session that may run, and what is said of it or of the last one."""

from __future__ import annotations

import atexit
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, List, Optional

import bpy
from bpy.app.handlers import persistent

from . import compat, protocol, solver_state
from .problem import FaceSolveProblem
from .scene.infill import find_ranges
from .scene.results.overlays import keep_overlays
from .scene.shot.export import Plan
from .scene.shot.folders import solver_folder
from .solving import Session
from .worker.interpreter import solver_environment, worker_command
from .worker.job import Job
from .worker.process import WorkerProcess, end_all, see_off

TICK_SECONDS = 0.1


@dataclass
class _Current:
    """The one session that may run, and what the panel says of it or of the last one.

    Kept here and not in Blender's properties: setting one of those redraws every editor, ten times a second while solving.
    """

    session: Optional[Session] = None
    said: str = ""
    title: str = ""
    problem: Optional[FaceSolveProblem] = None
    warnings: List[str] = field(default_factory=list)
    log: str = ""


_current = _Current()


def running() -> Optional[Session]:
    """The session that runs, or None."""
    return _current.session


def refuse_second() -> None:
    """Raise where a session runs already."""
    if _current.session is not None:
        raise FaceSolveProblem("A solve is running already.", "Wait for it, or stop it with Esc or Cancel.")


def start(
    python: str,
    request: protocol.Message,
    log: Path,
    plan: Optional[Plan],
    title: str,
    kind: Callable[[Job, Optional[Plan], str], Session] = Session,
) -> Session:
    """Start a worker on a request, and make its session the running one; `kind` makes the session.

    Raises:
        FaceSolveProblem: where another runs, or the worker cannot be started.
    """
    refuse_second()
    forget_failure()
    process = WorkerProcess(worker_command(python), log, solver_environment(os.environ), solver_folder())
    _current.session = kind(Job(process, request, len(plan.names) if plan else 0), plan, title)
    _show(_current.session)
    return _current.session


def run_to_end(session: Session) -> None:
    """Block until the session is over: background mode.

    Raises:
        FaceSolveProblem: where it failed.
    """
    shown = ""
    try:
        while not session.over:
            session.tick()
            progress = session.job.progress
            line = f"Face Solve: {progress.stage} {10 * int(progress.fraction * 10)} %"
            if line != shown:
                print(line, flush=True)
                shown = line
            time.sleep(0.02)
    finally:
        # An interrupt leaves no solver behind.
        session.job.abandon()
        _current.session = None
        while see_off():
            time.sleep(0.02)
        _conclude(session)
    failure, log = session.failure(), session.job.outcome.log
    if failure is not None:
        raise FaceSolveProblem(failure.message, f"{failure.remedy} Log: {log}" if log else failure.remedy)


def run_in_timer() -> None:
    """Let the running session go on while Blender does."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS)


def _tick() -> Optional[float]:
    session = _current.session
    if session is None:
        return None
    goes_on = False
    try:
        session.tick()
        if not session.over:
            _show(session)
            goes_on = True
    finally:
        if not goes_on:  # after an error too: Blender drops a timer that raises
            session.job.abandon()
            _end(session)
    return TICK_SECONDS if goes_on else None


def _see_off() -> Optional[float]:
    return TICK_SECONDS if see_off() else None


def _end(session: Session) -> None:
    _current.session = None
    if not bpy.app.timers.is_registered(_see_off):
        bpy.app.timers.register(_see_off, persistent=True)
    _conclude(session)
    if session.changed:
        bpy.ops.ed.undo_push(message=session.title)
    _redraw(session)


def _redraw(session: Session) -> None:
    if session.plan is None:  # asked from the preferences
        compat.redraw_preferences(bpy.context)
    else:
        compat.redraw_progress(bpy.context)


def stop() -> None:
    """End the session at once and forget it: the file or Blender closes."""
    session, _current.session = _current.session, None
    _current.said, _current.problem, _current.warnings, _current.log = "", None, [], ""
    if session is not None:
        session.job.abandon()
    end_all()


def _show(session: Session) -> None:
    text = session.describe()
    if text != _current.said:
        _current.said, _current.warnings = text, []
        _redraw(session)


def forget_failure() -> None:
    """What failed is of the past: another job begins, the solver is another one, or the artist took back what it was about."""
    _current.problem, _current.log = None, ""
    for scene in bpy.data.scenes:
        runs = scene.face_solve.runs
        for index in reversed(range(len(runs))):
            if runs[index].failed:
                runs.remove(index)


def _conclude(session: Session) -> None:
    _current.problem, _current.log, _current.title = session.failure(), session.job.outcome.log, session.title
    _current.said = "" if _current.problem else session.verdict()
    solver_state.remember(session.checked(), session.job.outcome.weights)
    if session.plan is not None:
        scene = bpy.data.scenes.get(session.plan.scene)
        if scene is not None:
            settings = scene.face_solve
            unkept = keep_overlays(scene, session.plan.solution) if session.results else ""
            session.plan.warnings += [unkept] if unkept else []
            settings.last_result = _current.said
            if session.results:
                find_ranges(settings)
            run = settings.runs.get(session.title) or settings.runs.add()
            run.name, run.failed = session.title, _current.problem is not None
            run.text = _current.problem.message if _current.problem else _current.said
    _current.warnings = session.warnings()


def last_problem() -> Optional[FaceSolveProblem]:
    """Why the last session failed; None where it did not, or where that is of the past."""
    return _current.problem


def last_title() -> str:
    """What the last session is called."""
    return _current.title


def last_warnings() -> List[str]:
    """What the artist should know of the last session though it did not fail; the panel is where they are seen."""
    return _current.warnings


@persistent
def _on_load(*_args: object) -> None:
    stop()


@persistent
def _on_undo(*_args: object) -> None:
    if _current.session is not None:
        _current.session.rewrite()
    _current.problem, _current.log = None, ""  # the scene is not the one that it was about


def last_log() -> str:
    """The log file of the last session that failed; empty where there is nothing in it."""
    return _current.log


def register_handlers() -> None:
    """Follow loading, undo and redo, and Blender's end."""
    bpy.app.handlers.load_pre.append(_on_load)
    bpy.app.handlers.undo_post.append(_on_undo)
    bpy.app.handlers.redo_post.append(_on_undo)
    atexit.register(stop)


def unregister_handlers() -> None:
    """Let go of them, and of a running solve."""
    stop()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    bpy.app.handlers.load_pre.remove(_on_load)
    bpy.app.handlers.undo_post.remove(_on_undo)
    bpy.app.handlers.redo_post.remove(_on_undo)
    atexit.unregister(stop)
