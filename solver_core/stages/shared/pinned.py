"""The artist's pins in a solve: evidence of their frames in every step, and poses of frames where only they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Floats, Ints
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.pins import pin_energies
from solver_core.energies.prior import HeadPrior, WeightPrior, joint_priors
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.face.parameters import FreeParameters
from solver_core.face.pins import FULL_POSE, Pin
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.observe.correspondences import Correspondences
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.stages.context import Context
from solver_core.stages.shared.priors import STIFFNESS

TOTAL = 400.0  # what pins alone are weighed against: as much as the flow from a render
ITERATIONS = 12
# What pins do not say stays where it was. One residual: radians of a turn about the line of sight, and of any other;
# shares of the head's radius. Two pins turn in the picture and change the distance much sooner than they tilt the head.
ROLL, TILT, SHIFT = 1.0, 0.002, 1.0
TILT_OF_MANY = 1.0


def pins_of(context: Context, frames: Ints, pose: Pose, total: float) -> list[ReprojectionEnergy]:
    """What the pins of these frames [b] say beside observations that weigh `total` in each, one energy a camera."""
    if not context.shot.pins:
        return []
    pins = [context.shot.pins_at(int(i)) for i in frames]
    if not any(pins):
        return []
    return pin_energies(context.rig, [view.camera[frames] for view in context.views], pins, pose, total)


def pins_beside(
    context: Context, index: int, found: Iterable[Correspondences], pose: Pose
) -> list[ReprojectionEnergy]:
    """What the pins of one frame say beside correspondences."""
    return pins_of(context, np.array([index]), pose, sum(item.total for item in found) or TOTAL)


def by_pins(
    rig: Rig,
    cameras: Sequence[Camera],  # of one frame
    pins: Sequence[Pin],
    start: Pose,  # one
    free: FreeParameters,
) -> Pose:
    """The pose that brings the pins to their places; what they do not say stays as it was at the start.

    One pin moves the head, two turn it in the picture and change its distance as well, three and more turn it in every
    way, and further ones bend the expression: keys are held at their values as firmly as a solve holds them at zero.
    """
    active = [pin for pin in pins if pin.strength > 0]
    pose = start.copy()
    energies: list[Energy] = [*pin_energies(rig, cameras, [active], pose, TOTAL)] if active else []
    if not energies:
        return pose
    strength = STIFFNESS / rig.strength[None] ** 2
    energies += [
        HeadPrior(start, _held(rig, cameras, len(distinct(active)), start)[None]),
        WeightPrior(start.weights, strength),
        *joint_priors(rig, STIFFNESS, start.joints),
    ]
    if len(distinct(active)) == 1:
        free = replace(free, rotation=False)
    return dogleg(FaceProblem(energies, rig, free), pose, 1, Options(iterations=ITERATIONS)).state


def distinct(pins: Iterable[Pin]) -> set[tuple[str, tuple[int, int, int], tuple[float, float, float]]]:
    """The places of the mesh that they hold, each camera's for itself: two pins on one place are one."""
    return {(pin.camera, pin.vertices, pin.barycentric) for pin in pins}


def _held(rig: Rig, cameras: Sequence[Camera], count: int, start: Pose) -> Floats:
    """[6,6] how firmly the head's turn and place are held: roots, in radians and metres of the world."""
    sight = start.translation[0] - cameras[0].position[0]
    sight = sight / max(float(np.linalg.norm(sight)), 1e-9)
    along = np.outer(sight, sight)
    root = np.zeros((6, 6))
    root[:3, :3] = along / ROLL + (np.eye(3) - along) / (TILT if count < FULL_POSE else TILT_OF_MANY)
    root[3:, 3:] = np.eye(3) / (SHIFT * rig.radius)
    return root
