"""Lips touch and do not pass: a one-sided energy on their inner edges' own points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.face.blocks import RIGID
from solver_core.face.lips import Lips
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints


@dataclass(frozen=True)
class ContactEnergy:
    """`root * min(0, gap)` for each of n pairs of points: nothing while the lips are apart or touch."""

    lips: Lips
    points: SurfacePoints  # [B,2n]
    root: float  # 1/metre

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,n]."""
        return self.root * np.minimum(self.gap(pose, index), 0.0)

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,n] and [b,n,P]."""
        gap = self.gap(pose, index)
        jacobian = np.where((gap < 0)[..., None], self.gap_derivative(pose, index, free), 0.0)
        return self.root * np.minimum(gap, 0.0), self.root * jacobian

    def gap(self, pose: Pose, index: Ints) -> Floats:
        """[b,n] metres between the lips; below 0 they have passed."""
        return self.lips.gap(self.points[index].local(pose).astype(float))

    def gap_derivative(self, pose: Pose, index: Ints, free: FreeParameters) -> Floats:
        """[b,n,P] of the gap; the head carries both lips along."""
        n = len(self.lips.least)
        up = np.concatenate([np.tile(self.lips.up, (n, 1)), np.tile(-self.lips.up, (n, 1))])
        maps = np.broadcast_to(up[None, :, None], (len(index), 2 * n, 1, 3)).astype(np.float32)
        by_point = np.zeros((len(index), 2 * n, 1, free.size), np.float32)
        self.points[index].local_derivative(pose, free, maps, by_point[..., RIGID:])
        moving: Floats = (by_point[:, :n, 0] + by_point[:, n:, 0]).astype(float)
        return moving
