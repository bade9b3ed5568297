"""The sparsity prior: each shape key is held by how much it moves over the whole shot.

This is automatic relevance determination (MacKay 1992).

A plain L2 spreads a movement over many keys that cancel: the shape is right and the curves cannot be edited. An actor
uses few keys in a shot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.energies.energy import FaceProblem
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.optimise.box import box_minimum
from solver_core.optimise.dogleg import Quadratic
from solver_core.stages.context import Context
from solver_core.stages.shared.contact import LinearContact

QUIET = 0.1  # activity of a key that is held as strongly as it would be without this
SOFTEST, HARDEST = 0.01, 1000.0  # how far its activity may change that
# What a key's mean over the shot counts beside its movement, squared: what never moves is more likely an error of light
# or network.
CONSTANT = 0.25
OPPOSED = 3.0  # how much harder a key is held by an opposite at QUIET
SYMMETRIC = 5.0  # how hard the difference of two sides is held, beside a key that moves as much
ONE_SIDED = 0.05  # what its mean over the shot counts beside its changes, squared
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


def solve_sparse(
    context: Context,
    models: Mapping[int, StoredModel],
    free: FreeParameters,
    strength: Floats,
    contacts: Mapping[int, LinearContact] = MappingProxyType({}),
) -> None:
    """Solve these frames again, together, with the sparsity prior and their linearised correspondences.

    `context.pose` changes.

    Args:
        context: the solve.
        models: by frame index, the correspondences' quadratic in the free parameters, around context.pose.
        free: those parameters.
        strength: [K] how hard each key is held at zero before its activity is known.
        contacts: by frame index, where lips touch.
    """
    problem = FaceProblem([], context.rig, free)
    weights = context.pose.weights.copy()
    solved: dict[int, Pose] = {}
    steps: dict[int, Floats] = {i: np.zeros((1, free.size)) for i in models}
    for _ in range(PASSES):
        held = strength * relevance(weights[context.trusted])
        meant = meaning(context, free, strength, weights)
        for i, model in models.items():
            pose = context.pose[np.array([i])]
            hessian, gradient = held_at_zero(model, pose, free, held + meant.by_opposites(weights[i]))
            meant.hold_symmetric(hessian, gradient, pose)
            if i in contacts:
                contacts[i].added(hessian, gradient, steps[i])
            steps[i] = box_minimum(hessian, gradient, *problem.bounds(pose))
            solved[i] = problem.stepped(pose, steps[i])
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


@dataclass(frozen=True)
class Meaning:
    """What an artist would not set, as it is held in every frame of a pass."""

    strength: Floats  # [K]
    opposite: Bools  # [K,K]
    mirrors: Ints  # [m,2] keys, both free
    columns: Ints  # [m,2] of the free parameters
    symmetric: Floats  # [m] how hard the difference of two mirrored keys is held at zero

    def by_opposites(self, weights: Floats) -> Floats:  # [K] of one frame
        """[K] how much harder each key is held where what it undoes is on: the lesser of the two goes."""
        held: Floats = OPPOSED * self.strength * (self.opposite @ weights**2) / QUIET**2
        return held

    def hold_symmetric(self, hessian: Floats, gradient: Floats, pose: Pose) -> None:  # [1,P,P], [1,P], one frame
        """Add what holds mirrored keys alike."""
        right, left = self.columns.T
        np.add.at(hessian[0], (right, right), self.symmetric)
        np.add.at(hessian[0], (left, left), self.symmetric)
        np.add.at(hessian[0], (right, left), -self.symmetric)
        np.add.at(hessian[0], (left, right), -self.symmetric)
        pull = self.symmetric * (pose.weights[0, self.mirrors[:, 0]] - pose.weights[0, self.mirrors[:, 1]])
        np.add.at(gradient[0], right, pull)
        np.add.at(gradient[0], left, -pull)


def meaning(context: Context, free: FreeParameters, strength: Floats, weights: Floats) -> Meaning:
    """By the weights [N,K] of the last pass.

    A difference between two sides that never changes over the shot is an error of light or network; one that does is
    the actor's.
    """
    relations, count = context.relations, len(strength)
    if relations is None:
        nobody = np.zeros((0, 2), int)
        return Meaning(strength, np.zeros((count, count), bool), nobody, nobody, np.zeros(0))
    column = np.full(count, -1)
    column[free.keys] = np.arange(free.size)[free.weights]
    mirrors = relations.mirrors[(column[relations.mirrors] >= 0).all(1)]
    first, second = mirrors.T
    apart = weights[context.trusted][:, first] - weights[context.trusted][:, second]
    symmetric = SYMMETRIC * np.minimum(strength[first], strength[second]) * relevance(apart, ONE_SIDED)
    return Meaning(strength, relations.opposite, mirrors, column[mirrors], symmetric)


def relevance(weights: Floats, still: float = CONSTANT) -> Floats:  # [F,K] over the shot
    """[K] by how much harder or softer each key is held than by a plain L2; `still` is what its mean counts."""
    count = max(len(weights), 1)
    constant = still + (1 - still) / count  # of a single frame nothing says what is constant
    square = weights.var(0) + constant * weights.mean(0) ** 2 if len(weights) else np.zeros(weights.shape[1])
    factor: Floats = np.clip(QUIET**2 / np.maximum(square, 1e-12), SOFTEST, HARDEST)
    return factor
