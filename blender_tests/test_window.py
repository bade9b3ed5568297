"""Blender 3.4 in a real window under Xvfb: see inside/window.py. The pictures go to tests/out."""

import pytest


@pytest.fixture(scope="module")
def report(in_window):
    return in_window("window", "panel", (1024, 700), 240)


STEPS = (
    "picture panel-empty",
    "picture panel-ready",
    "picture panel-running",
    "picture panel-done",
    "solves while the interface lives",
    "one undo step takes the solve back",
    "Esc stops and keeps what is done",
    "Esc stops the reading of the scene",
    "an undo while solving loses no frame",
    "a crash is said in the panel",
    "picture panel-failed",
    "deleting the face ends the solve in words",
    "finished",
)


@pytest.mark.parametrize("step", STEPS)
def test_in_a_real_window(report, step):
    assert report.get(step, report.get("story", "not reached")) == ""
