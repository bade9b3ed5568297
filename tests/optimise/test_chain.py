"""A chain of frames as one quadratic: its value, and that sweeps find the minimum that a dense solver finds."""

from __future__ import annotations

import numpy as np
import pytest

from solver_core.optimise.box import box_minimum
from solver_core.optimise.chain import ChainQuadratic

SIZE = 3


def chain(count=6, seed=0, held=0.5):
    """Random links between neighbours and second neighbours, each frame held a little.

    Returns them, and the same as one dense problem.
    """
    rng = np.random.default_rng(seed)
    quadratic = ChainQuadratic.zero(count, SIZE)
    rows, residuals = [], []

    def add(frames):
        residual = rng.normal(size=5)
        jacobians = [rng.normal(size=(5, SIZE)) * (held if len(frames) == 1 else 1.0) for _ in frames]
        quadratic.add(frames, residual, jacobians)
        row = np.zeros((5, count * SIZE))
        for frame, jacobian in zip(frames, jacobians, strict=True):
            row[:, frame * SIZE : (frame + 1) * SIZE] = jacobian
        rows.append(row)
        residuals.append(residual)

    for i in range(count):
        add((i,))
    for i in range(count - 1):
        add((i + 1, i) if i % 2 else (i, i + 1))
    for i in range(count - 2):
        add((i, i + 1, i + 2))
    return quadratic, np.concatenate(rows), np.concatenate(residuals)


FREE = np.full((6, SIZE), np.inf)


def test_the_value_is_half_the_sum_of_squares():
    quadratic, rows, residuals = chain()
    step = np.random.default_rng(1).normal(size=(6, SIZE))
    expected = 0.5 * (((rows @ step.ravel() + residuals) ** 2).sum() - (residuals**2).sum())
    assert quadratic.value(step) == pytest.approx(expected)


@pytest.mark.parametrize("parallel", [False, True])
def test_sweeps_rest_where_the_dense_solution_is(parallel):
    """In parallel (Jacobi) and in place (Gauss-Seidel) alike."""
    quadratic, rows, residuals = chain()
    expected = np.linalg.lstsq(rows, -residuals, rcond=None)[0].reshape(6, SIZE)
    found = quadratic.minimum(-FREE, FREE, 5000, parallel=parallel, tolerance=1e-13)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("parallel", [False, True])
def test_sweeps_respect_bounds_as_the_dense_solver_does(parallel):
    quadratic, rows, residuals = chain(seed=3)
    rng = np.random.default_rng(4)
    low, high = -rng.uniform(0, 0.3, FREE.shape), rng.uniform(0, 0.3, FREE.shape)
    low[2], high[4] = 0, 0
    expected = box_minimum((rows.T @ rows)[None], (rows.T @ residuals)[None], low.reshape(1, -1), high.reshape(1, -1))
    found = quadratic.minimum(low, high, 5000, parallel=parallel, tolerance=1e-13)
    assert (found >= low).all()
    assert (found <= high).all()
    np.testing.assert_allclose(found.ravel(), expected[0], atol=1e-7)


def test_every_sweep_in_place_goes_downhill():
    quadratic, _, _ = chain(count=6, seed=5, held=0.1)
    values = [quadratic.value(quadratic.minimum(-FREE, FREE, sweeps, tolerance=0.0)) for sweeps in range(12)]
    assert (np.diff(values) <= 1e-12).all()
    assert values[-1] < values[0]


def test_without_links_nothing_moves():
    np.testing.assert_array_equal(ChainQuadratic.zero(6, SIZE).minimum(-FREE, FREE, 10), 0)
