"""Joints: bones that carry part of the face by linear blend skinning (Section 4).

There can be any number of them; the jaw is the first.

All joints hang on the head itself: a joint that another one carries along (a chain of parents) is not modelled yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver_core import protocol
from solver_core.common.arrays import Floats, Ints
from solver_core.face.blocks import RIGID, RigidMotion, turning

JAW = protocol.JAW
# The jaw's own values, and those of a joint that does not say.
# Radians that cost as much as a weight of 1: an open mouth (20 degrees) costs an eighth of a key that does the same.
TURN = 1.0
SHIFT = 0.02  # of the head's radius, some 3 mm: a jaw slides little, and a slide looks much like lips that move


@dataclass(frozen=True)
class Joint:
    """How a joint lies in the head, how much of each of V vertices it carries, and what of it is solved."""

    weight: Floats  # [V] 0 to 1, normalised as Blender's armature modifier does
    rest: Floats  # [4,4] its rest axes and head in the mesh's own space
    # which of its six parameters a solve may change: rotation vector, then translation, both in its rest axes
    solved: Ints = field(default_factory=lambda: np.arange(RIGID))
    turn: float = TURN  # radians that its prior lets cost as much as a weight of 1
    shift: float = SHIFT  # of the head's radius, likewise

    def axes(self, scale: Floats) -> Floats:  # [3] local units to metres
        """[3,3]: a shift in the joint's space as a shift of the head's surface, metres."""
        axes: Floats = scale[:, None] * self.rest[:3, :3]
        return axes

    def placed(self, motion: RigidMotion, scale: Floats) -> Placed:  # B frames
        """What the motion does to points, in metres and the head's own axes."""
        axes = self.axes(scale)
        return Placed(axes, np.linalg.inv(axes), scale * self.rest[:3, 3], motion)


@dataclass(frozen=True)
class Placed:
    """A joint at its motions in B frames, in metres and the head's own axes.

    It moves a point that it carries whole by `turn @ p + shift`.
    """

    axes: Floats  # [3,3] Joint.axes
    inverse: Floats  # [3,3]
    head: Floats  # [3] metres
    motion: RigidMotion  # B frames

    @property
    def turn(self) -> Floats:
        """[B,3,3] what a point is moved by, by its place; 0 at rest."""
        return self.axes @ (self.motion.rotation - np.eye(3)) @ self.inverse

    @property
    def shift(self) -> Floats:
        """[B,3] metres: what every point is moved by besides; the turn is about the joint's head."""
        return self.motion.translation @ self.axes.T - self.turn @ self.head

    def derivative(self, places: Floats, share: Floats, maps: Floats) -> Floats:
        """Derivative of `maps @ points` by a step of the joint.

        Args:
            places: [B,n,3] of the points, times the joint's share of them.
            share: [B,n].
            maps: [B,n,m,3].

        Returns:
            [B,n,m,6].
        """
        kind = places.dtype
        arm = (places - share[..., None] * self.head.astype(kind)) @ self.inverse.T.astype(kind)
        arm = arm @ self.motion.rotation.swapaxes(1, 2).astype(kind)
        own = (maps.reshape(len(maps), -1, 3) @ self.axes.astype(kind)).reshape(maps.shape)
        return np.concatenate([turning(arm, own), share[..., None, None] * own], -1)
