"""The image's tangents: per pixel a short linear form of its triangle's motion, made once, then applied to every parameter.

At a fixed pixel a surface that moves with velocity v (on the image, at fixed barycentrics) shows what lay at -v: the derivative
is -grad(colour) . v, plus the change of the light on the turning normal. A vertex's depth moves the point seen too, because
barycentrics are perspective correct: v also takes w_j (p_j - p) / z dz_j. The outline adds the derivative of its areas and of the
colours it blends.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.kernels import along_edge, total_irradiance
from solver_core.render.raster import Float32, Float64, Fragments, Int32
from solver_core.render.shading import irradiance_gradient
from solver_core.render.silhouettes import NEAREST, ON_COLUMN, ON_ROW, Outline

# A pixel's form: 0-5 colour by image velocity [3,2], 6-14 colour by normal [3,3], 15-17 image barycentrics, 18-23 velocity by
# depth [3,2], 24-26 barycentrics, 27-35 shadow transfer, 36-38 albedo where lit.
_FORM = 39
# An outline pixel's form: 0 share, 1-3 other colour - own, 4-7 place by the two ends' motion, 8-9 3D place by depths, 10 3D place
# by place, 11-13 colour by 3D place, 14-22 colour by normal, 23 3D place, 24-32 shadow transfer, 33-35 albedo where lit, 36 dshare/dcoverage.
_EDGE_FORM = 37
_EDGE_COLOUR, _BACKGROUND, _PIXEL = 0, 1, 2  # what an outline pixel is blended with


def blended_tangents(
    points: Float64,  # [B,V,2]
    depth: Float64,  # [B,V]
    normals: Float64,  # [B,V,3]
    light: Float64,  # [B,9,3]
    shadow_light: Float64,  # [B,9,3]
    background: Float32,  # [B,H,W,3]
    triangles: Int32,  # [T,3]
    albedo: Float64,  # [V,3]
    shadow: Float64,  # [V,9] or [0,9]
    fragments: Fragments,
    outline: Outline,
    surface: Float32,  # [B,H,W,3]
    linear: Float32,  # [B,H,W,3]
    d_points: Float32,  # [B,P,V,2]
    d_depth: Float32,  # [B,P,V]
    d_normals: Float32,  # [B,P,V,3]
    d_shadow_light: Float64,  # [B,P,9,3]
) -> Float32:
    """Tangents [B,P,H,W,3] of the encoded image; the arguments are those of `Renderer.render_jvp`.

    Raises:
        ValueError: shapes of the tangents do not fit.
    """
    batch, height, width = fragments.triangle.shape
    parameters, count = d_points.shape[1], points.shape[1]
    if (
        d_points.shape != (batch, parameters, count, 2)
        or d_depth.shape != (batch, parameters, count)
        or d_normals.shape != (batch, parameters, count, 3)
        or d_shadow_light.shape != (batch, parameters, 9, 3)
    ):
        raise ValueError(
            "tangents must be d_points [B,P,V,2], d_depth [B,P,V], d_normals [B,P,V,3], d_rotation [B,P,3]"
        )
    covered = fragments.triangle.reshape(batch, -1) >= 0
    seen = int(covered.sum(axis=1).max(initial=0))
    pixel = np.zeros((batch, seen), np.int32)
    form = np.zeros((batch, seen, _FORM), np.float32)
    slope = np.zeros((batch, height * width, 3), np.float32)
    seen_count = np.zeros(batch, np.int64)
    _pixel_forms(
        fragments.triangle,
        fragments.barycentric,
        triangles,
        points,
        depth,
        normals,
        albedo,
        light,
        shadow,
        shadow_light,
        linear,
        seen_count,
        pixel,
        form,
        slope,
    )
    touched = int((outline.nearest >= 0).reshape(batch, -1).sum(axis=1).max(initial=0))
    edge_pixel = np.zeros((batch, touched, 5), np.int32)
    edge_form = np.zeros((batch, touched, _EDGE_FORM))
    edge_count = np.zeros(batch, np.int64)
    edge_index = np.full((batch, height * width), -1, np.int32)
    _edge_forms(
        fragments.triangle,
        outline.coverage,
        outline.nearest,
        outline.ends,
        outline.place,
        outline.place_kind,
        outline.outward,
        points,
        depth,
        normals,
        albedo,
        light,
        shadow,
        shadow_light,
        background,
        surface,
        linear,
        edge_count,
        edge_index,
        edge_pixel,
        edge_form,
        slope,
    )
    out = np.empty((batch, parameters, height, width, 3), np.float32)
    _push(
        fragments.triangle.reshape(batch, -1),
        triangles,
        seen_count,
        pixel,
        form,
        outline.count,
        outline.pixel,
        outline.ends,
        outline.slope,
        edge_count,
        edge_index,
        edge_pixel,
        edge_form,
        slope,
        d_points,
        d_depth,
        d_normals,
        d_shadow_light,
        shadow.shape[0] > 0,
        out.reshape(batch, parameters, -1, 3),
    )
    return out


@nb.njit(cache=True, inline="always")
def _encoding_slope(x: float) -> float:
    """The slope of the sRGB encoding, zero where it is clipped."""
    if not (0.0 <= x <= 1.0):
        return 0.0
    return 12.92 if x <= 0.0031308 else (1.055 / 2.4) * x ** (1.0 / 2.4 - 1.0)


@nb.njit(parallel=True, cache=True)
def _pixel_forms(
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
    batch, height, width = triangle.shape
    has_shadow = shadow.shape[0] > 0
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
        gradient = np.zeros((3, 2))
        for column in range(width):
            t = triangle[b, row, column]
            if t < 0:
                continue
            px, py = column + 0.5, row + 0.5
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0 = np.float64(barycentric[b, row, column, 0])
            w1 = np.float64(barycentric[b, row, column, 1])
            w2 = np.float64(barycentric[b, row, column, 2])
            z0, z1, z2 = depth[b, i], depth[b, j], depth[b, k]
            z = w0 * z0 + w1 * z1 + w2 * z2
            x0, y0 = points[b, i, 0] - px, points[b, i, 1] - py
            x1, y1 = points[b, j, 0] - px, points[b, j, 1] - py
            x2, y2 = points[b, k, 0] - px, points[b, k, 1] - py
            # gradients of the image barycentrics over depth, then of the perspective-correct ones
            area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
            qx0, qy0 = (y1 - y2) / (area * z0), (x2 - x1) / (area * z0)
            qx1, qy1 = (y2 - y0) / (area * z1), (x0 - x2) / (area * z1)
            qx2, qy2 = (y0 - y1) / (area * z2), (x1 - x0) / (area * z2)
            sx, sy = qx0 + qx1 + qx2, qy0 + qy1 + qy2
            wx0, wy0 = z * (qx0 - w0 * sx), z * (qy0 - w0 * sy)
            wx1, wy1 = z * (qx1 - w1 * sx), z * (qy1 - w1 * sy)
            wx2, wy2 = z * (qx2 - w2 * sx), z * (qy2 - w2 * sy)
            nx = w0 * normals[b, i, 0] + w1 * normals[b, j, 0] + w2 * normals[b, k, 0]
            ny = w0 * normals[b, i, 1] + w1 * normals[b, j, 1] + w2 * normals[b, k, 1]
            nz = w0 * normals[b, i, 2] + w1 * normals[b, j, 2] + w2 * normals[b, k, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            inverse = 1.0 / length if length > 0.0 else 0.0
            if length > 0.0:
                nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
            for m in range(3):
                gradient[m, 0] = wx0 * normals[b, i, m] + wx1 * normals[b, j, m] + wx2 * normals[b, k, m]
                gradient[m, 1] = wy0 * normals[b, i, m] + wy1 * normals[b, j, m] + wy2 * normals[b, k, m]
            if has_shadow:
                for m in range(9):
                    shade[m] = w0 * shadow[i, m] + w1 * shadow[j, m] + w2 * shadow[k, m]
                    form[b, n, 27 + m] = shade[m]
            for c in range(3):
                e = total_irradiance(light[b], shadow_light[b], has_shadow, shade, c, nx, ny, nz)
                slope[b, row * width + column, c] = _encoding_slope(np.float64(linear[b, row, column, c]))
                if e <= 0.0:
                    for m in (2 * c, 2 * c + 1, 6 + 3 * c, 7 + 3 * c, 8 + 3 * c, 36 + c):
                        form[b, n, m] = 0.0
                    continue
                a = w0 * albedo[i, c] + w1 * albedo[j, c] + w2 * albedo[k, c]
                ax = wx0 * albedo[i, c] + wx1 * albedo[j, c] + wx2 * albedo[k, c]
                ay = wy0 * albedo[i, c] + wy1 * albedo[j, c] + wy2 * albedo[k, c]
                gx, gy, gz = irradiance_gradient(light[b], c, nx, ny, nz)
                along = gx * nx + gy * ny + gz * nz
                gx, gy, gz = (gx - along * nx) * inverse, (gy - along * ny) * inverse, (gz - along * nz) * inverse
                ex = gx * gradient[0, 0] + gy * gradient[1, 0] + gz * gradient[2, 0]
                ey = gx * gradient[0, 1] + gy * gradient[1, 1] + gz * gradient[2, 1]
                if has_shadow:
                    for m in range(9):
                        s = shadow_light[b, m, c]
                        ex += s * (wx0 * shadow[i, m] + wx1 * shadow[j, m] + wx2 * shadow[k, m])
                        ey += s * (wy0 * shadow[i, m] + wy1 * shadow[j, m] + wy2 * shadow[k, m])
                form[b, n, 2 * c] = -(ax * e + a * ex)
                form[b, n, 2 * c + 1] = -(ay * e + a * ey)
                form[b, n, 6 + 3 * c] = a * gx
                form[b, n, 7 + 3 * c] = a * gy
                form[b, n, 8 + 3 * c] = a * gz
                form[b, n, 36 + c] = a
            form[b, n, 15], form[b, n, 16], form[b, n, 17] = w0 * z0 / z, w1 * z1 / z, w2 * z2 / z
            form[b, n, 18], form[b, n, 19] = w0 * x0 / z, w0 * y0 / z
            form[b, n, 20], form[b, n, 21] = w1 * x1 / z, w1 * y1 / z
            form[b, n, 22], form[b, n, 23] = w2 * x2 / z, w2 * y2 / z
            form[b, n, 24], form[b, n, 25], form[b, n, 26] = w0, w1, w2
            n += 1


@nb.njit(parallel=True, cache=True)
def _edge_forms(
    triangle: Int32,
    coverage: Float64,
    nearest: Int32,
    ends: Int32,
    place: Float64,
    kind: npt.NDArray[np.int8],
    outward: Int32,
    points: Float64,
    depth: Float64,
    normals: Float64,
    albedo: Float64,
    light: Float64,
    shadow: Float64,
    shadow_light: Float64,
    background: Float32,
    surface: Float32,
    linear: Float32,
    edge_count: npt.NDArray[np.int64],
    edge_index: Int32,
    edge_pixel: Int32,
    edge_form: Float64,
    slope: Float32,
) -> None:
    batch, height, width = triangle.shape
    has_shadow = shadow.shape[0] > 0
    for b in nb.prange(batch):
        shade = np.zeros(9)
        count = 0
        for here in range(height * width):
            row, column = here // width, here % width
            n = nearest[b, row, column]
            if n < 0:
                continue
            share = coverage[b, row, column]
            if not (share > 0.0 or (share < 0.0 and triangle[b, row, column] >= 0 and outward[b, n] >= 0)):
                continue
            edge_index[b, here] = count
            form = edge_form[b, count]
            form[36] = 1.0 if share > 0.0 else -1.0
            if abs(share) >= 1.0:
                form[36] = 0.0
            form[0] = min(abs(share), 1.0)
            i, j = ends[b, n, 0], ends[b, n, 1]
            other = outward[b, n]
            edge_pixel[b, count, 0] = here
            edge_pixel[b, count, 2], edge_pixel[b, count, 3] = i, j
            edge_pixel[b, count, 4] = other
            for c in range(3):
                slope[b, here, c] = _encoding_slope(np.float64(linear[b, row, column, c]))
            if share < 0.0:
                other_row, other_column = other // width, other % width
                open_sky = triangle[b, other_row, other_column] < 0
                edge_pixel[b, count, 1] = _BACKGROUND if open_sky else _PIXEL
                for c in range(3):
                    colour = background[b, row, column, c] if open_sky else surface[b, other_row, other_column, c]
                    form[1 + c] = np.float64(colour) - np.float64(surface[b, row, column, c])
                count += 1
                continue
            edge_pixel[b, count, 1] = _EDGE_COLOUR
            ax, ay, za = points[b, i, 0], points[b, i, 1], depth[b, i]
            ex, ey, zb = points[b, j, 0] - ax, points[b, j, 1] - ay, depth[b, j]
            s = place[b, n]
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
            form[23] = w
            nx = (1.0 - w) * normals[b, i, 0] + w * normals[b, j, 0]
            ny = (1.0 - w) * normals[b, i, 1] + w * normals[b, j, 1]
            nz = (1.0 - w) * normals[b, i, 2] + w * normals[b, j, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            inverse = 1.0 / length if length > 0.0 else 0.0
            if length > 0.0:
                nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
            if has_shadow:
                for m in range(9):
                    shade[m] = (1.0 - w) * shadow[i, m] + w * shadow[j, m]
                    form[24 + m] = shade[m]
            for c in range(3):
                e = total_irradiance(light[b], shadow_light[b], has_shadow, shade, c, nx, ny, nz)
                a = (1.0 - w) * albedo[i, c] + w * albedo[j, c]
                form[1 + c] = a * max(e, 0.0) - np.float64(surface[b, row, column, c])
                if e <= 0.0:
                    continue
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
                form[33 + c] = a
            count += 1
        edge_count[b] = count


@nb.njit(parallel=True, cache=True)
def _push(
    triangle: Int32,
    triangles: Int32,
    seen_count: npt.NDArray[np.int64],
    pixel: Int32,
    form: Float32,
    piece_count: npt.NDArray[np.int64],
    piece_pixel: Int32,
    piece_ends: Int32,
    piece_slope: Float64,
    edge_count: npt.NDArray[np.int64],
    edge_index: Int32,
    edge_pixel: Int32,
    edge_form: Float64,
    slope: Float32,
    d_points: Float32,
    d_depth: Float32,
    d_normals: Float32,
    d_shadow_light: Float64,
    has_shadow: bool,
    out: Float32,
) -> None:
    batch, parameters = d_points.shape[0], d_points.shape[1]
    for job in nb.prange(batch * parameters):
        b, p = job // parameters, job % parameters
        image = out[b, p]
        image[:] = 0.0
        dp, dz, dn, forms = d_points[b, p], d_depth[b, p], d_normals[b, p], form[b]
        for n in range(seen_count[b]):
            here = pixel[b, n]
            t = triangle[b, here]
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            b0, b1, b2 = forms[n, 15], forms[n, 16], forms[n, 17]
            vx = b0 * dp[i, 0] + b1 * dp[j, 0] + b2 * dp[k, 0]
            vy = b0 * dp[i, 1] + b1 * dp[j, 1] + b2 * dp[k, 1]
            vx += forms[n, 18] * dz[i] + forms[n, 20] * dz[j] + forms[n, 22] * dz[k]
            vy += forms[n, 19] * dz[i] + forms[n, 21] * dz[j] + forms[n, 23] * dz[k]
            w0, w1, w2 = forms[n, 24], forms[n, 25], forms[n, 26]
            mx = w0 * dn[i, 0] + w1 * dn[j, 0] + w2 * dn[k, 0]
            my = w0 * dn[i, 1] + w1 * dn[j, 1] + w2 * dn[k, 1]
            mz = w0 * dn[i, 2] + w1 * dn[j, 2] + w2 * dn[k, 2]
            for c in range(3):
                image[here, c] = (
                    forms[n, 2 * c] * vx
                    + forms[n, 2 * c + 1] * vy
                    + forms[n, 6 + 3 * c] * mx
                    + forms[n, 7 + 3 * c] * my
                    + forms[n, 8 + 3 * c] * mz
                )
        turned = False
        if has_shadow:
            for m in range(9):
                for c in range(3):
                    turned = turned or d_shadow_light[b, p, m, c] != 0.0
        if turned:
            for n in range(seen_count[b]):
                for c in range(3):
                    change = 0.0
                    for m in range(9):
                        change += forms[n, 27 + m] * d_shadow_light[b, p, m, c]
                    image[pixel[b, n], c] += forms[n, 36 + c] * change
        d_coverage = np.zeros(edge_count[b])
        for n in range(piece_count[b]):
            e = edge_index[b, piece_pixel[b, n]]
            if e >= 0:
                i, j = piece_ends[b, n, 0], piece_ends[b, n, 1]
                d_coverage[e] += (
                    piece_slope[b, n, 0, 0] * dp[i, 0]
                    + piece_slope[b, n, 0, 1] * dp[i, 1]
                    + piece_slope[b, n, 1, 0] * dp[j, 0]
                    + piece_slope[b, n, 1, 1] * dp[j, 1]
                )
        blended = np.empty((edge_count[b], 3))
        for e in range(edge_count[b]):
            here, source = edge_pixel[b, e, 0], edge_pixel[b, e, 1]
            f = edge_form[b, e]
            share, d_share = f[0], f[36] * d_coverage[e]
            i, j = edge_pixel[b, e, 2], edge_pixel[b, e, 3]
            d_place, w = 0.0, f[23]
            mx, my, mz = 0.0, 0.0, 0.0
            if source == _EDGE_COLOUR:
                d_place = f[10] * (f[4] * dp[i, 0] + f[5] * dp[i, 1] + f[6] * dp[j, 0] + f[7] * dp[j, 1])
                d_place += f[8] * dz[i] + f[9] * dz[j]
                mx = (1.0 - w) * dn[i, 0] + w * dn[j, 0]
                my = (1.0 - w) * dn[i, 1] + w * dn[j, 1]
                mz = (1.0 - w) * dn[i, 2] + w * dn[j, 2]
            for c in range(3):
                own, other = np.float64(image[here, c]), 0.0
                if source == _EDGE_COLOUR:
                    other = f[11 + c] * d_place + f[14 + 3 * c] * mx + f[15 + 3 * c] * my + f[16 + 3 * c] * mz
                    if turned:
                        for m in range(9):
                            other += f[33 + c] * f[24 + m] * d_shadow_light[b, p, m, c]
                elif source == _PIXEL:
                    other = np.float64(image[edge_pixel[b, e, 4], c])
                blended[e, c] = own + d_share * f[1 + c] + share * (other - own)
        for e in range(edge_count[b]):
            for c in range(3):
                image[edge_pixel[b, e, 0], c] = blended[e, c]
        for here in range(image.shape[0]):
            for c in range(3):
                image[here, c] *= slope[b, here, c]
