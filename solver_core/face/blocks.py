"""Parameter blocks: what a step of the solver changes.

Each has its own way to take a step and to say what step leads from one value to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Bools, Floats, Ints

RIGID = 6  # parameters of a rigid step: rotation vector (radians), then translation


class Block(Protocol):
    """One block's values in B frames. `other.stepped(self.step_from(other))` is `self`."""

    @property
    def size(self) -> int:
        """How many parameters a step of it has."""

    def __getitem__(self, index: Ints | Bools | slice) -> Self:
        """Some of the frames, copied."""

    def assign(self, index: Ints | Bools, other: Self) -> None:
        """Write `other` into the frames at `index`."""

    def differs(self, other: Self) -> Bools:  # other B frames
        """[B] whether any bit of a frame's values is another."""

    def step_from(self, other: Self) -> Floats:  # other B frames
        """[B,size] the step that leads from the others here."""

    def stepped(self, step: Floats) -> Self:  # step [B,size]
        """The values after a step."""

    def toward(self, other: Self, share: Floats) -> Self:  # other B frames, share [B] 0 to 1
        """Between these values and others."""


@dataclass
class RigidMotion:
    """A turn and a shift, `p' = rotation @ p + translation`.

    It is that of the head in the world, or of a joint from its rest in its own axes.

    A step is a rotation vector applied on the left (about the origin of the motion's space), and a translation.
    Rotation vectors have no gimbal lock and stay well scaled, which Euler angles do not; Euler angles appear only where
    keys are written.
    """

    rotation: Floats  # [B,3,3]
    translation: Floats  # [B,3] of the head metres, of a joint units of its own space

    @property
    def size(self) -> int:
        """Six."""
        return RIGID

    def copy(self) -> RigidMotion:
        """A deep copy."""
        return self[:]

    def __getitem__(self, index: Ints | Bools | slice) -> RigidMotion:
        """Some of the frames, copied."""
        return RigidMotion(self.rotation[index].copy(), self.translation[index].copy())

    def assign(self, index: Ints | Bools, other: RigidMotion) -> None:
        """Write `other` into the frames at `index`."""
        self.rotation[index], self.translation[index] = other.rotation, other.translation

    def differs(self, other: RigidMotion) -> Bools:  # other B frames
        """[B] whether any bit of a frame's motion is another."""
        turned: Bools = (self.rotation != other.rotation).any((1, 2))
        return turned | (self.translation != other.translation).any(1)

    def step_from(self, other: RigidMotion) -> Floats:  # other B frames
        """[B,6] the step that leads from the others here."""
        turn = Rotation.from_matrix(self.rotation @ other.rotation.swapaxes(1, 2)).as_rotvec()
        return np.concatenate([turn, self.translation - other.translation], 1)

    def stepped(self, step: Floats) -> RigidMotion:  # step [B,6]
        """The motions after a step."""
        turn = Rotation.from_rotvec(step[:, :3]).as_matrix()
        return RigidMotion(turn @ self.rotation, self.translation + step[:, 3:])

    def toward(self, other: RigidMotion, share: Floats) -> RigidMotion:  # other B frames, share [B] 0 to 1
        """Between these motions and others: translation linearly, rotation along the shortest turn (slerp)."""
        part = share[:, None]
        return RigidMotion(
            slerp(self.rotation, other.rotation, share), (1 - part) * self.translation + part * other.translation
        )


@dataclass
class Weights:
    """Values of K shape keys; a step is added."""

    values: Floats  # [B,K]

    @property
    def size(self) -> int:
        """K."""
        return int(self.values.shape[1])

    def __getitem__(self, index: Ints | Bools | slice) -> Weights:
        """Some of the frames, copied."""
        return Weights(self.values[index].copy())

    def assign(self, index: Ints | Bools, other: Weights) -> None:
        """Write `other` into the frames at `index`."""
        self.values[index] = other.values

    def differs(self, other: Weights) -> Bools:  # other B frames
        """[B] whether any bit of a frame's values is another."""
        differ: Bools = (self.values != other.values).any(1)
        return differ

    def step_from(self, other: Weights) -> Floats:  # other B frames
        """[B,K] the step that leads from the others here."""
        return self.values - other.values

    def stepped(self, step: Floats) -> Weights:  # step [B,K]
        """The values after a step."""
        return Weights(self.values + step)

    def toward(self, other: Weights, share: Floats) -> Weights:  # other B frames, share [B] 0 to 1
        """Between these values and others, linearly."""
        part = share[:, None]
        return Weights((1 - part) * self.values + part * other.values)

    def bounds(self, keys: Ints, low: Floats, high: Floats) -> tuple[Floats, Floats]:  # [k], [k], [k]
        """[B,k] the lowest and highest step that keeps these keys in their sliders.

        A value outside may stay where it is.
        """
        values = self.values[:, keys]
        return np.minimum(low - values, 0), np.maximum(high - values, 0)


def turning(arm: Floats, maps: Floats) -> Floats:  # [B,n,3], [B,n,m,3]
    """[B,n,m,3] derivative of `maps @ (exp(omega) arm)` by the rotation vector omega at 0.

    A small omega changes it by `maps @ (omega x arm)`.
    """
    x, y, z = arm[..., None, 0], arm[..., None, 1], arm[..., None, 2]
    a, b, c = maps[..., 0], maps[..., 1], maps[..., 2]
    return np.stack([y * c - z * b, z * a - x * c, x * b - y * a], -1)  # arm x map, row by row


def at_rest(count: int) -> RigidMotion:
    """`count` frames of a joint that does not move."""
    return RigidMotion(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))


def slerp(first: Floats, second: Floats, share: Floats) -> Floats:  # [B,3,3] twice, [B] 0 to 1
    """[B,3,3] the share of the shortest turn from the first rotations to the second.

    This is spherical linear interpolation.
    """
    turn = Rotation.from_matrix(second @ first.swapaxes(1, 2)).as_rotvec()
    between: Floats = Rotation.from_rotvec(share[:, None] * turn).as_matrix() @ first
    return between
