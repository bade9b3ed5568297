"""Lips that touch and do not pass, as the stages hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats
from solver_core.energies.contact import ContactEnergy
from solver_core.face.parameters import FreeParameters
from solver_core.footage.views import REFERENCE_CROP
from solver_core.stages.context import Context

# The lips' pairs together weigh as much as this many independent points: as all that flow says of the head. Where lips
# meet is no measurement.
TOTAL = 400.0
PIXEL = 2 / REFERENCE_CROP  # of the head's radius, about half a crop: a pixel of the reference crop


def contact_energies(context: Context, count: int, total: float) -> list[ContactEnergy]:
    """Of `count` frames; none where nothing is known of the rig's lips."""
    lips = context.lips
    if lips is None:
        return []
    root = np.sqrt(total / len(lips.least)) / (PIXEL * context.rig.radius)
    return [ContactEnergy(lips, lips.points(context.rig, count), float(root))]


@dataclass(frozen=True)
class LinearContact:
    """One frame's contact around a pose: which pairs push is decided anew at each step from it."""

    gap: Floats  # [n] as the energy weighs it
    moving: Floats  # [n,P] its derivative

    def added(self, hessian: Floats, gradient: Floats, step: Floats) -> None:  # [1,P,P], [1,P], [1,P]
        """Add what pushes after a step to a model around the pose."""
        pushing = self.gap + self.moving @ step[0] < 0
        moving = self.moving[pushing]
        hessian += moving.T @ moving
        gradient += moving.T @ self.gap[pushing]


def linear_contacts(context: Context, frames: Sequence[int], free: FreeParameters) -> dict[int, LinearContact]:
    """By frame index, around context.pose; none where nothing is known of the rig's lips."""
    first = np.array([0])
    return {
        i: LinearContact(
            one.root * one.gap(context.pose[np.array([i])], first)[0],
            one.root * one.gap_derivative(context.pose[np.array([i])], first, free)[0],
        )
        for one in contact_energies(context, 1, TOTAL)
        for i in frames
    }
