"""The sparsity prior: few keys carry a movement that many could share, held by what each does over the whole shot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from solver_core.face.blocks import RIGID
from solver_core.face.key_relations import KeyRelations
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.optimise.dogleg import Quadratic
from solver_core.stages.shared import sparsity as module
from solver_core.stages.shared.contact import LinearContact
from solver_core.stages.shared.sparsity import StoredModel, relevance, solve_sparse

STRENGTH = 1.0


def test_a_key_is_held_harder_the_less_it_moves():
    moved = np.array([[0.0, 0.02, 0.5, 1.0], [0.0, 0.0, 0.0, 0.0]])
    factor = relevance(moved)
    assert (np.diff(factor) <= 0).all()
    assert factor[0] == module.HARDEST


def test_a_key_that_stands_still_counts_less_than_one_that_moves_as_far():
    still, moving = relevance(np.array([[0.3, 0.0], [0.3, 0.6]] * 4))
    assert still > 3 * moving


def test_of_a_single_frame_nothing_is_called_constant():
    np.testing.assert_allclose(relevance(np.array([[0.2]])), (module.QUIET / 0.2) ** 2)


def test_a_shot_in_which_no_face_is_seen_holds_every_key_hardest():
    np.testing.assert_array_equal(relevance(np.zeros((0, 3))), module.HARDEST)


@given(arrays(float, (5, 3), elements=st.floats(-2, 2)))
def test_strengths_stay_within_their_limits(weights):
    factor = relevance(weights)
    assert ((factor >= module.SOFTEST) & (factor <= module.HARDEST)).all()


def shot(truth, effects, start, keep=StoredModel.of):
    """Frames whose correspondences say exactly what the truth's movement is.

    The keys have these effects [K,M]; all poses are known.
    """
    count, keys = truth.shape
    pose = Pose(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)), start.copy())
    rig = SimpleNamespace(names=[f"key{k}" for k in range(keys)], minimum=np.zeros(keys), maximum=np.ones(keys))
    context = SimpleNamespace(pose=pose, rig=rig, trusted=np.ones(count, bool), relations=None)
    hessian = np.zeros((1, RIGID + keys, RIGID + keys))
    hessian[0, RIGID:, RIGID:] = effects @ effects.T
    models = {}
    for i, (true, at) in enumerate(zip(truth, start, strict=True)):
        gradient = np.zeros((1, RIGID + keys))
        gradient[0, RIGID:] = effects @ (effects.T @ (at - true))
        models[i] = keep(Quadratic(np.zeros(1), gradient, hessian.copy()))
    return context, models, FreeParameters(np.arange(keys))


@pytest.fixture
def shared():
    """The first key moves over 8 frames; the other two do half of what it does each, together all of it."""
    one, other = np.eye(6)[:2] * 20
    effects = np.stack([one + other, one + 0.1 * other, other + 0.1 * one])
    truth = np.zeros((8, 3))
    truth[:, 0] = np.linspace(0, 0.7, 8)
    return truth, effects


def test_a_movement_that_plain_l2_spreads_over_three_keys_goes_to_the_one_that_does_it(shared):
    truth, effects = shared
    plain = np.linalg.solve(effects @ effects.T + 5 * np.eye(3), effects @ effects.T @ truth.T).T
    assert np.abs(plain - truth).mean() > 0.05
    context, models, free = shot(truth, effects, plain)
    solve_sparse(context, models, free, np.full(3, STRENGTH))
    assert np.abs(context.pose.weights - truth).mean() < 6e-5


class Whole(NamedTuple):
    """A model as it is."""

    model: Quadratic
    gradient = property(lambda self: self.model.gradient)
    hessian = property(lambda self: self.model.hessian.copy())


def test_a_key_that_does_nothing_is_kept():
    """Nor does it where a camera says nothing at all."""
    for hessian in (np.diag([4.0, 0.0]), np.zeros((2, 2))):
        np.testing.assert_allclose(
            StoredModel.of(Quadratic(np.zeros(1), np.zeros((1, 2)), hessian[None])).hessian[0], hessian, atol=1e-300
        )


def test_a_model_is_kept_in_a_quarter_of_its_memory_and_solves_alike():
    rng = np.random.default_rng(0)
    jacobian = rng.normal(size=(900, 406)) * np.logspace(-2, 2, 406)  # metres, radians and weights are no alike
    model = Quadratic(np.zeros(1), rng.normal(size=(1, 406)), (jacobian.T @ jacobian)[None])
    kept = StoredModel.of(model)
    assert kept.upper.nbytes + kept.scale.nbytes + kept.gradient.nbytes < 0.26 * model.hessian.nbytes
    apart = np.abs(kept.hessian - model.hessian)[0] / np.sqrt(np.outer(*2 * [np.diag(model.hessian[0])]))
    assert apart.max() < 1e-9
    truth, effects = rng.uniform(0, 1, (8, 20)), np.logspace(-1, 2, 20)[:, None] * rng.normal(size=(20, 60))
    answers = []
    for keep in (StoredModel.of, Whole):
        context, models, free = shot(truth, effects, np.full_like(truth, 0.1), keep)
        solve_sparse(context, models, free, np.full(20, STRENGTH))
        answers.append(context.pose.weights)
    np.testing.assert_allclose(*answers, atol=1e-4)


def test_weights_stay_within_the_sliders_and_the_head_where_nothing_asks_it_to_move(shared):
    truth, effects = shared
    context, models, free = shot(3 * truth, effects, np.zeros_like(truth))
    solve_sparse(context, models, free, np.full(3, STRENGTH))
    assert context.pose.weights.min() >= 0
    assert context.pose.weights.max() == 1
    np.testing.assert_array_equal(context.pose.translation, 0)
    np.testing.assert_array_equal(context.pose.rotation, np.tile(np.eye(3), (8, 1, 1)))


def test_frames_left_to_infill_say_nothing_of_what_is_active(shared):
    truth, effects = shared
    context, models, free = shot(truth, effects, np.zeros_like(truth))
    del models[7]
    context.trusted[7] = False
    context.pose.weights[7] = (0, 1, 1)  # of before: not solved yet
    solve_sparse(context, models, free, np.full(3, STRENGTH))
    solved = context.pose.weights[:7]
    context.pose.weights[:7] = 0
    context.pose.weights[7] = 0
    solve_sparse(context, models, free, np.full(3, STRENGTH))
    np.testing.assert_array_equal(context.pose.weights[:7], solved)


def related(opposite=(), mirrors=(), keys=2):
    """Relations of so many keys."""
    undo = np.zeros((keys, keys), bool)
    for a, b in opposite:
        undo[a, b] = undo[b, a] = True
    return KeyRelations(undo, np.array(mirrors, int).reshape(-1, 2))


def test_of_two_keys_that_undo_each_other_the_lesser_goes_where_the_picture_is_nearly_the_same():
    """One moves a point by 1, the other by -0.9; both on are a movement that one of them makes alone."""
    effects = np.array([[20.0, 1.0], [-18.0, 1.0]])
    truth = np.array([[0.7, 0.3], [0.2, 0.8]] * 4)  # what a solve before has left
    weights = []
    for relations in (None, related([(0, 1)])):
        context, models, free = shot(truth, effects, truth.copy())
        context.relations = relations
        solve_sparse(context, models, free, np.full(2, STRENGTH))
        weights.append(context.pose.weights)
    assert (weights[0].min(1) > 0.1).any()
    assert (weights[1].min(1) < 0.05).all()
    net = weights[1] @ effects[:, 0] - truth @ effects[:, 0]
    assert np.abs(net).max() < 0.15 * 20


def test_two_sides_that_always_differ_alike_come_together_and_a_wink_stays():
    effects = np.eye(2) * 6.0
    one_sided = np.array([[0.5, 0.35], [0.4, 0.25], [0.6, 0.45], [0.3, 0.15]] * 2)
    wink = np.array([[0.0, 0.0], [0.9, 0.0], [0.0, 0.0], [0.0, 0.9]] * 2)
    apart = []
    for truth in (one_sided, wink):
        context, models, free = shot(truth, effects, truth.copy())
        context.relations = related(mirrors=[(0, 1)])
        solve_sparse(context, models, free, np.full(2, STRENGTH))
        apart.append(np.abs(np.diff(context.pose.weights)).max() / np.abs(np.diff(truth)).max())
    assert apart[0] < 0.5
    assert apart[1] > 0.9


def test_lips_that_the_linear_model_would_let_pass_are_stopped():
    """The gap is watched at each pass anew, though it was open where it was linearised."""
    truth = np.tile([[0.9]], (6, 1))
    context, models, free = shot(truth, np.array([[20.0]]), np.full((6, 1), 0.1))
    passed = LinearContact(gap=np.array([40.0]), moving=np.concatenate([np.zeros((1, RIGID)), [[-100.0]]], 1))
    weights = []
    for contact in (None, passed):
        context.pose.weights[:] = 0.1
        solve_sparse(context, models, free, np.full(1, STRENGTH), dict.fromkeys(models, contact) if contact else {})
        weights.append(context.pose.weights.copy())
    gap = 40 - 100 * (np.array(weights) - 0.1)
    assert (gap[0] < -20).all()
    assert (gap[1] > -5).all()
