"""Weights held near a value, joints near their rest, poses near an earlier stage's.

This is the paper's lambda * w (Section 9.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Floats, Ints
from solver_core.face.blocks import RIGID, RigidMotion, at_rest
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig


@dataclass(frozen=True)
class WeightPrior:
    """`sqrt(strength) * (w - target)`: plain L2 on the weights where the target is zero."""

    target: Floats  # [B,K]
    strength: Floats  # [B,K]

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,K]."""
        return np.sqrt(self.strength[index]) * (pose.weights - self.target[index])

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,K] and [b,K,P]."""
        jacobian = np.zeros((len(index), pose.weights.shape[1], free.size))
        columns = np.arange(free.size)[free.weights]
        jacobian[:, free.keys, columns] = np.sqrt(self.strength[index][:, free.keys])
        return self.residual(pose, index), jacobian


@dataclass(frozen=True)
class JointPrior:
    """A joint near its rest, or near `target`.

    Its residuals are `sqrt(strength) * ((R - 1) / (sqrt(2) turn), axes @ translation / shift)`.

    The first part's square is 4 sin^2(angle / 2) / turn^2: the squared angle, for what a jaw can do, with an exact
    derivative.
    """

    name: str
    axes: Floats  # [3,3] Joint.axes
    turn: float  # radians that cost as much as a weight of 1
    shift: float  # metres that do
    strength: float
    target: RigidMotion | None = None  # B frames; None: at rest

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,12]."""
        motion = self._motion(pose)
        target = at_rest(len(pose)) if self.target is None else self.target[index]
        turned = (motion.rotation - target.rotation).reshape(-1, 9) / (np.sqrt(2) * self.turn)
        shifted = (motion.translation - target.translation) @ self.axes.T / self.shift
        return np.sqrt(self.strength) * np.concatenate([turned, shifted], 1)

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,12] and [b,12,P]."""
        count = len(index)
        whole = np.zeros((count, 12, RIGID))
        # d(exp(omega) R)/d omega at 0: column c of R moves by omega x R[:,c]
        turned = np.cross(
            np.eye(3)[:, None, None], self._motion(pose).rotation.swapaxes(1, 2)[None]
        )  # [3,b,column,row]
        whole[:, :9, :3] = turned.transpose(1, 3, 2, 0).reshape(count, 9, 3) / (np.sqrt(2) * self.turn)
        whole[:, 9:, 3:] = self.axes / self.shift
        jacobian = np.zeros((count, 12, free.size))
        if self.name in free.joints:
            jacobian[..., free.joint(self.name)] = np.sqrt(self.strength) * whole[..., free.joints[self.name]]
        return self.residual(pose, index), jacobian

    def _motion(self, pose: Pose) -> RigidMotion:
        return pose.joints.get(self.name) or at_rest(len(pose))


def joint_priors(rig: Rig, strength: float, target: Mapping[str, RigidMotion] | None = None) -> list[JointPrior]:
    """Each of the rig's joints held as softly in its turn and in its shift as it says itself, near rest or a target."""
    targets = target or {}
    return [
        JointPrior(name, joint.axes(rig.scale), joint.turn, joint.shift * rig.radius, strength, targets.get(name))
        for name, joint in rig.joints.items()
    ]


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

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,6] and [b,6,P]. The derivative of the rotation vector is taken as the identity: deviations are small."""
        jacobian = np.zeros((len(index), RIGID, free.size))
        jacobian[:, range(3), range(3)] = 1 / self.rotation_sigma
        jacobian[:, range(3, 6), range(3, 6)] = 1 / self.translation_sigma
        return self.residual(pose, index), jacobian


@dataclass(frozen=True)
class HeadPrior:
    """The head near given poses, held differently in each direction: `root @ (turn, shift)`, radians and metres."""

    target: Pose  # B frames
    root: Floats  # [B,6,6] world axes

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,6]."""
        turn = Rotation.from_matrix(pose.rotation @ self.target.rotation[index].swapaxes(1, 2)).as_rotvec()
        moved = np.concatenate([turn, pose.translation - self.target.translation[index]], 1)
        return np.einsum("bxy,by->bx", self.root[index], moved)

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,6] and [b,6,P]. The derivative of the rotation vector is taken as the identity: deviations are small."""
        jacobian = np.zeros((len(index), RIGID, free.size))
        jacobian[..., free.head] = self.root[index]
        return self.residual(pose, index), jacobian
