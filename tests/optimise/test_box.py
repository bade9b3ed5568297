"""The bounded quadratic program, against every combination of active bounds and against the conditions of a minimum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver_core.optimise.box import box_minimum


def model(a, g, s):
    return g @ s + s @ a @ s / 2


def brute_force(a, g, low, high):
    """The best of the stationary points of all 3^P combinations of variables at a bound and free."""
    size = len(g)
    best, found = np.zeros(size), 0.0
    for sides in itertools.product((-1, 0, 1), repeat=size):
        side = np.array(sides)
        s = np.where(side < 0, low, np.where(side > 0, high, 0.0))
        free = side == 0
        if free.any():
            s[free] = np.linalg.solve(a[np.ix_(free, free)], -(g[free] + a[np.ix_(free, ~free)] @ s[~free]))
        if np.all(s >= low - 1e-12) and np.all(s <= high + 1e-12) and model(a, g, s) < found:
            best, found = s, model(a, g, s)
    return best


def random_problem(rng, size, rows):
    j = rng.normal(size=(rows, size)) * 10 ** rng.uniform(-1, 1, size)
    a, g = j.T @ j, j.T @ rng.normal(size=rows)
    reach = np.abs(g).max() / np.diag(a).max()
    low, high = -rng.uniform(0, reach, size), rng.uniform(0, reach, size)
    low[rng.random(size) < 0.2] = 0.0
    high[rng.random(size) < 0.2] = 0.0
    return a, g, low, high


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_it_is_the_best_of_all_active_sets(size):
    rng = np.random.default_rng(size)
    problems = [random_problem(rng, size, size + 3) for _ in range(60)]
    found = box_minimum(*(np.stack(part) for part in zip(*problems, strict=True)))
    for (a, g, low, high), s in zip(problems, found, strict=True):
        best = brute_force(a, g, low, high)
        value = model(a, g, best)
        assert model(a, g, s) <= value + 1e-9 * abs(value)
        assert np.all(s >= low)
        assert np.all(s <= high)
        np.testing.assert_allclose(s, best, atol=1e-5 * max(np.abs(best).max(), 1e-9))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), size=st.integers(1, 40), rows=st.integers(1, 60), ridge=st.sampled_from([0.0, 1e-3])
)
def test_it_meets_the_conditions_of_a_minimum(seed, size, rows, ridge):
    """Gradient zero where free, pointing outwards where a bound holds; also with fewer rows than parameters."""
    a, g, low, high = random_problem(np.random.default_rng(seed), size, rows)
    a = a + ridge * np.diag(np.diag(a))
    s = box_minimum(a[None], g[None], low[None], high[None])[0]
    assert np.all((s >= low) & (s <= high))
    slope = g + a @ s
    unit = np.sqrt(np.diag(a))  # a gradient counts in units of its parameter
    full = rows > size or ridge > 0
    tolerance = (1e-9 if full else 1e-3) * unit * np.max(np.abs(g) / np.maximum(unit, 1e-12))
    stuck = np.where(s <= low, np.minimum(slope, 0), np.where(s >= high, np.maximum(slope, 0), slope))
    stuck[(s <= low) & (s >= high)] = 0  # no room at all
    assert np.all(np.abs(stuck) <= tolerance), np.max(np.abs(stuck) / tolerance)


def test_without_bounds_it_is_the_newton_step():
    rng = np.random.default_rng(1)
    j = rng.normal(size=(8, 30, 12))
    a, g = j.swapaxes(1, 2) @ j, rng.normal(size=(8, 12))
    wide = np.full((8, 12), np.inf)
    newton = -np.linalg.solve(a, g[..., None])[..., 0]
    np.testing.assert_allclose(box_minimum(a, g, -wide, wide), newton, rtol=1e-9)


def test_a_batch_is_its_problems_one_by_one():
    rng = np.random.default_rng(2)
    problems = [random_problem(rng, 7, 20) for _ in range(9)]
    together = box_minimum(*(np.stack(part) for part in zip(*problems, strict=True)))
    apart = [box_minimum(*(part[None] for part in problem))[0] for problem in problems]
    np.testing.assert_array_equal(together, np.stack(apart))


def test_a_parameter_without_curvature_stays_where_it_is():
    a, g = np.diag([4.0, 0.0, 1.0]), np.array([-4.0, -1.0, 1.0])
    s = box_minimum(a[None], g[None], np.full((1, 3), -9.0), np.full((1, 3), 9.0))[0]
    np.testing.assert_allclose(s, [1, 0, -1])


@pytest.mark.parametrize("copies", [2, 3, 6])
@pytest.mark.parametrize("bounded", [False, True])
def test_duplicate_columns_are_safe(copies, bounded):
    """Several shape keys may do the same: the model is singular, its minimum is not."""
    rng = np.random.default_rng(copies)
    for _ in range(40):
        once = rng.normal(size=(30, 4)) * 10 ** rng.uniform(-3, 3)
        j = np.concatenate([once, np.repeat(once[:, :1], copies - 1, 1)], 1)
        r = rng.normal(size=30)
        size = j.shape[1]
        bound = np.full(size, 1e-2 / np.abs(once).max() if bounded else np.inf)
        s = box_minimum((j.T @ j)[None], (j.T @ r)[None], -bound[None], bound[None])[0]
        assert np.isfinite(s).all()
        if not bounded:
            best = np.linalg.lstsq(once, -r, rcond=None)[0]
            assert ((r + j @ s) ** 2).sum() <= ((r + once @ best) ** 2).sum() * (1 + 1e-9)
        assert np.all(np.abs(s) <= bound)
