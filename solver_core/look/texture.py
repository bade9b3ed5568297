"""Image textures as albedo at the vertices: each vertex gets the mean colour of the surface around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from solver_core.color.spaces import to_linear
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.common.numbers import exact
from solver_core.common.reading import read_arrays
from solver_core.face.rig import Rig
from solver_core.footage.plates.images import read_image
from solver_core.look.albedo import albedo_of

CELLS = 8  # a triangle is cut into CELLS x CELLS small ones, and looked at in the middle of each
LARGEST = 4096  # pixels: larger images are made smaller at once, or they would not fit into memory
CHUNK = 4096  # triangles looked at together
UDIM, UVTILE = "<UDIM>", "<UVTILE>"


@dataclass(frozen=True)
class Texture:
    """An image laid on some of the rig's triangles."""

    path: str  # with <UDIM> or <UVTILE> where it is made of tiles
    colorspace: str = "sRGB"
    extension: str = "repeat"  # outside 0..1: repeat, extend, clip (black) or mirror


@dataclass(frozen=True)
class Layout:
    """Where the textures lie on the rig."""

    uv: Floats  # [T,3,2] of each triangle's corners, origin at the picture's bottom left; NaN where there is none
    texture: Ints  # [T] which texture; -1 for none


def read_layout(path: Path, triangles: int) -> Layout | None:
    """`uv` and `texture` of a rig.npz; None where it has no textures.

    Raises:
        ValueError: arrays of another shape than the rig's.
    """
    arrays = read_arrays(path, ("uv", "texture"))
    if len(arrays) < 2:
        return None
    layout = Layout(exact(arrays["uv"], np.float64, "uv"), exact(arrays["texture"], np.int64, "texture"))
    if layout.uv.shape != (triangles, 3, 2) or layout.texture.shape != (triangles,):
        raise ValueError(f"uv has shape {layout.uv.shape} and texture {layout.texture.shape} for {triangles} triangles")
    return layout


def painted(rig: Rig, layout: Layout, textures: Sequence[Texture]) -> tuple[Rig, list[str]]:
    """The rig with the textures' colours at its vertices, and a sentence for each image that could not be used.

    A vertex's colour is the mean over the triangles around it, weighted as a linear interpolation of vertex colours
    weighs them: what is finer than the mesh is averaged away in linear light, and both sides of a seam count.
    """
    total = np.zeros((len(rig.neutral), 3))
    weight = np.zeros(len(rig.neutral))
    corners = (rig.neutral * rig.scale)[rig.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    said: list[str] = []
    share = _cells()
    for number, texture in enumerate(textures):
        on = (layout.texture == number) & np.isfinite(layout.uv).all((1, 2))
        for path, tile, wanted in _tiles(texture, layout.uv, on):
            try:
                image = load_linear(Path(path), texture.colorspace)
            except FaceSolveError as error:
                said.append(f"The face's texture {path} is not used: {error.message} Its part of the face is plain.")
                continue
            uv = layout.uv[wanted] - tile
            seen = _look(_pyramid(image), uv, share, texture.extension)  # [t,n,3]
            for corner in range(3):
                vertex = rig.triangles[wanted, corner]
                hat = share[:, corner] / len(share)
                np.add.at(total, vertex, area[wanted, None] * np.einsum("n,tnc->tc", hat, seen))
                np.add.at(weight, vertex, area[wanted] * hat.sum())
    colors = albedo_of(rig).astype(np.float32)
    found = weight > 0
    colors[found] = total[found] / weight[found, None]
    return replace(rig, colors=colors), said


def load_linear(path: Path, colorspace: str) -> Floats:
    """[H,W,3] linear Rec.709, float32, no larger than LARGEST.

    Raises:
        FaceSolveError: no such file, a damaged one, an unknown colour space.
    """
    if not path.is_file():
        raise FaceSolveError("There is no such file.", "Find it again in Blender.")
    stored = read_image(path)
    linear = to_linear(colorspace)
    step = -(-max(stored.shape[:2]) // LARGEST)
    height, width = (max(size // step, 1) for size in stored.shape[:2])
    image = np.empty((height, width, 3), np.float32)
    rows = max(2**22 // stored.shape[1], 1)  # decoded at once
    for first in range(0, height, rows):
        part = stored[first * step : min(first + rows, height) * step, : width * step]
        numbers = part.astype(np.float32)
        if np.issubdtype(part.dtype, np.integer):
            numbers /= np.iinfo(part.dtype).max
        numbers = linear(np.nan_to_num(numbers, copy=False))
        count = min(first + rows, height) - first
        image[first : first + count] = cv2.resize(numbers, (width, count), interpolation=cv2.INTER_AREA)
    return image


def _tiles(texture: Texture, uv: Floats, on: Bools) -> list[tuple[str, Floats, Bools]]:
    """The images of a texture: file, the tile's corner [2], and the triangles [T] on it."""
    if UDIM not in texture.path and UVTILE not in texture.path:
        return [(texture.path, np.zeros(2), on)]
    tile = np.zeros((len(uv), 2), int)
    tile[on] = np.floor(uv[on].mean(1))
    found = []
    for u, v in np.unique(tile[on], axis=0):
        path = texture.path.replace(UDIM, str(1001 + u + 10 * v)).replace(UVTILE, f"u{u + 1}_v{v + 1}")
        found.append((path, np.array([u, v], float), on & (tile == (u, v)).all(1)))
    return found


def _cells() -> Floats:
    """[CELLS^2,3] barycentric coordinates of the middles of a triangle's small triangles.

    Their mean is (1/3, 1/3, 1/3).
    """
    points = [
        ((i + third) / CELLS, (j + third) / CELLS)
        for third, last in ((1 / 3, 0), (2 / 3, 1))
        for i in range(CELLS - last)
        for j in range(CELLS - last - i)
    ]
    first, second = np.array(points).T
    return np.stack([1 - first - second, first, second], 1)


def _pyramid(image: Floats) -> list[Floats]:
    """The image and its halves, as far as they go."""
    levels = [image]
    while max(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        size = (max(width // 2, 1), max(height // 2, 1))
        levels.append(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA))
    return levels


def _look(levels: list[Floats], uv: Floats, share: Floats, extension: str) -> Floats:
    """[t,n,3] colours at points of t triangles [t,3,2].

    They are taken from the level whose pixels are as large as the points are apart.
    """
    size = np.array(levels[0].shape[1::-1])
    edges = np.linalg.norm((uv - np.roll(uv, 1, 1)) * size, axis=2).max(1)  # pixels
    level = np.clip(np.log2(np.maximum(edges / CELLS, 1)).astype(int), 0, len(levels) - 1)
    points = share @ uv  # [t,n,2]
    colors = np.empty((*points.shape[:2], 3))
    for number in np.unique(level):
        here = np.flatnonzero(level == number)
        for start in range(0, len(here), CHUNK):
            part = here[start : start + CHUNK]
            colors[part] = bilinear(levels[number], points[part], extension)
    return colors


def bilinear(image: Floats, uv: Floats, extension: str) -> Floats:
    """[...,3] the image at `uv` [...,2], interpolated between the middles of its pixels."""
    height, width = image.shape[:2]
    x, y = uv[..., 0] * width - 0.5, (1 - uv[..., 1]) * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (x - left)[..., None], (y - top)[..., None]
    columns = [_wrapped(left + i, width, extension) for i in (0, 1)]
    rows = [_wrapped(top + i, height, extension) for i in (0, 1)]
    upper = image[rows[0], columns[0]] * (1 - across) + image[rows[0], columns[1]] * across
    lower = image[rows[1], columns[0]] * (1 - across) + image[rows[1], columns[1]] * across
    color: Floats = upper * (1 - down) + lower * down
    if extension == "clip":
        color[((uv < 0) | (uv > 1)).any(-1)] = 0
    return color


def _wrapped(index: Ints, count: int, extension: str) -> Ints:
    if extension == "repeat":
        return index % count
    if extension == "mirror":
        there = index % (2 * count)
        return np.where(there < count, there, 2 * count - 1 - there)
    return np.clip(index, 0, count - 1)
