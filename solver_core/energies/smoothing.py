"""Self-smoothing: the head moves on as it moved before (Section 8, without the plate), in the world or in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Floats
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints


@dataclass(frozen=True)
class SmoothLink:
    """`(x1 - 2 x2 + x3) / sigma` of n material points in three frames: the second derivative of their motion.

    The paper measures it in the picture (`PictureSmoothLink`); here it is the same difference of the mesh's scene flow
    in the world, so that depth, which a picture hardly shows, is smoothed too. Residuals are divided by the root of 3n.
    """

    frames: tuple[int, int, int]
    points: SurfacePoints  # [1,n]
    sigma: float  # metres

    def residual(self, poses: Sequence[Pose]) -> Floats:
        """[3n]."""
        return self._residual([self.points.world(pose)[0] for pose in poses])

    def linear(self, poses: Sequence[Pose], free: FreeParameters) -> tuple[Floats, list[Floats]]:
        """[3n] and three [3n,P]."""
        worlds, jacobians = [self.points.world(pose) for pose in poses], []
        for pose, world, factor in zip(poses, worlds, (1.0, -2.0, 1.0), strict=True):
            moving = self.points.derivative(pose, world, free)[0]
            jacobians.append(moving.reshape(-1, free.size) * np.float32(factor * self._scale))
        return self._residual([world[0] for world in worlds]), jacobians

    def _residual(self, worlds: Sequence[Floats]) -> Floats:  # three [n,3]
        first, second, third = worlds
        return (first - 2 * second + third).reshape(-1) * self._scale

    @property
    def _scale(self) -> float:
        return 1 / (self.sigma * np.sqrt(3 * self.points.count))


@dataclass(frozen=True)
class PictureSmoothLink:
    """The same of the points' places in one camera's plate, `(p1 - 2 p2 + p3) / sigma`.

    This is the paper's ||N(F1, F2) - N(F2, F3)|| with the mesh's exact motion in the place of N. Residuals are divided
    by the root of 2n; a point that has no image in one of the frames takes no part.
    """

    frames: tuple[int, int, int]
    cameras: tuple[Camera, Camera, Camera]  # one frame each
    points: SurfacePoints  # [1,n]
    sigma: float  # plate pixels

    def residual(self, poses: Sequence[Pose]) -> Floats:
        """[2n]."""
        return self._residual([self.points.world(pose) for pose in poses])

    def linear(self, poses: Sequence[Pose], free: FreeParameters) -> tuple[Floats, list[Floats]]:
        """[2n] and three [2n,P]."""
        worlds, jacobians = [self.points.world(pose) for pose in poses], []
        maps = [camera.derivative(world) for camera, world in zip(self.cameras, worlds, strict=True)]
        seen = np.logical_and.reduce([np.isfinite(one) for one in maps])
        for pose, world, camera, factor in zip(poses, worlds, maps, (1.0, -2.0, 1.0), strict=True):
            moving = self.points.derivative(pose, world, free, np.where(seen, factor * self._scale * camera, 0.0))
            jacobians.append(moving[0].reshape(-1, free.size))
        return self._residual(worlds), jacobians

    def _residual(self, worlds: Sequence[Floats]) -> Floats:  # three [1,n,3]
        places = [camera.project(world)[0][0] for camera, world in zip(self.cameras, worlds, strict=True)]
        first, second, third = places
        return np.nan_to_num(first - 2 * second + third).reshape(-1) * self._scale

    @property
    def _scale(self) -> float:
        return 1 / (self.sigma * np.sqrt(2 * self.points.count))
