"""What `make setup` begins with: a Python is found or the reason said, and an environment is whole or made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[1] / "tools"


def tell(script, *arguments, python=""):
    environment = {**os.environ, "PYTHON": str(python)}
    return subprocess.run(
        [TOOLS / script, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def program(path, lines):
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def test_the_python_that_is_named_is_taken():
    found = tell("find_python.sh", python=sys.executable)
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).samefile(sys.executable)


@pytest.mark.parametrize("version", [[], ["3.11"]])
def test_a_python_that_does_not_do_is_refused_by_name(tmp_path, version):
    for named in (tmp_path / "nowhere", program(tmp_path / "too_old", "exit 1")):
        found = tell("find_python.sh", *version, python=named)
        assert (found.returncode, found.stdout) == (1, "")
        assert f"PYTHON={named} is no Python 3.11" in found.stderr


def test_a_python_for_the_solver_alone_leaves_the_search_for_3_11(tmp_path):
    newer = program(tmp_path / "newer", '[ -z "$2" ] && echo "$0"')  # it has another version than the one asked for
    assert tell("find_python.sh", python=newer).stdout.strip() == str(newer)
    found = tell("find_python.sh", "3.11", python=newer)
    assert found.stdout.strip() != str(newer)
    assert str(newer) not in found.stderr


def test_an_environment_whose_making_was_interrupted_is_made_anew(tmp_path):
    place = tmp_path / "with space" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    made = tell("make_environment.sh", place, python=sys.executable)
    assert made.returncode == 0, made.stderr
    assert subprocess.run([place / "bin" / "python", "-m", "pip", "--version"], check=False).returncode == 0
    assert "Making" in made.stdout
    (place / "mine").touch()
    again = tell("make_environment.sh", place, python=sys.executable)
    assert (again.returncode, again.stdout) == (0, "")
    assert (place / "mine").exists()


@pytest.mark.parametrize(
    ("version", "ci", "status", "said"),
    [
        ("5.3", "", 0, "Blender 5.3 is left out of the tests: its module needs Python 3.13"),
        ("5.3", "1", 1, "No Python 3.13"),
        ("4.5", "", 1, "No Python 3.11"),
    ],
)
def test_a_blender_whose_python_is_missing_is_left_out_by_name_but_never_in_ci(tmp_path, version, ci, status, said):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "env"):  # and no Python
        (programs / name).symlink_to(shutil.which(name))
    nowhere = str(tmp_path)
    environment = {"PATH": str(programs), "HOME": nowhere, "PYENV_ROOT": nowhere, "FACE_SOLVE_CI": ci}
    done = subprocess.run(
        [TOOLS / "make_blender.sh", version],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert not list(tmp_path.glob(".venv-bpy-*"))
