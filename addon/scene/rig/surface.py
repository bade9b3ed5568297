"""Which place of the mesh lies under a point of the viewport."""

from __future__ import annotations

import itertools
import math
from contextlib import contextmanager
from typing import Iterator, Optional, Tuple

import bpy
from mathutils import Matrix, Vector

Under = Tuple[Tuple[int, int, int], Tuple[float, float, float]]  # vertices and barycentric coordinates


def place_under(
    face: bpy.types.Object,
    graph: bpy.types.Depsgraph,
    window: Matrix,
    to_camera: Matrix,
    size: Tuple[int, int],
    at: Tuple[float, float],
) -> Optional[Under]:
    """The nearest place of the face under a pixel; None where it is not under it, or stands behind the camera.

    Args:
        face: the head's mesh.
        graph: of the scene.
        window: 4x4, camera space to clip space.
        to_camera: 4x4, world to camera space.
        size: of the region, pixels.
        at: pixels from the region's lower left corner.
    """
    x, y = 2.0 * at[0] / size[0] - 1.0, 2.0 * at[1] / size[1] - 1.0
    # the plane one unit before the camera: the projection keeps x and y apart
    depth = window[3][3] - window[3][2]
    ahead = Vector(
        (
            (x * depth - (window[0][3] - window[0][2])) / window[0][0],
            (y * depth - (window[1][3] - window[1][2])) / window[1][1],
            -1.0,
        )
    )
    with _with_its_own_vertices(face, graph) as shown:
        to_local = shown.matrix_world.inverted_safe() @ to_camera.inverted_safe()
        eye = to_local @ Vector((0.0, 0.0, 0.0))
        hit, where, _normal, polygon = shown.ray_cast(eye, (to_local @ ahead - eye).normalized())
        return _between_corners(shown.data, polygon, where) if hit else None


@contextmanager
def _with_its_own_vertices(face: bpy.types.Object, graph: bpy.types.Depsgraph) -> Iterator[bpy.types.Object]:
    """The face as it is shown, without modifiers that give it other vertices (a subdivision)."""
    shown = face.evaluated_get(graph)
    if len(shown.data.vertices) == len(face.data.vertices):
        yield shown
        return
    hidden = [one for one in face.modifiers if one.show_viewport and one.type != "ARMATURE"]
    for modifier in hidden:
        modifier.show_viewport = False
    try:
        graph.update()
        yield face.evaluated_get(graph)
    finally:
        for modifier in hidden:
            modifier.show_viewport = True


def _between_corners(mesh: bpy.types.Mesh, polygon: int, where: Vector) -> Optional[Under]:
    """The triangle of a polygon that a point lies in, and where in it."""
    corners = list(mesh.polygons[polygon].vertices)
    first = corners[0]
    fan = [(first, b, c) for b, c in itertools.pairwise(corners[1:])]
    # a polygon may be bent: then the point is in none of its triangles exactly, and in the best one nearly
    found = [(three, _shares(where, *(mesh.vertices[i].co for i in three))) for three in fan]
    three, shares = max(found, key=lambda one: min(one[1]))
    shares = tuple(max(value, 0.0) for value in shares)
    total = sum(shares)
    return (three, (shares[0] / total, shares[1] / total, shares[2] / total)) if total > 0.0 else None


def _shares(point: Vector, a: Vector, b: Vector, c: Vector) -> Tuple[float, float, float]:
    """Barycentric coordinates of a point in a triangle's plane; far below 0 where the triangle has no area."""
    normal = (b - a).cross(c - a)
    area = normal.length_squared
    if area == 0.0:
        return -math.inf, -math.inf, -math.inf
    along = (c - b).cross(point - b).dot(normal) / area, (a - c).cross(point - c).dot(normal) / area
    return along[0], along[1], 1.0 - along[0] - along[1]
