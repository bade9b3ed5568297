"""Box-constrained quadratic programs, one for each frame: the Gauss-Newton point of a bounded problem."""

from __future__ import annotations

import numba
import numpy as np

from solver_core.common.arrays import Floats

ROUNDS = 60
HALVINGS = 12
TIGHT = 1e-12  # of the largest curvature: below this a variable does not move
REGULAR = 1e-15  # enough to keep a singular system solvable, too little to bend a step


def box_minimum(hessian: Floats, gradient: Floats, low: Floats, high: Floats) -> Floats:
    """The step s that minimises `g.s + s'As/2` subject to `low <= s <= high`, by projected Newton (Bertsekas 1982).

    Args:
        hessian: [B,P,P] symmetric, positive semidefinite; a variable with no curvature stays at zero.
        gradient: [B,P].
        low: [B,P], not above zero.
        high: [B,P], not below zero.

    Returns:
        [B,P] float64.
    """
    return _box_minimum(*(np.ascontiguousarray(a, np.float64) for a in (hessian, gradient, low, high)))


@numba.njit(cache=True)
def _model(a: Floats, g: Floats, s: Floats) -> float:
    return float(g @ s + 0.5 * (s @ (a @ s)))


@numba.njit(cache=True)
def _box_minimum(hessian: Floats, gradient: Floats, low: Floats, high: Floats) -> Floats:
    batch, size = gradient.shape
    out = np.zeros((batch, size))
    for b in range(batch):
        a, g, lo, hi = hessian[b], gradient[b], low[b], high[b]
        scale = 0.0
        for i in range(size):
            scale = max(scale, a[i, i])
        s = np.zeros(size)
        value = 0.0
        for _ in range(ROUNDS):
            q = g + a @ s
            free = np.empty(size, np.int64)
            count = 0
            for i in range(size):
                held = (s[i] <= lo[i] and q[i] > 0) or (s[i] >= hi[i] and q[i] < 0)
                if not held and a[i, i] > TIGHT * scale:
                    free[count] = i
                    count += 1
            if count == 0:
                break
            sub = np.empty((count, count))
            rhs = np.empty(count)
            for i in range(count):
                rhs[i] = -q[free[i]]
                for j in range(count):
                    sub[i, j] = a[free[i], free[j]]
                sub[i, i] *= 1.0 + REGULAR
            direction = np.linalg.solve(sub, rhs)
            step, moved, best = 1.0, False, value
            for _ in range(HALVINGS):
                trial = s.copy()
                for i in range(count):
                    k = free[i]
                    trial[k] = min(max(s[k] + step * direction[i], lo[k]), hi[k])
                best = _model(a, g, trial)
                if best < value:
                    moved = True
                    break
                step *= 0.5
            if not moved:
                # bounds cut a singular system's step off sideways: each variable in turn always goes downhill
                trial = s.copy()
                for i in range(count):
                    k = free[i]
                    trial[k] = min(max(trial[k] - (g[k] + a[k] @ trial) / a[k, k], lo[k]), hi[k])
                best = _model(a, g, trial)
                if best >= value:
                    break
            gain = value - best
            s = trial
            value = best
            if gain <= 1e-14 * abs(value):
                break
        out[b] = s
    return out
