"""Presets, shape keys, weights and the check in a real window: see inside/window_setup.py.

The pictures go to tests/out.
"""

import pytest


@pytest.fixture(scope="module")
def report(in_window):
    return in_window("window_setup", "setup", (1024, 900), 300)


STEPS = (
    "picture preset-menu",
    "a preset is chosen from the menu",
    "picture shape-keys",
    "a shape key is moved from the menu, with its other side",
    "picture preferences-weights",
    "picture licence",
    "weights are fetched after their licence has been shown",
    "Esc stops a download",
    "finished",
)


@pytest.mark.parametrize("step", STEPS)
def test_in_a_real_window(report, step):
    assert report.get(step, report.get("story", "not reached")) == ""
