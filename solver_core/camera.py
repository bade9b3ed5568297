"""A matchmoved pinhole camera: world points to plate pixels, with derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from solver_core.arrays import Bools, Floats, Ints

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

    def __getitem__(self, index: Ints | Bools | slice) -> Camera:
        """The same camera at some of its frames."""
        return Camera(
            self.name, self.width, self.height, self.intrinsics[index], self.world_to_camera[index], self.plate)  # fmt: skip

    def at(self, frames: Ints) -> Camera:
        """The same camera and plate cut to some of the shot's frames."""
        numbers = [self.plate["frames"][int(i)] for i in frames]
        return replace(self[frames], plate={**self.plate, "frames": numbers})

    def project(self, points: Floats) -> tuple[Floats, Floats]:  # points [N,n,3] world metres
        """Pixels [N,n,2] and depths [N,n] in metres along the view axis; points behind the camera get a NaN pixel."""
        space = self.to_camera_space(points)
        depth = -space[..., 2]
        safe = np.where(depth > NEAR, depth, np.nan)
        fx, fy, cx, cy = (self.intrinsics[:, None, i] for i in range(4))
        pixels = np.stack([cx + fx * space[..., 0] / safe, cy - fy * space[..., 1] / safe], -1)
        return pixels, depth

    def derivative(self, points: Floats) -> Floats:  # points [N,n,3] world metres
        """[N,n,2,3] derivative of the pixel with respect to the world point, pixels per metre; NaN behind the camera."""
        space = self.to_camera_space(points)
        x, y, depth = space[..., 0], space[..., 1], -space[..., 2]
        safe = np.where(depth > NEAR, depth, np.nan)
        fx, fy = self.intrinsics[:, None, 0], self.intrinsics[:, None, 1]
        zero = np.zeros_like(x)
        in_camera = np.stack(
            [np.stack([fx / safe, zero, fx * x / safe**2], -1), np.stack([zero, -fy / safe, -fy * y / safe**2], -1)], -2)  # fmt: skip
        return in_camera @ self.world_to_camera[:, None, :, :3]

    def to_camera_space(self, points: Floats) -> Floats:  # [N,n,3] world
        """[N,n,3] in the camera's axes."""
        return points @ self.world_to_camera[:, :, :3].swapaxes(1, 2) + self.world_to_camera[:, None, :, 3]

    @property
    def position(self) -> Floats:
        """[N,3] the camera's place in the world."""
        return -np.einsum("nji,nj->ni", self.world_to_camera[:, :, :3], self.world_to_camera[:, :, 3])
