"""Keeps what the solver left for drawing over the plate: a file for every solve, so that undo and takes find theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional, Set

import bpy

from ...problem import FaceSolveProblem
from ..shot.folders import work_folder
from .sidecar import SUFFIX, keep

_FILE = re.compile(r"overlay_(\d+)\.npz")
_SPARE = 12  # files that nothing on the scene names any more, kept for redo


def keep_overlays(scene: bpy.types.Scene, solution: Path) -> str:
    """Take the overlay file beside a solution, where there is one.

    Args:
        scene: the scene that was solved.
        solution: its SOLUTION.npz.

    Returns:
        Why it could not be kept; empty else. A solve is whole without it.
    """
    overlays = scene.face_solve.overlays
    try:
        folder = work_folder(scene)[0]
        numbers = [int(found.group(1)) for found in map(_FILE.fullmatch, _names(folder)) if found]
        kept = folder / f"overlay_{max(numbers, default=0) + 1:04d}.npz"
        if not keep(solution.with_name(solution.stem + SUFFIX), overlay_file(scene), kept):
            return ""
    except FaceSolveProblem as problem:
        return str(problem)
    overlays.file, overlays.file_there = _portable(kept), str(kept)
    _tidy(folder, kept)
    return ""


def overlay_file(scene: bpy.types.Scene) -> Optional[Path]:
    """The overlay file of what the scene plays: beside the .blend, or where it was before a Save As.

    None without one.
    """
    overlays = scene.face_solve.overlays
    for named in (overlays.file, overlays.file_there):
        if named and Path(bpy.path.abspath(named)).is_file():
            return Path(bpy.path.abspath(named))
    return None


def _names(folder: Path) -> Set[str]:
    return {one.name for one in folder.iterdir()}


def _tidy(folder: Path, newest: Path) -> None:
    """Delete the oldest files that no take names: undone solves, which nobody has redone since."""
    named = {newest.name}
    for scene in bpy.data.scenes:
        settings = scene.face_solve
        for owner in (settings, *settings.actors):
            named.update(Path(take.overlay_there).name for take in owner.takes)
        named.add(Path(settings.overlays.file_there).name)
    spare = sorted(name for name in _names(folder) - named if _FILE.fullmatch(name))
    for name in spare[:-_SPARE]:
        (folder / name).unlink(missing_ok=True)


def _portable(path: Path) -> str:
    """Relative to the .blend where it lies below it: both may be moved together."""
    beside = Path(bpy.data.filepath).parent if bpy.data.filepath else None
    return f"//{path.relative_to(beside).as_posix()}" if beside in path.parents else str(path)
