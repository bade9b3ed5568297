"""A warm solver that answers drags by pins: what it was asked last, and what it said; no bpy."""

from __future__ import annotations

import time
from typing import Mapping, Optional

from .. import protocol
from ..problem import FaceSolveProblem
from .frame_result import FrameResult, read_frame
from .process import Ended, Garbage, WorkerProcess

SILENCE_SECONDS = (
    180.0  # the first import of a large library from a slow disk; heartbeats come every second from then on
)


class Dragging:
    """One worker with one rig.

    Args:
        process: started, and not asked anything yet.
        rig: the path of its rig.npz.
    """

    def __init__(self, process: WorkerProcess, rig: str) -> None:
        self.process = process
        self.names: Optional[int] = None  # how many shape keys the rig has, once it is open
        self._asked = self._answered = 0
        self._heard = time.monotonic()
        self._ended = False
        self.open(rig)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._ended and self.process.exit_code() is None

    @property
    def waiting(self) -> bool:
        """Whether the newest drag has not been answered."""
        return self._answered < self._asked

    def open(self, rig: str) -> None:
        """Open a rig; what is asked later is about that one."""
        self.names = None
        self.process.send({"type": protocol.OPEN, "rig": rig})

    def ask(self, message: Mapping[str, object]) -> None:
        """Ask for a pose; older questions need no answer any more."""
        self._asked += 1
        self.process.send({**message, "number": self._asked})

    def poll(self) -> Optional[FrameResult]:
        """The newest answer that has arrived; None where there is none.

        Raises:
            FaceSolveProblem: where the solver cannot answer.
        """
        newest: Optional[FrameResult] = None
        for received in self.process.receive():
            self._heard = time.monotonic()
            if isinstance(received, Ended):
                self._ended = True
                raise FaceSolveProblem(
                    "The solver that answers drags has ended unexpectedly.", f"Its log may say why: {self.process.log}"
                )
            if not isinstance(received, Garbage):
                newest = self._read(received) or newest
        if self.waiting and time.monotonic() - self._heard > SILENCE_SECONDS:
            self._ended = True
            self.process.kill()
            raise FaceSolveProblem("The solver that answers drags is silent.", "Try again.")
        return newest

    def as_result(self, fields: Mapping[str, object]) -> FrameResult:
        """A pose of the rig's, as an answer has it."""
        return read_frame(fields, self.names or 0)

    def _read(self, message: protocol.Message) -> Optional[FrameResult]:
        kind = message["type"]
        if kind == protocol.HELLO and message.get("protocol") != protocol.PROTOCOL_VERSION:
            self._ended = True
            self.process.kill()
            raise FaceSolveProblem(
                "The add-on and the solver are of different releases.", "Install those of the same release."
            )
        if kind == protocol.OPENED and isinstance(message.get("names"), list):
            self.names = len(message["names"])
        if kind == protocol.FAILED:
            self._answered = self._asked
            raise FaceSolveProblem(str(message.get("message", ""))[:2000], str(message.get("remedy", ""))[:2000])
        if kind != protocol.DRAGGED or self.names is None:
            return None
        number = message.get("number")
        if not isinstance(number, int) or number <= self._answered:
            return None
        self._answered = number
        try:
            return read_frame({"status": protocol.SOLVED, **message}, self.names)
        except (TypeError, ValueError) as error:
            raise FaceSolveProblem(
                f"The solver's answer cannot be read: {error}.", "Install the solver again."
            ) from error
