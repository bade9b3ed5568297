"""Material points of the head against the places in the plate where they were seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints


@dataclass(frozen=True)
class ReprojectionEnergy:
    """`root @ (projection - target)` for n points of each of B frames; a point whose root is 0 takes no part.

    `root' @ root` is the information (inverse covariance) of the measured place. It is a matrix because a place on an
    edge is known across the edge and not along it. Residuals are dimensionless.
    """

    camera: Camera  # B frames
    points: SurfacePoints  # [B,n]
    target: Floats  # [B,n,2] plate pixels
    root: Floats  # [B,n,2,2] 1/pixel
    of_head: bool = True  # whether they say where the head is; else the keys alone follow them

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,2n]."""
        pixels, _ = self.camera[index].project(self.points[index].world(pose))
        return self._weighted(pixels - self.target[index], index).reshape(len(index), -1)

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,2n] and [b,2n,P]."""
        points, camera = self.points[index], self.camera[index]
        world = points.world(pose)
        pixels, _ = camera.project(world)
        maps = np.where(self._used(index), self.root[index] @ camera.derivative(world), 0.0)
        jacobian = points.derivative(pose, world, free, maps)
        if not self.of_head:
            jacobian[..., :RIGID] = 0.0
        residual = self._weighted(pixels - self.target[index], index)
        return residual.reshape(len(index), -1), jacobian.reshape(len(index), -1, free.size)

    def focal_derivative(self, pose: Pose, index: Ints) -> Floats:
        """[b,2n] derivative of the residuals by the natural logarithm of the focal length."""
        moving = self.camera[index].focal_derivative(self.points[index].world(pose))
        return self._weighted(moving, index).reshape(len(index), -1)

    def zoomed(self, factor: float) -> ReprojectionEnergy:
        """The same places seen with `factor` times the focal length."""
        return replace(self, camera=self.camera.zoomed(factor))

    def _weighted(self, difference: Floats, index: Ints) -> Floats:
        whitened = (self.root[index] @ difference[..., None])[..., 0]
        return np.where(self._used(index)[..., 0], whitened, 0.0)  # NaN * 0 is NaN: hence where

    def _used(self, index: Ints) -> Bools:
        return (self.root[index] != 0).any((-2, -1))[..., None, None]


def isotropic(weight: Floats) -> Floats:  # [...] 1/pixel^2
    """[...,2,2] roots of the information of places that are known equally well in all directions."""
    return np.sqrt(weight)[..., None, None] * np.eye(2)
