"""Keys tried against the plate: blinks are found, open eyes stay open, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver_core.stages.key_names import EYELIDS
from solver_core.stages.kinds import scan as module
from solver_core.stages.kinds.scan import Scan, best_values, independent_groups

VALUES = np.linspace(0, 1, module.VALUES)[:, None]


@pytest.fixture(scope="module")
def scanned(context):
    """The little shot at its true poses, but with open eyes everywhere; then the eyelids tried."""
    here = replace(context, pose=context.pose.copy())
    lids = [here.rig.names.index(f"eyeBlink_{side}") for side in "LR"]
    here.pose.weights[:, lids] = 0
    before = here.pose.copy()
    list(Scan(keys=(EYELIDS,)).run(here))
    return here, before, lids


def test_a_blink_is_found_and_open_eyes_stay_open(scanned, context):
    here, _, lids = scanned
    np.testing.assert_allclose(here.pose.weights[:, lids], context.pose.weights[:, lids], atol=0.15)
    assert here.pose.weights[6, lids].min() > 0.75


def test_nothing_but_the_scanned_keys_moves(scanned):
    here, before, lids = scanned
    others = np.setdiff1d(np.arange(before.weights.shape[1]), lids)
    np.testing.assert_array_equal(here.pose.weights[:, others], before.weights[:, others])
    np.testing.assert_array_equal(here.pose.rotation, before.rotation)
    np.testing.assert_array_equal(here.pose.translation, before.translation)


def test_held_frames_stay(context):
    lids = [context.rig.names.index(f"eyeBlink_{side}") for side in "LR"]
    here = replace(context, pose=context.pose.copy(), asked=np.array([0]))
    here.pose.weights[:, lids] = 0.5
    list(Scan(keys=(EYELIDS,)).run(here))
    np.testing.assert_array_equal(here.pose.weights[1:, lids], 0.5)
    assert here.pose.weights[0, lids].max() < 0.01


def test_both_eyes_are_tried_at_once_and_keys_of_one_place_after_another(context):
    names = context.rig.names
    left, right, jaw = (names.index(name) for name in ("eyeBlink_L", "eyeBlink_R", "jawOpen"))
    assert [list(group) for group in independent_groups(context, np.array([left, right]))] == [[left, right]]
    mouth = names.index("mouthFunnel")
    assert len(independent_groups(context, np.array([jaw, mouth]))) == 2


@given(st.floats(0.0, 1.0), st.floats(0.5, 5.0), st.floats(0.0, 0.01))
def test_the_lowest_point_of_a_parabola_is_found_exactly_unless_rest_is_as_good(place, steep, floor):
    differences = (steep * (VALUES[:, 0] - place) ** 2 + floor)[None, None]
    found = best_values(VALUES, differences)[0, 0]
    if found != 0:
        between = 0.125 <= place <= 0.875  # the least tried value is no end of the slider
        assert found == pytest.approx(place if between else round(place), abs=1e-6)
    else:
        assert differences.min() >= (1 - module.GAIN) * differences[0, 0, 0]


def test_where_no_camera_sees_the_place_the_key_rests():
    nowhere = np.full((1, 1, module.VALUES), np.nan)
    assert best_values(VALUES, nowhere)[0, 0] == 0
    assert best_values(np.linspace(-1, 1, 5)[:, None], nowhere)[0, 0] == 0


def test_a_lid_stays_open_where_landmarks_see_it_open_whatever_the_picture_says():
    darker_when_shut = np.array([[[227.0, 194.0, 147.0, 112.0, 102.0]]])
    open_eye = np.array([[[0.02, 0.15, 0.3, 0.6, 0.9]]])
    assert best_values(VALUES, darker_when_shut)[0, 0] > 0.7
    assert best_values(VALUES, darker_when_shut, open_eye)[0, 0] == 0


def test_a_lid_closes_where_landmarks_see_it_shut_and_the_picture_does_not_say_the_contrary():
    a_little = np.array([[[217.0, 164.0, 165.0, 189.0, 202.0]]])
    shut_eye = np.array([[[0.8, 0.6, 0.4, 0.05, 0.08]]])
    assert best_values(VALUES, a_little, shut_eye)[0, 0] >= 0.75
    contrary = np.array([[[165.0, 163.0, 168.0, 185.0, 202.0]]])
    assert best_values(VALUES, contrary, shut_eye)[0, 0] == 0
