"""Kept arrays: never beyond the bound, and the right ones make room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver_core.camera.camera import Camera
from solver_core.camera.crop import Crop
from solver_core.footage import views
from solver_core.footage.cache import remembered
from solver_core.footage.plates import CACHE_BYTES
from solver_core.observe import flow as flow_observer
from solver_core.observe import landmarks
from solver_core.stages.shared import tracking

ROOM = 80  # bytes: ten numbers


def use(store, keys, made, **options):
    """Ask for arrays of one number each, that say which they are."""

    def make(key):
        made.append(key)
        return np.array([float(key)])

    for key in keys:
        assert remembered(store, key, lambda key=key: make(key), ROOM, **options)[0] == key


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=60), st.booleans())
def test_the_bound_holds_whatever_is_asked_for(asked, rounds):
    store = {}
    for key, size in asked:
        remembered(store, key, lambda size=size: np.zeros(size), ROOM, rounds=rounds)
        assert sum(one.nbytes for one in store.values()) <= ROOM
        assert next(reversed(store)) == key


def test_one_array_may_be_larger_than_the_room():
    store = {0: np.zeros(3)}
    assert remembered(store, 1, lambda: np.zeros(99), ROOM).size == 99
    assert list(store) == [1]


def test_what_was_used_of_late_stays():
    store, made = {}, []
    use(store, [*range(10), 0, 10], made)
    assert list(store) == [2, 3, 4, 5, 6, 7, 8, 9, 0, 10]


@pytest.mark.parametrize(("rounds", "made_again"), [(True, 4 * 3), (False, 12 * 3)])
def test_rounds_over_more_than_there_is_room_for_still_find_most(rounds, made_again):
    """Three more rounds over twelve arrays where ten have room.

    Without rounds, every array has gone just before it is asked for.
    """
    store, made = {}, []
    use(store, list(range(12)) * 4, made, rounds=rounds)
    assert len(made) - 12 <= made_again
    assert (len(made) - 12 == made_again) is not rounds


def test_a_long_shot_s_pictures_and_flow_stay_within_their_bounds(monkeypatch):
    """A thousand frames, gone through twice by the rounds and then by the tracker.

    Crops, flow and structures are of the right frame all the same.
    """
    count, size = 1000, tracking.SIZE
    crop = Crop((160.0, 160.0), 320.0, 0.0, 192)

    class Footage:
        size = (320, 320)

        def read_display(self, number):
            return np.full((320, 320, 3), number / 1000, np.float32)

    film = Camera(
        "A",
        320,
        320,
        np.ones((count, 4)),
        np.tile(np.eye(3, 4), (count, 1, 1)),
        {"kind": "sequence", "path": "", "frames": list(range(count)), "colorspace": "sRGB"},
    )
    view = views.View(film, Footage(), [crop] * count, np.zeros((count, 1, 2)), [""] * count, np.zeros(count - 1, bool))
    monkeypatch.setattr(views, "KEPT_BYTES", 20 * 2**20)
    monkeypatch.setattr(tracking, "KEPT_BYTES", 30 * 2**20)

    def flow(first, second):
        return np.broadcast_to(second[:, :1, :1, :1] - first[:, :1, :1, :1], (1, size, size, 2)).copy()

    tracker = tracking.Tracker(tracking.with_crops(view), flow)
    for _ in range(2):
        for i in range(0, count, 9):
            np.testing.assert_allclose(view.images(np.array([i]), size)[0, 0, 0], i / 1000, atol=0.003)
    for i in range(0, count - 1, 9):
        np.testing.assert_allclose(tracker.between(i, i + 1)[0, 0], 0.001, atol=0.005)
        assert tracker.structure(i).shape == (size, size, 3)
    kept = [view.kept_bytes(), tracker.view.kept_bytes(), tracker.kept_bytes()]
    assert kept[0] == kept[1] <= views.KEPT_BYTES + flow_observer.STRUCTURE_BYTES
    assert kept[2] <= tracking.KEPT_BYTES


def test_two_cameras_of_a_long_shot_stay_within_a_gigabyte():
    """What is kept of the footage as stored, of its crops, of what follows from them, and of flow."""
    derived = views.LINEAR_BYTES + landmarks.KEPT_BYTES + flow_observer.STRUCTURE_BYTES
    assert 2 * (CACHE_BYTES + views.KEPT_BYTES + derived + tracking.KEPT_BYTES) <= 2**30
