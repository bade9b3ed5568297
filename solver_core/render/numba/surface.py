"""The forward kernels: the surface's colour at pixels' centres, and the outline's correction of it."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np

from solver_core.render.numba.inner import inner
from solver_core.render.numba.silhouettes import Outline
from solver_core.render.rasteriser import Float32, Float64, Fragments, Int32, Scene
from solver_core.render.shading import irradiance


class Place(NamedTuple):
    """A point of the surface: the corners of its triangle and their barycentric weights."""

    i: int
    j: int
    k: int
    w0: float
    w1: float
    w2: float


def interpolate(scene: Scene, fragments: Fragments) -> Float32:
    """As `Rasteriser.interpolate`."""
    out = np.empty((*fragments.triangle.shape, 3), np.float32)
    _interpolate(scene, fragments, out)
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
    _blend_outline(scene, outline, out)
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


@nb.njit(cache=True, inline="always")
def on_triangle(triangles: Int32, t: int, barycentric: Float64) -> Place:
    """The place with barycentrics [3] on triangle t."""
    return Place(
        triangles[t, 0],
        triangles[t, 1],
        triangles[t, 2],
        np.float64(barycentric[0]),
        np.float64(barycentric[1]),
        np.float64(barycentric[2]),
    )


@nb.njit(cache=True, inline="always")  # a call for every pixel would copy all these arrays' descriptions
def surface_colour(scene: Scene, b: int, place: Place, shade: Float64) -> tuple[float, float, float]:
    """Linear radiance of a place in image b.

    `shade` is room for 9 numbers, and holds the place's shadow transfer afterwards.
    """
    i, j, k, w0, w1, w2 = place
    normals, albedo, shadow = scene.normals[b], scene.albedo, scene.shadow[np.int64(b) % len(scene.shadow)]
    light, shadow_light = scene.light[b], scene.shadow_light[b]
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


@inner
def piece_colour(scene: Scene, b: int, place: Place, shade: Float64) -> tuple[float, float, float]:
    """As `surface_colour`, compiled once: an outline's pieces are few."""
    return surface_colour(scene, b, place, shade)


@nb.njit(cache=True, inline="always")
def background_colour(background: Float32, b: int, row: int, column: int) -> tuple[float, float, float]:
    """Linear radiance of what stands behind; the footage is known under the head too, at this very pixel."""
    return (
        np.float64(background[b, row, column, 0]),
        np.float64(background[b, row, column, 1]),
        np.float64(background[b, row, column, 2]),
    )


@nb.njit(parallel=True, cache=True)
def _interpolate(scene: Scene, fragments: Fragments, out: Float32) -> None:
    batch, height = out.shape[:2]
    for job in nb.prange(batch * height):
        _interpolate_row(scene, fragments, job // height, job % height, out)


@inner
def _interpolate_row(scene: Scene, fragments: Fragments, b: int, row: int, out: Float32) -> None:
    shade = np.zeros(9)
    for column in range(out.shape[2]):
        t = fragments.triangle[b, row, column]
        if t < 0:
            for c in range(3):
                out[b, row, column, c] = scene.background[b, row, column, c]
            continue
        place = on_triangle(scene.triangles, t, fragments.barycentric[b, row, column])
        red, green, blue = surface_colour(scene, b, place, shade)
        out[b, row, column, 0], out[b, row, column, 1], out[b, row, column, 2] = red, green, blue


@nb.njit(cache=True, inline="always")
def along_edge(place: float, za: float, zb: float) -> float:
    """The 3D share of the second end at a place on an edge's image (both 0..1): perspective correct."""
    return place * za / ((1.0 - place) * zb + place * za)


@nb.njit(parallel=True, cache=True)
def _blend_outline(scene: Scene, outline: Outline, out: Float32) -> None:
    for b in nb.prange(out.shape[0]):
        _blend_image(scene, outline, b, out)


@inner
def _blend_image(scene: Scene, outline: Outline, b: int, out: Float32) -> None:
    width = out.shape[2]
    shade = np.zeros(9)
    for n in range(outline.number[b]):
        row, column = outline.pixel[b, n] // width, outline.pixel[b, n] % width
        i, j = outline.ends[b, n, 0], outline.ends[b, n, 1]
        w = along_edge(outline.place[b, n], scene.depth[b, i], scene.depth[b, j])
        red, green, blue = piece_colour(scene, b, Place(i, j, j, 1.0 - w, w, 0.0), shade)
        t = outline.behind[b, n]
        if t < 0:
            far_red, far_green, far_blue = background_colour(scene.background, b, row, column)
        else:
            behind = on_triangle(scene.triangles, t, outline.behind_barycentric[b, n])
            far_red, far_green, far_blue = piece_colour(scene, b, behind, shade)
        out[b, row, column, 0] += outline.flux[b, n] * (red - far_red)
        out[b, row, column, 1] += outline.flux[b, n] * (green - far_green)
        out[b, row, column, 2] += outline.flux[b, n] * (blue - far_blue)
