"""Weights held near a value, and poses held near an earlier stage's (the paper's lambda * w, Section 9.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.arrays import Floats, Ints
from solver_core.pose import RIGID, Pose


@dataclass(frozen=True)
class WeightPrior:
    """`sqrt(strength) * (w - target)`: plain L2 on the weights where the target is zero."""

    target: Floats  # [B,K]
    strength: Floats  # [B,K]

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,K]."""
        return np.sqrt(self.strength[index]) * (pose.weights - self.target[index])

    def linear(self, pose: Pose, index: Ints, keys: Ints) -> tuple[Floats, Floats]:
        """[b,K] and [b,K,6+k]."""
        jacobian = np.zeros((len(index), pose.weights.shape[1], RIGID + len(keys)))
        jacobian[:, keys, RIGID + np.arange(len(keys))] = np.sqrt(self.strength[index][:, keys])
        return self.residual(pose, index), jacobian


@dataclass(frozen=True)
class PosePrior:
    """Deviation from earlier poses: `(turn / rotation_sigma, shift / translation_sigma)`, radians and metres."""

    target: Pose  # B frames
    rotation_sigma: float  # radians
    translation_sigma: float  # metres

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,6]."""
        turn = Rotation.from_matrix(pose.rotation @ self.target.rotation[index].swapaxes(1, 2)).as_rotvec()
        shift = pose.translation - self.target.translation[index]
        return np.concatenate([turn / self.rotation_sigma, shift / self.translation_sigma], 1)

    def linear(self, pose: Pose, index: Ints, keys: Ints) -> tuple[Floats, Floats]:
        """[b,6] and [b,6,6+k]. The derivative of the rotation vector is taken as the identity: deviations are small."""
        jacobian = np.zeros((len(index), RIGID, RIGID + len(keys)))
        jacobian[:, range(3), range(3)] = 1 / self.rotation_sigma
        jacobian[:, range(3, 6), range(3, 6)] = 1 / self.translation_sigma
        return self.residual(pose, index), jacobian
