"""What on a head is seldom the colour of its skin: lips, and pieces of the mesh that are no skin (eyeballs, teeth)."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, QhullError

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.rig import Rig
from solver_core.networks.regions import Layout

SKIN, LIPS, WHITE, IRIS = range(4)  # WHITE and IRIS: of eyeballs that are known (face.eyes)
OTHERS = 4  # from here on, the mesh's other connected pieces
FACE_SHARE = 0.05  # of the landmarks on the face's skin: a piece of the mesh that carries as many is skin
SAME = 1e-6  # of the head's radius: vertices so close are one; some programs give every triangle its own corners


def head_parts(rig: Rig, embedding: LandmarkEmbedding, layout: Layout) -> Ints:
    """[V] which part each vertex belongs to: `SKIN`, `LIPS`, or from `OTHERS` on one of the other connected pieces.

    Pieces with equally many vertices are one part: an eye and the other.
    """
    places = (rig.neutral * rig.scale).astype(float)
    piece = pieces(places, rig)
    is_skin = skin_pieces(piece, rig, embedding, layout)
    _, twins = np.unique(np.bincount(piece), return_inverse=True)
    parts = np.where(is_skin[piece], SKIN, twins[piece] + OTHERS)
    parts[(parts == SKIN) & embedding.face & _within(places, rig, embedding, layout.regions["lips"])] = LIPS
    return parts


def _within(places: Floats, rig: Rig, embedding: LandmarkEmbedding, landmarks: tuple[int, ...]) -> Bools:
    """[V] vertices inside the outline of some landmarks, seen from in front; none where these lie on a line."""
    towards = np.stack([np.cross(embedding.up, embedding.front), embedding.up], 1)
    corners = places[rig.triangles[embedding.triangle[list(landmarks)]]]
    try:
        outline = Delaunay(np.einsum("lc,lcx->lx", embedding.barycentric[list(landmarks)], corners) @ towards)
    except QhullError:
        return np.zeros(len(places), bool)
    inside: Bools = outline.find_simplex(places @ towards) >= 0
    return inside


def skin_pieces(piece: Ints, rig: Rig, embedding: LandmarkEmbedding, layout: Layout) -> Bools:
    """[pieces] which of the mesh's connected pieces are skin: those that carry the face's landmarks."""
    aside = [*layout.regions["eyes"], *layout.regions["lips"]]  # landmarks there may lie on eyeballs and teeth
    carries = np.bincount(piece[rig.triangles[np.delete(embedding.triangle, aside), 0]], minlength=piece.max() + 1)
    is_skin: Bools = carries >= FACE_SHARE * carries.sum()
    return is_skin


def pieces(places: Floats, rig: Rig) -> Ints:
    """[V] the connected piece of the mesh that each vertex is in."""
    _, same = np.unique(np.rint(places / (SAME * rig.radius)), axis=0, return_inverse=True)
    same = same.reshape(-1)
    corners = same[rig.triangles]
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(same.max() + 1,) * 2)
    return connected_components(graph, directed=False)[1][same].astype(int)
