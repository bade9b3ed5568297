"""Material points of the head and the places in the plate where they should be seen.

They are reweighted as their residuals fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.camera.crop import Crop
from solver_core.common.arrays import Floats, Ints
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints
from solver_core.footage.views import REFERENCE_CROP

LEAST_SHARE = 0.05  # of the points: where nearly all are distrusted, the rest does not gain weight by being scaled up


@dataclass(frozen=True)
class Correspondences:
    """n material points of one frame in one camera."""

    camera: Camera  # one frame
    points: SurfacePoints  # [1,n]
    target: Floats  # [n,2] plate pixels
    root: Floats  # [n,2,2] plate pixels to reference pixels, times the root of each point's information (0 to 1)
    information: Floats  # [n] its mean over directions
    trust: Floats  # [n] 0 to 1
    tail: float  # reference pixels: a point that far from its place counts half
    total: float  # what the points together weigh, as a number of independent points
    # [n] where on the head the points lie, where they are the surface's own detail and no landmarks
    triangle: Ints | None = None
    bias: float = 0.0  # reference pixels: a point this near its place says nothing, and further away only how much more
    of_head: bool = True  # whether the points say where the head is; else the keys alone follow them

    def energy(self, pose: Pose) -> ReprojectionEnergy:
        """Weighed by how far each point is from its place at this pose (iteratively reweighted least squares)."""
        pixels, _ = self.camera.project(self.points.world(pose))
        far = np.linalg.norm((self.root @ (pixels[0] - self.target)[..., None])[..., 0], axis=1)
        weight = np.where(np.isfinite(far), self.trust / (1 + (far / self.tail) ** 2), 0.0)
        share = max(float((weight * self.information).sum()), LEAST_SHARE * len(weight))
        beyond = np.where(far > self.bias, 1 - self.bias / np.maximum(far, 1e-9), 0.0) if self.bias else 1.0
        root = self.root * (np.sqrt(weight * self.total / share) * beyond)[:, None, None]
        return ReprojectionEnergy(self.camera, self.points, self.target[None], root[None], self.of_head)


def to_reference(crop: Crop) -> Floats:
    """[2,2] plate pixels to pixels of the reference crop, turned as the crop is."""
    matrix: Floats = crop.matrix()[:, :2] * (REFERENCE_CROP / crop.size)
    return matrix
