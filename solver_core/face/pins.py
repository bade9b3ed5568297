"""Pins: places on the head that the artist has put where they are in a plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver_core.face.rig import Rig, SurfacePoints

# how many pins of a frame say where the head stands and how it is turned; more bend the expression too
FULL_POSE = 3


@dataclass(frozen=True)
class Pin:
    """One place on the mesh, and where it is in one camera's plate.

    It is told by vertices and not by a triangle, so that it stays where it is when Blender cuts a polygon into other
    triangles.
    """

    frame: int  # of the scene
    camera: str
    vertices: tuple[int, int, int]  # of the rig; a vertex is three times the same
    barycentric: tuple[float, float, float]
    place: tuple[float, float]  # plate pixels
    strength: float = 1.0


def pinned_points(rig: Rig, pins: Sequence[Sequence[Pin]]) -> SurfacePoints:
    """[B,n] the material points of B frames' pins; frames with fewer than the most are filled up with vertex 0."""
    count = max(map(len, pins))
    corners, shares = np.zeros((len(pins), count, 3), np.int32), np.zeros((len(pins), count, 3))
    shares[..., 0] = 1.0
    for b, own in enumerate(pins):
        for n, pin in enumerate(own):
            corners[b, n], shares[b, n] = pin.vertices, pin.barycentric
    # a rig whose triangles are the pins' own: a pin may lie across the edge between two of the real ones
    own_triangles = replace(rig, triangles=corners.reshape(-1, 3))
    return own_triangles.sample(np.arange(corners.shape[0] * count).reshape(len(pins), count), shares)
