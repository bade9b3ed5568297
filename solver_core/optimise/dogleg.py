"""Powell's dogleg for a batch of independent least-squares problems with bounds.

It is that of Lourakis and Argyros (2005), as chumpy has it.

Where the bounds allow it, a trial step lies on the path from zero over the Cauchy point to the Gauss-Newton point. With
bounds both points are taken inside the box; the box is convex, so the whole path stays inside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.optimise.box import box_minimum

WIDEN_ABOVE, NARROW_BELOW = 0.9, 0.05  # gain ratios, chumpy's


@dataclass(frozen=True)
class Quadratic:
    """The local model of B problems: cost is the sum of squared residuals."""

    cost: Floats  # [B] r'r
    gradient: Floats  # [B,P] J'r
    hessian: Floats  # [B,P,P] J'J


State = TypeVar("State")


class Problem(Protocol[State]):
    """B independent least-squares problems. `index` names which of them are meant."""

    def cost(self, state: State, index: Ints) -> Floats:
        """[len(index)] sums of squared residuals."""

    def quadratic(self, state: State, index: Ints) -> Quadratic:
        """The local model at `state`."""

    def stepped(self, state: State, step: Floats) -> State:
        """The state after a step [b,P]."""

    def bounds(self, state: State) -> tuple[Floats, Floats]:
        """Lowest and highest step [b,P] allowed from `state`; a parameter that is not solved for has 0 and 0."""

    def select(self, state: State, index: Ints) -> State:
        """Some of the problems' states."""

    def assign(self, state: State, index: Ints, value: State) -> None:
        """Write states back, in place."""


@dataclass(frozen=True)
class Options:
    """When to stop, and how far a first step may go."""

    iterations: int = 30
    radius: float | None = None  # trust radius at the start; None: the length of the first Gauss-Newton step
    cost_tolerance: float = 1e-6  # relative decrease of the cost below which a problem is done
    step_tolerance: float = 1e-9  # scaled step length below which a problem is done
    scaled: bool = True  # measure steps in units of each parameter's own curvature


@dataclass
class Outcome(Generic[State]):
    """What became of the batch."""

    state: State
    cost: Floats  # [B]
    iterations: Ints  # [B] accepted steps
    trials: Ints  # [B]
    radius: Floats  # [B]


def dogleg(
    problem: Problem[State], state: State, count: int, options: Options, cancelled: Callable[[], bool] = lambda: False
) -> Outcome[State]:
    """Minimise `count` problems from `state`, which is changed in place.

    A trial whose cost is not finite counts as a failed one: the radius shrinks. A problem whose first cost is not
    finite is left as it is, with that cost.
    """
    everything = np.arange(count)
    model = problem.quadratic(state, everything)
    cost, gradient, hessian = model.cost.copy(), model.gradient.copy(), model.hessian.copy()
    accepted, trials = np.zeros(count, int), np.zeros(count, int)
    radius = np.full(count, np.nan if options.radius is None else options.radius)
    running = np.isfinite(cost)
    while running.any() and not cancelled():
        index = np.flatnonzero(running)
        here = problem.select(state, index)
        low, high = problem.bounds(here)
        scale = _scale(hessian[index], options.scaled)
        step, radius[index] = _path_step(gradient[index], hessian[index], low, high, scale, radius[index])
        length = np.linalg.norm(step * scale, axis=1)
        predicted = -2 * np.einsum("bp,bp->b", gradient[index], step) - np.einsum(
            "bp,bpq,bq->b", step, hessian[index], step
        )
        still = (length <= options.step_tolerance) | (predicted <= 0)
        running[index[still]] = False
        index, step, length, predicted = index[~still], step[~still], length[~still], predicted[~still]
        if not len(index):
            continue
        trial = problem.stepped(problem.select(state, index), step)
        new = problem.cost(trial, index)
        trials[index] += 1
        gain = np.where(np.isfinite(new), (cost[index] - new) / predicted, -1.0)
        wide, narrow, good = gain > WIDEN_ABOVE, gain < NARROW_BELOW, gain > 0
        radius[index[wide]] = np.maximum(radius[index[wide]], 2.5 * length[wide])
        radius[index[narrow]] *= 0.25
        taken = index[good]
        if len(taken):
            chosen = problem.select(trial, np.flatnonzero(good))
            problem.assign(state, taken, chosen)
            small = cost[taken] - new[good] <= options.cost_tolerance * cost[taken]
            accepted[taken] += 1
            running[taken[small | (accepted[taken] >= options.iterations)]] = False
            cost[taken] = new[good]
            onward = taken[running[taken]]
            if len(onward):
                model = problem.quadratic(problem.select(state, onward), onward)
                gradient[onward], hessian[onward] = model.gradient, model.hessian
        tired = (trials >= 3 * options.iterations) | (radius <= options.step_tolerance)
        running &= ~tired
    return Outcome(state, cost, accepted, trials, radius)


def _scale(hessian: Floats, scaled: bool) -> Floats:
    """[b,P] units in which a step's length is measured."""
    diagonal = np.sqrt(np.maximum(np.einsum("bpp->bp", hessian), 0))
    if not scaled:
        return np.ones_like(diagonal)
    return np.where(diagonal > 0, diagonal, 1.0)


def _path_step(
    gradient: Floats, hessian: Floats, low: Floats, high: Floats, scale: Floats, radius: Floats
) -> tuple[Floats, Floats]:
    """The point of each bounded dogleg path at its trust radius, [b,P], and the radii (set where they were NaN)."""
    newton = box_minimum(hessian, gradient, low, high)
    downhill = -gradient / scale**2
    downhill = np.where((high <= 0) & (downhill > 0) | (low >= 0) & (downhill < 0), 0.0, downhill)
    slope = -np.einsum("bp,bp->b", gradient, downhill)
    curvature = np.einsum("bp,bpq,bq->b", downhill, hessian, downhill)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(curvature > 0, slope / curvature, 0.0)
        room = np.where(downhill > 0, high / downhill, np.where(downhill < 0, low / downhill, np.inf)).min(1)
    cauchy = downhill * np.minimum(ratio, np.where(np.isfinite(room), room, ratio))[:, None]
    newton_length = np.linalg.norm(newton * scale, axis=1)
    radius = np.where(np.isnan(radius), np.maximum(newton_length, 1e-30), radius)
    cauchy_length = np.linalg.norm(cauchy * scale, axis=1)
    # |cauchy + f (newton - cauchy)| = radius, in scaled lengths
    leg = (newton - cauchy) * scale
    a, b = (leg**2).sum(1), (leg * cauchy * scale).sum(1)
    c = cauchy_length**2 - radius**2
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(a > 0, (-b + np.sqrt(np.maximum(b**2 - a * c, 0))) / a, 1.0)
        shrink = np.where(cauchy_length > 0, radius / cauchy_length, 0.0)
    on_leg = cauchy + np.clip(fraction, 0, 1)[:, None] * (newton - cauchy)
    inside: Bools = newton_length <= radius
    before: Bools = cauchy_length >= radius
    step = np.where(inside[:, None], newton, np.where(before[:, None], cauchy * shrink[:, None], on_leg))
    return step, radius
