"""How much of each pixel an outline cuts off or adds.

The areas are exact, so that the image is a continuous function of the vertices.

A pixel first shows what its centre sees. Every visible silhouette edge (a border of the mesh, or an edge whose two
triangles lie on the same side of it on the image) then corrects the area. Within a pixel whose centre is c, the field

    G(p) = (p - c)/2 * (1 - 1/rho^2),   rho = 2 max(|p - c|_x, |p - c|_y)

vanishes on the pixel's border and has divergence 1 minus a unit point source at c. By the divergence theorem its flux
through the outline inside the pixel is (covered area) - (1 if c is covered), whatever happens in other pixels. The flux
through a straight piece p0-p1 has a closed form: cross(p0, p1)/2 - (share of the square's turn from p0 to p1). When an
outline passes over the centre the flux jumps by one and the centre's own colour flips: together they are continuous.

Each piece moves the pixel's colour by flux * (colour of the edge - colour just behind it). Both are taken at the point
of the piece nearest to the centre; a sweep over all triangles finds at that very point what hides the edge and what
lies behind it.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.numba.inner import inner
from solver_core.render.numba.raster import edge_sides, perspective_barycentric
from solver_core.render.rasteriser import NEAR, Float32, Float64, Fragments, Geometry, Int32, Scene

TOUCHING = 1e-7
"""Surfaces whose depths differ by less than this share neither hide an edge nor lie behind it."""
_HIDDEN = -2
AT_END, NEAREST, ON_COLUMN, ON_ROW = 0, 1, 2, 3  # what fixes the point of a piece that is nearest to the centre


class Outline(NamedTuple):
    """The visible silhouette, cut at the pixels' borders, and what it does to each pixel that it passes.

    Attributes:
        number: [B] of pieces in each image.
        pixel: [B,N] row * W + column of each piece.
        ends: [B,N,2] the two vertices of its edge, the surface on its left (x towards y).
        flux: [B,N] its share of the pixel's covered area, pixels squared.
        slope: [B,N,2,2] derivative of the flux by the position of each of the two vertices.
        place: [B,N] where on its edge (0..1, on the image) the piece is nearest to the centre.
        place_kind: [B,N] what fixes that place: an end, the perpendicular, or the pixel's border.
        behind: [B,N] the triangle seen just behind the edge there, -1 for the background.
        behind_barycentric: [B,N,3] where on it, perspective correct.
    """

    number: npt.NDArray[np.int64]
    pixel: Int32
    ends: Int32
    flux: Float64
    slope: Float64
    place: Float64
    place_kind: npt.NDArray[np.int8]
    behind: Int32
    behind_barycentric: Float64


def outline(scene: Scene, fragments: Fragments) -> Outline:
    """Find the visible silhouette.

    Args:
        scene: the scene.
        fragments: of the same geometry; edges behind all of their depths nearby are not looked at further.
    """
    batch, height, width = fragments.triangle.shape
    capacity = 16 * (height + width)
    while True:
        pieces = Outline(
            number=np.zeros(batch, np.int64),
            pixel=np.zeros((batch, capacity), np.int32),
            ends=np.zeros((batch, capacity, 2), np.int32),
            flux=np.zeros((batch, capacity)),
            slope=np.zeros((batch, capacity, 2, 2)),
            place=np.zeros((batch, capacity)),
            place_kind=np.zeros((batch, capacity), np.int8),
            behind=np.full((batch, capacity), -1, np.int32),
            behind_barycentric=np.zeros((batch, capacity, 3)),
        )
        at = np.zeros((batch, capacity, 3))  # image position and inverse depth of the point nearest to the centre
        _cut(scene.geometry, scene.edges, fragments.depth, pieces, at)
        if pieces.number.max(initial=0) <= capacity:
            break
        capacity = int(pieces.number.max())
    bands = max(1, nb.get_num_threads() // max(batch, 1))
    _sweep(scene.geometry, height, width, bands, pieces, at)
    _keep_visible(pieces)
    return pieces


@nb.njit(cache=True, inline="always")
def _square_angle(x: float, y: float) -> float:
    """The share of a turn around a square, -1/8 to 7/8, from the direction of x towards y.

    A vertex at the centre lies to its left: the z-buffer's top-left rule is that of a centre moved a hair's breadth to
    the right (and by far less downwards), so both decide alike on what such a vertex covers.
    """
    if x == 0.0 and y == 0.0:
        return 0.5
    if abs(x) >= abs(y):
        return (0.0 if x > 0.0 else 0.5) + 0.125 * y / x
    return (0.25 if y > 0.0 else 0.75) - 0.125 * x / y


@nb.njit(cache=True, inline="always")
def _flux(x0: float, y0: float, x1: float, y1: float, covered: bool) -> float:
    """The flux of G (centre at the origin) through a straight piece, with the inside on the left of its direction.

    A piece through the centre turns by half, to the side that the z-buffer has decided: `covered`.
    """
    turn = _square_angle(x1, y1) - _square_angle(x0, y0)
    if turn > 0.5:
        turn -= 1.0
    elif turn < -0.5:
        turn += 1.0
    if covered and turn < -0.25:
        turn += 1.0
    elif not covered and turn > 0.25:
        turn -= 1.0
    return 0.5 * (x0 * y1 - y0 * x1) - turn


@nb.njit(cache=True, inline="always")
def _square_angle_gradient(x: float, y: float) -> tuple[float, float]:
    if x == 0.0 and y == 0.0:
        return 0.0, 0.0
    if abs(x) >= abs(y):
        return -0.125 * y / (x * x), 0.125 / x
    return -0.125 / y, 0.125 * x / (y * y)


@nb.njit(cache=True, inline="always")
def _surely_hidden(seen_depth: Float32, row: int, column: int, z: float) -> bool:
    """Whether the pixel and all around it see something nearer; not known at the image's border."""
    if not (0 < row < seen_depth.shape[0] - 1 and 0 < column < seen_depth.shape[1] - 1):
        return False
    for y in range(row - 1, row + 2):
        for x in range(column - 1, column + 2):
            if seen_depth[y, x] >= z:
                return False
    return True


@nb.njit(parallel=True, cache=True)
def _cut(geometry: Geometry, edges: Int32, seen_depth: Float32, pieces: Outline, at: Float64) -> None:
    """List every silhouette edge that may be visible, cut at the pixels' borders."""
    for b in nb.prange(seen_depth.shape[0]):
        _cut_image(geometry, b, edges, seen_depth[b], pieces, at)


@inner
def _cut_image(geometry: Geometry, b: int, edges: Int32, seen_depth: Float32, pieces: Outline, at: Float64) -> None:
    points, depth = geometry.points, geometry.depth
    capacity = pieces.pixel.shape[1]
    height, width = seen_depth.shape
    n = 0
    for edge in range(edges.shape[0]):
        i, j = edges[edge, 0], edges[edge, 1]
        ax, ay, bx, by = points[b, i, 0], points[b, i, 1], points[b, j, 0], points[b, j, 1]
        if not (max(ax, bx) > 0.0 and min(ax, bx) < width and max(ay, by) > 0.0 and min(ay, by) < height):
            continue
        o = edges[edge, 2]
        ex, ey = bx - ax, by - ay
        side = ex * (points[b, o, 1] - ay) - ey * (points[b, o, 0] - ax)
        o = edges[edge, 3]
        if o >= 0:
            other = ex * (points[b, o, 1] - ay) - ey * (points[b, o, 0] - ax)
            if not (side * other > 0.0):
                continue
        elif not (abs(side) > 0.0):
            continue
        za, zb = depth[b, i], depth[b, j]
        if not (za > NEAR and zb > NEAR and za + zb < np.inf and abs(side) < np.inf):
            continue
        if side < 0.0:  # run along the edge with the surface on the left
            i, j = j, i
            ax, ay, bx, by, za, zb = bx, by, ax, ay, zb, za
            ex, ey = -ex, -ey
        # cut to the image, then walk from pixel to pixel
        s, s_end = 0.0, 1.0
        if ex != 0.0:
            s0, s1 = (0.0 - ax) / ex, (width - ax) / ex
            s, s_end = max(s, min(s0, s1)), min(s_end, max(s0, s1))
        if ey != 0.0:
            s0, s1 = (0.0 - ay) / ey, (height - ay) / ey
            s, s_end = max(s, min(s0, s1)), min(s_end, max(s0, s1))
        if not (s < s_end):
            continue
        column = min(max(int(np.floor(ax + s * ex)), 0), width - 1)
        row = min(max(int(np.floor(ay + s * ey)), 0), height - 1)
        if ex < 0.0 and ax + s * ex == column and column > 0:
            column -= 1
        if ey < 0.0 and ay + s * ey == row and row > 0:
            row -= 1
        length2 = ex * ex + ey * ey
        start_kind = AT_END
        while s < s_end:
            s_column = ((column + 1 if ex > 0.0 else column) - ax) / ex if ex != 0.0 else np.inf
            s_row = ((row + 1 if ey > 0.0 else row) - ay) / ey if ey != 0.0 else np.inf
            s_next = max(min(s_column, s_row, s_end), s)
            end_kind = AT_END
            if s_next < 1.0:
                end_kind = ON_COLUMN if s_column <= s_row else ON_ROW
            if _surely_hidden(seen_depth, row, column, min(za, zb)):
                pass
            elif n >= capacity:
                n += 1
            else:
                cx, cy = column + 0.5 - ax, row + 0.5 - ay
                near = (cx * ex + cy * ey) / length2
                near_kind = NEAREST
                if near <= s:
                    near, near_kind = s, start_kind
                elif near >= s_next:
                    near, near_kind = s_next, end_kind
                x0, y0, x1, y1 = s * ex - cx, s * ey - cy, s_next * ex - cx, s_next * ey - cy
                if s_next == 1.0:  # exactly the vertex, as the edge that starts there has it
                    x1, y1 = bx - (column + 0.5), by - (row + 0.5)
                gx0, gy0 = _square_angle_gradient(x0, y0)
                gx1, gy1 = _square_angle_gradient(x1, y1)
                gx0, gy0, gx1, gy1 = 0.5 * y1 + gx0, gy0 - 0.5 * x1, -0.5 * y0 - gx1, 0.5 * x0 - gy1
                pieces.pixel[b, n] = row * width + column
                pieces.ends[b, n, 0], pieces.ends[b, n, 1] = i, j
                ox, oy, dx, dy, sign = edge_sides(ax, ay, bx, by)
                e = sign * (dx * (row + 0.5 - oy) - dy * (column + 0.5 - ox))
                pieces.flux[b, n] = _flux(x0, y0, x1, y1, e > 0.0 or (e == 0.0 and sign > 0.0))
                # a cut slides along the border, where G is zero: only the edge's own motion counts
                pieces.slope[b, n, 0, 0], pieces.slope[b, n, 0, 1] = (
                    (1.0 - s) * gx0 + (1.0 - s_next) * gx1,
                    (1.0 - s) * gy0 + (1.0 - s_next) * gy1,
                )
                pieces.slope[b, n, 1, 0], pieces.slope[b, n, 1, 1] = s * gx0 + s_next * gx1, s * gy0 + s_next * gy1
                pieces.place[b, n] = near
                pieces.place_kind[b, n] = near_kind
                at[b, n, 0], at[b, n, 1], at[b, n, 2] = (
                    ax + near * ex,
                    ay + near * ey,
                    (1.0 - near) / za + near / zb,
                )
                n += 1
            s = s_next
            start_kind = end_kind
            if s_column <= s_row:
                column += 1 if ex > 0.0 else -1
            else:
                row += 1 if ey > 0.0 else -1
            if not (0 <= column < width and 0 <= row < height):
                break
    pieces.number[b] = n


@nb.njit(parallel=True, cache=True)
def _sweep(geometry: Geometry, height: int, width: int, bands: int, pieces: Outline, at: Float64) -> None:
    """Compare every piece's point with all triangles over it: hidden (behind = -2), or what lies next behind it."""
    for job in nb.prange(geometry.points.shape[0] * bands):
        band = job % bands
        _sweep_band(geometry, job // bands, band * height // bands, (band + 1) * height // bands, width, pieces, at)


@inner
def _sweep_band(
    geometry: Geometry, b: int, row_start: int, row_end: int, width: int, pieces: Outline, at: Float64
) -> None:
    points, depth, triangles = geometry.points, geometry.depth, geometry.triangles
    number, pixel, ends, behind = pieces.number, pieces.pixel, pieces.ends, pieces.behind
    barycentric = pieces.behind_barycentric
    first = np.full((row_end - row_start, width), -1, np.int32)  # each pixel's pieces as a chain
    following = np.full(number[b], -1, np.int32)
    nearest = np.zeros(number[b])  # inverse depth of what lies behind
    for n in range(number[b]):
        row, column = pixel[b, n] // width, pixel[b, n] % width
        if row_start <= row < row_end:
            following[n] = first[row - row_start, column]
            first[row - row_start, column] = n
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        y0, y1, y2 = points[b, i, 1], points[b, j, 1], points[b, k, 1]
        y_min, y_max = min(y0, y1, y2), max(y0, y1, y2)
        if not (y_max >= row_start and y_min < row_end):
            continue
        x0, x1, x2 = points[b, i, 0], points[b, j, 0], points[b, k, 0]
        x_min, x_max = min(x0, x1, x2), max(x0, x1, x2)
        if not (x_max >= 0.0 and x_min < width):
            continue
        for row in range(int(max(y_min, row_start)), int(min(y_max, row_end - 1.0)) + 1):
            for column in range(int(max(x_min, 0.0)), int(min(x_max, width - 1.0)) + 1):
                n = first[row - row_start, column]
                while n >= 0:
                    x, y = at[b, n, 0], at[b, n, 1]
                    if behind[b, n] != _HIDDEN and x_min <= x <= x_max and y_min <= y <= y_max:
                        e0 = (x1 - x) * (y2 - y) - (y1 - y) * (x2 - x)
                        e1 = (x2 - x) * (y0 - y) - (y2 - y) * (x0 - x)
                        e2 = (x0 - x) * (y1 - y) - (y0 - y) * (x1 - x)
                        p, q = ends[b, n, 0], ends[b, n, 1]
                        own = p in (i, j, k) and q in (i, j, k)
                        inside = (e0 >= 0.0 and e1 >= 0.0 and e2 >= 0.0) or (e0 <= 0.0 and e1 <= 0.0 and e2 <= 0.0)
                        z0, z1, z2 = depth[b, i], depth[b, j], depth[b, k]
                        if inside and not own and e0 + e1 + e2 != 0.0 and min(z0, z1, z2) > NEAR:
                            inverse = (e0 / z0 + e1 / z1 + e2 / z2) / (e0 + e1 + e2)
                            if inverse > at[b, n, 2] * (1.0 + TOUCHING):
                                behind[b, n] = _HIDDEN
                            elif inverse < at[b, n, 2] * (1.0 - TOUCHING) and inverse > nearest[n]:
                                nearest[n] = inverse
                                behind[b, n] = t
                    n = following[n]
    for n in range(number[b]):
        t = behind[b, n]
        if t >= 0 and row_start <= pixel[b, n] // width < row_end:
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x, y = at[b, n, 0], at[b, n, 1]
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


@nb.njit(parallel=True, cache=True)
def _keep_visible(pieces: Outline) -> None:
    """Move the visible pieces to the front of every list."""
    for b in nb.prange(pieces.number.shape[0]):
        _keep_visible_image(pieces, b)


@inner
def _keep_visible_image(pieces: Outline, b: int) -> None:
    kept = 0
    for n in range(pieces.number[b]):
        if pieces.behind[b, n] == _HIDDEN:
            continue
        pieces.pixel[b, kept] = pieces.pixel[b, n]
        pieces.ends[b, kept] = pieces.ends[b, n]
        pieces.flux[b, kept] = pieces.flux[b, n]
        pieces.slope[b, kept] = pieces.slope[b, n]
        pieces.place[b, kept] = pieces.place[b, n]
        pieces.place_kind[b, kept] = pieces.place_kind[b, n]
        pieces.behind[b, kept] = pieces.behind[b, n]
        pieces.behind_barycentric[b, kept] = pieces.behind_barycentric[b, n]
        kept += 1
    pieces.number[b] = kept
