"""The z-buffer: which triangle each pixel's centre sees, where on the triangle, and how far away.

A pixel's centre belongs to a triangle by the top-left rule, evaluated so that two triangles that share an edge compute
the same number for it: no pixel on a shared edge is hit twice or missed.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from solver_core.render.numba.inner import inner
from solver_core.render.rasteriser import NEAR, Fragments, Geometry


def rasterise(geometry: Geometry, height: int, width: int) -> Fragments:
    """As `Rasteriser.rasterise`."""
    batch = geometry.points.shape[0]
    seen = Fragments(
        np.full((batch, height, width), -1, np.int32),
        np.zeros((batch, height, width, 3), np.float32),
        np.full((batch, height, width), np.inf, np.float32),
    )
    bands = max(1, nb.get_num_threads() // max(batch, 1))  # a single image is cut into bands of rows to use the cores
    _rasterise(geometry, bands, seen)
    return seen


@nb.njit(cache=True, inline="always")
def edge_sides(ax: float, ay: float, bx: float, by: float) -> tuple[float, float, float, float, float]:
    """The edge a-b as (origin x, y, direction x, y, sign), the same origin and direction for b-a, with the other sign.

    Edges run upwards, level ones to the right, so sign +1 marks the top and left edges of a triangle that is clockwise
    on the image: those own the pixel centres that lie on them.
    """
    if ay > by or (ay == by and ax < bx):
        return ax, ay, bx - ax, by - ay, 1.0
    return bx, by, ax - bx, ay - by, -1.0


@nb.njit(parallel=True, cache=True)
def _rasterise(geometry: Geometry, bands: int, seen: Fragments) -> None:
    batch, height = seen.triangle.shape[:2]
    for job in nb.prange(batch * bands):
        band = job % bands
        _rasterise_band(geometry, job // bands, band * height // bands, (band + 1) * height // bands, seen)


@inner
def _rasterise_band(geometry: Geometry, b: int, row_start: int, row_end: int, seen: Fragments) -> None:
    points, depth, triangles = geometry.points, geometry.depth, geometry.triangles
    width = seen.triangle.shape[2]
    nearest = np.zeros((row_end - row_start, width))  # 1 / depth: linear on the image, zero is infinitely far
    x_limit = width - 0.5
    y_first = row_start + 0.5
    y_limit = row_end - 0.5
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        y0, y1, y2 = points[b, i, 1], points[b, j, 1], points[b, k, 1]
        y_min, y_max = min(y0, y1, y2), max(y0, y1, y2)
        if not (y_max >= y_first and y_min <= y_limit):
            continue
        x0, x1, x2 = points[b, i, 0], points[b, j, 0], points[b, k, 0]
        x_min, x_max = min(x0, x1, x2), max(x0, x1, x2)
        if not (x_max >= 0.5 and x_min <= x_limit):
            continue
        column_first = int(np.ceil(max(x_min, 0.5) - 0.5))
        column_last = int(np.floor(min(x_max, x_limit) - 0.5))
        row_first = int(np.ceil(max(y_min, y_first) - 0.5))
        row_last = int(np.floor(min(y_max, y_limit) - 0.5))
        if column_first > column_last or row_first > row_last:
            continue  # the triangle lies between pixel centres
        z0, z1, z2 = depth[b, i], depth[b, j], depth[b, k]
        if not (z0 > NEAR and z1 > NEAR and z2 > NEAR and z0 + z1 + z2 < np.inf):
            continue
        area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
        if not (0.0 < abs(area) < np.inf):
            continue
        turn = 1.0 if area > 0.0 else -1.0
        ax0, ay0, dx0, dy0, sign0 = edge_sides(x1, y1, x2, y2)
        ax1, ay1, dx1, dy1, sign1 = edge_sides(x2, y2, x0, y0)
        ax2, ay2, dx2, dy2, sign2 = edge_sides(x0, y0, x1, y1)
        sign0, sign1, sign2 = sign0 * turn, sign1 * turn, sign2 * turn
        scale = 1.0 / abs(area)
        inverse0, inverse1, inverse2 = scale / z0, scale / z1, scale / z2
        for row in range(row_first, row_last + 1):
            py = row + 0.5
            row0, row1, row2 = dx0 * (py - ay0), dx1 * (py - ay1), dx2 * (py - ay2)
            for column in range(column_first, column_last + 1):
                px = column + 0.5
                e0 = sign0 * (row0 - dy0 * (px - ax0))
                e1 = sign1 * (row1 - dy1 * (px - ax1))
                e2 = sign2 * (row2 - dy2 * (px - ax2))
                if (
                    (e0 > 0.0 or (e0 == 0.0 and sign0 > 0.0))
                    and (e1 > 0.0 or (e1 == 0.0 and sign1 > 0.0))
                    and (e2 > 0.0 or (e2 == 0.0 and sign2 > 0.0))
                ):
                    inverse = e0 * inverse0 + e1 * inverse1 + e2 * inverse2
                    if inverse > nearest[row - row_start, column]:
                        nearest[row - row_start, column] = inverse
                        seen.triangle[b, row, column] = t
    for row in range(row_start, row_end):
        py = row + 0.5
        for column in range(width):
            t = seen.triangle[b, row, column]
            if t < 0:
                continue
            px = column + 0.5
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1, w2, z = perspective_barycentric(
                points[b, i, 0] - px,
                points[b, i, 1] - py,
                depth[b, i],
                points[b, j, 0] - px,
                points[b, j, 1] - py,
                depth[b, j],
                points[b, k, 0] - px,
                points[b, k, 1] - py,
                depth[b, k],
            )
            seen.barycentric[b, row, column, 0] = w0
            seen.barycentric[b, row, column, 1] = w1
            seen.barycentric[b, row, column, 2] = w2
            seen.depth[b, row, column] = z


@nb.njit(cache=True, inline="always")
def perspective_barycentric(
    x0: float, y0: float, z0: float, x1: float, y1: float, z1: float, x2: float, y2: float, z2: float
) -> tuple[float, float, float, float]:
    """Perspective-correct barycentrics and depth at the origin of a triangle given relative to it.

    The point is inside.
    """
    b0 = x1 * y2 - y1 * x2
    b1 = x2 * y0 - y2 * x0
    b2 = x0 * y1 - y0 * x1
    total = b0 + b1 + b2
    q0 = max(b0 / total, 0.0) / z0  # rounding may leave a centre on an edge just outside
    q1 = max(b1 / total, 0.0) / z1
    q2 = max(b2 / total, 0.0) / z2
    inverse = q0 + q1 + q2
    z = (max(b0 / total, 0.0) + max(b1 / total, 0.0) + max(b2 / total, 0.0)) / inverse
    return q0 / inverse, q1 / inverse, q2 / inverse, z
