"""Self-smoothing: the head moves on as it moved before (Section 8, without the plate)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints


@dataclass(frozen=True)
class SmoothLink:
    """`(x1 - 2 x2 + x3) / sigma` of n material points in three frames: the second derivative of their motion.

    The paper measures it in the picture, as ||N(F1, F2) - N(F2, F3)||; here it is the same difference of the mesh's scene
    flow in the world, so that depth, which a picture hardly shows, is smoothed too. Residuals are divided by the root of 3n.
    """

    frames: tuple[int, int, int]
    points: SurfacePoints  # [1,n]
    sigma: float  # metres

    def residual(self, poses: Sequence[Pose]) -> Floats:
        """[3n]."""
        first, second, third = (self.points.world(pose)[0] for pose in poses)
        return (first - 2 * second + third).reshape(-1) * self._scale

    def linear(self, poses: Sequence[Pose], keys: Ints) -> tuple[Floats, list[Floats]]:
        """[3n] and three [3n,6+k]."""
        jacobians = []
        for pose, factor in zip(poses, (1.0, -2.0, 1.0), strict=True):
            moving = self.points.world_derivative(pose, keys)[0]
            jacobians.append(moving.reshape(-1, moving.shape[-1]) * np.float32(factor * self._scale))
        return self.residual(poses), jacobians

    @property
    def _scale(self) -> float:
        return 1 / (self.sigma * np.sqrt(3 * self.points.neutral.shape[1]))
