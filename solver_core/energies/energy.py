"""The interface of an energy, and the sum of several as a least-squares problem over poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.jaw import FREEDOM
from solver_core.face.pose import RIGID, Pose
from solver_core.face.rig import Rig
from solver_core.optimise.dogleg import Quadratic


class Energy(Protocol):
    """A sum of squared residuals for each of B frames. `index` says which of the B frames `pose` holds, in that order."""

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,M] residuals."""

    def linear(self, pose: Pose, index: Ints, keys: Ints) -> tuple[Floats, Floats]:
        """Residuals [b,M] and their Jacobian [b,M,6+len(keys)] by rotation vector, translation and what `keys` names.

        `keys` are indices of shape keys; from K on they are the jaw bone's parameters (Rig.jaw_columns).
        """


@dataclass(frozen=True)
class Free:
    """Which parameters a solve may change."""

    keys: Ints  # indices of shape keys, and of the jaw bone's parameters (Rig.jaw_columns)
    rotation: bool = True
    translation: bool = True


class FaceProblem:
    """Energies summed over the free parameters of B frames (optimise.dogleg.Problem)."""

    def __init__(self, energies: Sequence[Energy], rig: Rig, free: Free) -> None:
        self.energies = energies
        self.free = free
        self._shape = free.keys[free.keys < len(rig.names)]
        self._slider = RIGID + np.flatnonzero(free.keys < len(rig.names))  # their columns
        self.low = rig.minimum[self._shape]
        self.high = rig.maximum[self._shape]
        self._full = RIGID + len(rig.names) + (0 if rig.jaw is None else FREEDOM)

    def cost(self, pose: Pose, index: Ints) -> Floats:
        """[b] sum of all energies. A residual that is not finite makes the cost infinite."""
        total = np.zeros(len(index))
        for energy in self.energies:
            total += (energy.residual(pose, index).astype(np.float64) ** 2).sum(1)
        return np.where(np.isfinite(total), total, np.inf)

    def quadratic(self, pose: Pose, index: Ints) -> Quadratic:
        """The Gauss-Newton model."""
        size = RIGID + len(self.free.keys)
        cost, gradient, hessian = np.zeros(len(index)), np.zeros((len(index), size)), np.zeros((len(index), size, size))
        for energy in self.energies:
            residual, jacobian = energy.linear(pose, index, self.free.keys)
            cost += (residual.astype(np.float64) ** 2).sum(1)
            across = jacobian.swapaxes(1, 2)
            gradient += (across @ residual[..., None])[..., 0]
            hessian += across @ jacobian
        return Quadratic(np.where(np.isfinite(cost), cost, np.inf), gradient, hessian)

    def stepped(self, pose: Pose, step: Floats) -> Pose:
        """Poses after a step in the free parameters [b,6+k]; weights never leave their sliders."""
        full = np.zeros((len(pose), self._full))
        full[:, :RIGID] = step[:, :RIGID]
        full[:, RIGID + self.free.keys] = step[:, RIGID:]
        after = pose.stepped(full)
        # adding a step that ends at a bound can round past it
        after.weights[:, self._shape] = np.clip(after.weights[:, self._shape], self.low, self.high)
        return after

    def bounds(self, pose: Pose) -> tuple[Floats, Floats]:
        """Sliders bound the weights; parameters that are not free may not move."""
        size = RIGID + len(self.free.keys)
        low, high = np.full((len(pose), size), -np.inf), np.full((len(pose), size), np.inf)
        for wanted, part in ((self.free.rotation, slice(0, 3)), (self.free.translation, slice(3, 6))):
            if not wanted:
                low[:, part], high[:, part] = 0.0, 0.0
        weights = pose.weights[:, self._shape]
        low[:, self._slider] = np.minimum(self.low - weights, 0)
        high[:, self._slider] = np.maximum(self.high - weights, 0)
        return low, high

    def select(self, pose: Pose, index: Ints | Bools) -> Pose:
        """Some of the frames."""
        return pose[index]

    def assign(self, pose: Pose, index: Ints, value: Pose) -> None:
        """Write frames back."""
        pose.assign(index, value)
