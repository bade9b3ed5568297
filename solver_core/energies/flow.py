"""The flow energy of Sections 7 and 8.

The head's motion from one frame to another should be the plate's optical flow.
"""

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
class FlowLink:
    """`root @ (seen in the second frame - where the flow leads what is seen in the first)` for n material points.

    This is ||N(F1*, F2*) - N(F1, F2)|| with the exact scene flow of the mesh in the place of N(F1, F2). When the first
    frame's head moves, its points move over the picture, and the flow is taken to move with them.
    """

    frames: tuple[int, int]
    cameras: tuple[Camera, Camera]  # one frame each
    points: SurfacePoints  # [1,n]
    start: Floats  # [n,2] plate pixels in the first frame, where the flow was read
    end: Floats  # [n,2] plate pixels in the second frame, where it leads
    carry: Floats  # [2,2] how a shift in the first frame's plate is one in the second's
    root: Floats  # [n,2,2] 1/pixel of the second frame's plate; 0 where a point takes no part

    def difference(self, poses: Sequence[Pose]) -> Floats:
        """[n,2] plate pixels of the second frame."""
        return self._difference([self.points.world(pose) for pose in poses])

    def residual(self, poses: Sequence[Pose]) -> Floats:
        """[2n]."""
        return self._whitened(self.difference(poses)[..., None]).reshape(-1)

    def linear(self, poses: Sequence[Pose], free: FreeParameters) -> tuple[Floats, list[Floats]]:
        """[2n] and two [2n,P]."""
        worlds = [self.points.world(pose) for pose in poses]
        jacobians = []
        for camera, pose, world, carry in zip(self.cameras, poses, worlds, (-self.carry, np.eye(2)), strict=True):
            maps = self._whitened(carry @ camera.derivative(world)[0])
            jacobians.append(self.points.derivative(pose, world, free, maps[None])[0].reshape(-1, free.size))
        return self._whitened(self._difference(worlds)[..., None]).reshape(-1), jacobians

    def _difference(self, worlds: Sequence[Floats]) -> Floats:  # two [1,n,3]
        first, second = (camera.project(world)[0][0] for camera, world in zip(self.cameras, worlds, strict=True))
        return second - self.end - (first - self.start) @ self.carry.T

    def _whitened(self, values: Floats) -> Floats:  # [n,2,m]
        """[n,2,m]; NaN of points that take no part is nothing."""
        used = (self.root != 0).any((1, 2))[:, None, None]
        return np.where(used, self.root @ values, 0.0)
