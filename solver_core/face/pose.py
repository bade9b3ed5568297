"""A head's parameters in several frames as named blocks.

They are the head's rigid motion, shape-key weights, and the joints' motions (equation 1).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.blocks import Block, RigidMotion, Weights


class Pose:
    """B frames' parameters: `x_R = rotation @ x(weights, joints) + translation`.

    A whole step is [B, 6 + K + 6J]: the head's, the weights' and each joint's step in turn (`parameters.FreeParameters`
    names a part of it).

    Args:
        rotation: [B,3,3] of the head, world axes.
        translation: [B,3] of the head, metres, world.
        weights: [B,K].
        joints: by name, each B frames, in the rig's order; a joint that is not named rests.
    """

    def __init__(
        self, rotation: Floats, translation: Floats, weights: Floats, joints: Mapping[str, RigidMotion] | None = None
    ) -> None:
        self.head = RigidMotion(rotation, translation)
        self.shape = Weights(weights)
        self.joints = dict(joints or {})

    @property
    def rotation(self) -> Floats:
        """[B,3,3] of the head, world axes."""
        return self.head.rotation

    @property
    def translation(self) -> Floats:
        """[B,3] of the head, metres, world."""
        return self.head.translation

    @property
    def weights(self) -> Floats:
        """[B,K]."""
        return self.shape.values

    @property
    def blocks(self) -> list[Block]:
        """In the order of a whole step."""
        return [self.head, self.shape, *self.joints.values()]

    @property
    def size(self) -> int:
        """How many parameters a whole step has."""
        return sum(block.size for block in self.blocks)

    def joint_columns(self, name: str) -> slice:
        """Where a whole step has this joint's."""
        place = list(self.joints).index(name)
        first = self.head.size + self.shape.size + sum(block.size for block in list(self.joints.values())[:place])
        return slice(first, first + self.joints[name].size)

    def __len__(self) -> int:
        return len(self.translation)

    def copy(self) -> Pose:
        """A deep copy."""
        return self[:]

    def __getitem__(self, index: Ints | Bools | slice) -> Pose:
        """Some of the frames, copied."""
        return _pose(self.head[index], self.shape[index], {name: joint[index] for name, joint in self.joints.items()})

    def assign(self, index: Ints | Bools, other: Pose) -> None:
        """Write `other` into the frames at `index`."""
        self.head.assign(index, other.head)
        self.shape.assign(index, other.shape)
        for name, joint in self.joints.items():
            joint.assign(index, other.joints[name])

    def differs(self, other: Pose) -> Bools:  # other B poses
        """[B] whether any bit of a frame's parameters is another."""
        differ = self.head.differs(other.head) | self.shape.differs(other.shape)
        for name, joint in self.joints.items():
            differ = differ | joint.differs(other.joints[name])
        return differ

    def step_from(self, other: Pose) -> Floats:  # other B poses
        """[B,size] the whole step that leads from the others here.

        `other.stepped(self.step_from(other))` is this pose.
        """
        joints = [joint.step_from(other.joints[name]) for name, joint in self.joints.items()]
        return np.concatenate([self.head.step_from(other.head), self.shape.step_from(other.shape), *joints], 1)

    def stepped(self, step: Floats) -> Pose:  # step [B,size]
        """The poses after a whole step."""
        behind = self.head.size + self.shape.size
        if step.shape[1] != self.size:
            raise ValueError(f"a step of {step.shape[1]} parameters for a pose of {self.size}")
        return _pose(
            self.head.stepped(step[:, : self.head.size]),
            self.shape.stepped(step[:, self.head.size : behind]),
            {name: joint.stepped(step[:, self.joint_columns(name)]) for name, joint in self.joints.items()},
        )

    def toward(self, other: Pose, share: Floats) -> Pose:  # other B poses, share [B] 0 to 1
        """Between these poses and others, block by block."""
        return _pose(
            self.head.toward(other.head, share),
            self.shape.toward(other.shape, share),
            {name: joint.toward(other.joints[name], share) for name, joint in self.joints.items()},
        )


def _pose(head: RigidMotion, shape: Weights, joints: dict[str, RigidMotion]) -> Pose:
    return Pose(head.rotation, head.translation, shape.values, joints)
