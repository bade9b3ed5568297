"""The z-buffer: which triangle each pixel's centre sees, where on the triangle, and how far away.

A pixel's centre belongs to a triangle by the top-left rule, evaluated so that two triangles that share an edge compute
the same number for it: no pixel on a shared edge is hit twice or missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

NEAR = 1e-4
"""Metres. A triangle with a vertex nearer than this is dropped whole, not cut: a filmed head never reaches the lens."""


@dataclass(frozen=True)
class Fragments:
    """What each pixel's centre sees.

    Attributes:
        triangle: [B,H,W] int32, index into the triangles, -1 where there is none.
        barycentric: [B,H,W,3] float32, perspective correct (weights of the 3D vertices), zero where there is none.
        depth: [B,H,W] float32, metres in front of the camera, infinite where there is none.
    """

    triangle: Int32
    barycentric: Float32
    depth: Float32

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """[B,H,W], true where a triangle is seen."""
        return self.triangle >= 0


def rasterise(
    points: npt.ArrayLike,  # [B,V,2] raster pixels
    depth: npt.ArrayLike,  # [B,V] metres
    triangles: npt.ArrayLike,  # [T,3]
    height: int,
    width: int,
    *,
    cull_backfaces: bool = False,
) -> Fragments:
    """Find the nearest triangle at every pixel's centre.

    Args:
        points: [B,V,2] projected vertices in raster pixels, origin at the image's top left corner.
        depth: [B,V] metres in front of the camera.
        triangles: [T,3] vertex indices.
        height: rows.
        width: columns.
        cull_backfaces: leave out triangles that run clockwise on the image.

    Returns:
        The fragments. Triangles with a vertex that is not finite or not in front of the near plane (`NEAR`), and triangles
        without area, are left out. Of equally deep triangles the first one is seen.
    """
    points64, depth64, triangles32 = geometry(points, depth, triangles)
    batch = points64.shape[0]
    triangle = np.full((batch, height, width), -1, np.int32)
    barycentric = np.zeros((batch, height, width, 3), np.float32)
    depth_image = np.full((batch, height, width), np.inf, np.float32)
    bands = max(1, nb.get_num_threads() // max(batch, 1))  # a single image is cut into bands of rows to use the cores
    _rasterise(points64, depth64, triangles32, cull_backfaces, bands, triangle, barycentric, depth_image)
    return Fragments(triangle, barycentric, depth_image)


def geometry(points: npt.ArrayLike, depth: npt.ArrayLike, triangles: npt.ArrayLike) -> tuple[Float64, Float64, Int32]:
    """Check shapes and bring geometry to the kernels' types: contiguous, writable float64 and int32.

    Raises:
        ValueError: shapes do not fit, or a triangle names a vertex that is not there.
    """
    points64 = np.require(points, np.float64, ["C", "W"])
    depth64 = np.require(depth, np.float64, ["C", "W"])
    triangles32 = np.require(triangles, np.int32, ["C", "W"])
    if points64.ndim != 3 or points64.shape[2] != 2 or depth64.shape != points64.shape[:2]:
        raise ValueError(f"points must be [B,V,2] and depth [B,V], not {points64.shape} and {depth64.shape}")
    if triangles32.ndim != 2 or triangles32.shape[1] != 3:
        raise ValueError(f"triangles must be [T,3], not {triangles32.shape}")
    if triangles32.size and (triangles32.min() < 0 or triangles32.max() >= points64.shape[1]):
        raise ValueError("triangles name vertices that are not there")
    return points64, depth64, triangles32


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
def _rasterise(
    points: Float64,
    depth: Float64,
    triangles: Int32,
    cull: bool,
    bands: int,
    triangle_out: Int32,
    barycentric_out: Float32,
    depth_out: Float32,
) -> None:
    batch, height, width = triangle_out.shape
    for job in nb.prange(batch * bands):
        b = job // bands
        row_start = (job % bands) * height // bands
        row_end = (job % bands + 1) * height // bands
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
            if not (abs(area) > 0.0 and abs(area) < np.inf) or (cull and area > 0.0):
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
                            triangle_out[b, row, column] = t
        for row in range(row_start, row_end):
            py = row + 0.5
            for column in range(width):
                t = triangle_out[b, row, column]
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
                barycentric_out[b, row, column, 0] = w0
                barycentric_out[b, row, column, 1] = w1
                barycentric_out[b, row, column, 2] = w2
                depth_out[b, row, column] = z


@nb.njit(cache=True, inline="always")
def perspective_barycentric(
    x0: float, y0: float, z0: float, x1: float, y1: float, z1: float, x2: float, y2: float, z2: float
) -> tuple[float, float, float, float]:
    """Perspective-correct barycentrics and depth at the origin of a triangle given relative to it; the point is inside."""
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
