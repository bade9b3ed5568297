"""Material points: which point of the surface is seen at a place on the image, and attributes there."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.numba.raster import perspective_barycentric
from solver_core.render.rasteriser import NEAR, Float64, Fragments, Geometry, Int32


class SurfacePoints(NamedTuple):
    """Points fixed to the surface.

    Attributes:
        triangle: [B,L] int32, -1 where no surface is near.
        barycentric: [B,L,3] float64, perspective correct (weights of the 3D vertices); zero where there is none.
        distance: [B,L] pixels from the asked place to the point's image: 0 on the surface, infinite where there is
            none.
    """

    triangle: Int32
    barycentric: Float64
    distance: Float64


def visible_points(
    fragments: Fragments,
    points: npt.ArrayLike,  # [B,V,2]
    depth: npt.ArrayLike,  # [B,V]
    triangles: npt.ArrayLike,  # [T,3]
    places: npt.ArrayLike,  # [B,L,2]
    radius: float = 8.0,
) -> SurfacePoints:
    """Find the surface point seen at each place, or at the nearest covered pixel's centre.

    Args:
        fragments: the geometry, rasterised.
        points: [B,V,2] raster pixels.
        depth: [B,V] metres.
        triangles: [T,3].
        places: [B,L,2] raster pixels; any may lie off the surface, off the image or be NaN.
        radius: pixels, how far from a place off the surface to look for covered pixels.

    Returns:
        The points. A place on the surface gives the point exactly there.

    Raises:
        ValueError: shapes do not fit.
    """
    geometry = Geometry.of(points, depth, triangles)
    places64 = np.require(places, np.float64, ["C", "W"])
    if places64.ndim != 3 or places64.shape[0] != len(geometry.points) or places64.shape[2] != 2:
        raise ValueError(f"places must be [B,L,2], not {places64.shape}")
    found = SurfacePoints(
        np.full(places64.shape[:2], -1, np.int32),
        np.zeros((*places64.shape[:2], 3)),
        np.full(places64.shape[:2], np.inf),
    )
    _locate(geometry, fragments, places64, float(radius), found)
    return found


def interpolate(
    attribute: npt.ArrayLike,  # [V,C] or [B,V,C]
    triangles: npt.ArrayLike,  # [T,3]
    triangle: npt.ArrayLike,  # [B,...]
    barycentric: npt.ArrayLike,  # [B,...,3]
) -> npt.NDArray[np.floating]:
    """Vertex attributes at surface points.

    Args:
        attribute: [V,C], or [B,V,C] one set for each image.
        triangles: [T,3].
        triangle: [B,...] indices of triangles, -1 for none.
        barycentric: [B,...,3].

    Returns:
        [B,...,C]; zero where there is no triangle.
    """
    values = np.asarray(attribute)
    index = np.asarray(triangle)
    corners = np.asarray(triangles)[np.maximum(index, 0)]
    weights = np.asarray(barycentric) * (index >= 0)[..., None]
    if values.ndim == 2:
        at_corners = values[corners]
    else:
        image = np.arange(len(values)).reshape(-1, *[1] * index.ndim)
        at_corners = values[image, corners]
    return np.einsum("...i,...ic->...c", weights, at_corners)


@nb.njit(parallel=True, cache=True)
def _locate(geometry: Geometry, fragments: Fragments, places: Float64, radius: float, found: SurfacePoints) -> None:
    points, depth, triangles = geometry.points, geometry.depth, geometry.triangles
    seen, seen_barycentric = fragments.triangle, fragments.barycentric
    triangle, barycentric, distance = found.triangle, found.barycentric, found.distance
    batch, height, width = seen.shape
    amount = places.shape[1]
    for b in nb.prange(batch):
        # places as a chain from each pixel; then one sweep over the triangles keeps the nearest surface over each
        first = np.full((height, width), -1, np.int32)
        following = np.full(amount, -1, np.int32)
        nearest = np.zeros(amount)
        for n in range(amount):
            x, y = places[b, n, 0], places[b, n, 1]
            if 0.0 <= x < width and 0.0 <= y < height:
                following[n] = first[int(y), int(x)]
                first[int(y), int(x)] = n
        for t in range(triangles.shape[0]):
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            y0, y1, y2 = points[b, i, 1], points[b, j, 1], points[b, k, 1]
            y_min, y_max = min(y0, y1, y2), max(y0, y1, y2)
            if not (y_max >= 0.0 and y_min < height):
                continue
            x0, x1, x2 = points[b, i, 0], points[b, j, 0], points[b, k, 0]
            x_min, x_max = min(x0, x1, x2), max(x0, x1, x2)
            if not (x_max >= 0.0 and x_min < width):
                continue
            for row in range(int(max(y_min, 0.0)), int(min(y_max, height - 1.0)) + 1):
                for column in range(int(max(x_min, 0.0)), int(min(x_max, width - 1.0)) + 1):
                    n = first[row, column]
                    while n >= 0:
                        x, y = places[b, n, 0], places[b, n, 1]
                        e0 = (x1 - x) * (y2 - y) - (y1 - y) * (x2 - x)
                        e1 = (x2 - x) * (y0 - y) - (y2 - y) * (x0 - x)
                        e2 = (x0 - x) * (y1 - y) - (y0 - y) * (x1 - x)
                        z0, z1, z2 = depth[b, i], depth[b, j], depth[b, k]
                        inside = (e0 >= 0.0 and e1 >= 0.0 and e2 >= 0.0) or (e0 <= 0.0 and e1 <= 0.0 and e2 <= 0.0)
                        if inside and e0 + e1 + e2 != 0.0 and min(z0, z1, z2) > NEAR:
                            inverse = (e0 / z0 + e1 / z1 + e2 / z2) / (e0 + e1 + e2)
                            if inverse > nearest[n]:
                                nearest[n] = inverse
                                triangle[b, n] = t
                        n = following[n]
        reach = int(np.ceil(radius)) + 1
        for n in range(amount):
            x, y = places[b, n, 0], places[b, n, 1]
            t = triangle[b, n]
            if t >= 0:
                i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                w0, w1, w2, _ = perspective_barycentric(
                    points[b, i, 0] - x,
                    points[b, i, 1] - y,
                    depth[b, i],
                    points[b, j, 0] - x,
                    points[b, j, 1] - y,
                    depth[b, j],
                    points[b, k, 0] - x,
                    points[b, k, 1] - y,
                    depth[b, k],
                )
                barycentric[b, n, 0], barycentric[b, n, 1], barycentric[b, n, 2] = w0, w1, w2
                distance[b, n] = 0.0
                continue
            if not (-radius <= x <= width + radius and -radius <= y <= height + radius):
                continue
            row_here, column_here = int(np.floor(y)), int(np.floor(x))
            best = radius * radius
            for row in range(max(row_here - reach, 0), min(row_here + reach + 1, height)):
                for column in range(max(column_here - reach, 0), min(column_here + reach + 1, width)):
                    dx, dy = column + 0.5 - x, row + 0.5 - y
                    if seen[b, row, column] >= 0 and dx * dx + dy * dy <= best:
                        best = dx * dx + dy * dy
                        triangle[b, n] = seen[b, row, column]
                        distance[b, n] = np.sqrt(best)
                        for m in range(3):
                            barycentric[b, n, m] = seen_barycentric[b, row, column, m]
