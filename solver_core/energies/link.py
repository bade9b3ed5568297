"""Energies that tie several frames together, and their sum as a quadratic over the frames that may move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.optimise.chain import ChainQuadratic

TURN, SHIFT = 0.5, 0.5  # radians, head radii: no step goes farther
ONE = np.array([0])


class Link(Protocol):
    """A sum of squared residuals over a few frames, named by their indices in the shot."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames it depends on."""

    def residual(self, poses: Sequence[Pose]) -> Floats:
        """[M] at one pose for each of `frames`."""

    def linear(self, poses: Sequence[Pose], free: FreeParameters) -> tuple[Floats, list[Floats]]:
        """Residuals [M] and for each of `frames` their Jacobian [M,P]."""


@dataclass(frozen=True)
class Single:
    """An energy of one frame as a link."""

    frame: int
    energy: Energy  # of a batch of one

    @property
    def frames(self) -> tuple[int, ...]:
        """The frame."""
        return (self.frame,)

    def residual(self, poses: Sequence[Pose]) -> Floats:
        """[M]."""
        return self.energy.residual(poses[0], ONE)[0]

    def linear(self, poses: Sequence[Pose], free: FreeParameters) -> tuple[Floats, list[Floats]]:
        """[M] and [[M,P]]."""
        residual, jacobian = self.energy.linear(poses[0], ONE, free)
        return residual[0], [jacobian[0]]


class LinkedFrames:
    """The Gauss-Newton model of many links over the frames that may move, link by link.

    A long shot's links do not fit in memory together.
    """

    def __init__(self, rig: Rig, pose: Pose, moving: Ints, free: FreeParameters) -> None:
        """At the shot's poses, with the free parameters of the `moving` frames; everything else is constant."""
        self.pose, self.moving, self.free = pose, moving, free
        self._reach = np.array([TURN] * 3 + [SHIFT * rig.radius] * 3)
        self._problem = FaceProblem([], rig, free)
        self._place = {int(frame): at for at, frame in enumerate(moving)}
        self.model = ChainQuadratic.zero(len(moving), free.size)

    def moves(self, frame: int) -> bool:
        """Whether a frame may move."""
        return frame in self._place

    def add(self, link: Link) -> None:
        """Add a link; one whose residuals are not finite says nothing."""
        residual, jacobians = link.linear([self.pose[f : f + 1] for f in link.frames], self.free)
        own = [
            (self._place[f], jacobian) for f, jacobian in zip(link.frames, jacobians, strict=True) if f in self._place
        ]
        if own and np.isfinite(residual).all():
            self.model.add(
                tuple(at for at, _ in own), residual.astype(np.float64), [j.astype(np.float64) for _, j in own]
            )

    def take(self, frames: Ints, model: ChainQuadratic) -> None:
        """Add a model of some of the moving frames."""
        self.model.take(model, [self._place[int(frame)] for frame in frames])

    def move(self, sweeps: int, *, parallel: bool = False, only: set[int] | None = None) -> None:
        """Move the frames (`only` these of them) to the model's minimum inside the sliders.

        They move no farther than it can be trusted.
        """
        here = self.pose[self.moving]
        low, high = self._problem.bounds(here)
        low[:, self.free.head], high[:, self.free.head] = -self._reach, self._reach
        if only is not None:
            still = ~np.isin(self.moving, list(only))
            low[still], high[still] = 0.0, 0.0
        step = self.model.minimum(low, high, sweeps, parallel=parallel)
        moved = np.flatnonzero(step.any(1))
        self.pose.assign(self.moving[moved], self._problem.stepped(here[moved], step[moved]))
