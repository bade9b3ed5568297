"""What on a head is seldom the colour of its skin: lips, and the other parts of the mesh (eyeballs, teeth, lashes)."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay

from solver_core.arrays import Ints
from solver_core.networks.regions import Layout
from solver_core.rig import Rig
from solver_core.tie import Tie

SKIN, LIPS = 0, 1
SAME = (
    1e-6  # of the head's radius: vertices so close are one; some programs write every triangle with corners of its own
)


def head_parts(rig: Rig, tie: Tie, layout: Layout) -> Ints:
    """[V] which part each vertex belongs to: `SKIN`, `LIPS`, or from 2 on one of the mesh's other connected pieces."""
    piece = _pieces(rig)
    skin = np.bincount(piece[tie.face]).argmax()
    parts = np.where(piece == skin, SKIN, piece + 2)
    towards = np.stack([np.cross(tie.up, tie.front), tie.up], 1)  # a picture from in front
    places = (rig.neutral * rig.scale).astype(float)
    landmarks = np.einsum("lc,lcx->lx", tie.barycentric, places[rig.triangles[tie.triangle]])
    outline = Delaunay((landmarks @ towards)[list(layout.regions["lips"])])
    inside = outline.find_simplex(places @ towards) >= 0
    parts[inside & tie.face & (parts == SKIN)] = LIPS
    return parts


def _pieces(rig: Rig) -> Ints:
    """[V] the connected piece of the mesh that each vertex is in."""
    _, same = np.unique(np.rint(rig.neutral / (SAME * rig.radius)), axis=0, return_inverse=True)
    corners = same.reshape(-1)[rig.triangles]
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(same.max() + 1,) * 2)
    return connected_components(graph, directed=False)[1][same.reshape(-1)].astype(int)
