"""The edges of a mesh, among which an outline is found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver_core.render.rasteriser import Int32


def mesh_edges(triangles: npt.ArrayLike) -> Int32:
    """List the edges of a mesh with the corners that face them.

    Args:
        triangles: [T,3].

    Returns:
        [E,4] int32: both ends, the third vertex of one triangle, and that of the other or -1 on a border. Where more
        than two triangles share an edge, each of the others counts as a border.
    """
    t = np.asarray(triangles, np.int64)
    ends = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]])
    opposite = np.concatenate([t[:, 2], t[:, 0], t[:, 1]])
    ends.sort(axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    ends, opposite = ends[order], opposite[order]
    proper = ends[:, 0] != ends[:, 1]
    ends, opposite = ends[proper], opposite[proper]
    first = np.ones(len(ends), bool)
    first[1:] = (ends[1:] != ends[:-1]).any(axis=1)
    group = np.cumsum(first) - 1
    rank = np.arange(len(ends)) - np.flatnonzero(first)[group]
    partner = np.full(len(ends), -1, np.int64)
    second = np.flatnonzero(rank == 1)
    partner[second - 1] = opposite[second]
    keep = rank != 1
    return np.column_stack([ends, opposite, partner])[keep].astype(np.int32)
