"""The linear forms from which tangents are pushed.

They say what a pixel's colour, and an outline piece's, depend on and how much.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.encoding import encoding_slope
from solver_core.render.numba.inner import inner
from solver_core.render.numba.silhouettes import NEAREST, ON_COLUMN, ON_ROW, Outline
from solver_core.render.numba.surface import (
    Place,
    along_edge,
    background_colour,
    on_triangle,
    piece_colour,
    total_irradiance,
)
from solver_core.render.rasteriser import Float32, Float64, Fragments, Int32, Scene
from solver_core.render.shading import irradiance_gradient


class SurfaceForms(NamedTuple):
    """How N points of the surface, each at a fixed place of its image, change with the corners of their triangles.

    Attributes:
        colour_by_velocity: [B,N,3,2] by the surface's velocity on the image.
        colour_by_normal: [B,N,3,3] by the normal before it is brought to unit length.
        velocity_by_points: [B,N,3] by each corner's motion on the image: the image barycentrics.
        velocity_by_depth: [B,N,3,2] by each corner's depth.
        barycentric: [B,N,3] perspective correct.
        shadow: [B,N,9] shadow transfer.
        albedo: [B,N,3] where lit, else zero.
    """

    colour_by_velocity: Float32
    colour_by_normal: Float32
    velocity_by_points: Float32
    velocity_by_depth: Float32
    barycentric: Float32
    shadow: Float32
    albedo: Float32

    @classmethod
    def zeros(cls, batch: int, count: int) -> SurfaceForms:
        """Forms that say nothing."""
        shapes = ((3, 2), (3, 3), (3,), (3, 2), (3,), (9,), (3,))
        return cls(*(np.zeros((batch, count, *shape), np.float32) for shape in shapes))


class PieceForms(NamedTuple):
    """How N pieces of an outline change with the two ends of their edges, at the place nearest to the pixel's centre.

    Attributes:
        flux: [B,N].
        contrast: [B,N,3] the edge's colour less the colour behind it.
        place: [B,N] on the edge's image, 0..1.
        place_by_points: [B,N,2,2] by the motion of each end on the image.
        share: [B,N] 3D share of the second end.
        share_by_depth: [B,N,2] by the depth of each end.
        share_by_place: [B,N].
        edge: [B,N,2] from the first end to the second, pixels.
        colour_by_share: [B,N,3] of the edge.
        colour_by_normal: [B,N,3,3].
        shadow: [B,N,9] shadow transfer.
        albedo: [B,N,3] where lit, else zero.
    """

    flux: Float32
    contrast: Float32
    place: Float32
    place_by_points: Float32
    share: Float32
    share_by_depth: Float32
    share_by_place: Float32
    edge: Float32
    colour_by_share: Float32
    colour_by_normal: Float32
    shadow: Float32
    albedo: Float32

    @classmethod
    def zeros(cls, batch: int, count: int) -> PieceForms:
        """Forms that say nothing."""
        shapes: tuple[tuple[int, ...], ...]
        shapes = ((), (3,), (), (2, 2), (), (2,), (), (2,), (3,), (3, 3), (9,), (3,))
        return cls(*(np.zeros((batch, count, *shape), np.float32) for shape in shapes))


class SeenPixels(NamedTuple):
    """The pixels whose centres see the surface.

    Attributes:
        number: [B] of them in each image.
        pixel: [B,N] row * W + column, ascending.
    """

    number: npt.NDArray[np.int64]
    pixel: Int32


@nb.njit(cache=True, inline="always")  # a call for every pixel would copy all these arrays' descriptions
def _surface_form(
    forms: SurfaceForms, b: int, n: int, px: float, py: float, place: Place, scene: Scene, shade: Float64
) -> None:
    """Fill form n of image b: that of a place on the surface, seen at the image point px, py."""
    i, j, k, w0, w1, w2 = place
    points, depth, normals = scene.points[b], scene.depth[b], scene.normals[b]
    albedo, shadow = scene.albedo, scene.shadow[np.int64(b) % len(scene.shadow)]
    light, shadow_light = scene.light[b], scene.shadow_light[b]
    z0, z1, z2 = depth[i], depth[j], depth[k]
    z = w0 * z0 + w1 * z1 + w2 * z2
    x0, y0 = points[i, 0] - px, points[i, 1] - py
    x1, y1 = points[j, 0] - px, points[j, 1] - py
    x2, y2 = points[k, 0] - px, points[k, 1] - py
    # gradients of the image barycentrics over depth, then of the perspective-correct ones
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    qx0, qy0 = (y1 - y2) / (area * z0), (x2 - x1) / (area * z0)
    qx1, qy1 = (y2 - y0) / (area * z1), (x0 - x2) / (area * z1)
    qx2, qy2 = (y0 - y1) / (area * z2), (x1 - x0) / (area * z2)
    sx, sy = qx0 + qx1 + qx2, qy0 + qy1 + qy2
    wx0, wy0 = z * (qx0 - w0 * sx), z * (qy0 - w0 * sy)
    wx1, wy1 = z * (qx1 - w1 * sx), z * (qy1 - w1 * sy)
    wx2, wy2 = z * (qx2 - w2 * sx), z * (qy2 - w2 * sy)
    nx = w0 * normals[i, 0] + w1 * normals[j, 0] + w2 * normals[k, 0]
    ny = w0 * normals[i, 1] + w1 * normals[j, 1] + w2 * normals[k, 1]
    nz = w0 * normals[i, 2] + w1 * normals[j, 2] + w2 * normals[k, 2]
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    inverse = 1.0 / length if length > 0.0 else 0.0
    if length > 0.0:
        nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
    nxx = wx0 * normals[i, 0] + wx1 * normals[j, 0] + wx2 * normals[k, 0]
    nxy = wy0 * normals[i, 0] + wy1 * normals[j, 0] + wy2 * normals[k, 0]
    nyx = wx0 * normals[i, 1] + wx1 * normals[j, 1] + wx2 * normals[k, 1]
    nyy = wy0 * normals[i, 1] + wy1 * normals[j, 1] + wy2 * normals[k, 1]
    nzx = wx0 * normals[i, 2] + wx1 * normals[j, 2] + wx2 * normals[k, 2]
    nzy = wy0 * normals[i, 2] + wy1 * normals[j, 2] + wy2 * normals[k, 2]
    has_shadow = shadow.shape[0] > 0
    if has_shadow:
        for m in range(9):
            shade[m] = w0 * shadow[i, m] + w1 * shadow[j, m] + w2 * shadow[k, m]
            forms.shadow[b, n, m] = shade[m]
    for c in range(3):
        e = total_irradiance(light, shadow_light, has_shadow, shade, c, nx, ny, nz)
        if e <= 0.0:
            continue
        a = w0 * albedo[i, c] + w1 * albedo[j, c] + w2 * albedo[k, c]
        ax = wx0 * albedo[i, c] + wx1 * albedo[j, c] + wx2 * albedo[k, c]
        ay = wy0 * albedo[i, c] + wy1 * albedo[j, c] + wy2 * albedo[k, c]
        gx, gy, gz = irradiance_gradient(light, c, nx, ny, nz)
        along = gx * nx + gy * ny + gz * nz
        gx, gy, gz = (gx - along * nx) * inverse, (gy - along * ny) * inverse, (gz - along * nz) * inverse
        ex, ey = gx * nxx + gy * nyx + gz * nzx, gx * nxy + gy * nyy + gz * nzy
        if has_shadow:
            for m in range(9):
                s = shadow_light[m, c]
                ex += s * (wx0 * shadow[i, m] + wx1 * shadow[j, m] + wx2 * shadow[k, m])
                ey += s * (wy0 * shadow[i, m] + wy1 * shadow[j, m] + wy2 * shadow[k, m])
        by_velocity, by_normal = forms.colour_by_velocity[b, n, c], forms.colour_by_normal[b, n, c]
        by_velocity[0], by_velocity[1] = -(ax * e + a * ex), -(ay * e + a * ey)
        by_normal[0], by_normal[1], by_normal[2] = a * gx, a * gy, a * gz
        forms.albedo[b, n, c] = a
    by_points, by_depth = forms.velocity_by_points[b, n], forms.velocity_by_depth[b, n]
    by_points[0], by_points[1], by_points[2] = w0 * z0 / z, w1 * z1 / z, w2 * z2 / z
    by_depth[0, 0], by_depth[0, 1] = w0 * x0 / z, w0 * y0 / z
    by_depth[1, 0], by_depth[1, 1] = w1 * x1 / z, w1 * y1 / z
    by_depth[2, 0], by_depth[2, 1] = w2 * x2 / z, w2 * y2 / z
    barycentric = forms.barycentric[b, n]
    barycentric[0], barycentric[1], barycentric[2] = w0, w1, w2


@nb.njit(parallel=True, cache=True)
def pixel_forms(
    scene: Scene, fragments: Fragments, linear: Float32, seen: SeenPixels, forms: SurfaceForms, slope: Float32
) -> None:
    """List the pixels whose centres see the surface, their forms and the slope [B,HW,3] of the encoding there."""
    batch, height = linear.shape[:2]
    for b in nb.prange(batch):
        _list_pixels(fragments, b, seen)
    for job in nb.prange(batch * height):
        _row_forms(scene, fragments, job // height, job % height, linear, seen, forms, slope)


@inner
def _list_pixels(fragments: Fragments, b: int, seen: SeenPixels) -> None:
    height, width = fragments.triangle.shape[1:]
    n = 0
    for row in range(height):
        for column in range(width):
            if fragments.triangle[b, row, column] >= 0:
                seen.pixel[b, n] = row * width + column
                n += 1
    seen.number[b] = n


@inner
def _row_forms(
    scene: Scene,
    fragments: Fragments,
    b: int,
    row: int,
    linear: Float32,
    seen: SeenPixels,
    forms: SurfaceForms,
    slope: Float32,
) -> None:
    width = linear.shape[2]
    n = np.searchsorted(seen.pixel[b, : seen.number[b]], row * width)  # the row's place in the list
    shade = np.zeros(9)
    for column in range(width):
        t = fragments.triangle[b, row, column]
        if t < 0:
            continue
        for c in range(3):
            slope[b, row * width + column, c] = encoding_slope(np.float64(linear[b, row, column, c]))
        place = on_triangle(scene.triangles, t, fragments.barycentric[b, row, column])
        _surface_form(forms, b, n, column + 0.5, row + 0.5, place, scene, shade)
        n += 1


@nb.njit(parallel=True, cache=True)
def piece_forms(
    scene: Scene, outline: Outline, linear: Float32, forms: PieceForms, behind: SurfaceForms, slope: Float32
) -> None:
    """Fill the forms of the outline's pieces and of what lies behind each, and the encoding's slope there.

    Where the background lies behind a piece, there is nothing to fill.
    """
    for b in nb.prange(linear.shape[0]):
        _image_piece_forms(scene, outline, b, linear, forms, behind, slope)


@inner
def _image_piece_forms(
    scene: Scene, outline: Outline, b: int, linear: Float32, forms: PieceForms, behind: SurfaceForms, slope: Float32
) -> None:
    points, depth, normals = scene.points, scene.depth, scene.normals
    albedo, light, shadow_light = scene.albedo, scene.light, scene.shadow_light
    shadow = scene.shadow[np.int64(b) % len(scene.shadow)]
    width = linear.shape[2]
    has_shadow = shadow.shape[0] > 0
    shade = np.zeros(9)
    for n in range(outline.number[b]):
        pixel = outline.pixel[b, n]
        row, column = pixel // width, pixel % width
        for c in range(3):
            slope[b, pixel, c] = encoding_slope(np.float64(linear[b, row, column, c]))
        i, j, t, s = outline.ends[b, n, 0], outline.ends[b, n, 1], outline.behind[b, n], outline.place[b, n]
        ax, ay, za = points[b, i, 0], points[b, i, 1], depth[b, i]
        ex, ey, zb = points[b, j, 0] - ax, points[b, j, 1] - ay, depth[b, j]
        forms.flux[b, n] = outline.flux[b, n]
        by_points = forms.place_by_points[b, n]
        if outline.place_kind[b, n] == NEAREST:
            rx, ry = column + 0.5 - ax - 2.0 * s * ex, row + 0.5 - ay - 2.0 * s * ey
            length2 = ex * ex + ey * ey
            by_points[0, 0], by_points[0, 1] = (-ex - rx) / length2, (-ey - ry) / length2
            by_points[1, 0], by_points[1, 1] = rx / length2, ry / length2
        elif outline.place_kind[b, n] == ON_COLUMN:
            by_points[0, 0], by_points[1, 0] = -(1.0 - s) / ex, -s / ex
        elif outline.place_kind[b, n] == ON_ROW:
            by_points[0, 1], by_points[1, 1] = -(1.0 - s) / ey, -s / ey
        denominator = (1.0 - s) * zb + s * za
        forms.share_by_depth[b, n, 0] = s * (1.0 - s) * zb / (denominator * denominator)
        forms.share_by_depth[b, n, 1] = -s * (1.0 - s) * za / (denominator * denominator)
        forms.share_by_place[b, n] = za * zb / (denominator * denominator)
        w = along_edge(s, za, zb)
        forms.share[b, n], forms.place[b, n], forms.edge[b, n, 0], forms.edge[b, n, 1] = w, s, ex, ey
        far_red, far_green, far_blue = background_colour(scene.background, b, row, column)
        if t >= 0:
            far = on_triangle(scene.triangles, t, outline.behind_barycentric[b, n])
            far_red, far_green, far_blue = piece_colour(scene, b, far, shade)
            _surface_form(behind, b, n, ax + s * ex, ay + s * ey, far, scene, shade)
        red, green, blue = piece_colour(scene, b, Place(i, j, j, 1.0 - w, w, 0.0), shade)
        contrast = forms.contrast[b, n]
        contrast[0], contrast[1], contrast[2] = red - far_red, green - far_green, blue - far_blue
        nx = (1.0 - w) * normals[b, i, 0] + w * normals[b, j, 0]
        ny = (1.0 - w) * normals[b, i, 1] + w * normals[b, j, 1]
        nz = (1.0 - w) * normals[b, i, 2] + w * normals[b, j, 2]
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        inverse = 1.0 / length if length > 0.0 else 0.0
        if length > 0.0:
            nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
        if has_shadow:
            for m in range(9):
                forms.shadow[b, n, m] = shade[m]
        for c in range(3):
            e = total_irradiance(light[b], shadow_light[b], has_shadow, shade, c, nx, ny, nz)
            if e <= 0.0:
                continue
            a = (1.0 - w) * albedo[i, c] + w * albedo[j, c]
            gx, gy, gz = irradiance_gradient(light[b], c, nx, ny, nz)
            along = gx * nx + gy * ny + gz * nz
            gx, gy, gz = (gx - along * nx) * inverse, (gy - along * ny) * inverse, (gz - along * nz) * inverse
            by_share = (
                gx * (normals[b, j, 0] - normals[b, i, 0])
                + gy * (normals[b, j, 1] - normals[b, i, 1])
                + gz * (normals[b, j, 2] - normals[b, i, 2])
            )
            if has_shadow:
                for m in range(9):
                    by_share += shadow_light[b, m, c] * (shadow[j, m] - shadow[i, m])
            forms.colour_by_share[b, n, c] = (albedo[j, c] - albedo[i, c]) * e + a * by_share
            by_normal = forms.colour_by_normal[b, n, c]
            by_normal[0], by_normal[1], by_normal[2] = a * gx, a * gy, a * gz
            forms.albedo[b, n, c] = a
