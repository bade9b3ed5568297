"""The one exception that is written for the artist: what is wrong, and what to do about it."""

from __future__ import annotations


class FaceSolveError(Exception):
    """A problem that the artist can mend.

    Args:
        message: what is wrong, one sentence in an artist's words.
        remedy: what to do about it, one sentence; may be empty.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy
