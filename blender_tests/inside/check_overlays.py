"""Runs inside Blender: what the overlays read of a mesh at every change of the frame is read fast."""

import os
import sys
import time
from array import array

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness

SIDE = 100


def make_grid():
    mesh = bpy.data.meshes.new("Grid")
    faces = [
        (first, first + 1, first + SIDE + 1, first + SIDE) for first in range(SIDE * (SIDE - 1)) if (first + 1) % SIDE
    ]
    mesh.from_pydata([(i % SIDE, i // SIDE, 0) for i in range(SIDE * SIDE)], [], faces)
    mesh.calc_loop_triangles()
    return mesh


def check_indices_are_read_into_what_blender_itself_holds():
    """Into an array of another type Blender converts number by number, which takes several times as long."""
    mesh, indices = make_grid(), harness.module("overlay.head_mesh").indices

    def best(rows, values):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            rows.foreach_get("vertices", values)
            times.append(time.perf_counter() - start)
        return min(times)

    for rows, width in ((mesh.loop_triangles, 3), (mesh.edges, 2)):
        count = width * len(rows)
        ours, converted = indices(count), array("i", bytes(4 * count))
        fast, slow = (best(rows, values) for values in (ours, converted))
        assert list(ours) == list(converted)
        assert fast < 0.6 * slow, (fast, slow)


harness.run(globals())
