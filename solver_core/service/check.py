"""Whether the solver works here: versions, device, weights, and a test solve with its time."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from solver_core import __version__
from solver_core.common.errors import FaceSolveError
from solver_core.service.listener import FrameResult, Listener, Silent

# the sample is solved to 0.13 and 0.9; more is a mistake, not another machine's rounding
DEGREES, MILLIMETRES = 1.0, 5.0


def check(listener: Listener | None = None, device: str = "cpu") -> tuple[list[str], bool]:
    """What was found, a sentence each, and whether a solve can run.

    Args:
        listener: hears how far the test solve is, and may stop it.
        device: `cpu` or `cuda`, for the test solve.
    """
    lines = [f"Face Solve {__version__}, Python {platform.python_version()} on {platform.machine()}."]
    try:
        import torch
    except OSError as error:  # its libraries want others of the system
        remedy = (
            "Install Microsoft's Visual C++ Redistributable (x64), then check again."
            if sys.platform == "win32"
            else "Install the solver again."
        )
        return [*lines, f"PyTorch is here but cannot load its libraries: {error}. {remedy}"], False
    except ImportError as error:
        return [*lines, f"PyTorch is missing: {error}. Install the solver again."], False
    try:
        cuda = f"CUDA on {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else "no CUDA device"
        threads = torch.get_num_threads()
        lines.append(f"PyTorch {torch.__version__}, {threads} thread{'s' if threads > 1 else ''}, {cuda}.")
        from solver_core.networks.inventory import inventory, networks_in_words

        lines.append(" ".join(networks_in_words(inventory())))
        said, ok = _test_solve(listener or Silent(), device)
    except FaceSolveError as error:
        return [*lines, str(error)], False
    except ImportError as error:
        return [*lines, f"A part of the solver is missing: {error}. Install the solver again."], False
    return [*lines, said], ok


def _test_solve(listener: Listener, device: str) -> tuple[str, bool]:
    """Solve the sample; no file is left. The first frame is solved once before, so that starting up does not count."""
    from scipy.spatial.transform import Rotation

    from solver_core.service.sample import FRAMES, HEIGHT, WIDTH, sample_shot
    from solver_core.solve import solve

    with tempfile.TemporaryDirectory(prefix="face_solve_") as folder:
        shot, truth = sample_shot(Path(folder))
        shot = replace(shot, settings=replace(shot.settings, device=device))
        started = time.perf_counter()
        solve(shot.between(1, 1), _ProgressAlone(listener))
        ready = time.perf_counter()
        solution = solve(shot, _ProgressAlone(listener))
        seconds = (time.perf_counter() - ready) / FRAMES
    if listener.cancelled():
        return "The test solve was stopped.", True
    turn = Rotation.from_matrix(solution.pose.rotation @ truth.rotation.swapaxes(1, 2)).magnitude().max()
    aside = np.linalg.norm(solution.pose.translation - truth.translation, axis=1).max()
    found = f"the head was found to {np.degrees(turn):.2f} degrees and {1e3 * aside:.1f} mm"
    if "failed" in solution.status or np.degrees(turn) > DEGREES or 1e3 * aside > MILLIMETRES:
        return f"The test solve came out wrong: {found}. Install the solver again.", False
    return (
        f"Test solve of {FRAMES} frames ({WIDTH} x {HEIGHT}, one camera): {seconds:.2f} s a frame after "
        f"{ready - started:.0f} s of starting up; {found}."
    ), True


@dataclass(frozen=True)
class _ProgressAlone:
    """Tells another listener how far a solve is; its frames are nobody's shot."""

    listener: Listener

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None:
        """Passed on as the test solve's."""
        self.listener.progress(f"test solve, {stage}", done, total, fraction, seconds_left)

    def frame(self, result: FrameResult) -> None:
        """Kept to itself."""

    def warning(self, message: str) -> None:
        """Kept to itself."""

    def cancelled(self) -> bool:
        """The other's word."""
        return self.listener.cancelled()
