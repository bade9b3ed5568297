"""How much of each pixel an outline cuts off or adds: exact areas, so that the image is a continuous function of the vertices.

A pixel first shows what its centre sees. Every visible silhouette edge (a border of the mesh, or an edge whose two
triangles lie on the same side of it on the image) then corrects the area. Within a pixel whose centre is c, the field

    G(p) = (p - c)/2 * (1 - 1/rho^2),   rho = 2 max(|p - c|_x, |p - c|_y)

vanishes on the pixel's border and has divergence 1 minus a unit point source at c. By the divergence theorem its flux
through the outline inside the pixel is (covered area) - (1 if c is covered), whatever happens in other pixels. The flux
through a straight piece p0-p1 has a closed form: cross(p0, p1)/2 - (share of the square's turn from p0 to p1). When an outline
passes over the centre the correction jumps by one and the centre's own colour flips: together they are continuous. When a piece
moves, the flux changes by its normal velocity times its length, since the divergence is 1 there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.raster import NEAR, Float32, Float64, Fragments, Int32

DEPTH_TOLERANCE = 1e-5
"""What lies behind an edge must be farther than the edge by this share of its depth."""

AT_END, NEAREST, ON_COLUMN, ON_ROW = 0, 1, 2, 3  # what fixes the place on an edge where a piece's colour is taken


def mesh_edges(triangles: npt.ArrayLike) -> Int32:
    """List the edges of a mesh with the corners that face them.

    Args:
        triangles: [T,3].

    Returns:
        [E,4] int32: both ends, the third vertex of one triangle, and that of the other or -1 on a border. Where more than two
        triangles share an edge, each of the others counts as a border.
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


@dataclass(frozen=True)
class Outline:
    """The visible silhouette, cut at the pixels' borders, and what it does to each pixel that it passes.

    Attributes:
        coverage: [B,H,W] correction of the covered area, pixels squared: positive where the pixel's centre is outside.
        count: [B] number of pieces of each image.
        pixel: [B,N] row * W + column of each piece.
        ends: [B,N,2] the two vertices of its edge.
        slope: [B,N,2,2] derivative of the coverage by the position of each of the two vertices.
        nearest: [B,H,W] the piece nearest to the pixel's centre, -1 where there is none.
        place: [B,N] where on its edge (0..1, on the image) the piece is nearest to the centre.
        place_kind: [B,N] what fixes that place: an end, the perpendicular, or the pixel's border.
        outward: [B,N] the pixel next to this one on the outer side (row * W + column), or -1 outside the image.
    """

    coverage: Float64
    count: npt.NDArray[np.int64]
    pixel: Int32
    ends: Int32
    slope: Float64
    nearest: Int32
    place: Float64
    place_kind: npt.NDArray[np.int8]
    outward: Int32


def outline(points: Float64, depth: Float64, edges: Int32, fragments: Fragments) -> Outline:
    """Find the visible silhouette.

    Args:
        points: [B,V,2] raster pixels.
        depth: [B,V] metres.
        edges: [E,4] of `mesh_edges`.
        fragments: the same geometry, rasterised.

    Returns:
        The outline.
    """
    batch, height, width = fragments.triangle.shape
    capacity = 8 * (height + width)
    while True:
        coverage = np.zeros((batch, height, width))
        nearest = np.full((batch, height, width), -1, np.int32)
        count = np.zeros(batch, np.int64)
        pixel = np.zeros((batch, capacity), np.int32)
        ends = np.zeros((batch, capacity, 2), np.int32)
        slope = np.zeros((batch, capacity, 2, 2))
        place = np.zeros((batch, capacity))
        kind = np.zeros((batch, capacity), np.int8)
        outward = np.zeros((batch, capacity), np.int32)
        _find(points, depth, edges, fragments.depth, coverage, nearest, count, pixel, ends, slope, place, kind, outward)
        if count.max(initial=0) <= capacity:
            return Outline(coverage, count, pixel, ends, slope, nearest, place, kind, outward)
        capacity = int(count.max())


@nb.njit(cache=True, inline="always")
def _square_angle(x: float, y: float) -> float:
    """The share of a turn around a square, -1/8 to 7/8, from the direction of x towards y."""
    if x == 0.0 and y == 0.0:
        return 0.0
    if abs(x) >= abs(y):
        return (0.0 if x > 0.0 else 0.5) + 0.125 * y / x
    return (0.25 if y > 0.0 else 0.75) - 0.125 * x / y


@nb.njit(cache=True, inline="always")
def _flux(x0: float, y0: float, x1: float, y1: float) -> float:
    """The flux of G (centre at the origin) through a straight piece, with the inside on the left of its direction."""
    turn = _square_angle(x1, y1) - _square_angle(x0, y0)
    if turn > 0.5:
        turn -= 1.0
    elif turn <= -0.5:
        turn += 1.0
    return 0.5 * (x0 * y1 - y0 * x1) - turn


@nb.njit(parallel=True, cache=True)
def _find(
    points: Float64,
    depth: Float64,
    edges: Int32,
    seen_depth: Float32,
    coverage: Float64,
    nearest: Int32,
    count: npt.NDArray[np.int64],
    pixel: Int32,
    ends: Int32,
    slope: Float64,
    place: Float64,
    kind: npt.NDArray[np.int8],
    outward: Int32,
) -> None:
    batch, height, width = coverage.shape
    capacity = pixel.shape[1]
    for b in nb.prange(batch):
        nearest_distance = np.full((height, width), np.inf)
        n = 0
        for edge in range(edges.shape[0]):
            i, j = edges[edge, 0], edges[edge, 1]
            ax, ay, bx, by = points[b, i, 0], points[b, i, 1], points[b, j, 0], points[b, j, 1]
            if not (max(ax, bx) > 0.0 and min(ax, bx) < width and max(ay, by) > 0.0 and min(ay, by) < height):
                continue
            o = edges[edge, 2]
            ex, ey = bx - ax, by - ay
            side = ex * (points[b, o, 1] - ay) - ey * (points[b, o, 0] - ax)
            o = edges[edge, 3]
            if o >= 0:
                other = ex * (points[b, o, 1] - ay) - ey * (points[b, o, 0] - ax)
                if not (side * other > 0.0):
                    continue
            elif not (abs(side) > 0.0):
                continue
            za, zb = depth[b, i], depth[b, j]
            if not (za > NEAR and zb > NEAR and za + zb < np.inf and abs(side) < np.inf):
                continue
            if side < 0.0:  # run along the edge with the surface on the left
                i, j = j, i
                ax, ay, bx, by, za, zb = bx, by, ax, ay, zb, za
                ex, ey = -ex, -ey
            # cut to the image, then walk from pixel to pixel
            s, s_end = 0.0, 1.0
            if ex != 0.0:
                s0, s1 = (0.0 - ax) / ex, (width - ax) / ex
                s, s_end = max(s, min(s0, s1)), min(s_end, max(s0, s1))
            if ey != 0.0:
                s0, s1 = (0.0 - ay) / ey, (height - ay) / ey
                s, s_end = max(s, min(s0, s1)), min(s_end, max(s0, s1))
            if not (s < s_end):
                continue
            column = min(max(int(np.floor(ax + s * ex)), 0), width - 1)
            row = min(max(int(np.floor(ay + s * ey)), 0), height - 1)
            if ex < 0.0 and ax + s * ex == column and column > 0:
                column -= 1
            if ey < 0.0 and ay + s * ey == row and row > 0:
                row -= 1
            # the neighbour across the outline, along the axis on which it is farthest outside
            if abs(ey) >= abs(ex):
                step_x, step_y = (1 if ey > 0.0 else -1), 0
            else:
                step_x, step_y = 0, (-1 if ex > 0.0 else 1)
            length2 = ex * ex + ey * ey
            start_kind = AT_END
            while s < s_end:
                s_column = ((column + 1 if ex > 0.0 else column) - ax) / ex if ex != 0.0 else np.inf
                s_row = ((row + 1 if ey > 0.0 else row) - ay) / ey if ey != 0.0 else np.inf
                s_next = max(min(s_column, s_row, s_end), s)
                end_kind = AT_END
                if s_next < 1.0:
                    end_kind = ON_COLUMN if s_column <= s_row else ON_ROW
                cx, cy = column + 0.5 - ax, row + 0.5 - ay
                near = (cx * ex + cy * ey) / length2
                near_kind = NEAREST
                if near <= s:
                    near, near_kind = s, start_kind
                elif near >= s_next:
                    near, near_kind = s_next, end_kind
                z = 1.0 / ((1.0 - near) / za + near / zb)
                behind = z * (1.0 + DEPTH_TOLERANCE)
                out_column, out_row = column + step_x, row + step_y
                out = -1
                visible = seen_depth[b, row, column] > behind
                if 0 <= out_column < width and 0 <= out_row < height:
                    out = out_row * width + out_column
                    visible = visible or seen_depth[b, out_row, out_column] > behind
                if visible:
                    coverage[b, row, column] += _flux(s * ex - cx, s * ey - cy, s_next * ex - cx, s_next * ey - cy)
                    dx, dy = near * ex - cx, near * ey - cy
                    distance = dx * dx + dy * dy
                    if n < capacity:
                        if distance < nearest_distance[row, column]:
                            nearest_distance[row, column] = distance
                            nearest[b, row, column] = n
                        along_b = 0.5 * (s_next * s_next - s * s)
                        along_a = s_next - s - along_b
                        pixel[b, n] = row * width + column
                        ends[b, n, 0], ends[b, n, 1] = i, j
                        slope[b, n, 0, 0], slope[b, n, 0, 1] = ey * along_a, -ex * along_a
                        slope[b, n, 1, 0], slope[b, n, 1, 1] = ey * along_b, -ex * along_b
                        place[b, n] = near
                        kind[b, n] = near_kind
                        outward[b, n] = out
                    n += 1
                s = s_next
                start_kind = end_kind
                if s_column <= s_row:
                    column += 1 if ex > 0.0 else -1
                else:
                    row += 1 if ey > 0.0 else -1
                if not (0 <= column < width and 0 <= row < height):
                    break
        count[b] = n
