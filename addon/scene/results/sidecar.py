"""What the solver left for drawing over the plate (docs/shot_format.md): landmarks and flow, read a frame at a time.

No bpy.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from ...problem import FaceSolveProblem
from ..shot.npz import BROKEN, Array, check_sizes, decode

SUFFIX = ".overlay.npz"
_LARGEST = 1 << 30  # bytes; ten thousand frames have two hundred million
_LARGEST_MEMBER = 1 << 24


@dataclass(eq=False)
class Sidecar:
    """An overlay file, and the table of its contents: a shot's is long, and is read once, not at every redraw."""

    path: Path
    members: Dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    regions: List[str] = field(default_factory=list)
    region: Sequence[int] = ()
    _sizes: Dict[str, Tuple[int, int]] = field(default_factory=dict)

    def has(self, camera: str, frame: int) -> bool:
        """Whether a frame was seen by a camera."""
        return f"landmarks/{camera}/{frame}" in self.members

    def sizes(self, camera: str) -> Optional[Tuple[int, int]]:
        """Width and height of a camera's plate; None where it was not solved against."""
        if camera not in self._sizes:
            found = self.read(f"size/{camera}")
            if (
                found is None
                or len(found.values) != 2
                or isinstance(found.values, list)
                or not all(map(math.isfinite, found.values))
            ):
                return None
            self._sizes[camera] = (int(found.values[0]), int(found.values[1]))
        return self._sizes[camera]

    def landmarks(self, camera: str, frame: int) -> Optional[Tuple[Sequence[float], Sequence[float]]]:
        """Plate's and render's, 2n numbers each, plate pixels."""
        found = self.read(f"landmarks/{camera}/{frame}")
        if found is None or len(found.shape) != 3 or found.shape[::2] != (2, 2) or isinstance(found.values, list):
            return None
        half = len(found.values) // 2
        return found.values[:half], found.values[half:]

    def flow(self, camera: str, frame: int) -> Optional[Tuple[Array, Sequence[float]]]:
        """A picture [S,S,4], 0 to 255, its first row at the top, and the 2x3 matrix from its pixels to the plate's."""
        picture, place = self.read(f"flow/{camera}/{frame}"), self.read(f"crop/{camera}/{frame}")
        if picture is None or place is None or len(picture.shape) != 3 or picture.shape[2] != 4:
            return None
        if isinstance(picture.values, list) or picture.values.typecode != "B":
            return None
        if isinstance(place.values, list) or len(place.values) != 6 or not all(map(math.isfinite, place.values)):
            return None
        return picture, place.values

    def read(self, name: str) -> Optional[Array]:
        """One array; None where there is none that can be read."""
        if name not in self.members:
            return None
        try:
            return decode(_read_member(self.path, self.members[name]))
        except BROKEN:
            return None


def open_sidecar(path: Path) -> Optional[Sidecar]:
    """The overlay file at a path; None where there is none that can be read: nothing of a solve depends on it."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {one.filename[:-4]: one for one in archive.infolist() if one.filename.endswith(".npy")}
            sidecar = Sidecar(path, members)
    except BROKEN:
        return None
    regions, region = sidecar.read("regions"), sidecar.read("region")
    if regions is not None and region is not None and all(0 <= one < len(regions.values) for one in _wholes(region)):
        sidecar.regions, sidecar.region = [str(name) for name in regions.values], _wholes(region)
    return sidecar


def _wholes(block: Array) -> List[int]:
    """The values of whole numbers; none of another kind."""
    return [one for one in block.values if isinstance(one, int)]


def _read_member(path: Path, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes, by the table that was read before; `zipfile` would read all of the table for each."""
    check_sizes([member], _LARGEST_MEMBER)
    with path.open("rb") as stream:
        stream.seek(member.header_offset + 26)  # the lengths of name and extra field, at the end of its own header
        stream.seek(sum(struct.unpack("<HH", stream.read(4))), os.SEEK_CUR)
        data = stream.read(member.compress_size)
    if member.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.file_size + 1)
    if zlib.crc32(data) != member.CRC:
        raise zipfile.BadZipFile(f"{path} is not what it was.")
    return data


def keep(new: Path, before: Optional[Path], kept: Path) -> bool:
    """Write the overlay file of all solves so far: a new solve's frames replace those of earlier ones.

    Args:
        new: the solve's own.
        before: that of the solves before it, which stays as it is; it may be gone.
        kept: where all together go.

    Returns:
        False where the solve left none.

    Raises:
        FaceSolveProblem: where it cannot be written.
    """
    try:
        fresh = _members(new)
    except BROKEN:
        return False
    try:
        earlier = _members(before) if before is not None else {}
    except BROKEN:
        earlier = {}
    stale = {name.replace("landmarks/", f"{kind}/", 1) for name in fresh for kind in ("flow", "crop")}
    members = {**{name: data for name, data in earlier.items() if name not in stale}, **fresh}
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
        check_sizes(archive.infolist(), _LARGEST)
        return {name: archive.read(name) for name in archive.namelist()}
