"""Few keys: each shape key is held by how much it moves over the whole shot (automatic relevance determination, MacKay 1992).

A plain L2 spreads a movement over many keys that cancel: the shape is right and the curves cannot be edited. An actor uses few keys in a shot.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from solver_core.arrays import Floats
from solver_core.energies.energy import FaceProblem, Free
from solver_core.optimise.box import box_minimum
from solver_core.optimise.dogleg import Quadratic
from solver_core.pose import RIGID
from solver_core.stages.context import Context

QUIET = 0.1  # activity of a key that is held as strongly as it would be without this
SOFTEST, HARDEST = 0.01, 1000.0  # how far its activity may change that
CONSTANT = 0.25  # what a key's mean over the shot counts beside its movement, squared: what never moves is more likely an error of light or network
PASSES = 6  # the strengths settle within them


def few_keys(context: Context, models: Mapping[int, Quadratic], free: Free, strength: Floats) -> None:
    """Solve these frames again, together, by what their evidence says around their poses; context.pose changes.

    Args:
        context: the solve.
        models: by frame index, the evidence's quadratic in the free parameters [1,P], around context.pose.
        free: those parameters.
        strength: [K] how hard each key is held at zero before its activity is known.
    """
    frames = np.array(sorted(models))
    gradient = np.concatenate([models[i].gradient for i in frames])
    hessian = np.concatenate([models[i].hessian for i in frames])
    start, problem = context.pose[frames], FaceProblem([], context.rig, free)
    low, high = problem.bounds(start)
    shape = np.flatnonzero(free.keys < len(context.rig.names))
    columns, keys = RIGID + shape, free.keys[shape]
    own, diagonal = start.weights[:, keys], hessian[:, columns, columns].copy()
    everywhere = context.pose.weights.copy()
    for _ in range(PASSES):
        held = strength[keys] * relevance(everywhere[context.trusted])[keys]
        hessian[:, columns, columns] = diagonal + held
        slope = gradient.copy()
        slope[:, columns] += held * own
        after = problem.stepped(start, box_minimum(hessian, slope, low, high))
        everywhere[frames] = after.weights
    context.pose.assign(frames, after)


def relevance(weights: Floats) -> Floats:  # [F,K] over the shot
    """[K] by how much harder or softer each key is held than by a plain L2."""
    count = max(len(weights), 1)
    constant = CONSTANT + (1 - CONSTANT) / count  # of a single frame nothing says what is constant
    square = weights.var(0) + constant * weights.mean(0) ** 2 if len(weights) else np.zeros(weights.shape[1])
    factor: Floats = np.clip(QUIET**2 / np.maximum(square, 1e-12), SOFTEST, HARDEST)
    return factor
