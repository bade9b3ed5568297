"""What the add-on draws over the plate, in a file beside the solution.

It is landmarks and flow of the last render, for example (docs/shot_format.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solver_core.common.errors import FaceSolveError
from solver_core.common.files import replacing


class Overlay:
    """Collects arrays by name: of the whole shot, of a camera, and of a frame in a camera."""

    def __init__(self) -> None:
        self._arrays: dict[str, npt.NDArray[Any]] = {}

    def add(self, arrays: Mapping[str, npt.NDArray[Any]], camera: str | None = None, frame: int | None = None) -> None:
        """Keep arrays; what was kept under the same name, camera and frame before goes.

        Args:
            arrays: by name.
            camera: whose they are; None where they are the shot's.
            frame: in the scene; None where they are the camera's in all frames.
        """
        place = "".join(f"/{part}" for part in (camera, frame) if part is not None)
        self._arrays.update({name + place: array for name, array in arrays.items()})

    def take(self, other: Overlay) -> None:
        """Keep what another has."""
        self._arrays.update(other._arrays)

    def save(self, path: Path) -> None:
        """Write beside the place and move there.

        Raises:
            FaceSolveError: where the folder cannot be written or the disk is full.
        """
        try:
            with replacing(path) as file:
                np.savez_compressed(file, **self._arrays)  # type: ignore[arg-type]
        except OSError as error:
            raise FaceSolveError(
                f"The overlays cannot be written to {path}: {error.strerror or error}.", "Free some space there."
            ) from error


def overlay_path(solution: Path) -> Path:
    """Where the overlay file of a solution lies."""
    return solution.with_name(solution.stem + ".overlay.npz")
