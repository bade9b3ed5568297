"""The work after a solve in a real window: see inside/window_workflow.py. The pictures go to tests/out."""

import pytest


@pytest.fixture(scope="module")
def report(in_window):
    return in_window("window_workflow", "workflow", (1024, 760), 400)


STEPS = (
    "picture workflow",
    "statuses and ranges have their colours in viewport and timeline",
    "picture workflow-hover",
    "the frame under the mouse is named, and nothing else happens",
    "picture workflow-other-scene",
    "another scene and a save while solving",
    "Esc and Cancel stop a solve",
    "a defect and another file end a solve, and the next one runs",
    "finished",
)


@pytest.mark.parametrize("step", STEPS)
def test_in_a_real_window(report, step):
    assert report.get(step, report.get("story", "not reached")) == ""
