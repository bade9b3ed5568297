"""Smoothing splines against SciPy's as a twin.

Lines stay, swings are halved at their period, and values that are held do not give way.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import make_smoothing_spline

from solver_core.optimise.spline import smoothing_spline

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [5, 6, 40])
def test_it_is_scipys_spline(count):
    time = np.cumsum(RNG.integers(1, 4, count)).astype(float)
    values, give = RNG.normal(size=(count, 3)), RNG.uniform(0.2, 3, count)
    twin = [make_smoothing_spline(time, column, 1 / give, lam=(7 / (2 * np.pi)) ** 4)(time) for column in values.T]
    np.testing.assert_allclose(smoothing_spline(time, values, 7.0, give), np.transpose(twin), atol=1e-9)


def test_straight_lines_stay():
    time = np.arange(30.0)
    lines = np.array([5.0, 0.0, 2.0]) + np.outer(time, [0.0, 1.0, -0.3])
    np.testing.assert_allclose(smoothing_spline(time, lines, 50.0), lines, atol=1e-9)


@pytest.mark.parametrize("period", [6.0, 12.0, 24.0])
def test_a_swing_of_the_period_is_halved(period):
    """Frames are dense beside the longer periods; far from the ends."""
    time = np.arange(400.0)
    swing = np.sin(2 * np.pi * time / period)[:, None]
    middle = slice(100, 300)
    share = (smoothing_spline(time, swing, period) * swing)[middle].sum() / (swing**2)[middle].sum()
    assert share == pytest.approx(0.5, abs=0.02)


def test_noise_shrinks_with_the_period():
    noise = RNG.normal(size=(200, 1))
    sizes = [smoothing_spline(np.arange(200.0), noise, period).std() for period in (0.5, 3.0, 6.0, 12.0, 24.0)]
    assert np.all(np.diff(sizes) < 0)
    assert sizes[3] < 0.6 * noise.std()


def test_what_does_not_give_way_stays_to_the_bit():
    values, give = RNG.normal(size=(20, 2)), np.ones(20)
    give[[0, 7, 8, 19]] = 0
    smooth = smoothing_spline(np.arange(20.0), values, 12.0, give)
    np.testing.assert_array_equal(smooth[give == 0], values[give == 0])
    assert np.abs(smooth - values)[give == 1].min() > 0
