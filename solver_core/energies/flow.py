"""The flow energy of Sections 7 and 8: the head's motion from one frame to another should be the plate's optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Floats, Ints
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
        first, second = (
            camera.project(self.points.world(pose))[0][0] for camera, pose in zip(self.cameras, poses, strict=True)
        )
        return second - self.end - (first - self.start) @ self.carry.T

    def residual(self, poses: Sequence[Pose]) -> Floats:
        """[2n]."""
        return _whitened(self.root, self.difference(poses)[..., None])

    def linear(self, poses: Sequence[Pose], keys: Ints) -> tuple[Floats, list[Floats]]:
        """[2n] and two [2n,6+k]."""
        moving = []
        for camera, pose in zip(self.cameras, poses, strict=True):
            derivative = camera.derivative(self.points.world(pose))[0].astype(np.float32)
            moving.append(derivative @ self.points.world_derivative(pose, keys)[0])
        first = -self.carry.astype(np.float32) @ moving[0]
        size = moving[0].shape[-1]
        return self.residual(poses), [_whitened(self.root, j).reshape(-1, size) for j in (first, moving[1])]


def _whitened(root: Floats, values: Floats) -> Floats:  # [n,2,2], [n,2,m]
    """[2n] for m = 1, else [n,2,m]; NaN of points that take no part is nothing."""
    used = (root != 0).any((1, 2))[:, None, None]
    out = np.where(used, root.astype(values.dtype) @ values, values.dtype.type(0))
    return out.reshape(-1) if values.shape[-1] == 1 else out
