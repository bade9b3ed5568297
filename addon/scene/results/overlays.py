"""Keeps what the solver left for drawing over the plate, of all solves of a shot together."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...problem import FaceSolveProblem
from ..shot.folders import work_folder
from .sidecar import KEPT, SUFFIX, keep


def keep_overlays(scene: bpy.types.Scene, solution: Path) -> str:
    """Take the overlay file beside a solution, where there is one.

    Args:
        scene: the scene that was solved.
        solution: its SOLUTION.npz.

    Returns:
        Why it could not be kept; empty else. A solve is whole without it.
    """
    try:
        kept = work_folder(scene)[0] / KEPT
        if not keep(solution.with_name(solution.stem + SUFFIX), kept):
            return ""
    except FaceSolveProblem as problem:
        return str(problem)
    overlays = scene.face_solve.overlays
    overlays.file, overlays.revision = _portable(kept), overlays.revision + 1
    return ""


def _portable(path: Path) -> str:
    """Relative to the .blend where it lies below it: both may be moved together."""
    beside = Path(bpy.data.filepath).parent if bpy.data.filepath else None
    return f"//{path.relative_to(beside).as_posix()}" if beside in path.parents else str(path)
