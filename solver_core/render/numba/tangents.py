"""The image's tangents: per pixel a short linear form of its triangle's motion.

It is made once, then applied to every parameter.

At a fixed pixel a surface that moves with velocity v (on the image, at fixed barycentrics) shows what lay at -v: the
derivative is -grad(colour) . v, plus the change of the light on the turning normal. A vertex's depth moves the point
seen too, because barycentrics are perspective correct: v also takes w_j (p_j - p) / z dz_j. The outline adds the
derivative of its fluxes and of the two colours on its sides, at a point that moves with the edge.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from solver_core.render.numba.forms import PieceForms, SeenPixels, SurfaceForms, piece_forms, pixel_forms
from solver_core.render.numba.inner import inner
from solver_core.render.numba.silhouettes import Outline
from solver_core.render.rasteriser import Float32, Float64, Fragments, Int32, Motion, Scene


def image_tangents(scene: Scene, fragments: Fragments, outline: Outline, linear: Float32, motion: Motion) -> Float32:
    """Tangents of the encoded image.

    Args:
        scene: the scene.
        fragments: what its pixels see.
        outline: its visible silhouette.
        linear: [B,H,W,3] its picture before encoding.
        motion: of the scene, by P parameters.

    Returns:
        [B,P,H,W,3].
    """
    batch, height, width = fragments.triangle.shape
    parameters = motion.points.shape[1]
    seen_most = int(fragments.mask.reshape(batch, -1).sum(axis=1).max(initial=0))
    seen = SeenPixels(np.zeros(batch, np.int64), np.zeros((batch, seen_most), np.int32))
    slope = np.zeros((batch, height * width, 3), np.float32)
    forms = SurfaceForms.zeros(batch, seen_most)
    pixel_forms(scene, fragments, linear, seen, forms, slope)
    pieces = int(outline.number.max(initial=0))
    edge, behind = PieceForms.zeros(batch, pieces), SurfaceForms.zeros(batch, pieces)
    piece_forms(scene, outline, linear, edge, behind, slope)
    out = np.empty((batch, parameters, height, width, 3), np.float32)
    flat = out.reshape(batch, parameters, -1, 3)
    has_shadow = scene.shadow.shape[1] > 0
    _push(scene.triangles, fragments, seen, forms, outline, edge, behind, slope, motion, has_shadow, flat)
    return out


@nb.njit(cache=True, inline="always")
def _surface_motion(
    forms: SurfaceForms, b: int, n: int, corners: Int32, dp: Float32, dz: Float32, dn: Float32
) -> tuple[float, float, float, float, float]:
    """Velocity on the image of the surface point of a form, and the change of its normal before normalisation."""
    i, j, k = corners[0], corners[1], corners[2]
    p, d, w = forms.velocity_by_points[b, n], forms.velocity_by_depth[b, n], forms.barycentric[b, n]
    vx = p[0] * dp[i, 0] + p[1] * dp[j, 0] + p[2] * dp[k, 0]
    vy = p[0] * dp[i, 1] + p[1] * dp[j, 1] + p[2] * dp[k, 1]
    vx += d[0, 0] * dz[i] + d[1, 0] * dz[j] + d[2, 0] * dz[k]
    vy += d[0, 1] * dz[i] + d[1, 1] * dz[j] + d[2, 1] * dz[k]
    mx = w[0] * dn[i, 0] + w[1] * dn[j, 0] + w[2] * dn[k, 0]
    my = w[0] * dn[i, 1] + w[1] * dn[j, 1] + w[2] * dn[k, 1]
    mz = w[0] * dn[i, 2] + w[1] * dn[j, 2] + w[2] * dn[k, 2]
    return vx, vy, mx, my, mz


@nb.njit(cache=True, inline="always")
def _light_change(transfer: Float32, d_light: Float64, c: int) -> float:
    change = 0.0
    for m in range(9):
        change += transfer[m] * d_light[m, c]
    return change


@nb.njit(parallel=True, cache=True)
def _push(
    triangles: Int32,
    fragments: Fragments,
    seen: SeenPixels,
    forms: SurfaceForms,
    outline: Outline,
    edge: PieceForms,
    behind: SurfaceForms,
    slope: Float32,
    motion: Motion,
    has_shadow: bool,
    out: Float32,
) -> None:
    parameters = out.shape[1]
    for job in nb.prange(out.shape[0] * parameters):
        b, p = job // parameters, job % parameters
        _push_one(triangles, fragments, seen, forms, outline, edge, behind, slope, motion, has_shadow, b, p, out[b, p])


@inner
def _push_one(
    triangles: Int32,
    fragments: Fragments,
    seen: SeenPixels,
    forms: SurfaceForms,
    outline: Outline,
    edge: PieceForms,
    behind: SurfaceForms,
    slope: Float32,
    motion: Motion,
    has_shadow: bool,
    b: int,
    p: int,
    image: Float32,
) -> None:
    """Fill the tangent [HW,3] of image b by parameter p."""
    triangle = fragments.triangle[b].reshape(-1)
    image[:] = 0.0
    dp, dz, dn, d_light = motion.points[b, p], motion.depth[b, p], motion.normals[b, p], motion.shadow_light[b, p]
    turned = False
    if has_shadow:
        for m in range(9):
            for c in range(3):
                turned = turned or d_light[m, c] != 0.0
    for n in range(seen.number[b]):
        here = seen.pixel[b, n]
        t = triangle[here]
        vx, vy, mx, my, mz = _surface_motion(forms, b, n, triangles[t], dp, dz, dn)
        for c in range(3):
            u, m = forms.colour_by_velocity[b, n, c], forms.colour_by_normal[b, n, c]
            image[here, c] = u[0] * vx + u[1] * vy + m[0] * mx + m[1] * my + m[2] * mz
            if turned:
                image[here, c] += forms.albedo[b, n, c] * _light_change(forms.shadow[b, n], d_light, c)
    for n in range(outline.number[b]):
        here = outline.pixel[b, n]
        i, j, t = outline.ends[b, n, 0], outline.ends[b, n, 1], outline.behind[b, n]
        ax, ay, bx, by = dp[i, 0], dp[i, 1], dp[j, 0], dp[j, 1]
        d_flux = (
            outline.slope[b, n, 0, 0] * ax
            + outline.slope[b, n, 0, 1] * ay
            + outline.slope[b, n, 1, 0] * bx
            + outline.slope[b, n, 1, 1] * by
        )
        by_points = edge.place_by_points[b, n]
        d_place = by_points[0, 0] * ax + by_points[0, 1] * ay + by_points[1, 0] * bx + by_points[1, 1] * by
        d_share = (
            edge.share_by_place[b, n] * d_place
            + edge.share_by_depth[b, n, 0] * dz[i]
            + edge.share_by_depth[b, n, 1] * dz[j]
        )
        w, s = edge.share[b, n], edge.place[b, n]
        mx = (1.0 - w) * dn[i, 0] + w * dn[j, 0]
        my = (1.0 - w) * dn[i, 1] + w * dn[j, 1]
        mz = (1.0 - w) * dn[i, 2] + w * dn[j, 2]
        vx, vy, fx, fy, fz = 0.0, 0.0, 0.0, 0.0, 0.0
        if t >= 0:
            vx, vy, fx, fy, fz = _surface_motion(behind, b, n, triangles[t], dp, dz, dn)
            vx -= (1.0 - s) * ax + s * bx + edge.edge[b, n, 0] * d_place
            vy -= (1.0 - s) * ay + s * by + edge.edge[b, n, 1] * d_place
        for c in range(3):
            g, u, f = (
                edge.colour_by_normal[b, n, c],
                behind.colour_by_velocity[b, n, c],
                behind.colour_by_normal[b, n, c],
            )
            change = edge.colour_by_share[b, n, c] * d_share + g[0] * mx + g[1] * my + g[2] * mz
            change -= u[0] * vx + u[1] * vy + f[0] * fx + f[1] * fy + f[2] * fz
            if turned:
                change += edge.albedo[b, n, c] * _light_change(edge.shadow[b, n], d_light, c)
                change -= behind.albedo[b, n, c] * _light_change(behind.shadow[b, n], d_light, c)
            image[here, c] += d_flux * edge.contrast[b, n, c] + edge.flux[b, n] * change
    for here in range(image.shape[0]):
        for c in range(3):
            image[here, c] *= slope[b, here, c]
