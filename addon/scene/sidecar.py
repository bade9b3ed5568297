"""What the solver left for drawing over the plate (docs/shot_format.md): landmarks and flow, read a frame at a time; no bpy."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ..problem import FaceSolveProblem
from .npz import BROKEN, Array, decode

SUFFIX = ".overlay.npz"
KEPT = "overlay.npz"  # all solves of a shot together


@dataclass(eq=False)
class Sidecar:
    """An overlay file, open at the table of its contents."""

    path: Path
    names: Set[str] = field(default_factory=set)
    regions: List[str] = field(default_factory=list)
    region: Sequence[int] = ()

    def has(self, camera: str, frame: int) -> bool:
        """Whether a frame was seen by a camera."""
        return f"landmarks/{camera}/{frame}" in self.names

    def sizes(self, camera: str) -> Optional[Tuple[int, int]]:
        """Width and height of a camera's plate; None where it was not solved against."""
        found = self.read(f"size/{camera}")
        return None if found is None else (int(found.values[0]), int(found.values[1]))

    def landmarks(self, camera: str, frame: int) -> Optional[Tuple[Sequence[float], Sequence[float]]]:
        """Plate's and render's, 2n numbers each, plate pixels."""
        found = self.read(f"landmarks/{camera}/{frame}")
        if found is None or len(found.shape) != 3 or found.shape[0] != 2:
            return None
        half = len(found.values) // 2
        return found.values[:half], found.values[half:]

    def flow(self, camera: str, frame: int) -> Optional[Tuple[Array, Sequence[float]]]:
        """A picture [S,S,4], 0 to 255, its first row at the top, and the 2x3 matrix from its pixels to the plate's."""
        picture, place = self.read(f"flow/{camera}/{frame}"), self.read(f"crop/{camera}/{frame}")
        if picture is None or place is None or len(picture.shape) != 3 or len(place.values) != 6:
            return None
        return picture, place.values

    def read(self, name: str) -> Optional[Array]:
        """One array; None where there is none that can be read."""
        if name not in self.names:
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:
                return decode(archive.read(f"{name}.npy"))
        except BROKEN:
            return None


def open_sidecar(path: Path) -> Optional[Sidecar]:
    """The overlay file at a path; None where there is none that can be read: nothing of a solve depends on it."""
    try:
        with zipfile.ZipFile(path) as archive:
            sidecar = Sidecar(path, {name[:-4] for name in archive.namelist() if name.endswith(".npy")})
    except BROKEN:
        return None
    regions, region = sidecar.read("regions"), sidecar.read("region")
    if regions is not None and region is not None:
        sidecar.regions, sidecar.region = [str(name) for name in regions.values], list(region.values)
    return sidecar


def keep(new: Path, kept: Path) -> bool:
    """Add a solve's overlay file to the shot's own: its frames replace those of earlier solves. False where there is none.

    Raises:
        FaceSolveProblem: where it cannot be written.
    """
    try:
        fresh = _members(new)
    except BROKEN:
        return False
    try:
        before = _members(kept)
    except BROKEN:
        before = {}
    stale = {name.replace("landmarks/", f"{kind}/", 1) for name in fresh for kind in ("flow", "crop")}
    members = {**{name: data for name, data in before.items() if name not in stale}, **fresh}
    part = kept.with_name(kept.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in sorted(members):
                archive.writestr(zipfile.ZipInfo(name), members[name], zipfile.ZIP_DEFLATED)
        part.replace(kept)
    except OSError as error:
        raise FaceSolveProblem(
            f"The overlays cannot be kept in {kept.parent}: {error.strerror or error}.", "Free some space there."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return True


def _members(path: Path) -> Dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
