"""Overlays over the plate in a real window: see inside/window_overlay.py. The pictures go to tests/out."""

import pytest


@pytest.fixture(scope="module")
def report(in_window):
    return in_window("window_overlay", "overlay", (640, 500), 600)


STEPS = (
    "a plate's pixel is where Blender shows what the camera sees there",
    "landmarks are drawn at their plate pixels",
    "flow is drawn on its crop, as strong as the opacity says",
    "head and wireframe are drawn where the head is",
    "the wipe splits plate and render",
    "the wipe's line is dragged, and put back",
    "nothing is rebuilt when nothing changed",
    "switched off, or not through the camera, nothing is left",
    "another scene and back",
    "without its head the rest is drawn",
    "finished",
)


@pytest.mark.parametrize("step", STEPS)
def test_in_a_real_window(report, step):
    assert report.get(step, report.get("story", "not reached")) == ""
