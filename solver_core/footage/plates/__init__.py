"""Plates: the filmed footage, one frame at a time, from image sequences, movies and stills.

`open_plate` takes the `plate` dictionary of docs/shot_format.md and gives a `Plate`. Frame numbers are the plate's own
(the entries of `plate.frames`), not the scene's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from solver_core.common.errors import FaceSolveError
from solver_core.common.paths import seen_here
from solver_core.common.reading import reading
from solver_core.footage.plates.footage import MOST_PIXELS, Footage, FrameSource, Plate, PlateFrameError
from solver_core.footage.plates.images import ImageSequence, StillImage
from solver_core.footage.plates.movie import Movie

__all__ = ["Plate", "PlateFrameError", "open_plate"]

CACHE_BYTES = 192 * 2**20


def open_plate(
    spec: Mapping[str, Any],
    *,
    folder: Path | None = None,
    size: tuple[int, int] | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> Footage:
    """Open footage.

    Args:
        spec: `kind` (`sequence`, `movie` or `image`), `path`, `frames`, `colorspace`, and for movies optionally
            `rotate` (default true): whether the file's rotation flag is obeyed, which Blender does from 4.4 on.
        folder: where a relative path starts; the working directory without it.
        size: (width, height) in pixels that the camera expects; another one is refused.
        cache_bytes: bound on the frames kept in memory, as stored (3 bytes a pixel for 8-bit footage).

    Raises:
        FaceSolveError: footage missing, unreadable, of another size, or in an unknown colour space.

    """
    path = seen_here(str(folder / str(spec["path"])) if folder is not None else str(spec["path"]))
    with reading(path, "The plate", "Copy it again, or load the plate again in Blender."):
        source = _source(spec, path)
    if source.size[0] * source.size[1] > MOST_PIXELS:
        source.close()
        raise FaceSolveError(
            f"The plate {path} is {source.size[0]} x {source.size[1]} pixels, "
            f"more than {MOST_PIXELS // 10**6} million.",
            "Export it smaller.",
        )
    if size is not None and source.size != size:
        source.close()
        raise FaceSolveError(
            f"The plate {path} is {source.size[0]} x {source.size[1]} pixels, "
            f"but the camera expects {size[0]} x {size[1]}.",
            "Load the plate that the camera was matchmoved on, or export the shot again.",
        )
    again = partial(open_plate, dict(spec), folder=folder, size=size, cache_bytes=cache_bytes)
    return Footage(source, str(spec.get("colorspace", "sRGB")), cache_bytes, again)


def _source(spec: Mapping[str, Any], path: str) -> FrameSource:
    kind = spec["kind"]
    if kind == "sequence":
        return ImageSequence(path, [int(frame) for frame in spec.get("frames") or () if frame is not None])
    if kind == "image":
        return StillImage(path)
    if kind == "movie":
        return Movie(path, rotate=bool(spec.get("rotate", True)))
    raise FaceSolveError(f"A plate of kind '{kind}' is not known.", "Use sequence, movie or image.")
