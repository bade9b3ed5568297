"""A solve in Blender: the worker's job on one side, the scene's timeline on the other."""

from __future__ import annotations

import time
from typing import Dict, List, Optional, Set

from .. import protocol
from ..problem import FaceSolveProblem
from ..scene.keys.displayed import look_after
from ..scene.keys.writer import find_actors, store_results, write_frames
from ..scene.setup.prechecks import ranges
from ..scene.shot.export import Plan
from ..worker.frame_result import FrameResult
from ..worker.job import Job, State

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


class SolveRun:
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

    @property
    def fraction(self) -> float:
        """How much of it is done, from 0 to 1."""
        return self.job.progress.fraction

    @property
    def stopping(self) -> bool:
        """True where it needs not be stopped any more."""
        return self.job.state.over

    def cancel(self) -> None:
        """Ask the solver to stop; what is done is kept."""
        self.job.cancel()

    def tick(self) -> None:
        """Move on. An error ends the job: nobody would take its frames any more.

        Raises:
            Exception: a defect, after the run has ended because of it; what the artist can mend is kept in `problem`.
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
                self.plan.warnings += [
                    said for said in look_after(self.plan, self.results) if said not in self.plan.warnings
                ]
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
        """Frames that could not be solved.

        The artist's own are not asked for, whether the solver tells of them or not.
        """
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
            text = (
                f"Stopped at {self.job.progress.fraction:.0%} of the work, with a result for {done} of {wanted} frames"
            )
        text += f" in {outcome.seconds:.0f} s"
        if self.plan.kept:
            text += f", kept {self.plan.kept} of yours"
        errors = sorted(result.error_px for result in self.results.values() if result.error_px is not None)
        if errors:
            text += f", median error {errors[len(errors) // 2]:.2f} px"
        return text + (f"; failed: {ranges(failed)}." if failed else ".")

    def describe(self) -> str:
        """How far it is, in one line for panel and status bar."""
        if self.job.state is State.CANCELLING:
            return f"{self.title}: stopping"
        progress = self.job.progress
        stage = _IN_WORDS.get(progress.stage, progress.stage)
        text = f"{self.title}: {'' if stage == self.title else stage + ', '}{progress.fraction:.0%}"
        left = progress.seconds_left
        if left is not None:
            text += f", {left:.0f} s left" if left < 90 else f", {left / 60:.0f} min left"
        return text

    def warnings(self) -> List[str]:
        """What the artist should know though nothing failed."""
        return [*(self.plan.warnings if self.plan else ()), *self.job.warnings]
