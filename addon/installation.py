"""The one installation that may run: its timer, its end in the preferences, and its removal."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence

import bpy

from . import compat, session, solver_state
from .problem import FaceSolveProblem
from .scene.shot.folders import solver_folder, user_data
from .worker.installer import (
    Installation,
    Step,
    bundled_wheel,
    environment_python,
    find_python,
    is_complete,
    plan_steps,
)
from .worker.interpreter import solver_environment

TICK_SECONDS = 0.25
_OFFLINE = "Turn on Allow Online Access in Preferences > System, or choose a Python that has the solver."


@dataclass
class _Current:
    installation: Optional[Installation] = None
    device: str = "cpu"
    verdict: str = ""
    problem: Optional[FaceSolveProblem] = None


_current = _Current()


def place() -> Path:
    """The folder of the virtual environment; one for all Blenders of this user."""
    return user_data() / "solver"


def log_file() -> Path:
    """What the last installation printed."""
    return user_data() / "install.log"


def running() -> Optional[Installation]:
    """The installation that runs, or None."""
    return _current.installation


def last_problem() -> Optional[FaceSolveProblem]:
    """Why the last one failed; None where it did not."""
    return _current.problem


def verdict() -> str:
    """How the last one ended; empty where it failed or none has run."""
    return _current.verdict


def plan(chosen: str, device: str, index: str, extras: Sequence[str] = ()) -> List[Step]:
    """The steps of an installation on this machine.

    Args:
        chosen: the Python to use; empty to look for one.
        device: `cpu` or `cuda`.
        index: an additional package index; may be empty.
        extras: of `dlib` and `fan`, what else is installed.

    Raises:
        FaceSolveProblem: where Blender may not go online, there is no Python, or the add-on carries no solver.
    """
    if not compat.online_access():
        raise FaceSolveProblem(
            "Blender is not allowed to go online, and the solver's packages must be fetched.", _OFFLINE
        )
    environment = solver_environment(os.environ)
    wheel = bundled_wheel(Path(__file__).parent)
    exists = not chosen and is_complete(place(), environment)
    python = "" if exists else find_python(chosen, sys.executable, environment)
    return plan_steps(place(), python, wheel, device=device, index=index, exists=exists, extras=extras)


def start(steps: Sequence[Step], device: str) -> Installation:
    """Start an installation and make it the running one.

    Raises:
        FaceSolveProblem: where one runs already.
    """
    if _current.installation is not None:
        raise FaceSolveProblem("An installation is running already.", "Wait for it, or cancel it.")
    _current.installation = Installation(steps, log_file(), solver_environment(os.environ), solver_folder())
    _current.device, _current.verdict, _current.problem = device, "", None
    return _current.installation


def run_in_timer() -> None:
    """Let it go on while Blender does."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def run_to_end() -> None:
    """Block until it is over: background mode.

    Raises:
        FaceSolveProblem: where it failed.
    """
    shown = ""
    try:
        while _current.installation is not None:
            if _current.installation.title != shown:
                shown = _current.installation.title
                print(f"Face Solve: {shown}", flush=True)
            _advance(_current.installation)
            time.sleep(0.05)
    finally:
        stop()
    if _current.problem is not None:
        raise _current.problem


def stop() -> None:
    """End a running installation; what it has done is kept."""
    installation, _current.installation = _current.installation, None
    if installation is not None:
        installation.cancel()
        _current.verdict = "The installation was stopped; Install Solver takes it up again."


def remove() -> None:
    """Delete the virtual environment, and forget it where the preferences name it.

    Raises:
        FaceSolveProblem: while an installation runs, where there is none, or where its files cannot be deleted.
    """
    from .preferences import preferences

    if _current.installation is not None:
        raise FaceSolveProblem("An installation is running.", "Cancel it first.")
    if not place().exists():
        raise FaceSolveProblem("No solver is installed here.", "")
    try:
        shutil.rmtree(place())
    except OSError as error:
        raise FaceSolveProblem(
            f"{place()} cannot be deleted: {error}.", "Close other Blenders that are solving, and try again."
        ) from error
    chosen = preferences(bpy.context)
    if chosen.interpreter == str(environment_python(place())):
        chosen.interpreter = ""
    solver_state.forget()
    _current.verdict, _current.problem = "The solver was removed.", None


def _tick() -> Optional[float]:
    if _current.installation is not None:
        _advance(_current.installation)
    compat.redraw_preferences(bpy.context)
    return TICK_SECONDS if _current.installation is not None else None


def _advance(installation: Installation) -> None:
    from .preferences import preferences

    installation.poll()
    if not installation.over:
        return
    _current.installation = None
    _current.problem = installation.problem
    solver_state.forget()
    session.forget_failure()
    if installation.succeeded:
        chosen = preferences(bpy.context)
        chosen.interpreter, chosen.device = str(environment_python(place())), _current.device
        _current.verdict = "The solver is installed."


def register() -> None:
    """Blender's end stops a running installation."""
    atexit.register(stop)


def unregister() -> None:
    """Let go of it."""
    stop()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    atexit.unregister(stop)
