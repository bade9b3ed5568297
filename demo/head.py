"""The demo's actor: a head whose mesh, colours and shape keys are all made by code.

`build()` returns metres in Blender's axes: the face looks along -Y, Z is up, X is the actor's left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from . import organs, paint, shapes
from .skin import Draft, Ints, Lids, positions, the_skin

TO_SCENE = np.array([1e-3, -1e-3, 1e-3])  # (x, f, z) in millimetres to (X, Y, Z) in metres


@dataclass(frozen=True)
class Head:
    """A mesh of V vertices with K shape keys; `mirror[i]` is the vertex opposite vertex i."""

    vertices: npt.NDArray[np.float32]  # [V,3] metres
    faces: tuple[tuple[int, ...], ...]  # triangles and quads, counter-clockwise seen from outside
    colors: npt.NDArray[np.float32]  # [V,3] linear albedo
    names: tuple[str, ...]  # K
    deltas: npt.NDArray[np.float32]  # [K,V,3] metres
    mirror: Ints  # [V]
    parts: dict[str, slice]

    @property
    def triangles(self) -> npt.NDArray[np.int32]:
        """[T,3] the faces with quads cut in two."""
        return np.array([(f[0], f[i], f[i + 1]) for f in self.faces for i in range(1, len(f) - 1)], np.int32)

    @property
    def front(self) -> npt.NDArray[np.bool_]:
        """[V] the visible front of the face: what a solve is measured on."""
        inside = np.zeros(len(self.vertices), bool)
        for part in ("skin", "lip_upper", "lid_upper_L", "lid_upper_R"):
            inside[self.parts[part]] = True
        return inside & (self.vertices[:, 1] < -0.025) & (np.abs(self.vertices[:, 2] - 0.01) < 0.1)


@lru_cache(maxsize=1)
def build() -> Head:
    """The head with its colours and shape keys; the same every time."""
    draft = Draft()
    positions(Lids(), draft)
    organs.add(draft)
    points, mirror = np.concatenate(draft.points), np.concatenate(draft.mirror)
    colors = paint.colors(points, draft.parts, the_skin())
    keys = shapes.keys(points, mirror, draft.parts, the_skin())
    return Head(
        vertices=(points * TO_SCENE).astype(np.float32),
        faces=tuple(draft.faces),
        colors=colors.astype(np.float32),
        names=tuple(keys),
        deltas=np.stack([(d * TO_SCENE).astype(np.float32) for d in keys.values()]),
        mirror=mirror,
        parts=draft.parts,
    )


def grid_lines(head: Head, every: int = 5) -> npt.NDArray[np.float64]:
    """[V] 1 on every fifth row and column of the skin and along the margins of lids and lips, 0 elsewhere.

    Lines to draw.
    """
    skin = the_skin()
    rows, columns = len(skin.rows), 2 * (len(skin.columns) - 1)
    r, c = np.arange(rows)[:, None], np.arange(columns)[None]
    c = np.minimum(c, columns - c)  # the same to both sides of the middle
    lines = ((r - skin.eye_row) % every == 0) | (c % every == 0)
    out = np.zeros(len(head.vertices))
    out[head.parts["skin"]] = lines.ravel()
    for part in ("lip_upper", "lid_upper_L", "lid_upper_R"):
        out[head.parts[part]] = 1
    return out
