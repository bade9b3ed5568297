"""One request to the solver as a state machine: what it was asked, how far it is, and how it ended."""

from __future__ import annotations

import enum
import math
import time
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

from .. import protocol
from ..problem import FaceSolveProblem
from ..solver_state import Weights
from . import interpreter
from .process import Ended, Garbage, WorkerProcess

HELLO_SECONDS = 180.0  # the first import of a large library from a slow disk
SILENCE_SECONDS = 30.0  # heartbeats come every second
CANCEL_SECONDS = 1.5  # what has arrived is on the timeline, and what was told is on disk: a solver that is busy need not be waited for
_MUCH_GARBAGE = 100


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
class JointMotion:
    """A joint in one frame, against its rest, in its own rest axes."""

    rotation: List[float]  # 9, row-major
    translation: List[float]  # 3, units of its armature


@dataclass(frozen=True)
class FrameResult:
    """A frame as the solver sent it: rotation (9, row-major) and translation (3, scene units) of the head, weights (K)."""

    frame: int
    status: str
    error_px: Optional[float]
    rotation: List[float]
    translation: List[float]
    weights: List[float]
    reason: str = ""
    joints: Dict[str, JointMotion] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """What the solver found for the whole shot: identity weights by shape key, factors of focal lengths by camera."""

    weights: Dict[str, float]
    focal: Dict[str, float]
    frames: List[int]  # that it was fitted on
    error_px: List[float]  # landmark distance with the keys at rest, and fitted


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
                except (KeyError, TypeError, ValueError) as error:
                    self._fail(
                        f"The solver sent a {received['type']!r} message that cannot be read ({error}).",
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
                str(message.get("stage", "")),
                min(1.0, max(0.0, float(message.get("fraction") or 0.0))),
                None if left is None else max(0.0, float(left)),
            )
        elif kind == protocol.FRAME:
            frames.append(self._read_frame(message))
        elif kind == protocol.WARNING:
            self.warnings.append(str(message["message"]))
        elif kind in (protocol.FINISHED, protocol.CANCELLED):
            self._finish(
                Outcome(
                    cancelled=kind == protocol.CANCELLED,
                    solution=str(message.get("solution") or ""),
                    seconds=float(message.get("seconds") or self.elapsed),
                )
            )
        elif kind == protocol.FITTED:
            self._finish(
                Outcome(solution=str(message["solution"]), seconds=float(message["seconds"]), fitted=_fitted(message))
            )
        elif kind == protocol.CHECKED:
            lines = [str(line) for line in message.get("lines", [])]
            if message.get("ok", True):
                self._finish(Outcome(lines=lines, weights=_read_weights(message), seconds=self.elapsed))
            else:
                self._fail("The solver's check found a problem: " + " ".join(lines), "")
        elif kind == protocol.LISTED:
            listed = _read_weights(message)
            lines = [f"{one.name}: {one.licence}; {one.state}." for one in listed]
            self._finish(Outcome(lines=lines, weights=listed, seconds=self.elapsed))
        elif kind == protocol.FAILED:
            self._fail(str(message["message"]), str(message.get("remedy") or ""))

    def _on_hello(self, message: protocol.Message) -> None:
        theirs = int(message["protocol"])
        if theirs != protocol.PROTOCOL_VERSION:
            older = "solver" if theirs < protocol.PROTOCOL_VERSION else "add-on"
            self._fail(
                f"The solver speaks version {theirs} of the protocol and this add-on version {protocol.PROTOCOL_VERSION}.",
                f"Update the {older}.",
            )
            return
        if self.state is State.STARTING:
            self.state = State.RUNNING
            self.process.send(self.request)

    def _read_frame(self, message: protocol.Message) -> FrameResult:
        error_px = message.get("error_px")
        result = FrameResult(
            frame=int(message["frame"]),
            status=str(message["status"]),
            error_px=None if error_px is None else float(error_px),
            rotation=[float(value) for value in message["rotation"]],
            translation=[float(value) for value in message["translation"]],
            weights=[float(value) for value in message["weights"]],
            reason=str(message.get("reason") or ""),
            joints={
                str(name): JointMotion(_numbers(joint, "rotation", 9), _numbers(joint, "translation", 3))
                for name, joint in message.get("joints", {}).items()
            },
        )
        if result.status not in protocol.FRAME_STATUSES:
            raise ValueError(f"unknown status {result.status!r}")
        if (len(result.rotation), len(result.translation), len(result.weights)) != (9, 3, self.weight_count):
            raise ValueError(f"wrong number of values at frame {result.frame}")
        if not all(map(math.isfinite, (*result.rotation, *result.translation, *result.weights))):
            raise ValueError(f"not a number at frame {result.frame}")
        return result

    def _on_garbage(self, line: Garbage) -> None:
        self._garbage += 1
        if self._garbage == 1 and self.state is not State.STARTING:
            self.warnings.append(f"The solver printed something that is no message: {bytes(line[:60])!r}.")
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


def _numbers(fields: Dict[str, object], name: str, count: int) -> List[float]:
    """The finite numbers of a field."""
    values = [float(value) for value in fields[name]]
    if len(values) != count or not all(map(math.isfinite, values)):
        raise ValueError(f"{name} has no {count} finite numbers")
    return values


def _read_weights(message: protocol.Message) -> List[Weights]:
    return [Weights(**{name: item[name] for name in Weights.__annotations__}) for item in message.get("weights", [])]


def _fitted(message: protocol.Message) -> Fitted:
    names, weights = message["names"], [float(value) for value in message["weights"]]
    focal = {str(camera): float(factor) for camera, factor in message["focal"].items()}
    if len(names) != len(weights) or not all(map(math.isfinite, [*weights, *focal.values()])):
        raise ValueError("wrong or missing numbers")
    found = dict(zip(map(str, names), weights, strict=True))
    return Fitted(found, focal, [int(f) for f in message["frames"]], [float(e) for e in message["error_px"]])
