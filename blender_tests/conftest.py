"""Finds the Blenders, builds the add-on once, and runs scripts inside each Blender."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from blender_tests.windowed import tell

ROOT = Path(__file__).resolve().parents[1]
INSIDE = Path(__file__).parent / "inside"
CI = os.environ.get("FACE_SOLVE_CI") == "1"
VERSIONS = ("3.4", "4.2", "4.5", "5.2", "5.3")


def missing(reason):
    """Skip, or fail where everything has to be there."""
    if CI:
        pytest.fail(reason)
    pytest.skip(reason)


def blender_binary():
    """Debian's Blender 3.4, or FACE_SOLVE_BLENDER_3_4."""
    found = os.environ.get("FACE_SOLVE_BLENDER_3_4") or shutil.which("blender")
    if not found:
        missing("no Blender 3.4: install Debian's blender, or set FACE_SOLVE_BLENDER_3_4")
    return found


def blender_command(version, script, arguments):
    """The command line that runs a script inside a Blender version, without a window."""
    if version == "3.4":
        return [
            blender_binary(),
            "-b",
            "--factory-startup",
            "--python-exit-code",
            "9",
            "--python",
            str(script),
            "--",
            *arguments,
        ]
    variable = f"FACE_SOLVE_BPY_{version.replace('.', '_')}"
    python = Path(os.environ.get(variable) or ROOT / f".venv-bpy-{version}" / "bin" / "python")
    if not python.exists():
        missing(f"no bpy {version}: make a virtual environment .venv-bpy-{version} with that wheel, or set {variable}")
    return [str(python), str(script), "--", *arguments]


@pytest.fixture(scope="session")
def zips(tmp_path_factory):
    """(extension, legacy): the built add-on."""
    import build_addon

    return build_addon.build(tmp_path_factory.mktemp("dist"))


def python_with(path, place):
    """Write a program that is this Python with the `solver_core` of a folder."""
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{place}" exec "{sys.executable}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="session")
def solver_python(tmp_path_factory):
    """A Python in which `solver_core` is the fault-injecting worker."""
    return python_with(tmp_path_factory.mktemp("solver") / "python", INSIDE.parent / "fault_worker")


@pytest.fixture(scope="session")
def real_solver(tmp_path_factory):
    """Variables that name a Python in which `solver_core` is the real one, and the folder of its weights."""
    from solver_core.networks import weights

    python = python_with(tmp_path_factory.mktemp("real") / "python", ROOT)
    return {"REAL_SOLVER_PYTHON": str(python), "REAL_SOLVER_CACHE": str(weights.folder().parent)}


@pytest.fixture(scope="session")
def inside(zips, solver_python, real_solver, tmp_path_factory):
    """Run a file of checks inside a Blender, with the fault-injecting worker unless told.

    Answers with {check: "" or its traceback}.
    """

    def run(version, name, timeout=240, folder=None, **more):
        folder = folder or tmp_path_factory.mktemp(f"{name}-{version}")
        report = folder / "report.json"
        archive = zips[1] if version == "3.4" else zips[0]
        command = blender_command(version, INSIDE / f"{name}.py", [str(archive), str(folder), str(report)])
        environment = {
            **os.environ,
            "FACE_SOLVE_PYTHON": str(solver_python),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            "BLENDER_USER_SCRIPTS": str(folder / "user" / "scripts"),
            "BLENDER_USER_CONFIG": str(folder / "user" / "config"),
            "OMP_NUM_THREADS": "1",
            **real_solver,
            **more,
        }
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False
        )
        if not report.exists():
            pytest.fail(
                f"Blender {version} ended with {done.returncode} and no report:\n"
                f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return json.loads(report.read_text())

    return run


@pytest.fixture(scope="session")
def in_window(zips, solver_python, tmp_path_factory):
    """Tell a story in a real Blender 3.4 window; answers with {step: "" or its traceback}.

    Its pictures go to tests/out.
    """

    def run(story, pictures, size, timeout, python=None):
        if shutil.which("xvfb-run") is None:
            missing("no xvfb-run: install Debian's xvfb")
        folder = tmp_path_factory.mktemp(story)
        shown = ROOT / "tests" / "out" / pictures
        environment = {"FACE_SOLVE_PYTHON": str(python or solver_python)}
        try:
            return tell(blender_binary(), INSIDE / f"{story}.py", zips[1], folder, shown, size, timeout, environment)
        except RuntimeError as silence:
            pytest.fail(str(silence))

    return run
