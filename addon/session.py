"""One running solve: the worker's job on one side, the scene's timeline on the other."""

from __future__ import annotations

import atexit
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Set

import bpy
from bpy.app.handlers import persistent

from . import compat, protocol, solver_state
from .problem import FaceSolveProblem
from .scene.infill import find_ranges
from .scene.overlays import keep_overlays
from .scene.prechecks import ranges
from .scene.shot import Plan
from .scene.writer import find_actors, store_results, write_frames
from .worker.interpreter import solver_environment, worker_command
from .worker.job import FrameResult, Job, State
from .worker.process import WorkerProcess

TICK_SECONDS = 0.1
# The solver's stages as the panels call them; what is not here is said as the solver says it.
_IN_WORDS = {
    "detection": "finding the face",
    "rigid": "Rigid Alignment",
    "expression": "Expression",
    "dense": "Dense Alignment",
    "infill": "Infill",
    "refinement": "Temporal Refinement",
    "judging": "measuring the error",
}
FLUSH_SECONDS = 0.4  # frames are keyed in batches: one merge of the curves for all that arrived


class Session:
    """A job whose frames are keyed as they arrive.

    Args:
        job: the running job.
        plan: the shot that it solves; None for a check of the solver.
        title: what the panel calls it.
    """

    def __init__(self, job: Job, plan: Optional[Plan], title: str) -> None:
        self.job, self.plan, self.title = job, plan, title
        self.results: Dict[int, FrameResult] = {}
        self.dirty: Set[int] = set()
        self.problem: Optional[FaceSolveProblem] = None
        self._flushed = 0.0

    @property
    def over(self) -> bool:
        """True where the job has ended and everything is on the timeline."""
        return self.job.state.over and not self.dirty

    @property
    def changed(self) -> bool:
        """True where the scene is not as it was: worth an undo step."""
        return self.plan is not None and bool(self.results)

    def tick(self) -> None:
        """Move on. An error ends the job: nobody would take its frames any more.

        Raises:
            Exception: a defect, after the session has ended because of it; what the artist can mend is kept in `problem`.
        """
        try:
            self._advance()
        except FaceSolveProblem as problem:
            self._give_up(problem)
        except Exception as defect:
            self._give_up(
                FaceSolveProblem(
                    f"{self.title} ended by a defect of the add-on ({type(defect).__name__}: {defect}).",
                    "The frames that were keyed are kept. Blender's console has the whole error.",
                )
            )
            raise

    def _give_up(self, problem: FaceSolveProblem) -> None:
        self.problem = problem
        self.job.abandon()
        self.dirty = set()

    def _advance(self) -> None:
        """Take what has arrived, key it when a batch is due, and tie up the ends when the job is over."""
        for result in self.job.poll():
            if self.plan is None or result.frame not in self.plan.neighbours:
                self.results[result.frame] = result
                self.dirty.add(result.frame)
        due = time.monotonic() - self._flushed > FLUSH_SECONDS
        if self.plan is not None and self.dirty and (due or self.job.state.over):
            # The last batch writes every frame again: only now are all neighbours known that a rotation has to follow.
            self._flush(set(self.results) if self.job.state.over else self.dirty)
        if self.job.state.over:
            self.dirty.clear()

    def rewrite(self) -> None:
        """Key every frame again: an undo has taken keys away."""
        self.dirty.update(self.results)

    def _flush(self, frames: Set[int]) -> None:
        assert self.plan is not None
        write_frames(self.plan, self.results, frames)
        scene, _face = find_actors(self.plan)
        store_results(scene.face_solve, (self.results[frame] for frame in frames))
        self.dirty = set()
        self._flushed = time.monotonic()

    def failure(self) -> Optional[FaceSolveProblem]:
        """Why it failed; None where it did not."""
        if self.problem is not None:
            return self.problem
        if self.job.state is State.FAILED:
            remedy = self.job.outcome.remedy
            mend = "face_solve.preferences" if "preferences" in remedy else ""
            return FaceSolveProblem(self.job.outcome.message, remedy, mend)
        if self.plan is not None and not self.job.outcome.cancelled:
            if not self.results and not self.job.warnings:
                return FaceSolveProblem(
                    "The solver finished without a single frame.", f"Its log may say why: {self.job.process.log}"
                )
            failed = self._failed()
            if failed and len(failed) == len(self.results.keys() - self.plan.locked):
                reason = self.results[failed[0]].reason or "no reason given"
                return FaceSolveProblem(
                    f"No frame could be solved ({reason}).", "Check the plate, the camera and where the head stands."
                )
        return None

    def _failed(self) -> List[int]:
        """Frames that could not be solved; the artist's own are not asked for, whether the solver tells of them or not."""
        assert self.plan is not None
        return [
            frame
            for frame, result in self.results.items()
            if result.status == protocol.FRAME_FAILED and frame not in self.plan.locked
        ]

    def checked(self) -> List[str]:
        """What the solver said of itself; empty where it was asked something else."""
        return self.job.outcome.lines if self.job.request["type"] == protocol.CHECK else []

    def verdict(self) -> str:
        """How it went, in one line."""
        outcome = self.job.outcome
        if self.plan is None:
            return f"{self.title} was stopped." if outcome.cancelled else f"{self.title}: done."
        if not self.results and not outcome.cancelled:
            return f"{self.title} left every frame as it was."
        failed = self._failed()
        done = len(self.results.keys() - self.plan.locked) - len(failed)
        wanted = len(set(self.plan.frames) - self.plan.neighbours - self.plan.locked)
        text = f"Solved {done} of {wanted} frames"
        if outcome.cancelled:  # frames come in every pass: all may be there, and half of the work not done
            text = f"Stopped after {done} of {wanted} frames and {self.job.progress.fraction:.0%} of the work"
        text += f" in {outcome.seconds:.0f} s"
        if self.plan.kept:
            text += f", kept {self.plan.kept} of yours"
        errors = sorted(result.error_px for result in self.results.values() if result.error_px is not None)
        if errors:
            text += f", median error {errors[len(errors) // 2]:.2f} px"
        return text + (f"; failed: {ranges(failed)}." if failed else ".")


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
    process = WorkerProcess(worker_command(python), log, solver_environment(os.environ))
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


def _end(session: Session) -> None:
    _current.session = None
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


def _show(session: Session) -> None:
    text = describe(session)
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
    _current.warnings = warnings(session)


def last_problem() -> Optional[FaceSolveProblem]:
    """Why the last session failed; None where it did not, or where that is of the past."""
    return _current.problem


def last_title() -> str:
    """What the last session is called."""
    return _current.title


def last_warnings() -> List[str]:
    """What the artist should know of the last session though it did not fail; the panel is where they are seen."""
    return _current.warnings


def describe(session: Session) -> str:
    """The session in one line, for panel and status bar."""
    if session.job.state is State.CANCELLING:
        return f"{session.title}: stopping"
    progress = session.job.progress
    stage = _IN_WORDS.get(progress.stage, progress.stage)
    text = f"{session.title}: {'' if stage == session.title else stage + ', '}{progress.fraction:.0%}"
    left = progress.seconds_left
    if left is not None:
        text += f", {left:.0f} s left" if left < 90 else f", {left / 60:.0f} min left"
    return text


def warnings(session: Session) -> List[str]:
    """What the artist should know though nothing failed."""
    return [*(session.plan.warnings if session.plan else ()), *session.job.warnings]


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
