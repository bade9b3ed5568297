"""An artist's whole session in a real window: see inside/window_session.py. The pictures go to tests/out."""

import json
import os
import shutil
import subprocess

import pytest

from blender_tests.conftest import INSIDE, ROOT, blender_binary, missing

PICTURES = ROOT / "tests" / "out" / "session"


@pytest.fixture(scope="module")
def report(zips, solver_python, tmp_path_factory):
    if shutil.which("xvfb-run") is None:
        missing("no xvfb-run: install Debian's xvfb")
    folder = tmp_path_factory.mktemp("window-session")
    PICTURES.mkdir(parents=True, exist_ok=True)
    result = folder / "report.json"
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1024x760x24 +extension GLX"]
    blender = [
        blender_binary(),
        "--factory-startup",
        "--enable-event-simulate",
        "--window-geometry",
        "0",
        "0",
        "1024",
        "760",
    ]
    script = ["--python-exit-code", "9", "--python", str(INSIDE / "window_session.py")]
    environment = {
        **os.environ,
        "FACE_SOLVE_PYTHON": str(solver_python),
        "FACE_SOLVE_PICTURES": str(PICTURES),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "BLENDER_USER_SCRIPTS": str(folder / "user" / "scripts"),
        "BLENDER_USER_CONFIG": str(folder / "user" / "config"),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    done = subprocess.run(
        [*screen, *blender, *script, "--", str(zips[1]), str(folder), str(result)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    if not result.exists():
        pytest.fail(f"no report:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return json.loads(result.read_text())


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
