"""Installs the solver into a virtual environment of its own: which Python, which commands, and how far they are."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, List, Mapping, Optional, Sequence

from ..problem import FaceSolveProblem
from .interpreter import MINIMUM_PYTHON, absolute_folders, full_path, isolated, no_window, probe_version
from .process import tail

NEWEST_PYTHON = (3, 13)  # the newest that every dependency has wheels for
_NAMES = ("python3.11", "python3.12", "python3.13", "python3", "python")
_PYTHON_REMEDY = "Install Python 3.11 to 3.13, or choose one under Install With in the add-on's preferences."
_PIP = ("-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off")
_MODULES = {"dlib": "dlib", "fan": "face_alignment"}
# alone: it asks for an OpenCV that overwrites the solver's (docs/dependencies.md)
FACE_ALIGNMENT = "face-alignment==1.5.0"
_CREDENTIALS = re.compile(r"://[^/\s]*@")  # name and password in an index's address; pip itself prints them masked
_TYPICAL_PACKAGES = 40.0  # pip does not say how many there will be


@dataclass(frozen=True)
class Step:
    """One command of the installation.

    Args:
        title: what it does, for the artist.
        command: the program and its arguments.
        share: its part of the whole, for the progress bar; all of them sum to 1.
        online: whether it needs the network.
    """

    title: str
    command: List[str]
    share: float
    online: bool = False


def environment_python(place: Path) -> Path:
    """The python program of the virtual environment in a folder, there or not."""
    return place / "Scripts" / "python.exe" if sys.platform == "win32" else place / "bin" / "python"


def is_suitable(version: str) -> bool:
    """Whether the solver runs on a Python, by its version as `probe_version` says it."""
    return bool(version) and MINIMUM_PYTHON <= tuple(int(part) for part in version.split(".")[:2]) <= NEWEST_PYTHON


def find_python(chosen: str, own: str, environment: Mapping[str, str]) -> str:
    """The Python to make the virtual environment with: the chosen one, else the first suitable of the machine.

    Args:
        chosen: the artist's choice; empty for none.
        own: Blender's bundled Python, asked last: nothing is written into it.
        environment: the environment for asking, with its PATH.

    Raises:
        FaceSolveProblem: where the chosen one, or every one, is unsuitable.
    """
    if chosen:
        chosen = str(full_path(chosen))
        version = probe_version(chosen, environment)
        if not is_suitable(version):
            what = f"is {version}" if version else "is not a working Python"
            raise FaceSolveProblem(f"{chosen} {what}; the solver needs Python 3.11 to 3.13.", _PYTHON_REMEDY)
        return chosen
    # Each program by its full path: asked for a name alone, Windows looks into the working directory first.
    folders = absolute_folders(environment.get("PATH", ""))
    for candidate in [*(_program(name, folders) for name in _NAMES), own]:
        usable = candidate and "blender" not in Path(candidate).stem.lower()
        if usable and is_suitable(probe_version(candidate, environment)):
            return candidate
    raise FaceSolveProblem("No Python that the solver could use was found on this machine.", _PYTHON_REMEDY)


def _program(name: str, folders: Sequence[str]) -> Optional[str]:
    """The first program of that name in these folders."""
    ending = ".exe" if sys.platform == "win32" else ""
    return next(filter(None, (shutil.which(str(Path(folder) / (name + ending))) for folder in folders)), None)


def is_complete(place: Path, environment: Mapping[str, str]) -> bool:
    """Whether a folder holds a virtual environment that can be installed into.

    False for one whose making was interrupted.
    """
    python = environment_python(place)
    if not python.exists() or not is_suitable(probe_version(str(python), environment)):
        return False
    asked = subprocess.run(
        isolated(str(python), "-c", "import pip"),
        cwd=str(python.parent),
        env=dict(environment),
        capture_output=True,
        check=False,
        creationflags=no_window(),
    )
    return asked.returncode == 0


def bundled_wheel(addon: Path) -> Path:
    """The solver's wheel inside the installed add-on.

    Raises:
        FaceSolveProblem: where the add-on was not built into a zip.
    """
    wheels = sorted((addon / "solver").glob("face_solve-*.whl"))
    if not wheels:
        raise FaceSolveProblem(
            "This copy of the add-on carries no solver.", "Install the add-on from its zip (python build_addon.py)."
        )
    return wheels[-1]


def plan_steps(
    place: Path, python: str, wheel: Path, *, device: str, index: str, exists: bool, extras: Sequence[str] = ()
) -> List[Step]:
    """The commands of an installation, in order; each may be run again where the one before was interrupted.

    Args:
        place: folder of the virtual environment.
        python: the Python that makes it.
        wheel: the solver's wheel.
        device: `cpu` or `cuda`; the last step checks that it can be used.
        index: address of an additional package index; empty for pip's own settings.
        exists: whether the virtual environment is there and works already.
        extras: of `dlib` and `fan`, what else is installed; the last step checks that it can be imported.
    """
    inner = str(environment_python(place))
    make = Step("Making the virtual environment", isolated(python, "-m", "venv", "--clear", str(place)), 0.05)
    more = ["--extra-index-url", index] if index else []
    check = ", ".join(["import torch, solver_core", *(_MODULES[extra] for extra in extras)])
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    if device == "cuda":
        check += "; torch.cuda.is_available() or exit('CUDA cannot be used with this torch')"
    share = 0.05 if "fan" in extras else 0.0
    fan = Step("Installing 3D-FAN", [inner, *_PIP, *more, "--no-deps", FACE_ALIGNMENT], share, online=True)
    steps = [
        Step(
            "Installing the solver",
            [inner, *_PIP, "--no-index", "--no-deps", "--force-reinstall", str(wheel)],
            0.05,
        ),
        Step("Installing what the solver needs", [inner, *_PIP, *more, wanted], 0.75 - fan.share, online=True),
        *([fan] if "fan" in extras else []),
        Step(
            "Fetching the networks' weights", isolated(inner, "-m", "solver_core", "weights", "fetch"), 0.1, online=True
        ),
        Step("Checking the installation", isolated(inner, "-c", check), 0.05),
    ]
    return steps if exists else [make, *steps]


class Installation:
    """Runs the steps one after another in the background. `poll` moves it on and never waits.

    Args:
        steps: what to run.
        log: file that receives everything that they print; replaced.
        environment: their environment, from `solver_environment`.
        folder: their working directory, in which nothing lies.

    Raises:
        FaceSolveProblem: where the log cannot be written.
    """

    def __init__(self, steps: Sequence[Step], log: Path, environment: Mapping[str, str], folder: Path) -> None:
        self.steps, self.log, self._folder = list(steps), log, folder
        self.problem: Optional[FaceSolveProblem] = None
        self.stopped = False
        self._environment = dict(environment)
        self._position = -1
        self._process: "Optional[subprocess.Popen[bytes]]" = None
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_bytes(b"")
        except OSError as error:
            raise _unwritable(error) from error

    @property
    def over(self) -> bool:
        """True where nothing more will happen."""
        return self.stopped or self.problem is not None or self._position >= len(self.steps)

    @property
    def succeeded(self) -> bool:
        """True where every step was done."""
        return self.over and not self.stopped and self.problem is None

    @property
    def title(self) -> str:
        """What is being done."""
        return self.steps[min(max(self._position, 0), len(self.steps) - 1)].title

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1; within pip's step an estimate from the packages that it has named."""
        if self.succeeded:
            return 1.0
        total = sum(step.share for step in self.steps)
        done = sum(step.share for step in self.steps[: max(self._position, 0)])
        if 0 <= self._position < len(self.steps) and self.steps[self._position].online:
            packages = len(re.findall(r"^Collecting ", tail(self.log, 1 << 20), re.MULTILINE))
            done += self.steps[self._position].share * (1.0 - math.exp(-2.0 * packages / _TYPICAL_PACKAGES))
        return done / total

    @property
    def last_line(self) -> str:
        """The last line that was printed."""
        lines = tail(self.log, 2000).strip().splitlines()
        return lines[-1].strip() if lines else ""

    def poll(self) -> None:
        """Move on."""
        if self.over:
            return
        if self._process is None:
            self._next()
            return
        code = self._process.poll()
        if code is None:
            return
        self._process = None
        if code == 0:
            self._next()
        else:
            self.problem = explain(self.steps[self._position], tail(self.log, 8000), self.log)

    def cancel(self) -> None:
        """Stop at once; the next installation takes up where this one was."""
        if self.over:
            return
        self.stopped = True
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # It ended by itself in between.
                if sys.platform == "win32":
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait(5.0)

    def _next(self) -> None:
        self._position += 1
        if self._position >= len(self.steps):
            return
        step = self.steps[self._position]
        try:
            with self.log.open("ab") as stream:
                self._start(step, stream)
        except OSError as error:
            self.problem = _unwritable(error)

    def _start(self, step: Step, stream: IO[bytes]) -> None:
        command = _CREDENTIALS.sub("://", subprocess.list2cmdline(step.command))  # a log is shown around
        stream.write(f"\n== {step.title}\n{command}\n".encode())
        stream.flush()
        try:
            self._process = subprocess.Popen(
                step.command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=str(self._folder),
                env=self._environment,
                start_new_session=sys.platform != "win32",
                creationflags=no_window(),
            )
        except OSError as error:
            self.problem = FaceSolveProblem(f"{step.command[0]} cannot be started: {error}.", _PYTHON_REMEDY)


def _unwritable(error: OSError) -> FaceSolveProblem:
    return FaceSolveProblem(f"The installation's log cannot be written: {error}.", "Free the disk, or its permissions.")


_CAUSES = (
    (("No space left", "Errno 28", "not enough space"), "The disk is full.", "Free about 4 GB and install again."),
    (
        ("ensurepip", "No module named venv"),
        "That Python cannot make virtual environments.",
        "Install its venv package (Debian: python3-venv), or choose another Python.",
    ),
    (
        ("Temporary failure in name resolution", "Max retries exceeded", "NewConnectionError", "getaddrinfo failed"),
        "The package index cannot be reached.",
        "Check the connection and install again: what was downloaded is kept.",
    ),
    (
        ("No matching distribution", "Could not find a version"),
        "The package index has no version of a package for this Python and system.",
        "Choose another Python, or give an additional package index in the preferences.",
    ),
    (
        ("CUDA cannot be used",),
        "The torch that was installed cannot use an NVIDIA GPU here.",
        "Update the GPU's driver, give the index of a CUDA build of torch, or choose CPU.",
    ),
)


def explain(step: Step, text: str, log: Path) -> FaceSolveProblem:
    """Why a step failed, from what it printed."""
    for signs, message, remedy in _CAUSES:
        if any(sign in text for sign in signs):
            return FaceSolveProblem(f"{step.title} failed. {message}", remedy)
    last = text.strip().splitlines()[-1:] or [""]
    return FaceSolveProblem(f"{step.title} failed ({last[0].strip()[:160]}).", f"The log says more: {log}")
