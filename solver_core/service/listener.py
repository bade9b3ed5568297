"""Who is told how a solve goes on, and how much of it is done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from solver_core.common.arrays import Floats
from solver_core.face.blocks import RigidMotion


@dataclass(frozen=True)
class FrameResult:
    """A frame's latest result; a later stage may send a better one."""

    frame: int
    status: str  # of protocol.FRAME_STATUSES
    error_px: float  # NaN where failed or where no camera sees the face
    rotation: Floats  # [3,3]
    translation: Floats  # [3]
    weights: Floats  # [K]
    stage: str
    reason: str = ""
    joints: Mapping[str, RigidMotion] = field(default_factory=dict)  # 1 frame each
    error: float = math.nan  # thousandths of the face's size in the plate
    regions: Mapping[str, float] = field(default_factory=dict)  # the same of protocol.REGIONS, those that are known
    doubt: str = ""  # why the face cannot be so although it was solved


class Listener(Protocol):
    """Hears of a solve, and may stop it."""

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None:
        """`done` of `total` steps of this stage; `fraction` (0 to 1) of the whole solve."""

    def frame(self, result: FrameResult) -> None:
        """A frame is done in this stage."""

    def warning(self, message: str) -> None:
        """Something the artist should know; the solve goes on."""

    def cancelled(self) -> bool:
        """True when the solve should stop where it is and keep what is done."""


class Silent:
    """Hears and says nothing."""

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None:
        """Ignored."""

    def frame(self, result: FrameResult) -> None:
        """Ignored."""

    def warning(self, message: str) -> None:
        """Ignored."""

    def cancelled(self) -> bool:
        """Never."""
        return False


@dataclass
class Progress:
    """Turns steps of stages into a fraction of the whole and a time left, by the stages' expected shares."""

    listener: Listener
    shares: dict[str, float]  # stage -> expected time, any unit
    clock: Callable[[], float] = time.monotonic
    _before: float = 0.0
    _stage: str = ""
    _started: float = field(default=-1.0)

    def step(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of `stage`; stages come in the order of `shares`."""
        if self._started < 0:
            self._started = self.clock()
        if stage != self._stage:
            names = list(self.shares)
            self._stage = stage
            self._before = sum(self.shares[n] for n in names[: names.index(stage)])
        whole = sum(self.shares.values())
        fraction = (self._before + self.shares[stage] * done / max(total, 1)) / whole
        elapsed = self.clock() - self._started
        left = elapsed * (1 - fraction) / fraction if fraction > 0.02 else -1.0
        self.listener.progress(stage, done, total, min(fraction, 1.0), left)
