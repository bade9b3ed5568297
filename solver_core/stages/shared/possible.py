"""Whether a result can be.

A head that no camera can see where its plate shows the face was not solved, whatever the energy says.
"""

from __future__ import annotations

import numpy as np

from solver_core.camera.camera import NEAR
from solver_core.common.arrays import Floats
from solver_core.face.pose import Pose
from solver_core.face.rig import place
from solver_core.footage.views import View
from solver_core.protocol import FARTHEST, LARGEST_WEIGHT
from solver_core.stages.context import Context

ASIDE = 1.0  # sides of the face's crop in the plate: a head that stands further from it is another thing
SIZES = 0.2, 5.0  # of the head's landmarks over the plate's: outside, it is not the face that is filmed


def impossible(context: Context, index: int, *, seen: bool) -> str:
    """Why the pose of a frame cannot be the answer; empty where it can.

    Args:
        context: the solve, with the pose as it stands.
        index: of the frame.
        seen: whether the frame was solved against its plates, so that the head has to be where they show the face.
    """
    pose = context.pose[np.array([index])]
    if not sound(pose):
        return "the solve left the numbers that there are"
    if np.abs(pose.translation).max() > FARTHEST or np.abs(pose.weights).max(initial=0) > LARGEST_WEIGHT:
        return "the solve ran away from the face"
    views = [view for view in context.views if view.seen[index]] if seen else []
    if not views:
        return ""
    corners = context.rig.neutral[context.rig.triangles[context.embedding.triangle]]  # [L,3,3]
    face = place(pose, (corners * context.embedding.barycentric[..., None]).sum(1)[None] * context.rig.scale)
    reasons = [_out_of_place(view, index, face) for view in views]
    return reasons[0] if all(reasons) else ""


def sound(pose: Pose) -> bool:
    """Whether all of the numbers are finite."""
    parts = [pose.rotation, pose.translation, pose.weights]
    parts += [part for motion in pose.joints.values() for part in (motion.rotation, motion.translation)]
    return all(bool(np.isfinite(part).all()) for part in parts)


def _out_of_place(view: View, index: int, face: Floats) -> str:  # [1,L,3]
    """Why the face's points are not what the camera sees; empty where they are."""
    name, crop = view.camera.name, view.crops[index]
    pixels, depth = view.camera.at(np.array([index])).project(face)
    if (depth <= NEAR).any():
        return f"the head came out behind camera {name}"
    if crop is None or not np.isfinite(pixels).all():
        return f"the head came out where camera {name} sees nothing"
    found = view.points[index]
    if np.linalg.norm(pixels[0].mean(0) - found.mean(0)) > ASIDE * crop.side:
        return f"the head came out beside the face that camera {name} sees"
    size = float(np.linalg.norm(pixels[0].std(0)) / np.linalg.norm(found.std(0)))
    if not SIZES[0] <= size <= SIZES[1]:
        return f"the head came out {size:.2g} times as large as the face that camera {name} sees"
    return ""
