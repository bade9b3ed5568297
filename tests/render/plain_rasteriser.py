"""A second rasteriser, slow and obvious: NumPy and loops over pixels and edges.

Its derivative is a central difference.
"""

import numpy as np
from render_fixtures import brute_force

from solver_core.color.srgb import srgb_encode
from solver_core.render.rasteriser import Antialiased, Fragments
from solver_core.render.shading import sh_basis

STEP = 1e-6  # of a parameter
TOUCHING = 1e-7  # share of the depth


class PlainRasteriser:
    """Implements `Rasteriser`."""

    def rasterise(self, geometry, height, width):
        """Every pixel against every triangle."""
        images = [
            brute_force(points, depth, geometry.triangles, height, width)
            for points, depth in zip(geometry.points, geometry.depth, strict=True)
        ]
        triangle, barycentric, depth = (np.stack(each) for each in zip(*images, strict=True))
        return Fragments(triangle.astype(np.int32), barycentric.astype(np.float32), depth.astype(np.float32))

    def interpolate(self, scene, fragments):
        """Lambert's law on interpolated attributes."""
        out = scene.background.astype(float)
        for b, row, column in np.argwhere(fragments.mask):
            t = fragments.triangle[b, row, column]
            here = np.array([column + 0.5, row + 0.5])
            out[b, row, column] = colour(scene, b, scene.triangles[t], seen_at(scene, b, t, here))
        return out

    def antialias(self, scene, fragments, surface):
        """Every edge against every pixel's square."""
        out = np.array(surface, float)
        height, width = out.shape[1:3]
        for b in range(len(out)):
            for i, j, *opposite in scene.edges:
                if not is_outline(scene.points[b], i, j, opposite):
                    continue
                if (
                    cross(scene.points[b, j] - scene.points[b, i], scene.points[b, opposite[0]] - scene.points[b, i])
                    < 0
                ):
                    i, j = j, i  # the surface on the left
                for row in range(height):
                    for column in range(width):
                        out[b, row, column] += correction(scene, b, i, j, row, column)
        return Antialiased(out, None)

    def tangents(self, scene, fragments, drawn, motion):
        """Draw the scene moved a little both ways, each pixel's centre on the triangle that it sees now."""
        columns = []
        for p in range(motion.points.shape[1]):
            ahead, behind = (self._moved(scene, fragments, motion, p, step) for step in (STEP, -STEP))
            columns.append((ahead - behind) / (2 * STEP))
        return np.stack(columns, 1)

    def _moved(self, scene, fragments, motion, p, step):
        moved = scene._replace(
            points=scene.points + step * motion.points[:, p],
            depth=scene.depth + step * motion.depth[:, p],
            normals=scene.normals + step * motion.normals[:, p],
            shadow_light=scene.shadow_light + step * motion.shadow_light[:, p],
        )
        linear = self.antialias(moved, fragments, self.interpolate(moved, fragments)).linear
        return srgb_encode(np.clip(linear, 0, 1))


def cross(a, b):
    """The third component of the cross product of two vectors on the image."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def seen_at(scene, b, t, here):
    """Perspective-correct barycentrics [3] of triangle t at an image point."""
    corners = scene.triangles[t]
    x, y, z = scene.points[b, corners] - here
    over = np.array([cross(y, z), cross(z, x), cross(x, y)]) / scene.depth[b, corners]
    return over / over.sum()


def colour(scene, b, corners, weights):
    """[3] linear radiance."""
    normal = weights @ scene.normals[b, corners]
    light = sh_basis(normal / np.linalg.norm(normal)) @ scene.light[b]
    if scene.shadow.size:
        light = light + (weights @ scene.shadow[b if len(scene.shadow) > 1 else 0, corners]) @ scene.shadow_light[b]
    return (weights @ scene.albedo[corners]) * np.maximum(light, 0)


def is_outline(points, i, j, opposite):
    """Whether an edge's triangles lie on one side of it on the image, or it has only one."""
    sides = [cross(points[j] - points[i], points[k] - points[i]) for k in opposite if k >= 0]
    return len(sides) == 1 or sides[0] * sides[1] > 0


def correction(scene, b, i, j, row, column):
    """[3] what the edge i-j, the surface on its left, adds to one pixel: flux * (its colour - the colour behind it)."""
    centre = np.array([column + 0.5, row + 0.5])
    start, along = scene.points[b, i] - centre, scene.points[b, j] - scene.points[b, i]
    s, s_end = 0.0, 1.0  # cut to the square around the centre
    for axis in range(2):
        if along[axis] == 0:
            if abs(start[axis]) > 0.5:
                return np.zeros(3)
            continue
        cuts = sorted([(-0.5 - start[axis]) / along[axis], (0.5 - start[axis]) / along[axis]])
        s, s_end = max(s, cuts[0]), min(s_end, cuts[1])
    if s >= s_end:
        return np.zeros(3)
    p, q = start + s * along, start + s_end * along
    near = np.clip(-(start @ along) / (along @ along), s, s_end)
    za, zb = scene.depth[b, i], scene.depth[b, j]
    inverse = (1 - near) / za + near / zb
    share = near / zb / inverse
    behind = next_behind(scene, b, i, j, centre + start + near * along, inverse)
    if behind is None:
        return np.zeros(3)
    t, weights = behind
    far = scene.background[b, row, column] if t < 0 else colour(scene, b, scene.triangles[t], weights)
    own = colour(scene, b, np.array([i, j]), np.array([1 - share, share]))
    return flux(p, q) * (own - far)


def flux(p, q):
    """Through a piece of an outline, its inside on the left, the pixel's centre at the origin.

    The area between the piece and the centre, less the share of the square's border that it hides from the centre.
    Summed over a pixel: the area covered, less one where the centre is covered.
    """
    turn = border(q) - border(p)
    return 0.5 * cross(p, q) - (turn + 0.5) % 1 + 0.5


def border(p):
    """How far along the square's border, 0 to 1, the direction of p meets it."""
    angle = np.arctan2(p[1], p[0])
    quarter = np.round(angle / (np.pi / 2))
    return quarter / 4 + np.tan(angle - quarter * np.pi / 2) / 8


def next_behind(scene, b, i, j, here, inverse):
    """The nearest triangle behind the edge at an image point and where on it.

    (-1, None) where there is none; None where one hides the edge.
    """
    found, nearest = (-1, None), 0.0
    for t, corners in enumerate(scene.triangles):
        if {i, j} <= set(corners.tolist()):
            continue
        x, y, z = scene.points[b, corners] - here
        spans = np.array([cross(y, z), cross(z, x), cross(x, y)])
        if not ((spans >= 0).all() or (spans <= 0).all()) or spans.sum() == 0:
            continue
        there = (spans / scene.depth[b, corners]).sum() / spans.sum()
        if there > inverse * (1 + TOUCHING):
            return None
        if nearest < there < inverse * (1 - TOUCHING):
            found, nearest = (t, seen_at(scene, b, t, here)), there
    return found
