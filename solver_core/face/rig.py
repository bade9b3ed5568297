"""The actor's head as the solver knows it: a mesh that follows parameters. `blendshapes.py` is one kind of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.blocks import turning
from solver_core.face.joints import Joint
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose

IDENTITY = "identity"  # the group of keys that make the head this actor's; no frame is solved for them


@dataclass(frozen=True)
class Rig(ABC):
    """V vertices, T triangles, K shape keys. Lengths are local units; `scale` takes them to metres.

    A kind of rig says where its vertices are (`local`) and gives material points of its surface (`sample`,
    `every_vertex`), which know their derivatives. Everything else asks it for no more than that.
    """

    neutral: Floats  # [V,3]
    triangles: Ints  # [T,3]
    names: tuple[str, ...]  # K
    minimum: Floats  # [K] of the sliders
    maximum: Floats  # [K]
    groups: tuple[str, ...]  # K
    solved: Bools  # [K] false: the key keeps the value it has
    strength: Floats  # [K] 1 by default; smaller holds a key nearer to zero
    scale: Floats  # [3]
    colors: Floats | None = None  # [V,3] albedo, linear
    joints: Mapping[str, Joint] = field(default_factory=dict)
    identity: Bools | None = None  # [K] keys that fit_rig may set; None: those of the group IDENTITY

    @abstractmethod
    def local(self, pose: Pose) -> Floats:
        """[B,V,3] vertices in metres before the rigid transform.

        They are x(w) of equation 1, the joints after the shape keys.
        """

    @abstractmethod
    def sample(self, triangle: Ints, barycentric: Floats) -> SurfacePoints:  # [B,n], [B,n,3]
        """The material points at these places on the surface, for evaluation at any pose."""

    @abstractmethod
    def every_vertex(self, count: int) -> SurfacePoints:
        """All vertices as material points of `count` frames."""

    def world(self, pose: Pose) -> Floats:
        """[B,V,3] vertices in world metres: x_R of equation 1."""
        return place(pose, self.local(pose))

    def key_shapes(self, keys: Ints) -> Floats:
        """[k,V,3] metres: what each key at 1 moves the neutral's vertices by, all others at 0."""
        weights = np.zeros((1 + len(keys), len(self.names)))
        weights[1 + np.arange(len(keys)), keys] = 1.0
        shapes = self.local(unmoved(weights))
        return shapes[1:] - shapes[:1]

    def as_actor(self, weights: Floats) -> Self:  # [K]
        """The head with its identity keys' shapes at these weights in its neutral: what a face at rest looks like."""
        own = self.in_group(IDENTITY)
        own[self.fittable] = True
        held = np.where(own, weights, 0.0)
        if not held.any():
            return self
        return replace(self, neutral=(self.local(unmoved(held[None]))[0] / self.scale).astype(self.neutral.dtype))

    @property
    def fittable(self) -> Ints:
        """Indices of the keys that fit_rig may set."""
        return np.flatnonzero(self.in_group(IDENTITY) if self.identity is None else self.identity)

    def in_group(self, group: str) -> Bools:
        """[K] which keys belong to a group."""
        return np.array([own == group for own in self.groups], bool)

    @property
    def radius(self) -> float:
        """Half the diagonal of the neutral's bounding box, metres: the scale of everything on this head."""
        box = self.neutral * self.scale
        return float(np.linalg.norm(box.max(0) - box.min(0)) / 2)


class SurfacePoints(ABC):
    """n material points of a rig for each of B frames."""

    @property
    @abstractmethod
    def count(self) -> int:
        """N."""

    @abstractmethod
    def __getitem__(self, index: Ints) -> SurfacePoints:
        """Some of the frames."""

    @abstractmethod
    def local(self, pose: Pose) -> Floats:
        """[B,n,3] metres before the rigid transform."""

    @abstractmethod
    def local_derivative(self, pose: Pose, free: FreeParameters, maps: Floats, out: Floats) -> None:
        """Write into `out` the derivative of `maps @ local` by the free weights and joints.

        Args:
            pose: B frames.
            free: P parameters.
            maps: [B,n,m,3] what is wanted of each point, a linear function of its place.
            out: [B,n,m,P-6]: the columns of `free` behind the head's.
        """

    def world(self, pose: Pose) -> Floats:
        """[B,n,3] world metres."""
        return place(pose, self.local(pose))

    def derivative(self, pose: Pose, world: Floats, free: FreeParameters, maps: Floats | None = None) -> Floats:
        """[B,n,m,P] float32: derivative of `maps @ world` by the free parameters.

        Args:
            pose: B frames.
            world: [B,n,3] the points there, as `world` says: whoever wants derivatives has them already.
            free: P parameters.
            maps: [B,n,m,3] a camera's derivative, say, so that no derivative of all three coordinates is made first;
                None: the coordinates.
        """
        wanted = np.broadcast_to(np.eye(3, dtype=np.float32), (*world.shape, 3)) if maps is None else maps
        wanted = wanted.astype(np.float32, copy=False)
        out = np.empty((*wanted.shape[:3], free.size), np.float32)
        out[..., :3] = turning((world - pose.translation[:, None]).astype(np.float32), wanted)
        out[..., 3:6] = wanted
        flat = wanted.reshape(len(out), -1, 3) @ pose.rotation.astype(np.float32)
        self.local_derivative(pose, free, flat.reshape(wanted.shape), out[..., 6:])
        return out


def place(pose: Pose, local: Floats) -> Floats:  # local [B,n,3]
    """The rigid part of equation 1.

    Kept in float64: a face stands metres from the origin and errors are micrometres.
    """
    return local @ pose.rotation.swapaxes(1, 2) + pose.translation[:, None]


def unmoved(weights: Floats) -> Pose:  # [B,K]
    """The head at the origin with these weights, its joints at rest."""
    return Pose(np.tile(np.eye(3), (len(weights), 1, 1)), np.zeros((len(weights), 3)), weights)
