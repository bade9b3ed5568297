"""An artist's whole session in a real window: see inside/window_session.py. The pictures go to tests/out."""

import pytest


@pytest.fixture(scope="module")
def report(in_window):
    return in_window("window_session", "session", (1024, 760), 180)


STEPS = (
    "picture panel-nothing",
    "picture panel-setup",
    "setup is drawn",
    "picture panel-stages",
    "picture panel-infill",
    "stages are drawn",
    "N and Shift N step through the bad frames, and only in review",
    "a click on a bar goes to its frame",
    "picture review",
    "the curve is drawn where the data is",
    "picture review-fixed",
    "a fix and a locked frame outlast a range solved again",
    "undo, redo, save and reload",
    "picture preferences-installing",
    "picture preferences",
    "the installation runs in the background and is stopped",
    "finished",
)


@pytest.mark.parametrize("step", STEPS)
def test_in_a_real_window(report, step):
    assert report.get(step, report.get("story", "not reached")) == ""
