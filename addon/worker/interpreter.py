"""The Python that runs the solver: which one, what environment it gets, and what is wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping, Optional

from ..problem import FaceSolveProblem

ENVIRONMENT_VARIABLE = "FACE_SOLVE_PYTHON"
MINIMUM_PYTHON = (3, 11)
_CHOOSE = "Press Install Solver in Preferences > Add-ons > Face Solve, or choose there a Python that has the solver."
_INSTALL = "Press Install Solver in the add-on's preferences, or choose another Python there."
# Where programs and libraries are looked for. An empty or relative entry means the working directory.
_SEARCHED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_FALLBACK_FRAMEWORK_PATH",
)


def chosen_interpreter(preference: str, environment: Mapping[str, str], scene_folder: str = "") -> str:
    """The interpreter's path: the environment variable, else the preference; empty where neither is set.

    A relative path in the variable counts from the folder that Blender was started in, as in any program: whoever sets
    the variable chooses that folder too. But not where it leads into the scene's own folder, which may be a stranger's.

    Args:
        preference: the path in the preferences.
        environment: Blender's.
        scene_folder: the folder of the .blend; empty where it has not been saved.
    """
    named = environment.get(ENVIRONMENT_VARIABLE, "").strip()
    if named and not named.startswith(("//", "~")):
        found = Path.cwd() / named
        in_scene = bool(scene_folder) and found.parent.resolve().is_relative_to(Path(scene_folder).resolve())
        if not in_scene or Path(named).is_absolute():
            return str(found)
    return named or preference.strip()


def validated_interpreter(path: str, host_binary: str) -> str:
    """The path, checked without running it.

    Args:
        path: what the artist or the environment chose.
        host_binary: Blender's own executable; started as the solver it would open a second Blender.

    Raises:
        FaceSolveProblem: where there is none, it is not given as a full path, does not exist, is a folder, may not be
        run, or is Blender.
    """
    if not path:
        raise FaceSolveProblem("No Python is chosen to run the solver.", _CHOOSE)
    found = full_path(path)
    if not found.exists():
        raise FaceSolveProblem(f"The solver's Python does not exist: {path}.", _CHOOSE)
    if found.is_dir():
        raise FaceSolveProblem(
            f"The solver's Python is a folder: {path}.",
            "Choose the python program inside it (bin/python or python.exe).",
        )
    same = bool(host_binary) and Path(host_binary).exists() and found.samefile(host_binary)
    if found.stem.lower().startswith("blender") or (same and "python" not in found.name.lower()):
        raise FaceSolveProblem(f"The solver's Python is Blender itself: {path}.", _CHOOSE)
    if not os.access(found, os.X_OK):
        raise FaceSolveProblem(
            f"The solver's Python may not be run: {path}.", "Make the file executable, or choose another Python."
        )
    # Not resolved: a virtual environment's python is a link, and knows its packages by where it was called.
    return str(found)


def full_path(path: str) -> Path:
    """The path of a Python that was chosen, "~" replaced.

    Raises:
        FaceSolveProblem: where it starts at the .blend or at the working directory: each .blend would bring a Python of
        its own.
    """
    found = Path(path).expanduser()
    if path.startswith("//") or not found.is_absolute():
        raise FaceSolveProblem(f"{path} is not the full path of a Python.", "Choose it again, or write its full path.")
    return found


def solver_environment(environment: Mapping[str, str]) -> Dict[str, str]:
    """The environment of every process of the solver.

    It is the artist's own, with nothing in it that leads Python to other code.

    Blender's and the artist's settings for Python are left out, and so are places to look in that depend on the working
    directory. What these processes start in turn does not look there either.
    """
    kept = {key: value for key, value in environment.items() if not key.startswith("PYTHON")}
    kept.pop("__PYVENV_LAUNCHER__", None)
    for name in _SEARCHED:
        if name in kept:
            folders = absolute_folders(kept.pop(name))
            if folders:
                kept[name] = os.pathsep.join(folders)
    kept["PYTHONUNBUFFERED"] = "1"
    kept["PYTHONIOENCODING"] = "utf-8"
    kept["PYTHONSAFEPATH"] = "1"
    if sys.platform == "win32":
        kept["NoDefaultCurrentDirectoryInExePath"] = "1"
    return kept


def absolute_folders(searched: str) -> List[str]:
    """The entries of a PATH that do not depend on the working directory."""
    return [folder for folder in searched.split(os.pathsep) if Path(folder).is_absolute()]


def isolated(interpreter: str, *arguments: str) -> List[str]:
    """The command line of a Python that imports what is installed in it, and nothing else."""
    return [interpreter, "-I", *arguments]


def worker_command(interpreter: str) -> List[str]:
    """The command line of the worker.

    Not with -I: the chosen "Python" may be a studio's script that says in PYTHONPATH where its solver is. What was in
    that variable before is not passed on (`solver_environment`), and -P keeps the working directory out.
    """
    return [interpreter, "-P", "-m", "solver_core", "worker"]


def no_window() -> int:
    """Popen's creation flags that keep Windows from opening a console; none elsewhere."""
    return int(getattr(subprocess, "CREATE_NO_WINDOW", 0))


def diagnose(interpreter: str, log_text: str, exit_code: Optional[int], probe: str) -> FaceSolveProblem:
    """Why a worker ended before it said hello.

    Args:
        interpreter: its path.
        log_text: the end of its standard error.
        exit_code: its exit status; negative for a signal.
        probe: what `probe_version` answered: "3.10" and so on, or empty where it is no Python.
    """
    if not probe:
        return FaceSolveProblem(f"{interpreter} is not a working Python.", _CHOOSE)
    version = tuple(int(part) for part in probe.split(".")[:2])
    if version < MINIMUM_PYTHON:
        return FaceSolveProblem(
            f"The solver's Python is too old: {interpreter} is {probe}, "
            f"the solver needs {MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1]}.",
            _CHOOSE,
        )
    if "No module named solver_core" in log_text or "No module named 'solver_core'" in log_text:
        return FaceSolveProblem(f"The solver is not installed in {interpreter}.", _INSTALL)
    missing = [line for line in log_text.splitlines() if line.startswith(("ModuleNotFoundError", "ImportError"))]
    if missing:
        return FaceSolveProblem(f"The solver's installation in {interpreter} is incomplete ({missing[-1]}).", _INSTALL)
    return FaceSolveProblem(
        f"The solver ended before it started ({describe_exit(exit_code)}).", "Its log file says more."
    )


def describe_exit(exit_code: Optional[int]) -> str:
    """An exit status in words."""
    if exit_code is None:
        return "it closed its pipe"
    if exit_code == -9:
        return "killed by the system, often for lack of memory"
    if exit_code < 0:
        return f"signal {-exit_code}"
    return f"exit status {exit_code}"


def probe_version(interpreter: str, environment: Mapping[str, str], timeout: float = 10.0) -> str:
    """The interpreter's version as "3.11"; empty where it is no Python that answers within `timeout` seconds."""
    try:
        answer = subprocess.run(
            isolated(interpreter, "-c", "import sys; print('python %d.%d' % sys.version_info[:2])"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            cwd=str(Path(interpreter).parent),
            env=dict(environment),
            check=False,
            creationflags=no_window(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = answer.stdout.decode("utf-8", "replace").split()
    return words[1] if len(words) == 2 and words[0] == "python" else ""
