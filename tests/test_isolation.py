"""The solver started by a person in a folder of somebody else's, and pip started by the solver.

Nothing that lies there runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from delivered import MODULES, PROGRAMS, deliver, ran

from solver_core.common.errors import FaceSolveError
from solver_core.networks import sources

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = (["stages"], ["weights", "list"], ["check"], ["solve", "{shot}", "--out", "out.npz", "--frames", "1001"])


@pytest.fixture
def stranger(tmp_path):
    """(folder, marker): delivered to somebody, who goes there."""
    folder, marker = tmp_path / "shot", tmp_path / "ran.txt"
    folder.mkdir()
    return folder, marker


def call(command, folder, **environment):
    """The finished process; `solver_core` is the checkout's, as if it were installed."""
    known = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_with_a_safe_path_nothing_of_the_folder_runs(stranger, little_shot, arguments):
    folder, marker = stranger
    deliver(folder, marker)
    given = [one.format(shot=little_shot.folder) for one in arguments]
    done = call([sys.executable, "-P", "-m", "solver_core", *given], folder)
    assert done.returncode == 0, done.stderr
    assert ran(marker) == []


@pytest.mark.parametrize("arguments", COMMANDS[:2], ids=lambda arguments: arguments[0])
def test_without_one_the_folder_is_left_before_anything_is_imported(stranger, arguments):
    """All but a `solver_core` that lies there, which is what Python starts then."""
    folder, marker = stranger
    deliver(folder, marker, [name for name in MODULES if not name.startswith("solver_core")])
    done = call([sys.executable, "-m", "solver_core", *arguments], folder)
    assert done.returncode == 0, done.stderr
    assert ran(marker) == []


def test_a_checkout_still_runs_from_its_own_folder(tmp_path):
    (tmp_path / "solver_core").symlink_to(ROOT / "solver_core")
    for folder in (ROOT, tmp_path):
        done = call([sys.executable, "-m", "solver_core", "--version"], folder, PYTHONPATH="")
        assert done.returncode == 0, done.stderr


def test_the_delivered_things_do_run_where_they_are_asked_for(stranger):
    """Else the other tests would prove nothing."""
    folder, marker = stranger
    deliver(folder, marker)
    for name in MODULES:
        call([sys.executable, "-c", f"import {name.partition('/')[0].removesuffix('.py')}"], folder)
    for name in PROGRAMS:
        call([name], folder, PATH=".")
    assert ran(marker) == sorted(str(folder / name) for name in (*MODULES, *PROGRAMS))


def test_pip_is_not_taken_from_the_working_directory(stranger, tmp_path, monkeypatch):
    folder, marker = stranger
    deliver(folder, marker)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    bring = tmp_path / "bring"
    bring.mkdir()
    with pytest.raises(FaceSolveError, match="could not be downloaded: ERROR: No matching distribution"):
        sources.pip_download("it", ["it"], bring, "*.whl", sources.silent)
    assert ran(marker) == []
