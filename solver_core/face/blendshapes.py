"""The rig that artists have: linear blendshapes as Blender evaluates them, and joints after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from solver_core.common.arrays import Floats, Ints
from solver_core.face.blocks import RIGID, at_rest
from solver_core.face.joints import Joint, Placed
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig, SurfacePoints


@dataclass(frozen=True)
class BlendshapeRig(Rig):
    """A neutral, what each key adds to it, and J joints that carry the sum."""

    # [K,V,3]; in memory a vertex's keys lie side by side, so that a point between vertices is a few rows' sum
    deltas: Floats = field(kw_only=True)

    def __post_init__(self) -> None:
        """Bring the deltas into that order."""
        by_vertex = np.ascontiguousarray(np.moveaxis(self.deltas, 0, -1))
        object.__setattr__(self, "deltas", np.moveaxis(by_vertex, -1, 0))

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: the deltas as they lie in memory, which can be mapped there."""
        return {**self.__dict__, "deltas": self._by_vertex}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was."""
        self.__dict__.update({**state, "deltas": np.moveaxis(state["deltas"], -1, 0)})

    def local(self, pose: Pose) -> Floats:
        """[B,V,3] metres before the rigid transform."""
        weights = pose.weights.astype(self.deltas.dtype)
        moved = (self._by_vertex.reshape(self.neutral.size, len(self.names)) @ weights.T).T.reshape(len(pose), -1, 3)
        vertices: Floats = (self.neutral + moved) * self.scale.astype(self.neutral.dtype)
        out = vertices
        for name, motion in pose.joints.items():
            joint = self.joints[name]
            placed, kind = joint.placed(motion, self.scale), vertices.dtype
            away = vertices @ placed.turn.astype(kind).swapaxes(1, 2) + placed.shift.astype(kind)[:, None]
            out = out + joint.weight[:, None] * away
        return out

    def sample(self, triangle: Ints, barycentric: Floats) -> BlendshapePoints:  # [B,n], [B,n,3]
        """The material points at these places: one sparse product for all points, their keys and their joints."""
        corners = self.triangles[triangle]  # [B,n,3]
        kind = self.neutral.dtype
        share = barycentric.astype(kind)
        whole = np.stack([share, *(share * joint.weight[corners] for joint in self.joints.values())], 2)
        rows = whole.size // 3
        corner = np.broadcast_to(corners[:, :, None], whole.shape).reshape(-1)
        mix = csr_matrix((whole.reshape(-1), corner, np.arange(0, 3 * rows + 1, 3)), shape=(rows, len(self.neutral)))
        size = (*corners.shape[:2], 3 * whole.shape[2])
        return BlendshapePoints(
            (mix @ self.neutral).reshape(size),
            (mix @ self._by_vertex.reshape(len(self.neutral), 3 * len(self.names))).reshape(*size, len(self.names)),
            self.scale,
            self.joints,
            whole[:, :, 1:].sum(-1),
        )

    def every_vertex(self, count: int) -> BlendshapePoints:
        """All vertices as material points of `count` frames."""
        weight = np.stack([np.ones(len(self.neutral)), *(joint.weight for joint in self.joints.values())], 1)
        weight = weight.astype(self.neutral.dtype)
        neutral = (weight[..., None] * self.neutral[:, None]).reshape(len(self.neutral), -1)
        deltas = weight[..., None, None] * self._by_vertex[:, None]
        return BlendshapePoints(
            np.broadcast_to(neutral, (count, *neutral.shape)),
            np.broadcast_to(deltas.reshape(*neutral.shape, len(self.names)), (count, *neutral.shape, len(self.names))),
            self.scale,
            self.joints,
            np.broadcast_to(weight[:, 1:], (count, *weight[:, 1:].shape)),
        )

    def key_shapes(self, keys: Ints) -> Floats:
        """[k,V,3] metres: what each key at 1 moves the neutral's vertices by."""
        return self.deltas[keys] * self.scale

    @property
    def _by_vertex(self) -> Floats:
        """[V,3,K], contiguous."""
        return np.moveaxis(self.deltas, 0, -1)


@dataclass(frozen=True)
class BlendshapePoints(SurfacePoints):
    """Blendshapes restricted to n points of B frames, in local units.

    A point has 3(1+J) coordinates that are linear in the weights: its own, and behind them for each joint its own times
    the joint's share of it. Where it is depends on them linearly too, by the joints' motions alone.
    """

    neutral: Floats  # [B,n,3(1+J)]
    deltas: Floats  # [B,n,3(1+J),K]
    scale: Floats  # [3] to metres
    joints: Mapping[str, Joint]  # J
    share: Floats  # [B,n,J]

    @property
    def count(self) -> int:
        """N."""
        return int(self.neutral.shape[1])

    def __getitem__(self, index: Ints) -> BlendshapePoints:
        """Some of the frames; nothing is copied where they are all."""
        if np.array_equal(index, np.arange(len(self.neutral))):
            return self
        return BlendshapePoints(self.neutral[index], self.deltas[index], self.scale, self.joints, self.share[index])

    def local(self, pose: Pose) -> Floats:
        """[B,n,3] metres before the rigid transform."""
        joints, kind = self._placed(pose), self.neutral.dtype
        out = self._mixed(pose) @ self._spread(joints, len(pose)).swapaxes(1, 2)
        for j, joint in enumerate(joints.values()):
            out += self.share[..., j, None] * joint.shift.astype(kind)[:, None]
        return out

    def local_derivative(self, pose: Pose, free: FreeParameters, maps: Floats, out: Floats) -> None:
        """Write the derivative of `maps @ local` by the free weights and joints into `out` [B,n,m,P-6]."""
        joints = self._placed(pose)
        spread = (maps.reshape(len(maps), -1, 3) @ self._spread(joints, len(pose))).reshape(*maps.shape[:3], -1)
        keys, count = free.keys, self.deltas.shape[-1]
        if np.array_equal(keys, np.arange(count)):
            np.matmul(spread, self.deltas, out=out[..., :count])
        elif 2 * len(keys) < count:
            np.matmul(spread, self.deltas[..., keys], out=out[..., : len(keys)])
        else:
            out[..., : len(keys)] = (spread @ self.deltas)[..., keys]
        if not free.joints:
            return
        mixed = self._mixed(pose)
        for name, solved in free.joints.items():
            j = list(self.joints).index(name)
            places = mixed[..., 3 * (1 + j) : 3 * (2 + j)] * self.scale.astype(mixed.dtype)
            by_step = joints[name].derivative(places, self.share[..., j], maps)
            columns = free.joint(name)
            out[..., columns.start - RIGID : columns.stop - RIGID] = by_step[..., solved]

    def _mixed(self, pose: Pose) -> Floats:
        """[B,n,3(1+J)] the points' coordinates at the pose's weights."""
        weights = pose.weights.astype(self.deltas.dtype)[..., None]
        frames, points, coordinates, keys = self.deltas.shape
        flat = self.deltas.reshape(frames, points * coordinates, keys)
        mixed: Floats = self.neutral + (flat @ weights).reshape(self.neutral.shape)
        return mixed

    def _placed(self, pose: Pose) -> dict[str, Placed]:
        return {
            name: joint.placed(pose.joints.get(name) or at_rest(len(pose)), self.scale)
            for name, joint in self.joints.items()
        }

    def _spread(self, joints: Mapping[str, Placed], count: int) -> Floats:
        """[B,3,3(1+J)] from the points' coordinates to their places, metres, but for the joints' shifts."""
        itself = np.broadcast_to(np.eye(3), (count, 3, 3))
        turns = np.concatenate([itself, *(joint.turn for joint in joints.values())], 2)
        return (turns * np.tile(self.scale, 1 + len(joints))).astype(self.neutral.dtype)
