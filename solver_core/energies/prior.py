"""Weights held near a value, the jaw near its rest, poses near an earlier stage's (the paper's lambda * w, Section 9.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Floats, Ints
from solver_core.face.jaw import FREEDOM, JawMotion, at_rest
from solver_core.face.pose import RIGID, Pose
from solver_core.face.rig import Rig

JAW_TURN = 1.0  # radians that cost as much as a weight of 1: an open mouth (20 degrees) costs an eighth of a key that does the same
JAW_SHIFT = 0.02  # of the head's radius, some 3 mm: a jaw slides little, and a slide looks much like lips that move


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
        columns = np.flatnonzero(keys < pose.weights.shape[1])
        jacobian[:, keys[columns], RIGID + columns] = np.sqrt(self.strength[index][:, keys[columns]])
        return self.residual(pose, index), jacobian


@dataclass(frozen=True)
class JawPrior:
    """The jaw bone near its rest, or near `target`: `sqrt(strength) * ((R - 1) / (sqrt(2) turn), axes @ translation / shift)`.

    The first part's square is 4 sin^2(angle / 2) / turn^2: the squared angle, for what a jaw can do, with an exact derivative.
    """

    axes: Floats  # [3,3] JawBone.axes
    turn: float  # radians that cost as much as a weight of 1
    shift: float  # metres that do
    strength: float
    target: JawMotion | None = None  # B frames; None: at rest

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,12]."""
        jaw = pose.jaw or at_rest(len(pose))
        target = at_rest(len(pose)) if self.target is None else self.target[index]
        turned = (jaw.rotation - target.rotation).reshape(-1, 9) / (np.sqrt(2) * self.turn)
        shifted = (jaw.translation - target.translation) @ self.axes.T / self.shift
        return np.sqrt(self.strength) * np.concatenate([turned, shifted], 1)

    def linear(self, pose: Pose, index: Ints, keys: Ints) -> tuple[Floats, Floats]:
        """[b,12] and [b,12,6+k]."""
        jaw, count = pose.jaw or at_rest(len(pose)), len(index)
        whole = np.zeros((count, 12, FREEDOM))
        # d(exp(omega) R)/d omega at 0: column c of R moves by omega x R[:,c]
        turned = np.cross(np.eye(3)[:, None, None], jaw.rotation.swapaxes(1, 2)[None])  # [3,b,column,row]
        whole[:, :9, :3] = turned.transpose(1, 3, 2, 0).reshape(count, 9, 3) / (np.sqrt(2) * self.turn)
        whole[:, 9:, 3:] = self.axes / self.shift
        jacobian = np.zeros((count, 12, RIGID + len(keys)))
        first = pose.weights.shape[1]
        columns = np.flatnonzero(keys >= first)
        jacobian[..., RIGID + columns] = np.sqrt(self.strength) * whole[..., keys[columns] - first]
        return self.residual(pose, index), jacobian


def jaw_prior(rig: Rig, strength: float, target: JawMotion | None = None) -> list[JawPrior]:
    """The rig's jaw held softly in its turn and firmly in its shift, near rest or a target; none where it has no jaw bone."""
    if rig.jaw is None:
        return []
    return [JawPrior(rig.jaw.axes(rig.scale), JAW_TURN, JAW_SHIFT * rig.radius, strength, target)]


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
