"""Keys that undo each other: what one takes back of the other is taken out of both."""

from __future__ import annotations

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.stages.context import Context


def without_opposites(context: Context, weights: Floats, keys: Ints, vertices: Ints | None = None) -> Floats:
    """[b,K] weights in which of two keys that undo each other one at least is at rest, and the head looks as before.

    Args:
        context: the solve.
        weights: [b,K].
        keys: those of which one of a pair must be.
        vertices: where it is to look as before; None: everywhere.
    """
    weights, relations, rig = weights.copy(), context.relations, context.rig
    if relations is None:
        return weights
    for key in map(int, keys):
        for other in map(int, np.flatnonzero(relations.opposite[key])):
            if other < key and other in keys:
                continue  # has been seen the other way round
            shapes = rig.key_shapes(np.array([key, other]))
            reach = np.linalg.norm(shapes if vertices is None else shapes[:, vertices], axis=(1, 2))
            one, two = weights[:, key], weights[:, other]
            both = (one > 0) & (two > 0) & (rig.minimum[key] >= 0) & (rig.minimum[other] >= 0)
            if reach.min() <= 0 or not both.any():
                continue
            net = one * reach[0] - two * reach[1]
            weights[both, key] = np.maximum(net, 0.0)[both] / reach[0]
            weights[both, other] = np.maximum(-net, 0.0)[both] / reach[1]
    return weights
