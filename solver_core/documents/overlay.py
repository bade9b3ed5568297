"""What the add-on draws over the plate: landmarks and flow of the last render, in a file beside the solution (docs/shot_format.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from solver_core.common.arrays import Floats
from solver_core.common.errors import FaceSolveError
from solver_core.common.files import replacing
from solver_core.flow.colors import middlebury
from solver_core.footage.views import REFERENCE_CROP, View
from solver_core.networks.regions import PARTITION, Layout
from solver_core.observe.evidence import SIZE, STEP, Testimony
from solver_core.stages.context import Context

FULL_COLOR = 2.0  # reference pixels: flow that long has its full colour


class Overlay:
    """Collects what the last render of every frame shows."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def add(self, context: Context, view: View, index: int, testimony: Testimony) -> None:
        """Keep one frame in one camera.

        Args:
            context: the solve.
            view: the camera's.
            index: of the frame in the shot.
            testimony: of the render that is kept.
        """
        camera, frame, full = view.camera, int(context.shot.frames[index]), full_color(view)
        self._arrays["regions"], self._arrays["region"] = np.array(PARTITION, np.str_), regions(context.layout)
        self._arrays[f"size/{camera.name}"] = np.array([camera.width, camera.height], np.int32)
        self._arrays[f"full_color_px/{camera.name}"] = np.array(full)
        self._arrays[f"landmarks/{camera.name}/{frame}"] = testimony.landmarks.astype(np.float32)
        if testimony.flow is not None:
            self._arrays[f"flow/{camera.name}/{frame}"] = flow_picture(testimony.flow, full)
            self._arrays[f"crop/{camera.name}/{frame}"] = view.crop(index, SIZE).inverse() @ np.diag([STEP, STEP, 1.0])

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


def regions(layout: Layout) -> np.ndarray:
    """[L] uint8: where in `PARTITION` each landmark's region is."""
    region = np.zeros(len(layout.mirror), np.uint8)
    for number, name in enumerate(PARTITION):
        region[list(layout.regions[name])] = number
    return region


def overlay_path(solution: Path) -> Path:
    """Where the overlay file of a solution lies."""
    return solution.with_name(solution.stem + ".overlay.npz")


def full_color(view: View) -> float:
    """The length of flow, plate pixels, that has its full colour in all frames of a camera."""
    sides = [crop.side for crop in view.crops if crop is not None]
    return FULL_COLOR * float(np.median(sides)) / REFERENCE_CROP


def flow_picture(field: Floats, longest: float) -> np.ndarray:
    """[G,G,4] uint8 in Middlebury's colours, premultiplied: the less a vector counts the more transparent it is.

    Args:
        field: [G,G,3] plate pixels and weight (0 to 1), not a number where there is none.
        longest: plate pixels at full colour.
    """
    # An edge is known across alone, with half the information of a corner: that is enough to be seen.
    alpha = np.clip(2 * np.nan_to_num(field[..., 2:]), 0, 1)
    picture = np.concatenate([middlebury(field[..., :2], longest) * alpha, alpha], axis=-1)
    return (picture * 255 + 0.5).astype(np.uint8)
