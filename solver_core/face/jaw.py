"""The jaw bone: one joint of six degrees of freedom that carries part of the face by linear blend skinning (Section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Bools, Floats, Ints

FREEDOM = 6  # parameters of a step: rotation vector (radians), then translation, both in the bone's rest axes


@dataclass
class JawMotion:
    """The bone in B frames, counted from its rest, in its own rest axes: `p' = rotation @ p + translation`."""

    rotation: Floats  # [B,3,3]
    translation: Floats  # [B,3] units of the bone's space (the armature's own units)

    def copy(self) -> JawMotion:
        """A deep copy."""
        return JawMotion(self.rotation.copy(), self.translation.copy())

    def __getitem__(self, index: Ints | Bools | slice) -> JawMotion:
        """Some of the frames, copied."""
        return JawMotion(self.rotation[index].copy(), self.translation[index].copy())

    def assign(self, index: Ints | Bools, other: JawMotion) -> None:
        """Write `other` into the frames at `index`."""
        self.rotation[index], self.translation[index] = other.rotation, other.translation

    def toward(self, other: JawMotion, share: Floats) -> JawMotion:  # other B frames, share [B] 0 to 1
        """Between these motions and others: translation linearly, rotation along the shortest turn (slerp)."""
        part = share[:, None]
        return JawMotion(
            slerp(self.rotation, other.rotation, share), (1 - part) * self.translation + part * other.translation
        )

    def step_from(self, other: JawMotion) -> Floats:  # other B frames
        """[B,6] the step that leads from the others here: `other.stepped(self.step_from(other))` is this motion."""
        turn = Rotation.from_matrix(self.rotation @ other.rotation.swapaxes(1, 2)).as_rotvec()
        return np.concatenate([turn, self.translation - other.translation], 1)

    def stepped(self, step: Floats) -> JawMotion:  # step [B,6]
        """The motions after a step; the turn is about the bone's head, on the left."""
        turn = Rotation.from_rotvec(step[:, :3]).as_matrix()
        return JawMotion(turn @ self.rotation, self.translation + step[:, 3:])


def slerp(first: Floats, second: Floats, share: Floats) -> Floats:  # [B,3,3] twice, [B] 0 to 1
    """[B,3,3] the share of the shortest turn from the first rotations to the second (spherical linear interpolation)."""
    turn = Rotation.from_matrix(second @ first.swapaxes(1, 2)).as_rotvec()
    between: Floats = Rotation.from_rotvec(share[:, None] * turn).as_matrix() @ first
    return between


def at_rest(count: int) -> JawMotion:
    """`count` frames of a jaw that does not move."""
    return JawMotion(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))


@dataclass(frozen=True)
class JawBone:
    """How the bone lies in the head and how much of each of V vertices it carries."""

    weight: Floats  # [V] 0 to 1, normalised as Blender's armature modifier does
    rest: Floats  # [4,4] the bone's rest axes and head in the mesh's own space
    slides: bool = True  # false: only its rotation is solved (a bone connected to its parent cannot be moved)

    def axes(self, scale: Floats) -> Floats:  # [3] local units to metres
        """[3,3] float32: a shift in the bone's space as a shift of the head's surface, metres."""
        return (scale[:, None] * self.rest[:3, :3]).astype(np.float32)

    def grip(self, places: Floats, share: Floats, scale: Floats) -> Floats:  # [...,n,3] metres, [...,n]
        """[...,n,3] float32: `share` of the places, in the bone's space.

        The places must be weighted with `share` already (a sum over corners): the map is affine.
        """
        head = (scale * self.rest[:3, 3]).astype(np.float32)
        back: Floats = np.linalg.inv(self.axes(scale)).T
        return (places - share[..., None] * head) @ back

    def shift(self, vertices: Floats, motion: JawMotion, scale: Floats) -> Floats:  # [B,V,3] metres, B frames, [3]
        """[B,V,3] metres by which the bone moves the vertices, in the head's own axes."""
        arm = self.grip(self.weight[:, None] * vertices, self.weight, scale)
        return carry(arm, self.weight, motion, self.axes(scale))


@dataclass(frozen=True)
class Carried:
    """What the bone carries of n points of B frames, as blendshapes in the bone's space, times the bone's share of them."""

    axes: Floats  # [3,3] JawBone.axes
    share: Floats  # [B,n]
    neutral: Floats  # [B,n,3]
    deltas: Floats  # [K,B,n,3]

    def __getitem__(self, index: Ints) -> Carried:
        """Some of the frames."""
        return Carried(self.axes, self.share[index], self.neutral[index], self.deltas[:, index])

    def shift(self, weights: Floats, motion: JawMotion) -> Floats:  # [B,K]
        """[B,n,3] metres by which the bone moves the points, in the head's own axes."""
        return carry(self._arm(weights), self.share, motion, self.axes)

    def by_keys(self, keys: Ints, motion: JawMotion) -> Floats:
        """[k,B,n,3] derivative of `shift` by shape keys: what moves with the bone turns with it."""
        deltas = self.deltas[keys]
        turned = deltas @ motion.rotation.astype(np.float32).swapaxes(1, 2) - deltas
        return turned @ self.axes.T

    def by_jaw(self, weights: Floats, motion: JawMotion) -> Floats:
        """[6,B,n,3] derivative of `shift` by a step of the bone."""
        x, y, z = np.moveaxis(self._arm(weights) @ motion.rotation.astype(np.float32).swapaxes(1, 2), -1, 0)
        out = np.zeros((FREEDOM, *self.neutral.shape), np.float32)
        # d(exp(omega) arm)/d omega at 0 is the cross product omega x arm
        out[0, ..., 1], out[0, ..., 2] = -z, y
        out[1, ..., 0], out[1, ..., 2] = z, -x
        out[2, ..., 0], out[2, ..., 1] = -y, x
        for axis in range(3):
            out[3 + axis, ..., axis] = self.share
        return out @ self.axes.T

    def _arm(self, weights: Floats) -> Floats:
        return self.neutral + np.einsum("bk,kbnx->bnx", weights.astype(np.float32), self.deltas, optimize=True)


def carry(arm: Floats, share: Floats, motion: JawMotion, axes: Floats) -> Floats:  # [B,n,3], [B,n] or [n], [3,3]
    """[B,n,3] metres by which the bone moves points that are `arm` in its space (linear blend skinning)."""
    turned = arm @ motion.rotation.astype(np.float32).swapaxes(1, 2) - arm
    return (turned + share[..., None] * motion.translation.astype(np.float32)[:, None]) @ axes.T
