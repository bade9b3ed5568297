"""A shot that is being written, in pieces between which Blender goes on; then what it was written for."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional

from ..pieces import Bit, Pieces
from ..problem import FaceSolveProblem
from ..scene.shot.export import Plan
from .solve import SolveRun

BIT_SECONDS = 0.03  # of work before Blender has its turn
Next = Callable[[Plan], Optional[SolveRun]]


class WritingRun:
    """The writing of a shot.

    Args:
        pieces: that write it.
        title: what the panel calls what it is for.
        after: what is done with it: starts the solver, or nothing.
    """

    fraction = 0.0
    changed = False  # the scene is as it was

    def __init__(self, pieces: Pieces[Plan], title: str, after: Next) -> None:
        self.title = title
        self.plan: Optional[Plan] = None
        self.followed_by: Optional[SolveRun] = None
        self.results: Dict[int, object] = {}
        self._after, self._bit = after, Bit(pieces)
        self._problem: Optional[FaceSolveProblem] = None
        self._stopped = ""

    @property
    def over(self) -> bool:
        """True where it is written, was stopped or has failed."""
        return self._bit.over

    @property
    def stopping(self) -> bool:
        """It stops at once."""
        return self.over

    @property
    def longest(self) -> float:
        """Seconds that it has held Blender up at most."""
        return self._bit.longest

    def begin(self) -> None:
        """Do the first piece.

        Raises:
            FaceSolveProblem: for what forbids the shot.
        """
        self._bit.go_on(0.0)

    def tick(self) -> None:
        """Write on.

        Raises:
            Exception: a defect; what the artist can mend is kept.
        """
        try:
            self._bit.go_on(BIT_SECONDS)
        except FaceSolveProblem as problem:
            self._problem = problem
        except ReferenceError:
            self._problem = FaceSolveProblem(
                "The scene was changed while the shot was being read.", f"Press {self.title} again."
            )
        self.plan = self._bit.answer

    def go_on(self) -> None:
        """Do what it was written for."""
        if self.plan is None:
            return
        try:
            self.followed_by = self._after(self.plan)
        except FaceSolveProblem as problem:
            self._problem = problem

    def cancel(self) -> None:
        """Stop: nothing was solved yet."""
        self.stop(f"{self.title} was stopped before anything was solved.")

    def stop(self, said: str) -> None:
        """Leave the scene as it was.

        Args:
            said: why.
        """
        if not self.over:
            self._stopped = said
            self._bit.stop()

    def failure(self) -> Optional[FaceSolveProblem]:
        """Why it could not be written; None where it could."""
        return self._problem

    def verdict(self) -> str:
        """How it went, in one line."""
        return self._stopped or (f"Shot written: {self.plan.folder}" if self.plan is not None else "")

    def describe(self) -> str:
        """What goes on, in one line for panel and status bar."""
        return f"{self.title}: reading the scene"

    def warnings(self) -> List[str]:
        """What the artist should know though nothing failed."""
        return list(self.plan.warnings) if self.plan is not None else []
