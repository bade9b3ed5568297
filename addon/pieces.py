"""Long work in small pieces: generators that pause wherever Blender may go on in between, and answer at their end."""

from __future__ import annotations

import time
from typing import Generator, Generic, Optional, TypeVar

T = TypeVar("T")
Pieces = Generator[None, None, T]


def whole(pieces: Pieces[T]) -> T:
    """Do all of it at once."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            answer: T = end.value
            return answer


class Bit(Generic[T]):
    """Work that is done bit by bit.

    Args:
        pieces: the work.
    """

    def __init__(self, pieces: Pieces[T]) -> None:
        self._pieces = pieces
        self.answer: Optional[T] = None
        self.over = False
        self.longest = 0.0  # seconds that a bit has taken at most

    def go_on(self, seconds: float) -> None:
        """Do pieces until so much time has gone by; at least one.

        Raises:
            Exception: what the work raises; it is over then.
        """
        began = now = time.monotonic()
        while not self.over and (now == began or now - began < seconds):
            try:
                next(self._pieces)
            except StopIteration as end:
                self.answer, self.over = end.value, True
            except BaseException:
                self.over = True
                raise
            now = time.monotonic()
        self.longest = max(self.longest, now - began)

    def stop(self) -> None:
        """Leave it: what the work has changed for its own sake is put back."""
        self.over = True
        self._pieces.close()
