"""What stands in the artist's way, in the artist's words: a message and its remedy."""

from __future__ import annotations

from dataclasses import dataclass

ERROR = "ERROR"
WARNING = "WARNING"
INFO = "INFO"


@dataclass(frozen=True)
class Problem:
    """One finding about the scene.

    Args:
        level: `ERROR` (a solve cannot start), `WARNING` or `INFO`.
        message: what is the case, one sentence.
        remedy: what to do about it, one sentence; may be empty.
        mend: the operator that does it, such as `face_solve.setup_from_scene`; may be empty.
    """

    level: str
    message: str
    remedy: str = ""
    mend: str = ""

    def __str__(self) -> str:
        """Message and remedy as one line."""
        return f"{self.message} {self.remedy}".strip()


class FaceSolveProblem(Exception):
    """An error that the artist can mend; carries the sentence and its remedy."""

    def __init__(self, message: str, remedy: str = "", mend: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy
        self.mend = mend

    def as_problem(self) -> Problem:
        """The same as a line for the panel."""
        return Problem(ERROR, self.message, self.remedy, self.mend)
