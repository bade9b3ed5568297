"""Whether the solver works here: versions, device, weights, and a timed look at a picture."""

from __future__ import annotations

import platform
import time

import numpy as np

from solver_core import __version__
from solver_core.errors import FaceSolveError


def check() -> tuple[list[str], bool]:
    """What was found, a sentence each, and whether a solve can run."""
    lines = [f"Face Solve {__version__}, Python {platform.python_version()} on {platform.machine()}."]
    try:
        import torch

        cuda = f"CUDA on {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else "no CUDA device"
        lines.append(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {cuda}.")
        from solver_core.networks.facemesh import FaceMesh
        from solver_core.networks.short_range import ShortRangeDetector

        network, detector = FaceMesh(), ShortRangeDetector()
        lines.append("Network weights: present and intact.")
        picture = np.full((540, 720, 3), 0.5, np.float32)
        detector.detect(picture)
        started = time.perf_counter()
        detector.detect(picture)
        network(torch.zeros(1, 3, 192, 192))
        lines.append(f"Detection and landmarks of one picture: {1e3 * (time.perf_counter() - started):.0f} ms.")
    except FaceSolveError as error:
        return [*lines, str(error)], False
    except ImportError as error:
        return [*lines, f"A part of the solver is missing: {error}. Install the solver again."], False
    return lines, True
