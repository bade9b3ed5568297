"""The linear forms from which tangents are pushed: what a pixel's colour, and an outline piece's, depend on and how much.

A surface form (`SURFACE_FORM` numbers): 0-5 colour by image velocity [3,2], 6-14 colour by normal [3,3], 15-17 image barycentrics,
18-23 velocity by the corners' depths [3,2], 24-26 barycentrics, 27-35 shadow transfer, 36-38 albedo where lit.

A piece's form (`PIECE_FORM`) is the surface form of what lies behind it (zero for the background), then: 0 flux, 1-3 edge's colour less the
colour behind, 4-7 place by the motion of the two ends, 8-9 3D place by their depths, 10 3D place by place, 11-13 edge's colour by 3D
place, 14-22 by normal [3,3], 23 3D place, 24 place, 25-26 the edge on the image, 27-35 shadow transfer, 36-38 albedo where lit.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.kernels import along_edge, surface_colour, total_irradiance
from solver_core.render.raster import Float32, Float64, Int32
from solver_core.render.shading import irradiance_gradient
from solver_core.render.silhouettes import NEAREST, ON_COLUMN, ON_ROW

SURFACE_FORM = 39
PIECE_FORM = 2 * SURFACE_FORM


@nb.njit(cache=True, inline="always")
def _encoding_slope(x: float) -> float:
    """The slope of the sRGB encoding, zero where it is clipped."""
    if not (0.0 <= x <= 1.0):
        return 0.0
    return 12.92 if x <= 0.0031308 else (1.055 / 2.4) * x ** (1.0 / 2.4 - 1.0)


@nb.njit(cache=True)
def _surface_form(
    form: Float32,
    px: float,
    py: float,
    i: int,
    j: int,
    k: int,
    w0: float,
    w1: float,
    w2: float,
    points: Float64,
    depth: Float64,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    shade: Float64,
) -> None:
    """Fill the surface form of the point with barycentrics w of the triangle i, j, k, seen at the image point px, py."""
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
            form[27 + m] = shade[m]
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
        form[2 * c], form[2 * c + 1] = -(ax * e + a * ex), -(ay * e + a * ey)
        form[6 + 3 * c], form[7 + 3 * c], form[8 + 3 * c] = a * gx, a * gy, a * gz
        form[36 + c] = a
    form[15], form[16], form[17] = w0 * z0 / z, w1 * z1 / z, w2 * z2 / z
    form[18], form[19], form[20] = w0 * x0 / z, w0 * y0 / z, w1 * x1 / z
    form[21], form[22], form[23] = w1 * y1 / z, w2 * x2 / z, w2 * y2 / z
    form[24], form[25], form[26] = w0, w1, w2


@nb.njit(parallel=True, cache=True)
def pixel_forms(
    triangle: Int32,
    barycentric: Float32,
    triangles: Int32,
    points: Float64,
    depth: Float64,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    linear: Float32,
    seen_count: npt.NDArray[np.int64],
    pixel: Int32,
    form: Float32,
    slope: Float32,
) -> None:
    """List the pixels [B,N] whose centres see the surface, their forms and the slope of the encoding there."""
    batch, height, width = triangle.shape
    for b in nb.prange(batch):
        n = 0
        for row in range(height):
            for column in range(width):
                if triangle[b, row, column] >= 0:
                    pixel[b, n] = row * width + column
                    n += 1
        seen_count[b] = n
    for job in nb.prange(batch * height):  # rows find their place in the list by bisection
        b, row = job // height, job % height
        n = np.searchsorted(pixel[b, : seen_count[b]], row * width)
        shade = np.zeros(9)
        for column in range(width):
            t = triangle[b, row, column]
            if t < 0:
                continue
            for c in range(3):
                slope[b, row * width + column, c] = _encoding_slope(np.float64(linear[b, row, column, c]))
            _surface_form(
                form[b, n],
                column + 0.5,
                row + 0.5,
                triangles[t, 0],
                triangles[t, 1],
                triangles[t, 2],
                np.float64(barycentric[b, row, column, 0]),
                np.float64(barycentric[b, row, column, 1]),
                np.float64(barycentric[b, row, column, 2]),
                points[b],
                depth[b],
                normals[b],
                albedo,
                light[b],
                shadow,
                shadow_light[b],
                shade,
            )
            n += 1


@nb.njit(parallel=True, cache=True)
def piece_forms(
    count: npt.NDArray[np.int64],
    pixel: Int32,
    ends: Int32,
    flux: Float64,
    place: Float64,
    kind: npt.NDArray[np.int8],
    behind: Int32,
    behind_barycentric: Float64,
    triangles: Int32,
    points: Float64,
    depth: Float64,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    background: Float32,
    linear: Float32,
    forms: Float32,
    slope: Float32,
) -> None:
    """Fill the forms [B,N] of the outline's pieces, and the slope of the encoding in their pixels."""
    width = linear.shape[2]
    has_shadow = shadow.shape[0] > 0
    for b in nb.prange(linear.shape[0]):
        shade = np.zeros(9)
        for n in range(count[b]):
            row, column = pixel[b, n] // width, pixel[b, n] % width
            for c in range(3):
                slope[b, pixel[b, n], c] = _encoding_slope(np.float64(linear[b, row, column, c]))
            form = forms[b, n, SURFACE_FORM:]
            i, j, t, s = ends[b, n, 0], ends[b, n, 1], behind[b, n], place[b, n]
            ax, ay, za = points[b, i, 0], points[b, i, 1], depth[b, i]
            ex, ey, zb = points[b, j, 0] - ax, points[b, j, 1] - ay, depth[b, j]
            form[0] = flux[b, n]
            if kind[b, n] == NEAREST:
                rx, ry = column + 0.5 - ax - 2.0 * s * ex, row + 0.5 - ay - 2.0 * s * ey
                length2 = ex * ex + ey * ey
                form[4], form[5] = (-ex - rx) / length2, (-ey - ry) / length2
                form[6], form[7] = rx / length2, ry / length2
            elif kind[b, n] == ON_COLUMN:
                form[4], form[6] = -(1.0 - s) / ex, -s / ex
            elif kind[b, n] == ON_ROW:
                form[5], form[7] = -(1.0 - s) / ey, -s / ey
            denominator = (1.0 - s) * zb + s * za
            form[8] = s * (1.0 - s) * zb / (denominator * denominator)
            form[9] = -s * (1.0 - s) * za / (denominator * denominator)
            form[10] = za * zb / (denominator * denominator)
            w = along_edge(s, za, zb)
            form[23], form[24], form[25], form[26] = w, s, ex, ey
            far_red, far_green, far_blue = (
                np.float64(background[b, row, column, 0]),
                np.float64(background[b, row, column, 1]),
                np.float64(background[b, row, column, 2]),
            )
            if t >= 0:
                p, q, r = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                w0, w1, w2 = behind_barycentric[b, n, 0], behind_barycentric[b, n, 1], behind_barycentric[b, n, 2]
                far_red, far_green, far_blue = surface_colour(
                    p, q, r, w0, w1, w2, normals[b], albedo, light[b], shadow, shadow_light[b], shade
                )
                _surface_form(
                    forms[b, n],
                    ax + s * ex,
                    ay + s * ey,
                    p,
                    q,
                    r,
                    w0,
                    w1,
                    w2,
                    points[b],
                    depth[b],
                    normals[b],
                    albedo,
                    light[b],
                    shadow,
                    shadow_light[b],
                    shade,
                )
            red, green, blue = surface_colour(
                i, j, j, 1.0 - w, w, 0.0, normals[b], albedo, light[b], shadow, shadow_light[b], shade
            )
            form[1], form[2], form[3] = red - far_red, green - far_green, blue - far_blue
            nx = (1.0 - w) * normals[b, i, 0] + w * normals[b, j, 0]
            ny = (1.0 - w) * normals[b, i, 1] + w * normals[b, j, 1]
            nz = (1.0 - w) * normals[b, i, 2] + w * normals[b, j, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            inverse = 1.0 / length if length > 0.0 else 0.0
            if length > 0.0:
                nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
            if has_shadow:
                for m in range(9):
                    form[27 + m] = shade[m]
            for c in range(3):
                e = total_irradiance(light[b], shadow_light[b], has_shadow, shade, c, nx, ny, nz)
                if e <= 0.0:
                    continue
                a = (1.0 - w) * albedo[i, c] + w * albedo[j, c]
                gx, gy, gz = irradiance_gradient(light[b], c, nx, ny, nz)
                along = gx * nx + gy * ny + gz * nz
                gx, gy, gz = (gx - along * nx) * inverse, (gy - along * ny) * inverse, (gz - along * nz) * inverse
                by_place = (
                    gx * (normals[b, j, 0] - normals[b, i, 0])
                    + gy * (normals[b, j, 1] - normals[b, i, 1])
                    + gz * (normals[b, j, 2] - normals[b, i, 2])
                )
                if has_shadow:
                    for m in range(9):
                        by_place += shadow_light[b, m, c] * (shadow[j, m] - shadow[i, m])
                form[11 + c] = (albedo[j, c] - albedo[i, c]) * e + a * by_place
                form[14 + 3 * c], form[15 + 3 * c], form[16 + 3 * c] = a * gx, a * gy, a * gz
                form[36 + c] = a
