"""Blender 3.4 in a real window under Xvfb: see inside/window.py. The pictures go to tests/out."""

import json
import os
import shutil
import subprocess

import pytest

from blender_tests.conftest import INSIDE, ROOT, blender_binary, missing

PICTURES = ROOT / "tests" / "out" / "panel"


@pytest.fixture(scope="module")
def report(zips, solver_python, tmp_path_factory):
    if shutil.which("xvfb-run") is None:
        missing("no xvfb-run: install Debian's xvfb")
    folder = tmp_path_factory.mktemp("window")
    PICTURES.mkdir(parents=True, exist_ok=True)
    result = folder / "report.json"
    screen = "-screen 0 1024x700x24 +extension GLX"
    blender = [
        blender_binary(),
        "--factory-startup",
        "--enable-event-simulate",
        "--window-geometry",
        "0",
        "0",
        "1024",
        "700",
        "--python-exit-code",
        "9",
    ]
    command = [
        "xvfb-run",
        "-a",
        "-s",
        screen,
        *blender,
        "--python",
        str(INSIDE / "window.py"),
        "--",
        str(zips[1]),
        str(folder),
        str(result),
    ]
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
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    (folder / "blender.log").write_text(done.stdout + done.stderr)
    if not result.exists():
        pytest.fail(f"no report:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return json.loads(result.read_text())


STEPS = (
    "picture panel-empty",
    "picture panel-ready",
    "picture panel-running",
    "picture panel-done",
    "solves while the interface lives",
    "one undo step takes the solve back",
    "Esc stops and keeps what is done",
    "an undo while solving loses no frame",
    "a crash is said in the panel",
    "picture panel-failed",
    "deleting the face ends the solve in words",
    "finished",
)


@pytest.mark.parametrize("step", STEPS)
def test_in_a_real_window(report, step):
    assert report.get(step, report.get("story", "not reached")) == ""
