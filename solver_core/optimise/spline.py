"""Smoothing splines over time: values at frames, calmed as far as a period says."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import splu

from solver_core.common.arrays import Floats

LEAST = 5  # frames: fewer say too little of their motion


def smoothing_spline(time: Floats, values: Floats, period: float, give: Floats | None = None) -> Floats:
    """The natural cubic spline that smooths the values, at the same times.

    It is the f that minimises `sum((values - f)^2 / give) + strength * integral(f''^2)`, by Reinsch's algorithm (1967),
    as Green and Silverman (1994), Section 2.3, write it. Straight lines are left as they are.

    Args:
        time: [n] frames, ascending, n >= 3.
        values: [n,C].
        period: frames; a swing of this period keeps half of its size, a quicker one less. It sets the strength.
        give: [n] how readily each value gives way; 1 where none is given, and a value of 0 stays.

    Returns:
        [n,C].
    """
    count = len(time)
    step = np.diff(time)
    left, right = 1 / step[:-1], 1 / step[1:]
    second = diags([left, -left - right, right], [0, -1, -2], shape=(count, count - 2))
    roughness = diags([step[1:-1] / 6, (step[:-1] + step[1:]) / 3, step[1:-1] / 6], [-1, 0, 1])
    strength = (period / (2 * np.pi)) ** 4
    away = diags([strength * (np.ones(count) if give is None else give)], [0]) @ second
    bend = splu(csc_matrix(roughness + second.T @ away)).solve(second.T @ values)
    smooth: Floats = values - away @ bend
    return smooth
