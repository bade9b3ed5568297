"""The artist's pins as evidence: material points of the head against where they were put in the plate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver_core.camera.camera import NEAR, Camera
from solver_core.common.arrays import Floats
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.pins import Pin, pinned_points
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.footage.views import REFERENCE_CROP

# of all that the plate says of a frame: one pin of strength 1 weighs so much. Networks are off by a pixel or two
# together; three pins leave a tenth of that.
SHARE = 3.0
CROP = 1.4  # of the head's radius: about how wide the face's crop is


def pin_energies(
    rig: Rig, cameras: Sequence[Camera], pins: Sequence[Sequence[Pin]], pose: Pose, total: float
) -> list[ReprojectionEnergy]:
    """One energy for each camera that has pins in any of B frames.

    A pin whose point stands behind the camera at `pose` takes no part: nothing leads from there.

    Args:
        rig: the head.
        cameras: of B frames each.
        pins: of each of the B frames.
        pose: B poses to start from, which say how large a pixel of the reference crop is.
        total: what all other observations of a frame weigh, squared residuals of a reference pixel.
    """
    found = []
    for camera in cameras:
        own = [[pin for pin in frame if pin.camera == camera.name and pin.strength > 0] for frame in pins]
        if not any(own):
            continue
        points = pinned_points(rig, own)
        target, strength = np.zeros((len(own), points.count, 2)), np.zeros((len(own), points.count))
        for b, frame in enumerate(own):
            for n, pin in enumerate(frame):
                target[b, n], strength[b, n] = pin.place, pin.strength
        _, depth = camera.project(points.world(pose))
        weight = np.where(depth > NEAR, SHARE * total * strength / unit(rig, camera, depth) ** 2, 0.0)
        found.append(ReprojectionEnergy(camera, points, target, isotropic(weight)))
    return found


def unit(rig: Rig, camera: Camera, depth: Floats) -> Floats:  # [B,n]
    """[B,n] about how many plate pixels one pixel of the reference crop is, at these depths."""
    focal = np.abs(camera.intrinsics[:, None, :2]).mean(-1)
    size: Floats = CROP * rig.radius * focal / np.maximum(depth, NEAR) / REFERENCE_CROP
    return size
