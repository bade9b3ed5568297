"""Head poses, shape-key weights and the jaw bone of several frames, and how a step of the solver changes them (equation 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.jaw import JawMotion, slerp

RIGID = 6  # parameters of a rigid step: rotation vector (radians, world axes), then translation (metres)


@dataclass
class Pose:
    """B frames' parameters: `x_R = rotation @ x(weights, jaw) + translation`.

    A step is [B, 6 + K]: a rotation vector applied on the left (world axes, about the head's own origin), a translation, and
    weights added. With a jaw bone it is [B, 6 + K + 6]: a step of the jaw stands behind the weights. Rotation vectors have no
    gimbal lock and stay well scaled, which Euler angles do not; Euler angles appear only where keys are written.
    """

    rotation: Floats  # [B,3,3]
    translation: Floats  # [B,3] metres, world
    weights: Floats  # [B,K]
    jaw: JawMotion | None = None  # None: the rig has no jaw bone, or it rests

    def __len__(self) -> int:
        return len(self.translation)

    def copy(self) -> Pose:
        """A deep copy."""
        return self[:]

    def __getitem__(self, index: Ints | Bools | slice) -> Pose:
        """Some of the frames, copied."""
        jaw = None if self.jaw is None else self.jaw[index]
        return Pose(self.rotation[index].copy(), self.translation[index].copy(), self.weights[index].copy(), jaw)

    def assign(self, index: Ints | Bools, other: Pose) -> None:
        """Write `other` into the frames at `index`."""
        self.rotation[index], self.translation[index], self.weights[index] = (
            other.rotation,
            other.translation,
            other.weights,
        )
        if self.jaw is not None and other.jaw is not None:
            self.jaw.assign(index, other.jaw)

    def differs(self, other: Pose) -> Bools:  # other B poses
        """[B] whether any bit of a frame's parameters is another."""
        pairs = [(self.rotation, other.rotation), (self.translation, other.translation), (self.weights, other.weights)]
        if self.jaw is not None and other.jaw is not None:
            pairs += [(self.jaw.rotation, other.jaw.rotation), (self.jaw.translation, other.jaw.translation)]
        differ: Bools = np.any([(a != b).reshape(len(self), -1).any(1) for a, b in pairs], axis=0)
        return differ

    def step_from(self, other: Pose) -> Floats:  # other B poses
        """[B,6+K] or [B,6+K+6] the step that leads from the others here: `other.stepped(self.step_from(other))` is this pose."""
        parts = [
            _turn(self.rotation, other.rotation),
            self.translation - other.translation,
            self.weights - other.weights,
        ]
        if self.jaw is not None and other.jaw is not None:
            parts += [_turn(self.jaw.rotation, other.jaw.rotation), self.jaw.translation - other.jaw.translation]
        return np.concatenate(parts, 1)

    def toward(self, other: Pose, share: Floats) -> Pose:  # other B poses, share [B] 0 to 1
        """Between these poses and others: translation and weights linearly, rotation along the shortest turn (slerp); the jaw likewise."""
        part = share[:, None]
        jaw = self.jaw if self.jaw is None or other.jaw is None else self.jaw.toward(other.jaw, share)
        return Pose(
            slerp(self.rotation, other.rotation, share),
            (1 - part) * self.translation + part * other.translation,
            (1 - part) * self.weights + part * other.weights,
            jaw,
        )

    def stepped(self, step: Floats) -> Pose:  # step [B,6+K] or [B,6+K+6]
        """The poses after a step."""
        turn = Rotation.from_rotvec(step[:, :3]).as_matrix()
        behind = RIGID + self.weights.shape[1]
        jaw = self.jaw if self.jaw is None or step.shape[1] == behind else self.jaw.stepped(step[:, behind:])
        return Pose(turn @ self.rotation, self.translation + step[:, 3:6], self.weights + step[:, RIGID:behind], jaw)


def _turn(there: Floats, here: Floats) -> Floats:  # [B,3,3]
    """[B,3] rotation vectors that lead there from here, applied on the left."""
    turn: Floats = Rotation.from_matrix(there @ here.swapaxes(1, 2)).as_rotvec()
    return turn
