"""Pins in a real window, by real mouse events: see inside/window_pins.py. The picture goes to tests/out."""

import pytest

from blender_tests.conftest import ROOT, python_with


@pytest.fixture(scope="module")
def report(in_window, tmp_path_factory):
    solver = python_with(tmp_path_factory.mktemp("pins") / "python", ROOT)
    return in_window("window_pins", "pins", (800, 600), 300, solver)


STEPS = (
    "one pin moves the head under the mouse",
    "two pins turn it and change its distance",
    "three and more give the full pose, and handles are drawn",
    "with Shift the expression alone follows",
    "Esc and an undo in the middle of a drag put it back",
    "one undo step takes a drag back, and redo brings it",
    "a pin stays in the picture, and a click beside the head is Blender's",
    "X deletes a pin, and C copies the frame's on",
    "pins are in the file, and in its next version",
    "picture pins",
    "finished",
)


@pytest.mark.parametrize("step", STEPS)
def test_in_a_real_window(report, step):
    assert report.get(step, report.get("story", "not reached")) == ""
