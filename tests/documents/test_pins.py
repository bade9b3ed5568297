"""Pins in a shot's document: read, kept where they hold, said where they cannot, refused where they are none."""

from __future__ import annotations

import numpy as np
import pytest

from solver_core.camera.camera import Camera
from solver_core.documents.pins import read_pins

FRAMES = np.array([101, 102, 103])
CAMERA = Camera("A", 640, 480, np.ones((3, 4)), np.tile(np.eye(3, 4), (3, 1, 1)), plate={"frames": [1, None, 3]})
GOOD = {
    "frame": 101,
    "camera": "A",
    "vertices": [0, 1, 2],
    "barycentric": [0.5, 0.25, 0.25],
    "place": [320.5, 240.0],
    "strength": 2.0,
}


def read(*items):
    return read_pins([{**GOOD, **item} for item in items], FRAMES, [CAMERA], 10)


def test_a_pin_is_read_as_it_was_written():
    (pin,), notes = read({})
    assert (pin.frame, pin.camera, pin.vertices, pin.strength) == (101, "A", (0, 1, 2), 2.0)
    assert (pin.barycentric, pin.place, notes) == ((0.5, 0.25, 0.25), (320.5, 240.0), [])
    assert read_pins([], FRAMES, [CAMERA], 10) == ((), [])  # older shots have none


def test_what_cannot_hold_is_left_aside_and_said():
    pins, notes = read(
        {}, {"frame": 99}, {"frame": 102}, {"camera": "B"}, {"place": [5000.0, 10.0]}, {"place": [-30.0, 1.0]}
    )
    assert [pin.place for pin in pins] == [(320.5, 240.0), (-30.0, 1.0)]  # one a little beside the picture holds
    said = " ".join(notes)
    assert "Pins at 102" in said
    assert "no picture there" in said
    assert "camera B is not solved with" in said
    assert "outside the picture of camera A" in said
    assert "99" not in said  # a frame of another part of the shot


@pytest.mark.parametrize(
    "broken",
    [
        {"vertices": [0, 1, 10]},
        {"vertices": [0, 1]},
        {"vertices": [0, 1, -1]},
        {"barycentric": [0.5, 0.5, 0.5]},
        {"barycentric": [1.5, -0.5, 0.0]},
        {"barycentric": [float("nan"), 0.5, 0.5]},
        {"place": [float("inf"), 1.0]},
        {"place": [1.0]},
        {"strength": -1.0},
        {"strength": "much"},
        {"camera": 3},
        {"frame": 1.5},
    ],
)
def test_what_is_no_pin_is_refused(broken):
    with pytest.raises((ValueError, TypeError)):
        read(broken)


def test_pins_are_a_list_of_objects():
    for document in ({}, "pins", [1], None):
        with pytest.raises(TypeError):
            read_pins(document, FRAMES, [CAMERA], 10)
