"""Which of a pose's parameters a step frees, and which column of the step and of a Jacobian each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.blocks import RIGID
from solver_core.face.pose import Pose


@dataclass(frozen=True)
class FreeParameters:
    """P columns: six of the head, the weights', then each joint's.

    The head's are there even where it may not move (its bounds are then 0).

    Energies ask for the columns of a block by `head`, `weights` and `joint`.
    """

    keys: Ints  # [k] indices of shape keys
    joints: Mapping[str, Ints] = field(default_factory=dict)  # by name, which of the joint's six parameters, ascending
    rotation: bool = True
    translation: bool = True

    @property
    def size(self) -> int:
        """P."""
        return RIGID + len(self.keys) + sum(map(len, self.joints.values()))

    @property
    def count(self) -> int:
        """How many parameters may change: fewer than P where the head may not move."""
        return int(self.movable.sum())

    @property
    def movable(self) -> Bools:
        """[P] false where the head may not move."""
        movable = np.ones(self.size, bool)
        movable[:3], movable[3:RIGID] = self.rotation, self.translation
        return movable

    @property
    def head(self) -> slice:
        """The columns of the head's rotation vector and translation."""
        return slice(0, RIGID)

    @property
    def weights(self) -> slice:
        """The columns of `keys`."""
        return slice(RIGID, RIGID + len(self.keys))

    def joint(self, name: str) -> slice:
        """The columns of a joint's free parameters; none where it is not free."""
        first = RIGID + len(self.keys)
        for other, own in self.joints.items():
            if other == name:
                return slice(first, first + len(own))
            first += len(own)
        return slice(first, first)

    def of_whole(self, pose: Pose) -> Ints:
        """[P] where the pose's whole step has each of the columns."""
        joints = [pose.joint_columns(name).start + own for name, own in self.joints.items()]
        return np.concatenate([np.arange(RIGID), RIGID + self.keys, *joints]).astype(int)

    def stepped(self, pose: Pose, step: Floats) -> Pose:  # step [B,P]
        """The poses after a step in the free parameters."""
        whole = np.zeros((len(pose), pose.size))
        whole[:, self.of_whole(pose)] = step
        return pose.stepped(whole)

    def bounds(
        self, pose: Pose, low: Floats, high: Floats
    ) -> tuple[Floats, Floats]:  # low, high [k] of the keys' sliders
        """[B,P] the lowest and highest step: sliders bound the weights, and a head that is not free may not move."""
        lowest, highest = np.full((len(pose), self.size), -np.inf), np.full((len(pose), self.size), np.inf)
        lowest[:, ~self.movable] = highest[:, ~self.movable] = 0.0
        lowest[:, self.weights], highest[:, self.weights] = pose.shape.bounds(self.keys, low, high)
        return lowest, highest
