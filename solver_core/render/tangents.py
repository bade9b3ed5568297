"""The image's tangents: per pixel a short linear form of its triangle's motion, made once, then applied to every parameter.

At a fixed pixel a surface that moves with velocity v (on the image, at fixed barycentrics) shows what lay at -v: the derivative
is -grad(colour) . v, plus the change of the light on the turning normal. A vertex's depth moves the point seen too, because
barycentrics are perspective correct: v also takes w_j (p_j - p) / z dz_j. The outline adds the derivative of its fluxes and of the
two colours on its sides, at a point that moves with the edge.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.forms import PIECE_FORM, SURFACE_FORM, piece_forms, pixel_forms
from solver_core.render.raster import Float32, Float64, Fragments, Int32
from solver_core.render.scene import Scene
from solver_core.render.silhouettes import Outline


def image_tangents(
    scene: Scene,
    fragments: Fragments,
    outline: Outline,
    linear: Float32,  # [B,H,W,3]
    *,
    d_points: Float32,  # [B,P,V,2]
    d_depth: Float32,  # [B,P,V]
    d_normals: Float32,  # [B,P,V,3]
    d_shadow_light: Float64,  # [B,P,9,3]
) -> Float32:
    """Tangents of the encoded image.

    Args:
        scene: the scene.
        fragments: what its pixels see.
        outline: its visible silhouette.
        linear: [B,H,W,3] its picture before encoding.
        d_points: [B,P,V,2] raster pixels per unit of each parameter.
        d_depth: [B,P,V] metres per unit.
        d_normals: [B,P,V,3] per unit.
        d_shadow_light: [B,P,9,3] of the light on the head's axes.

    Returns:
        [B,P,H,W,3].

    Raises:
        ValueError: shapes of the tangents do not fit.
    """
    batch, height, width = fragments.triangle.shape
    parameters, count = d_points.shape[1], scene.points.shape[1]
    if (
        d_points.shape != (batch, parameters, count, 2)
        or d_depth.shape != (batch, parameters, count)
        or d_normals.shape != (batch, parameters, count, 3)
        or d_shadow_light.shape != (batch, parameters, 9, 3)
    ):
        raise ValueError(
            "tangents must be d_points [B,P,V,2], d_depth [B,P,V], d_normals [B,P,V,3], d_rotation [B,P,3]"
        )
    seen = int(fragments.mask.reshape(batch, -1).sum(axis=1).max(initial=0))
    seen_count = np.zeros(batch, np.int64)
    pixel = np.zeros((batch, seen), np.int32)
    form = np.zeros((batch, seen, SURFACE_FORM), np.float32)
    slope = np.zeros((batch, height * width, 3), np.float32)
    pixel_forms(
        fragments.triangle,
        fragments.barycentric,
        scene.triangles,
        scene.points,
        scene.depth,
        scene.normals,
        scene.albedo,
        scene.light,
        scene.shadow,
        scene.shadow_light,
        linear,
        seen_count,
        pixel,
        form,
        slope,
    )
    piece_form = np.zeros((batch, int(outline.count.max(initial=0)), PIECE_FORM), np.float32)
    piece_forms(
        outline.count,
        outline.pixel,
        outline.ends,
        outline.flux,
        outline.place,
        outline.place_kind,
        outline.behind,
        outline.behind_barycentric,
        scene.triangles,
        scene.points,
        scene.depth,
        scene.normals,
        scene.albedo,
        scene.light,
        scene.shadow,
        scene.shadow_light,
        scene.background,
        linear,
        piece_form,
        slope,
    )
    out = np.empty((batch, parameters, height, width, 3), np.float32)
    _push(
        fragments.triangle.reshape(batch, -1),
        scene.triangles,
        seen_count,
        pixel,
        form,
        outline.count,
        outline.pixel,
        outline.ends,
        outline.slope,
        outline.behind,
        piece_form,
        slope,
        d_points,
        d_depth,
        d_normals,
        d_shadow_light,
        len(scene.shadow) > 0,
        out.reshape(batch, parameters, -1, 3),
    )
    return out


@nb.njit(cache=True, inline="always")
def _surface_motion(
    f: Float32, i: int, j: int, k: int, dp: Float32, dz: Float32, dn: Float32
) -> tuple[float, float, float, float, float]:
    """Velocity on the image of the surface point of a form, and the change of its normal before normalisation."""
    vx = f[15] * dp[i, 0] + f[16] * dp[j, 0] + f[17] * dp[k, 0]
    vy = f[15] * dp[i, 1] + f[16] * dp[j, 1] + f[17] * dp[k, 1]
    vx += f[18] * dz[i] + f[20] * dz[j] + f[22] * dz[k]
    vy += f[19] * dz[i] + f[21] * dz[j] + f[23] * dz[k]
    mx = f[24] * dn[i, 0] + f[25] * dn[j, 0] + f[26] * dn[k, 0]
    my = f[24] * dn[i, 1] + f[25] * dn[j, 1] + f[26] * dn[k, 1]
    mz = f[24] * dn[i, 2] + f[25] * dn[j, 2] + f[26] * dn[k, 2]
    return vx, vy, mx, my, mz


@nb.njit(cache=True, inline="always")
def _light_change(transfer: Float32, d_light: Float64, c: int) -> float:
    change = 0.0
    for m in range(9):
        change += transfer[m] * d_light[m, c]
    return change


@nb.njit(parallel=True, cache=True)
def _push(
    triangle: Int32,
    triangles: Int32,
    seen_count: npt.NDArray[np.int64],
    pixel: Int32,
    form: Float32,
    piece_count: npt.NDArray[np.int64],
    piece_pixel: Int32,
    ends: Int32,
    flux_slope: Float64,
    behind: Int32,
    piece_form: Float32,
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
        dp, dz, dn, d_light = d_points[b, p], d_depth[b, p], d_normals[b, p], d_shadow_light[b, p]
        turned = False
        if has_shadow:
            for m in range(9):
                for c in range(3):
                    turned = turned or d_light[m, c] != 0.0
        for n in range(seen_count[b]):
            here = pixel[b, n]
            t = triangle[b, here]
            f = form[b, n]
            vx, vy, mx, my, mz = _surface_motion(f, triangles[t, 0], triangles[t, 1], triangles[t, 2], dp, dz, dn)
            for c in range(3):
                image[here, c] = (
                    f[2 * c] * vx + f[2 * c + 1] * vy + f[6 + 3 * c] * mx + f[7 + 3 * c] * my + f[8 + 3 * c] * mz
                )
                if turned:
                    image[here, c] += f[36 + c] * _light_change(f[27:36], d_light, c)
        for n in range(piece_count[b]):
            here = piece_pixel[b, n]
            i, j, t = ends[b, n, 0], ends[b, n, 1], behind[b, n]
            ax, ay, bx, by = dp[i, 0], dp[i, 1], dp[j, 0], dp[j, 1]
            d_flux = (
                flux_slope[b, n, 0, 0] * ax
                + flux_slope[b, n, 0, 1] * ay
                + flux_slope[b, n, 1, 0] * bx
                + flux_slope[b, n, 1, 1] * by
            )
            f = piece_form[b, n]
            g = f[SURFACE_FORM:]
            d_place = g[4] * ax + g[5] * ay + g[6] * bx + g[7] * by
            dw = g[10] * d_place + g[8] * dz[i] + g[9] * dz[j]
            w, s = g[23], g[24]
            mx = (1.0 - w) * dn[i, 0] + w * dn[j, 0]
            my = (1.0 - w) * dn[i, 1] + w * dn[j, 1]
            mz = (1.0 - w) * dn[i, 2] + w * dn[j, 2]
            vx, vy, fx, fy, fz = 0.0, 0.0, 0.0, 0.0, 0.0
            if t >= 0:
                vx, vy, fx, fy, fz = _surface_motion(f, triangles[t, 0], triangles[t, 1], triangles[t, 2], dp, dz, dn)
                vx -= (1.0 - s) * ax + s * bx + g[25] * d_place
                vy -= (1.0 - s) * ay + s * by + g[26] * d_place
            for c in range(3):
                change = g[11 + c] * dw + g[14 + 3 * c] * mx + g[15 + 3 * c] * my + g[16 + 3 * c] * mz
                change -= f[2 * c] * vx + f[2 * c + 1] * vy + f[6 + 3 * c] * fx + f[7 + 3 * c] * fy + f[8 + 3 * c] * fz
                if turned:
                    change += g[36 + c] * _light_change(g[27:36], d_light, c)
                    change -= f[36 + c] * _light_change(f[27:36], d_light, c)
                image[here, c] += d_flux * g[1 + c] + g[0] * change
        for here in range(image.shape[0]):
            for c in range(3):
                image[here, c] *= slope[b, here, c]
