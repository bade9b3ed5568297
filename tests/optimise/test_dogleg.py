"""The batched dogleg: chumpy's traces, standard problems, bounds, and residuals that are not numbers."""

from __future__ import annotations

import numpy as np
import pytest
from least_squares import TABLE, Functions, madsen, rosenbrock
from scipy.optimize import least_squares

from solver_core.optimise.dogleg import Options, dogleg

EXACT = {"cost_tolerance": 0.0, "step_tolerance": 1e-15}


def solve(problem, start, options):
    state = np.atleast_2d(np.array(start, float))
    return dogleg(problem, state, len(state), options)


def test_rosenbrock_goes_as_in_chumpy():
    """The golden trace: 4 steps, 5 trials, and the minimum exactly.

    The first radius, 14540.5, is narrowed once to 3635.126.
    """
    problem = rosenbrock()
    out = solve(problem, [-120, -100], Options(iterations=100, scaled=False, **EXACT))
    assert (out.iterations[0], out.trials[0]) == (4, 5)
    np.testing.assert_array_equal(out.state, [[1.0, 1.0]])
    lengths = [np.linalg.norm(step) for step in problem.steps[:2]]
    np.testing.assert_allclose(lengths, [14540.5, 3635.126], rtol=1e-6)
    assert lengths[1] == pytest.approx(lengths[0] / 4, rel=1e-9)


def test_madsen_goes_as_in_chumpy():
    out = solve(madsen(), [3, 1], Options(iterations=34, scaled=False, **EXACT))
    assert (out.iterations[0], out.trials[0]) == (34, 36)
    assert out.cost[0] / 2 == pytest.approx(0.38659952824693194, rel=1e-15)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", TABLE)
def test_jacobians_and_minima_of_the_standard_problems(name, scaled):
    make, start, least = TABLE[name]
    problem = make()
    at = np.array(start) + 0.1
    numeric = [(problem.residual(at + h) - problem.residual(at - h)) / 2e-6 for h in 1e-6 * np.eye(len(start))]
    np.testing.assert_allclose(problem.jacobian(at), np.stack(numeric, 1), rtol=1e-5, atol=1e-6)
    out = solve(problem, start, Options(iterations=200, scaled=scaled, **EXACT))
    assert out.cost[0] == pytest.approx(least, rel=1e-6, abs=1e-12)
    assert out.cost[0] == pytest.approx((problem.residual(out.state[0]) ** 2).sum(), rel=1e-12, abs=1e-25)


BOXES = {
    "rosenbrock": ([-1.5, -0.5], [0.5, 1.5]),
    "madsen": ([0.5, -2.0], [4.0, 2.0]),
    "beale": ([0.5, 0.1], [2.0, 2.0]),
    "kowalik and osborne": ([0.2, 0.2, 0.2, 0.2], [0.3, 1.0, 0.5, 0.5]),
    "powell singular": ([1.0, -2.0, -1.0, 0.5], [4.0, 2.0, 3.0, 2.0]),
}


@pytest.mark.parametrize("name", BOXES)
def test_bounds_hold_at_every_trial_and_the_bounded_minimum_is_found(name):
    make, start, _ = TABLE[name]
    low, high = map(np.array, BOXES[name])
    problem = make()
    problem.low, problem.high = low, high
    inside = np.clip(start, low, high)
    out = solve(problem, inside, Options(iterations=300, **EXACT))
    here = np.array(inside)
    for trial in problem.trials:
        assert np.all((trial >= low) & (trial <= high))
    # the steps themselves stay inside, not only what is left of them after clipping
    for step in problem.steps[:1]:
        assert np.all((here + step >= low - 1e-12) & (here + step <= high + 1e-12))
    oracle = least_squares(
        problem.residual,
        inside + 1e-9 * (0.5 * (low + high) - inside),
        problem.jacobian,
        bounds=(low, high),
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    assert out.cost[0] <= 2 * oracle.cost * (1 + 1e-6) + 1e-12


def test_a_parameter_without_room_does_not_move():
    problem = rosenbrock()
    problem.low, problem.high = np.array([-1.2, -np.inf]), np.array([-1.2, np.inf])
    out = solve(problem, [-1.2, 1.0], Options(iterations=50, **EXACT))
    assert out.state[0, 0] == -1.2
    assert out.state[0, 1] == pytest.approx(1.44, rel=1e-12)


def test_a_batch_is_its_problems_one_by_one():
    starts = np.random.default_rng(0).uniform(-3, 3, (12, 2))
    together = solve(rosenbrock(), starts, Options(iterations=25))
    for i, start in enumerate(starts):
        alone = solve(rosenbrock(), start, Options(iterations=25))
        # sums over a batch round differently; nothing else may
        np.testing.assert_allclose(together.state[i], alone.state[0], rtol=1e-9, atol=1e-12)
        assert (together.iterations[i], together.trials[i]) == (alone.iterations[0], alone.trials[0])


def test_the_order_of_a_batch_does_not_matter():
    starts = np.random.default_rng(1).uniform(-3, 3, (6, 2))
    order = [3, 1, 5, 0, 4, 2]
    there, back = solve(madsen(), starts, Options()), solve(madsen(), starts[order], Options())
    np.testing.assert_allclose(there.state[order], back.state, rtol=1e-9)


def test_the_cost_never_rises():
    problem = rosenbrock()
    seen = [solve(problem, [-1.2, 1.0], Options(iterations=n, **EXACT)).cost[0] for n in range(1, 20)]
    assert np.all(np.diff(seen) <= 0)


def nan_beyond(limit):
    """(x - 2)^2, of which nothing is known beyond `limit`."""
    return Functions(lambda x: np.where(x > limit, np.nan, x - 2), lambda x: np.eye(1))


def test_a_trial_that_is_not_a_number_counts_as_a_failed_one():
    problem = nan_beyond(1.0)
    out = solve(problem, [0.0], Options(iterations=40))
    assert 0 < out.state[0, 0] <= 1
    assert np.isfinite(out.cost[0])
    assert out.trials[0] <= 120


def test_a_start_that_is_not_a_number_is_left_alone():
    problem = nan_beyond(1.0)
    out = solve(problem, [[3.0], [0.5]], Options())
    assert out.state[0, 0] == 3.0
    assert out.trials[0] == 0
    assert not np.isfinite(out.cost[0])
    assert out.cost[1] < 1.5**2  # its neighbour is solved all the same


def test_nothing_but_not_a_number_around_the_start_ends():
    problem = Functions(lambda x: np.where(x == 0.0, 1.0, np.nan), lambda x: np.ones((1, 1)))
    out = solve(problem, [0.0], Options(iterations=10))
    assert out.trials[0] <= 30
    assert out.iterations[0] == 0
    assert out.state[0, 0] == 0.0


@pytest.mark.parametrize("scaled", [False, True])
def test_singular_and_empty_columns_are_safe(scaled):
    """Three copies of one parameter and one that does nothing: the residual still reaches zero."""
    j = np.array([[1.0, 1.0, 1.0, 0.0, 2.0], [3.0, 3.0, 3.0, 0.0, -1.0], [0.5, 0.5, 0.5, 0.0, 1e-3]])
    goal = j @ np.array([0.2, 0.1, 0.3, 0.0, -0.4])
    problem = Functions(lambda x: j @ x - goal, lambda _: j)
    out = solve(problem, np.zeros(5), Options(scaled=scaled))
    assert out.cost[0] < 1e-20
    assert out.state[0, 3] == 0.0
    assert np.isfinite(out.state).all()


def test_scaled_steps_do_not_care_for_units():
    """A parameter in millimetres instead of metres gives the same path."""
    unit = np.array([1.0, 1e-3])
    base = rosenbrock()
    other = Functions(lambda x: base.residual(x * unit), lambda x: base.jacobian(x * unit) * unit)
    options = Options(iterations=8, **EXACT)
    plain, millimetres = solve(base, [-1.2, 1.0], options), solve(other, np.array([-1.2, 1.0]) / unit, options)
    np.testing.assert_allclose(millimetres.state[0] * unit, plain.state[0], rtol=1e-6)


def test_cancelling_keeps_what_is_done():
    left = iter([False, False, True])
    out = dogleg(rosenbrock(), np.array([[-1.2, 1.0]]), 1, Options(iterations=50), lambda: next(left))
    assert out.trials[0] == 2
