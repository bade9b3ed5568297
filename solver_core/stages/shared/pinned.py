"""The artist's pins in a solve: evidence of their frames, beside everything else that a step knows of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from solver_core.common.arrays import Ints
from solver_core.energies.pins import pin_energies
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.face.pose import Pose
from solver_core.observe.correspondences import Correspondences
from solver_core.stages.context import Context

ALONE = 400.0  # what pins are weighed against where no observer says anything: as much as the flow from a render


def pins_of(context: Context, frames: Ints, pose: Pose, total: float) -> list[ReprojectionEnergy]:
    """What the pins of these frames [b] say beside observations that weigh `total` in each, one energy a camera."""
    pins = [context.shot.pins_at(int(i)) for i in frames] if context.shot.pins else []
    if not any(pins):
        return []
    return pin_energies(context.rig, [view.camera[frames] for view in context.views], pins, pose, total)


def pins_beside(context: Context, index: int, found: Iterable[Correspondences], pose: Pose) -> list[ReprojectionEnergy]:
    """What the pins of one frame say beside correspondences."""
    return pins_of(context, np.array([index]), pose, sum(item.total for item in found) or ALONE)
