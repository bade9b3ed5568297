"""How firmly shape keys and joints are held where renders or the plate's flow say where the head is."""

from __future__ import annotations

from solver_core.common.arrays import Floats
from solver_core.energies.energy import Energy
from solver_core.energies.prior import WeightPrior, joint_priors
from solver_core.face.pose import Pose
from solver_core.stages.context import Context

STIFFNESS = 250.0  # squared reference pixels, times as many points as all observations weigh, for a weight of 1
FIRM = 0.4  # share of that below which no key is held where no shot of many frames says which keys move


def key_priors(context: Context, pose: Pose, strength: Floats) -> list[Energy]:  # one frame, [1,K]
    """Shape keys and the joints near a pose's values."""
    return [WeightPrior(pose.weights, strength), *joint_priors(context.rig, STIFFNESS, pose.joints)]
