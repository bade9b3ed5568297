"""How firmly shape keys and joints are held where renders or the plate's flow say where the head is."""

from __future__ import annotations

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.energies.energy import Energy
from solver_core.energies.prior import PosePrior, WeightPrior, joint_priors
from solver_core.face.pose import Pose
from solver_core.footage.views import REFERENCE_CROP
from solver_core.stages.context import Context

STIFFNESS = 250.0  # squared reference pixels, times as many points as all observations weigh, for a weight of 1
FIRM = 0.4  # share of that below which no key is held where no shot of many frames says which keys move
# The head's radius is about half a crop: moving or turning it this much moves its landmarks by a pixel of the reference
# crop.
PIXEL = 2 / REFERENCE_CROP  # radii, and radians


def near_the_start(context: Context, frames: Ints, weight: float) -> PosePrior:
    """Section 6's prior: heads of b frames held where the stage began, as hard as `weight` landmarks hold a pixel."""
    start = context.pose if context.begun is None else context.begun
    pixel = PIXEL / np.sqrt(weight)
    return PosePrior(start[frames], pixel, pixel * context.rig.radius)


def key_priors(context: Context, pose: Pose, strength: Floats) -> list[Energy]:  # one frame, [1,K]
    """Shape keys and the joints near a pose's values."""
    return [WeightPrior(pose.weights, strength), *joint_priors(context.rig, STIFFNESS, pose.joints)]
