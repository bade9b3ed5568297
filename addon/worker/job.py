"""One request to the solver as a state machine: what it was asked, how far it is, and how it ended."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

from .. import protocol
from ..problem import FaceSolveProblem
from ..solver_report import Weights
from . import interpreter
from .frame_result import FrameResult, number, numbers, read_frame, text, whole
from .process import Ended, Garbage, WorkerProcess

HELLO_SECONDS = 180.0  # the first import of a large library from a slow disk
SILENCE_SECONDS = 30.0  # heartbeats come every second
# What has arrived is on the timeline, and what was told is on disk: a solver that is busy need not be waited for.
CANCEL_SECONDS = 1.5
_MUCH_GARBAGE = 100
_MANY_WARNINGS = 200
_LONGEST_WARNING = 2000  # letters


class State(enum.Enum):
    """Where a job stands."""

    STARTING = "starting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """True where nothing more will happen."""
        return self in (State.FINISHED, State.FAILED)


@dataclass(frozen=True)
class Fitted:
    """What the solver found for the whole shot: identity weights by shape key, factors of focal lengths by camera."""

    weights: Dict[str, float]
    focal: Dict[str, float]
    frames: List[int]  # that it was fitted on
    error_px: List[float]  # landmark distance with the keys at rest, and fitted
    focal_range: Dict[str, List[float]] = field(default_factory=dict)  # by camera, the lowest and highest factor


@dataclass
class Progress:
    """How far a job is; `seconds_left` is None while nobody knows."""

    stage: str = ""
    fraction: float = 0.0
    seconds_left: Optional[float] = None


@dataclass
class Outcome:
    """How a job ended."""

    cancelled: bool = False
    message: str = ""
    remedy: str = ""
    solution: str = ""
    seconds: float = 0.0
    log: str = ""  # the log file, where a failure left something in it
    lines: List[str] = field(default_factory=list)  # what a check found
    weights: List[Weights] = field(default_factory=list)  # what a check or a list said of the networks
    fitted: Optional[Fitted] = None  # what a fit of the rig found


class Job:
    """Drives one worker through one request. `poll` moves it on and never waits.

    Args:
        process: the started worker.
        request: the message to send after hello (`solve` or `check`).
        weight_count: how many weights a frame must have.
        clock: seconds, monotonic; a parameter for tests.
    """

    def __init__(
        self,
        process: WorkerProcess,
        request: protocol.Message,
        weight_count: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.process = process
        self.request = request
        self.weight_count = weight_count
        self.state = State.STARTING
        self.progress = Progress(stage="starting the solver")
        self.warnings: List[str] = []
        self.outcome = Outcome()
        self._clock = clock
        self._started = self._heard = clock()
        self._cancel_sent = 0.0
        self._garbage = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the job began."""
        return self._clock() - self._started

    def poll(self) -> List[FrameResult]:
        """Move on by what has arrived; returns the frames among it."""
        frames: List[FrameResult] = []
        if not self.state.over:
            self._receive(frames)
        return frames

    def _receive(self, frames: List[FrameResult]) -> None:
        for received in self.process.receive():
            if isinstance(received, Garbage):
                self._on_garbage(received)
            elif isinstance(received, Ended):
                self._on_end()
            else:
                self._heard = self._clock()
                try:
                    self._on_message(received, frames)
                except (TypeError, ValueError) as error:
                    self._fail(
                        f"The solver sent a {received['type'][:40]!r} message that cannot be read ({error}).",
                        "Update the solver and the add-on together.",
                    )
            if self.state.over:
                return
        self._on_clock()

    def cancel(self) -> None:
        """Ask the solver to stop; what is done is kept."""
        if self.state is State.STARTING:
            self.process.kill()
            self._finish(Outcome(cancelled=True, seconds=self.elapsed))
        elif self.state is State.RUNNING:
            self.state = State.CANCELLING
            self._cancel_sent = self._clock()
            self.process.send({"type": protocol.CANCEL})

    def abandon(self) -> None:
        """End the process now, whatever it does: the file or Blender is closing."""
        if not self.state.over:
            self.process.kill()
            self._finish(Outcome(cancelled=True, seconds=self.elapsed))

    def _on_message(self, message: protocol.Message, frames: List[FrameResult]) -> None:
        kind = message["type"]
        if kind == protocol.HELLO:
            self._on_hello(message)
        elif kind == protocol.PROGRESS:
            left = message.get("seconds_left")
            self.progress = Progress(
                text(message, "stage", ""),
                min(1.0, max(0.0, number({"fraction": 0.0, **message}, "fraction"))),
                None if left is None else max(0.0, number(message, "seconds_left")),
            )
        elif kind == protocol.FRAME:
            frames.append(read_frame(message, self.weight_count))
        elif kind == protocol.WARNING:
            self._warn(text(message, "message"))
        elif kind in (protocol.FINISHED, protocol.CANCELLED):
            seconds = number({"seconds": self.elapsed, **message}, "seconds")
            self._finish(Outcome(kind == protocol.CANCELLED, solution=text(message, "solution", ""), seconds=seconds))
        elif kind == protocol.FITTED:
            solution, seconds = text(message, "solution"), number(message, "seconds")
            self._finish(Outcome(solution=solution, seconds=seconds, fitted=_fitted(message)))
        elif kind == protocol.CHECKED:
            lines = _texts(message, "lines")
            if message.get("ok", True):
                self._finish(Outcome(lines=lines, weights=_read_weights(message), seconds=self.elapsed))
            else:
                self._fail("The solver's check found a problem: " + " ".join(lines), "")
        elif kind == protocol.LISTED:
            listed = _read_weights(message)
            lines = [f"{one.name}: {one.licence}; {one.state}." for one in listed]
            self._finish(Outcome(lines=lines, weights=listed, seconds=self.elapsed))
        elif kind == protocol.FAILED:
            self._fail(text(message, "message"), text(message, "remedy", ""))

    def _warn(self, sentence: str) -> None:
        """Keep what the artist should know; a flood of it is cut off."""
        if len(self.warnings) < _MANY_WARNINGS:
            self.warnings.append(sentence[:_LONGEST_WARNING])

    def _on_hello(self, message: protocol.Message) -> None:
        theirs = whole(message, "protocol", 0, 1 << 31)
        if theirs != protocol.PROTOCOL_VERSION:
            older = "solver" if theirs < protocol.PROTOCOL_VERSION else "add-on"
            self._fail(
                f"The solver speaks version {theirs} of the protocol "
                f"and this add-on version {protocol.PROTOCOL_VERSION}.",
                f"Update the {older}.",
            )
            return
        if self.state is State.STARTING:
            self.state = State.RUNNING
            self.process.send(self.request)

    def _on_garbage(self, line: Garbage) -> None:
        self._garbage += 1
        if self._garbage == 1 and self.state is not State.STARTING:
            self._warn(f"The solver printed something that is no message: {bytes(line[:60])!r}.")
        if self._garbage > _MUCH_GARBAGE:
            self._fail(
                f"{self.process.command[0]} prints things that are no messages of the solver ({bytes(line[:40])!r}).",
                "Choose the Python that the solver is installed in.",
            )

    def _on_end(self) -> None:
        exit_code = self.process.exit_code(2.0)
        if self.state is State.CANCELLING:
            self._finish(Outcome(cancelled=True, seconds=self.elapsed))
            return
        if self.state is State.STARTING:
            python = self.process.command[0]
            probe = interpreter.probe_version(python, interpreter.solver_environment({}))
            problem = interpreter.diagnose(python, self.process.log_tail(), exit_code, probe)
        else:
            problem = FaceSolveProblem(
                f"The solver stopped unexpectedly ({interpreter.describe_exit(exit_code)}).",
                "The frames that were finished are kept; solve the rest again, or read the log.",
            )
        self._fail(problem.message, problem.remedy)

    def _on_clock(self) -> None:
        now = self._clock()
        if self.state is State.CANCELLING and now - self._cancel_sent > CANCEL_SECONDS:
            self.process.kill()
            self._finish(Outcome(cancelled=True, seconds=self.elapsed))
        elif self.state is State.STARTING and now - self._started > HELLO_SECONDS:
            self._fail(
                f"The solver has not started within {HELLO_SECONDS:.0f} seconds; it was ended.",
                "Try again, or check the solver in the preferences.",
            )
        elif self.state is State.RUNNING and now - self._heard > SILENCE_SECONDS:
            self._fail(
                f"The solver has not answered for {SILENCE_SECONDS:.0f} seconds; it was ended.",
                "The frames that were finished are kept; solve the rest again.",
            )

    def _finish(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.state = State.FINISHED
        self.process.retire()

    def _fail(self, message: str, remedy: str) -> None:
        self.process.kill()
        log = str(self.process.log) if self.process.log_tail(1) else ""
        self.outcome = Outcome(message=message, remedy=remedy, seconds=self.elapsed, log=log)
        self.state = State.FAILED


def _texts(message: protocol.Message, name: str) -> List[str]:
    values = message.get(name, [])
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise ValueError(f"{name} holds something that is no text")
    return values


def _read_weights(message: protocol.Message) -> List[Weights]:
    listed = message.get("weights", [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise ValueError("weights is no list of networks")
    return [_network(item) for item in listed]


def _network(item: protocol.Message) -> Weights:
    fields: Dict[str, object] = {}
    for name, kind in Weights.__annotations__.items():  # annotations are texts: nothing of them is evaluated
        if kind == "int":
            fields[name] = whole(item, name, 0, 1 << 50)
        elif kind == "bool":
            fields[name] = bool(item.get(name))
        else:
            fields[name] = text(item, name)
    return Weights(**fields)  # type: ignore[arg-type]


def _fitted(message: protocol.Message) -> Fitted:
    names, focal = _texts(message, "names"), message.get("focal")
    frames, errors = message.get("frames"), message.get("error_px")
    if not isinstance(focal, dict) or not isinstance(frames, list) or not isinstance(errors, list):
        raise TypeError("focal, frames or error_px are missing")
    ranges = message.get("focal_range", {})
    if not isinstance(ranges, dict):
        raise TypeError("focal_range is no list of cameras with two factors")
    weights = numbers(message, "weights", len(names), protocol.LARGEST_WEIGHT)
    numbered = [{"frame": frame} for frame in frames]
    return Fitted(
        dict(zip(names, weights, strict=True)),
        {str(camera): number(focal, camera) for camera in focal},
        [whole(one, "frame", -protocol.FARTHEST_FRAME, protocol.FARTHEST_FRAME) for one in numbered],
        numbers(message, "error_px", len(errors), 1e9),
        {camera: numbers(ranges, camera, 2, 1e9) for camera in ranges},
    )
