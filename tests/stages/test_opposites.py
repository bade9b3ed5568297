"""Of two keys that undo each other one is at rest, and the head looks as before."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from solver_core.face.key_relations import KeyRelations
from solver_core.stages.shared.opposites import without_opposites

VERTICES = np.random.default_rng(3).normal(size=(5, 3))
SHAPES = np.stack([VERTICES, -0.5 * VERTICES, np.ones((5, 3))])  # the second takes half of the first back
OPPOSITE = np.zeros((3, 3), bool)
OPPOSITE[0, 1] = OPPOSITE[1, 0] = True


def solve(relations):
    rig = SimpleNamespace(key_shapes=lambda keys: SHAPES[keys], minimum=np.zeros(3))
    return SimpleNamespace(rig=rig, relations=relations)


CONTEXT = solve(KeyRelations(OPPOSITE, np.zeros((0, 2), int)))
weight = st.floats(0, 1)


@given(
    st.lists(st.tuples(weight, weight, weight), min_size=1, max_size=4), st.sampled_from([(0,), (1,), (0, 1), (0, 2)])
)
def test_one_of_a_pair_rests_and_the_shape_stays(rows, keys):
    weights = np.array(rows)
    found = without_opposites(CONTEXT, weights, np.array(keys))
    assert (np.minimum(found[:, 0], found[:, 1]) == 0).all()
    np.testing.assert_allclose(np.tensordot(found, SHAPES, 1), np.tensordot(weights, SHAPES, 1), atol=1e-12)
    assert (found <= weights + 1e-12).all()


def test_where_it_is_to_look_as_before_may_be_a_part():
    weights = np.array([[0.6, 0.8, 0.1]])
    found = without_opposites(CONTEXT, weights, np.array([0, 1]), np.array([2]))
    np.testing.assert_allclose(found, [[0.2, 0.0, 0.1]])


def test_keys_of_no_pair_and_rigs_of_which_nothing_is_known_stay():
    weights = np.array([[0.6, 0.8, 0.1]])
    np.testing.assert_array_equal(without_opposites(CONTEXT, weights, np.array([2])), weights)
    np.testing.assert_array_equal(without_opposites(solve(None), weights, np.array([0, 1])), weights)
