"""The renderer's forward kernels: shading at pixel centres, the outlines' correction, encoding."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.color import srgb_encode
from solver_core.render.raster import Float32, Float64, Int32
from solver_core.render.shading import irradiance

_TABLE_SIZE = 1 << 14
_TABLE: Float32 = srgb_encode(np.linspace(0.0, 1.0, _TABLE_SIZE + 1)).astype(np.float32)


@nb.njit(cache=True, inline="always")
def total_irradiance(
    light: Float64, shadow_light: Float64, has_shadow: bool, shade: Float64, c: int, x: float, y: float, z: float
) -> float:
    """Channel c of the open sky's irradiance on the unit normal (x, y, z), plus the shadow's share; not clamped."""
    total = irradiance(light, c, x, y, z)
    if has_shadow:
        for m in range(9):
            total += shade[m] * shadow_light[m, c]
    return total


@nb.njit(parallel=True, cache=True)
def shade_pixels(
    triangle: Int32,
    barycentric: Float32,
    triangles: Int32,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    background: Float32,
    out: Float32,
) -> None:
    """Linear radiance at every pixel's centre; the background where there is no surface."""
    batch, height, width = triangle.shape
    has_shadow = shadow.shape[0] > 0
    for job in nb.prange(batch * height):
        b, row = job // height, job % height
        shade = np.zeros(9)
        for column in range(width):
            t = triangle[b, row, column]
            if t < 0:
                for c in range(3):
                    out[b, row, column, c] = background[b, row, column, c]
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0 = np.float64(barycentric[b, row, column, 0])
            w1 = np.float64(barycentric[b, row, column, 1])
            w2 = np.float64(barycentric[b, row, column, 2])
            x = w0 * normals[b, i, 0] + w1 * normals[b, j, 0] + w2 * normals[b, k, 0]
            y = w0 * normals[b, i, 1] + w1 * normals[b, j, 1] + w2 * normals[b, k, 1]
            z = w0 * normals[b, i, 2] + w1 * normals[b, j, 2] + w2 * normals[b, k, 2]
            length = np.sqrt(x * x + y * y + z * z)
            if length > 0.0:
                x, y, z = x / length, y / length, z / length
            if has_shadow:
                for m in range(9):
                    shade[m] = w0 * shadow[i, m] + w1 * shadow[j, m] + w2 * shadow[k, m]
            for c in range(3):
                a = w0 * albedo[i, c] + w1 * albedo[j, c] + w2 * albedo[k, c]
                e = total_irradiance(light[b], shadow_light[b], has_shadow, shade, c, x, y, z)
                out[b, row, column, c] = a * max(e, 0.0)


@nb.njit(cache=True, inline="always")
def along_edge(place: float, za: float, zb: float) -> float:
    """The 3D share of the second end at a place on an edge's image (both 0..1): perspective correct."""
    return place * za / ((1.0 - place) * zb + place * za)


@nb.njit(parallel=True, cache=True)
def blend_outline(
    triangle: Int32,
    coverage: Float64,
    nearest: Int32,
    ends: Int32,
    place: Float64,
    outward: Int32,
    depth: Float64,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    background: Float32,
    surface: Float32,
    out: Float32,
) -> None:
    """Blend each pixel on the outline with what the outline adds to it or uncovers in it, in linear light.

    A centre outside gets the edge's own colour, at the place nearest to the centre. A centre inside gets the background
    at this very pixel, or the pixel across the edge where that shows another surface.
    """
    batch, height, width = triangle.shape
    has_shadow = shadow.shape[0] > 0
    for job in nb.prange(batch * height):
        b, row = job // height, job % height
        shade = np.zeros(9)
        for column in range(width):
            n = nearest[b, row, column]
            if n < 0:
                continue
            share = min(max(coverage[b, row, column], -1.0), 1.0)
            if share > 0.0:
                i, j = ends[b, n, 0], ends[b, n, 1]
                w = along_edge(place[b, n], depth[b, i], depth[b, j])
                x = (1.0 - w) * normals[b, i, 0] + w * normals[b, j, 0]
                y = (1.0 - w) * normals[b, i, 1] + w * normals[b, j, 1]
                z = (1.0 - w) * normals[b, i, 2] + w * normals[b, j, 2]
                length = np.sqrt(x * x + y * y + z * z)
                if length > 0.0:
                    x, y, z = x / length, y / length, z / length
                if has_shadow:
                    for m in range(9):
                        shade[m] = (1.0 - w) * shadow[i, m] + w * shadow[j, m]
                for c in range(3):
                    a = (1.0 - w) * albedo[i, c] + w * albedo[j, c]
                    e = total_irradiance(light[b], shadow_light[b], has_shadow, shade, c, x, y, z)
                    own = np.float64(surface[b, row, column, c])
                    out[b, row, column, c] = own + share * (a * max(e, 0.0) - own)
            elif triangle[b, row, column] >= 0 and outward[b, n] >= 0:
                out_row, out_column = outward[b, n] // width, outward[b, n] % width
                open_sky = triangle[b, out_row, out_column] < 0
                for c in range(3):
                    own = np.float64(surface[b, row, column, c])
                    other = background[b, row, column, c] if open_sky else surface[b, out_row, out_column, c]
                    out[b, row, column, c] = own - share * (np.float64(other) - own)


@nb.njit(parallel=True, cache=True)
def _encode(linear: Float32, table: Float32, out: Float32) -> None:
    last = table.shape[0] - 1
    for n in nb.prange(linear.shape[0]):
        x = min(max(linear[n], np.float32(0.0)), np.float32(1.0)) * np.float32(last)
        if not (x >= 0):
            x = np.float32(0.0)
        low = min(int(x), last - 1)
        share = x - np.float32(low)
        out[n] = table[low] + share * (table[low + 1] - table[low])


def encode(linear: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
    """sRGB-encode flat float32 arrays, clipped to 0..1, from a table whose error stays under 1.2e-6."""
    _encode(linear, _TABLE, out)
