"""The installation without Blender: a real virtual environment, a real wheel, and every way that a step can fail."""

import os
import sys
import time
import zipfile

import pytest

from addon.problem import FaceSolveProblem
from addon.worker import installer
from addon.worker.installer import Installation, Step, environment_python, find_python, plan_steps
from addon.worker.interpreter import probe_version, solver_environment
from solver_core.networks.weights import INSTALL_FAN

ENVIRONMENT = solver_environment(os.environ)


def drive(installation, until=lambda one: one.over, seconds=90.0):
    fractions, deadline = [], time.monotonic() + seconds
    while not until(installation):
        installation.poll()
        fractions.append(installation.fraction)
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return fractions


@pytest.fixture(scope="module")
def wheel(zips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("addon")
    with zipfile.ZipFile(zips[0]) as archive:
        archive.extractall(folder)
    return installer.bundled_wheel(folder)


def test_the_bundled_wheel_is_installed_into_a_real_environment(wheel, tmp_path):
    place = tmp_path / "with space" / "solver"
    assert not installer.is_complete(place, ENVIRONMENT)
    steps = plan_steps(place, sys.executable, wheel, device="cpu", index="", exists=False)
    assert [step.online for step in steps] == [False, False, True, True, False]
    assert sum(step.share for step in steps) == pytest.approx(1.0)
    # An environment whose making was interrupted is made anew.
    environment_python(place).parent.mkdir(parents=True)
    environment_python(place).symlink_to(sys.executable)
    offline = Installation(steps[:2], tmp_path / "install.log", ENVIRONMENT, tmp_path)
    fractions = drive(offline)
    assert offline.succeeded, offline.problem
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert installer.is_complete(place, ENVIRONMENT)
    # Away from this repository, and the wheel's own code; its first import of a dependency says what is missing.
    tell = Step(
        "Asking", [str(environment_python(place)), "-I", "-c", "import solver_core; print(solver_core.__file__)"], 1.0
    )
    asked = Installation([tell], tmp_path / "asked.log", ENVIRONMENT, tmp_path)
    drive(asked)
    assert asked.succeeded
    assert asked.last_line.startswith(str(place))
    # Taken up again: nothing is made twice.
    again = plan_steps(place, "", wheel, device="cpu", index="", exists=True)
    assert [step.title for step in again] == [step.title for step in steps[1:]]
    assert again[0].command == steps[1].command


def test_the_commands_that_go_online(wheel, tmp_path):
    inner = str(environment_python(tmp_path))
    steps = plan_steps(tmp_path, "python3", wheel, device="cuda", index="file:///wheels", exists=False)
    pip = [inner, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off"]
    assert steps[2].command == [*pip, "--extra-index-url", "file:///wheels", str(wheel)]
    assert steps[3].command == [inner, "-I", "-m", "solver_core", "weights", "fetch"]
    assert "cuda.is_available" in steps[4].command[-1]
    both = plan_steps(tmp_path, "python3", wheel, device="cpu", index="", exists=False, extras=["dlib", "fan"])
    assert sum(step.share for step in both) == pytest.approx(1.0)
    assert both[2].command == [*pip, f"{wheel}[dlib,fan]"]
    assert both[3].command == [*pip, "--no-deps", "face-alignment==1.5.0"]
    assert "face-alignment==1.5.0" in INSTALL_FAN  # what the solver tells to type is what the button does
    assert both[-1].command[-1] == "import torch, solver_core, dlib, face_alignment"
    plain = plan_steps(tmp_path, "python3", wheel, device="cpu", index="", exists=False)
    assert plain[2].command == [*pip, str(wheel)]
    assert "cuda" not in plain[4].command[-1]


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Error: Command '[..., '-m', 'ensurepip']' returned", "cannot make virtual environments"),
        ("WARNING: Retrying ... NewConnectionError(...)", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no version of a package"),
        ("CUDA cannot be used with this torch", "cannot use an NVIDIA GPU"),
        ("something nobody has seen", "something nobody has seen"),
    ],
)
def test_a_failed_step_is_a_sentence_and_later_steps_do_not_run(tmp_path, printed, words):
    fail = Step("Trying", [sys.executable, "-c", f"import sys; print({printed!r}); sys.exit(1)"], 0.5)
    never = Step("Never", [sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')"], 0.5)
    installation = Installation([fail, never], tmp_path / "install.log", ENVIRONMENT, tmp_path)
    drive(installation)
    assert not installation.succeeded
    assert words in installation.problem.message
    assert installation.problem.remedy
    assert not (tmp_path / "ran").exists()


def test_cancel_ends_the_step_and_its_children(tmp_path):
    child = f"import os, subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(p.pid, flush=True); time.sleep(60)"  # noqa: F541
    installation = Installation(
        [Step("Long", [sys.executable, "-c", child], 1.0)], tmp_path / "log", ENVIRONMENT, tmp_path
    )
    drive(installation, until=lambda one: one.last_line.isdigit())
    pid = int(installation.last_line)
    installation.cancel()
    assert installation.over
    assert not installation.succeeded
    deadline = time.monotonic() + 10.0
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        with open(f"/proc/{pid}/stat") as stream:
            if stream.read().split()[2] == "Z":
                return
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{pid}")


def test_the_extras_are_in_the_wheel_and_importable_where_they_are_installed(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith("METADATA"))
        metadata = archive.read(name).decode()
    for extra in installer._MODULES:
        assert f"Provides-Extra: {extra}" in metadata
    steps = plan_steps(tmp_path, "", wheel, device="cpu", index="", exists=True, extras=list(installer._MODULES))
    check = Step("Checking", [sys.executable, *steps[-1].command[1:]], 1.0)  # this environment has both
    installation = Installation([check], tmp_path / "install.log", ENVIRONMENT, tmp_path)
    drive(installation)
    assert installation.succeeded, installation.problem


def test_progress_follows_the_packages_that_pip_names(tmp_path):
    code = "import time\nfor i in range(30):\n print('Collecting', i, flush=True)\n time.sleep(0.01)"
    installation = Installation(
        [
            Step("Packages", [sys.executable, "-c", code], 0.9, online=True),
            Step("End", [sys.executable, "-c", ""], 0.1),
        ],
        tmp_path / "log",
        ENVIRONMENT,
        tmp_path,
    )
    fractions = drive(installation)
    assert fractions == sorted(fractions)
    assert len({fraction for fraction in fractions if 0.1 < fraction < 0.9}) > 3


def test_the_log_has_no_password_of_the_index(tmp_path):
    index = "https://me:pass@word@index.example/simple"
    tell = Step("Asking", [sys.executable, "-c", "import sys; print(len(sys.argv[1]))", index], 1.0)
    installation = Installation([tell], tmp_path / "install.log", ENVIRONMENT, tmp_path)
    drive(installation)
    assert installation.last_line == str(len(index))  # pip gets all of it
    text = (tmp_path / "install.log").read_text()
    assert "https://index.example/simple" in text
    assert "word" not in text


def test_a_log_that_is_taken_away_ends_the_installation_in_words(tmp_path):
    log = tmp_path / "there" / "install.log"
    steps = [Step("One", [sys.executable, "-c", "print(1)"], 0.5), Step("Two", [sys.executable, "-c", ""], 0.5)]
    installation = Installation(steps, log, ENVIRONMENT, tmp_path)
    drive(installation, until=lambda one: one.last_line == "1")
    log.unlink()
    log.parent.rmdir()
    drive(installation)
    assert "cannot be written" in installation.problem.message
    assert installation.last_line == ""


def script(path, answer):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {answer}\n")
    path.chmod(0o755)
    return str(path)


def test_the_first_suitable_python_is_found(tmp_path):
    script(tmp_path / "a" / "python3.11", "nonsense")
    script(tmp_path / "a" / "python3.12", "python 3.12")
    script(tmp_path / "a" / "python3", "python 3.9")
    own = script(tmp_path / "own" / "python3.11", "python 3.11")
    path = {"PATH": f"{tmp_path / 'a'}:/bin"}
    assert find_python("", own, path) == str(tmp_path / "a" / "python3.12")
    assert find_python(own, "", path) == own
    with pytest.raises(FaceSolveProblem, match=r"is 3\.9"):
        find_python(str(tmp_path / "a" / "python3"), own, path)
    with pytest.raises(FaceSolveProblem, match="not a working Python"):
        find_python(str(tmp_path / "nowhere"), own, path)
    with pytest.raises(FaceSolveProblem, match="not the full path"):
        find_python("python3", own, path)
    (tmp_path / "a" / "python3.12").unlink()
    path = {"PATH": str(tmp_path / "a")}
    script(tmp_path / "a" / "python3", "python 3.14")
    (tmp_path / "blenders" / "blender").parent.mkdir()
    with pytest.raises(FaceSolveProblem, match="No Python"):
        find_python("", script(tmp_path / "blenders" / "blender", "python 3.11"), path)


def test_this_python_is_suitable():
    assert installer.is_suitable(probe_version(sys.executable, ENVIRONMENT))
    assert not installer.is_suitable("")
    assert not installer.is_suitable("3.10")
    assert installer.is_suitable("3.13")


def test_an_addon_without_its_wheel_says_so(tmp_path):
    with pytest.raises(FaceSolveProblem, match="carries no solver"):
        installer.bundled_wheel(tmp_path)
