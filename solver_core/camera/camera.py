"""A matchmoved camera: world points to plate pixels, with derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from solver_core.camera.distortion import Distortion
from solver_core.common.arrays import Bools, Floats, Ints

NEAR = 1e-4  # metres: a point nearer than this, or behind the camera, has no image


@dataclass(frozen=True)
class Camera:
    """A camera over the shot's N frames. Axes and pixels as in docs/shot_format.md: X right, Y up, looking along -Z."""

    name: str
    width: int  # of the plate, pixels
    height: int
    intrinsics: Floats  # [N,4] fx, fy, cx, cy in plate pixels
    world_to_camera: Floats  # [N,3,4]
    plate: dict[str, Any] = field(default_factory=dict)
    distortion: Distortion | None = None  # from the pinhole's pixels to the plate's

    def __getitem__(self, index: Ints | Bools | slice) -> Camera:
        """The same camera at some of its frames."""
        return replace(self, intrinsics=self.intrinsics[index], world_to_camera=self.world_to_camera[index])

    def at(self, frames: Ints) -> Camera:
        """The same camera and plate cut to some of the shot's frames."""
        numbers = [self.plate["frames"][int(i)] for i in frames]
        return replace(self[frames], plate={**self.plate, "frames": numbers})

    def project(self, points: Floats) -> tuple[Floats, Floats]:  # points [N,n,3] world metres
        """Plate pixels [N,n,2] and depths [N,n] in metres along the view axis.

        Points without an image have NaN pixels.
        """
        space = self.to_camera_space(points)
        pixels = self._pinhole(space)
        return pixels if self.distortion is None else self.distortion(pixels), -space[..., 2]

    def derivative(self, points: Floats) -> Floats:  # points [N,n,3] world metres
        """[N,n,2,3] derivative of the pixel with respect to the world point, pixels per metre; NaN without an image."""
        space = self.to_camera_space(points)
        x, y, depth = space[..., 0], space[..., 1], _ahead(space)
        fx, fy = self.intrinsics[:, None, 0], self.intrinsics[:, None, 1]
        zero = np.zeros_like(x)
        in_camera = np.stack(
            [
                np.stack([fx / depth, zero, fx * x / depth**2], -1),
                np.stack([zero, -fy / depth, -fy * y / depth**2], -1),
            ],
            -2,
        )
        if self.distortion is not None:
            in_camera = self.distortion.derivative(self._pinhole(space)) @ in_camera
        return in_camera @ self.world_to_camera[:, None, :, :3]

    def zoomed(self, factor: float) -> Camera:
        """The same camera with `factor` times the focal length; where its lens bends the picture stays."""
        return replace(self, intrinsics=self.intrinsics * [factor, factor, 1.0, 1.0])

    def focal_derivative(self, points: Floats) -> Floats:  # points [N,n,3] world metres
        """[N,n,2] derivative of the pixel with respect to the natural logarithm of the focal length."""
        pinhole = self._pinhole(self.to_camera_space(points))
        moving = pinhole - self.intrinsics[:, None, 2:]
        if self.distortion is None:
            return moving
        return (self.distortion.derivative(pinhole) @ moving[..., None])[..., 0]

    def _pinhole(self, space: Floats) -> Floats:  # [N,n,3] camera axes
        """[N,n,2] pixels without distortion."""
        depth = _ahead(space)
        fx, fy, cx, cy = (self.intrinsics[:, None, i] for i in range(4))
        return np.stack([cx + fx * space[..., 0] / depth, cy - fy * space[..., 1] / depth], -1)

    def to_camera_space(self, points: Floats) -> Floats:  # [N,n,3] world
        """[N,n,3] in the camera's axes."""
        return points @ self.world_to_camera[:, :, :3].swapaxes(1, 2) + self.world_to_camera[:, None, :, 3]

    @property
    def position(self) -> Floats:
        """[N,3] the camera's place in the world."""
        return -np.einsum("nji,nj->ni", self.world_to_camera[:, :, :3], self.world_to_camera[:, :, 3])


def _ahead(space: Floats) -> Floats:
    """Depth along the view axis, NaN where a point is too near or behind."""
    depth = -space[..., 2]
    return np.where(depth > NEAR, depth, np.nan)
