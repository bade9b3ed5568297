"""The sparsity prior: each shape key is held by how much it moves over the whole shot.

This is automatic relevance determination (MacKay 1992).

A plain L2 spreads a movement over many keys that cancel: the shape is right and the curves cannot be edited. An actor
uses few keys in a shot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.energies.energy import FaceProblem
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.optimise.box import box_minimum
from solver_core.optimise.dogleg import Quadratic
from solver_core.stages.context import Context

QUIET = 0.1  # activity of a key that is held as strongly as it would be without this
SOFTEST, HARDEST = 0.01, 1000.0  # how far its activity may change that
# What a key's mean over the shot counts beside its movement, squared: what never moves is more likely an error of light
# or network.
CONSTANT = 0.25
PASSES = 6  # the strengths settle within them
WHOLE = 2**31 - 1


@dataclass(frozen=True)
class StoredModel:
    """A frame's quadratic while all frames are waited for, in a quarter of its memory.

    Half of the symmetric Hessian, each entry as a 32-bit share of the largest that its row and column allow. Single
    precision is not enough: keys that do nearly the same are told apart by small differences.
    """

    gradient: Floats  # [1,P]
    scale: Floats  # [P] square roots of the Hessian's diagonal
    upper: Ints  # [P(P+1)/2] int32

    @classmethod
    def of(cls, model: Quadratic) -> StoredModel:  # [1,P], [1,P,P]
        """What solve_sparse needs of a model."""
        whole = model.hessian[0]
        scale = np.sqrt(np.maximum(np.diag(whole), np.finfo(float).tiny))
        share = (whole / scale / scale[:, None])[_upper(len(scale))]
        return cls(model.gradient, scale, np.rint(WHOLE * np.clip(share, -1, 1)).astype(np.int32))

    @property
    def hessian(self) -> Floats:
        """[1,P,P] float64."""
        rows, columns = _upper(len(self.scale))
        whole = np.empty((len(self.scale),) * 2)
        whole[rows, columns] = whole[columns, rows] = self.upper / WHOLE
        scaled: Floats = whole * self.scale * self.scale[:, None]
        return scaled[None]


@lru_cache(maxsize=1)
def _upper(size: int) -> tuple[Ints, Ints]:
    """Rows and columns of a square matrix's upper triangle."""
    return np.triu_indices(size)


def solve_sparse(context: Context, models: Mapping[int, StoredModel], free: FreeParameters, strength: Floats) -> None:
    """Solve these frames again, together, with the sparsity prior and their linearised correspondences.

    `context.pose` changes.

    Args:
        context: the solve.
        models: by frame index, the correspondences' quadratic in the free parameters, around context.pose.
        free: those parameters.
        strength: [K] how hard each key is held at zero before its activity is known.
    """
    problem = FaceProblem([], context.rig, free)
    weights = context.pose.weights.copy()
    solved: dict[int, Pose] = {}
    for _ in range(PASSES):
        held = strength * relevance(weights[context.trusted])
        for i, model in models.items():
            pose = context.pose[np.array([i])]
            step = box_minimum(*held_at_zero(model, pose, free, held), *problem.bounds(pose))
            solved[i] = problem.stepped(pose, step)
        for i, pose in solved.items():
            weights[i] = pose.weights[0]
    for i, pose in solved.items():
        context.pose.assign(np.array([i]), pose)


def held_at_zero(
    model: StoredModel | Quadratic, pose: Pose, free: FreeParameters, held: Floats
) -> tuple[Floats, Floats]:
    """One frame's model with each shape key held at zero by `held` [K].

    It is the Hessian [1,P,P] and the gradient [1,P] at its pose.
    """
    keys, columns = free.keys, np.arange(free.size)[free.weights]
    hessian, gradient = np.array(model.hessian), np.array(model.gradient)
    hessian[:, columns, columns] += held[keys]
    gradient[:, columns] += held[keys] * pose.weights[:, keys]
    return hessian, gradient


def relevance(weights: Floats) -> Floats:  # [F,K] over the shot
    """[K] by how much harder or softer each key is held than by a plain L2."""
    count = max(len(weights), 1)
    constant = CONSTANT + (1 - CONSTANT) / count  # of a single frame nothing says what is constant
    square = weights.var(0) + constant * weights.mean(0) ** 2 if len(weights) else np.zeros(weights.shape[1])
    factor: Floats = np.clip(QUIET**2 / np.maximum(square, 1e-12), SOFTEST, HARDEST)
    return factor
