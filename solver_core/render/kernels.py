"""The renderer's forward kernels: shading at pixel centres, the outline's correction, encoding."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.color.srgb import srgb_encode
from solver_core.render.raster import Float32, Float64, Fragments, Int32
from solver_core.render.scene import Scene
from solver_core.render.shading import irradiance
from solver_core.render.silhouettes import Outline

_TABLE_SIZE = 1 << 14
_TABLE: Float32 = srgb_encode(np.linspace(0.0, 1.0, _TABLE_SIZE + 1)).astype(np.float32)


def shade_centres(scene: Scene, fragments: Fragments) -> Float32:
    """Linear radiance at every pixel's centre, the background where there is no surface: [B,H,W,3]."""
    out = np.empty((*fragments.triangle.shape, 3), np.float32)
    _shade_centres(
        fragments.triangle,
        fragments.barycentric,
        scene.triangles,
        scene.normals,
        scene.albedo,
        scene.light,
        scene.shadow,
        scene.shadow_light,
        scene.background,
        out,
    )
    return out


def blend_outline(scene: Scene, outline: Outline, surface: Float32) -> Float32:
    """Move each pixel by what the outline adds to it or uncovers in it, in linear light.

    Args:
        scene: the scene.
        outline: its visible silhouette.
        surface: [B,H,W,3] colours at the pixels' centres.

    Returns:
        [B,H,W,3] linear.
    """
    out = surface.copy()
    _blend_outline(
        outline.count,
        outline.pixel,
        outline.ends,
        outline.flux,
        outline.place,
        outline.behind,
        outline.behind_barycentric,
        scene.depth,
        scene.triangles,
        scene.normals,
        scene.albedo,
        scene.light,
        scene.shadow,
        scene.shadow_light,
        scene.background,
        out,
    )
    return out


def encode(linear: Float32) -> Float32:
    """sRGB-encode, clipped to 0..1, from a table whose error stays under 1.2e-6."""
    out = np.empty_like(linear)
    _encode(linear.reshape(-1), _TABLE, out.reshape(-1))
    return out


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


@nb.njit(cache=True)
def surface_colour(
    i: int,
    j: int,
    k: int,
    w0: float,
    w1: float,
    w2: float,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    shade: Float64,
) -> tuple[float, float, float]:
    """Linear radiance of the point with barycentrics w of the triangle i, j, k; `shade` is room for 9 numbers."""
    x = w0 * normals[i, 0] + w1 * normals[j, 0] + w2 * normals[k, 0]
    y = w0 * normals[i, 1] + w1 * normals[j, 1] + w2 * normals[k, 1]
    z = w0 * normals[i, 2] + w1 * normals[j, 2] + w2 * normals[k, 2]
    length = np.sqrt(x * x + y * y + z * z)
    if length > 0.0:
        x, y, z = x / length, y / length, z / length
    has_shadow = shadow.shape[0] > 0
    if has_shadow:
        for m in range(9):
            shade[m] = w0 * shadow[i, m] + w1 * shadow[j, m] + w2 * shadow[k, m]
    red = total_irradiance(light, shadow_light, has_shadow, shade, 0, x, y, z)
    green = total_irradiance(light, shadow_light, has_shadow, shade, 1, x, y, z)
    blue = total_irradiance(light, shadow_light, has_shadow, shade, 2, x, y, z)
    return (
        (w0 * albedo[i, 0] + w1 * albedo[j, 0] + w2 * albedo[k, 0]) * max(red, 0.0),
        (w0 * albedo[i, 1] + w1 * albedo[j, 1] + w2 * albedo[k, 1]) * max(green, 0.0),
        (w0 * albedo[i, 2] + w1 * albedo[j, 2] + w2 * albedo[k, 2]) * max(blue, 0.0),
    )


@nb.njit(parallel=True, cache=True)
def _shade_centres(
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
    batch, height, width = triangle.shape
    for job in nb.prange(batch * height):
        b, row = job // height, job % height
        shade = np.zeros(9)
        for column in range(width):
            t = triangle[b, row, column]
            if t < 0:
                for c in range(3):
                    out[b, row, column, c] = background[b, row, column, c]
                continue
            red, green, blue = surface_colour(
                triangles[t, 0],
                triangles[t, 1],
                triangles[t, 2],
                np.float64(barycentric[b, row, column, 0]),
                np.float64(barycentric[b, row, column, 1]),
                np.float64(barycentric[b, row, column, 2]),
                normals[b],
                albedo,
                light[b],
                shadow,
                shadow_light[b],
                shade,
            )
            out[b, row, column, 0], out[b, row, column, 1], out[b, row, column, 2] = red, green, blue


@nb.njit(cache=True, inline="always")
def along_edge(place: float, za: float, zb: float) -> float:
    """The 3D share of the second end at a place on an edge's image (both 0..1): perspective correct."""
    return place * za / ((1.0 - place) * zb + place * za)


@nb.njit(parallel=True, cache=True)
def _blend_outline(
    count: npt.NDArray[np.int64],
    pixel: Int32,
    ends: Int32,
    flux: Float64,
    place: Float64,
    behind: Int32,
    behind_barycentric: Float64,
    depth: Float64,
    triangles: Int32,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    background: Float32,
    out: Float32,
) -> None:
    width = out.shape[2]
    for b in nb.prange(out.shape[0]):
        shade = np.zeros(9)
        for n in range(count[b]):
            row, column = pixel[b, n] // width, pixel[b, n] % width
            i, j = ends[b, n, 0], ends[b, n, 1]
            w = along_edge(place[b, n], depth[b, i], depth[b, j])
            red, green, blue = surface_colour(
                i, j, j, 1.0 - w, w, 0.0, normals[b], albedo, light[b], shadow, shadow_light[b], shade
            )
            t = behind[b, n]
            if t < 0:
                # the footage is known under the head too: this very pixel's
                far_red = np.float64(background[b, row, column, 0])
                far_green = np.float64(background[b, row, column, 1])
                far_blue = np.float64(background[b, row, column, 2])
            else:
                far_red, far_green, far_blue = surface_colour(
                    triangles[t, 0],
                    triangles[t, 1],
                    triangles[t, 2],
                    behind_barycentric[b, n, 0],
                    behind_barycentric[b, n, 1],
                    behind_barycentric[b, n, 2],
                    normals[b],
                    albedo,
                    light[b],
                    shadow,
                    shadow_light[b],
                    shade,
                )
            out[b, row, column, 0] += flux[b, n] * (red - far_red)
            out[b, row, column, 1] += flux[b, n] * (green - far_green)
            out[b, row, column, 2] += flux[b, n] * (blue - far_blue)


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
