"""The interface of an energy, and the sum of several as a least-squares problem over poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.optimise.dogleg import Quadratic


class Energy(Protocol):
    """A sum of squared residuals for each of B frames.

    `index` says which of the B frames `pose` holds, in that order.
    """

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,M] residuals."""

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """Residuals [b,M] and their Jacobian [b,M,P] by the free parameters, in their columns."""


class FaceProblem:
    """Energies summed over the free parameters of B frames (optimise.dogleg.Problem)."""

    def __init__(self, energies: Sequence[Energy], rig: Rig, free: FreeParameters) -> None:
        self.energies = energies
        self.free = free
        self.low = rig.minimum[free.keys]
        self.high = rig.maximum[free.keys]

    def cost(self, pose: Pose, index: Ints) -> Floats:
        """[b] sum of all energies. A residual that is not finite makes the cost infinite."""
        total = np.zeros(len(index))
        for energy in self.energies:
            total += (energy.residual(pose, index).astype(np.float64) ** 2).sum(1)
        return np.where(np.isfinite(total), total, np.inf)

    def quadratic(self, pose: Pose, index: Ints) -> Quadratic:
        """The Gauss-Newton model."""
        size = self.free.size
        cost, gradient, hessian = np.zeros(len(index)), np.zeros((len(index), size)), np.zeros((len(index), size, size))
        for energy in self.energies:
            residual, jacobian = energy.linear(pose, index, self.free)
            cost += (residual.astype(np.float64) ** 2).sum(1)
            gradient += (residual[:, None] @ jacobian)[:, 0]
            hessian += jacobian.swapaxes(1, 2) @ jacobian
        return Quadratic(np.where(np.isfinite(cost), cost, np.inf), gradient, hessian)

    def stepped(self, pose: Pose, step: Floats) -> Pose:
        """Poses after a step in the free parameters [b,P]; weights never leave their sliders."""
        after = self.free.stepped(pose, step)
        # adding a step that ends at a bound can round past it
        after.weights[:, self.free.keys] = np.clip(after.weights[:, self.free.keys], self.low, self.high)
        return after

    def bounds(self, pose: Pose) -> tuple[Floats, Floats]:
        """Sliders bound the weights; parameters that are not free may not move."""
        return self.free.bounds(pose, self.low, self.high)

    def select(self, pose: Pose, index: Ints | Bools) -> Pose:
        """Some of the frames."""
        return pose[index]

    def assign(self, pose: Pose, index: Ints, value: Pose) -> None:
        """Write frames back."""
        pose.assign(index, value)
