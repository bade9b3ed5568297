"""The head as it stands, from Blender's evaluated meshes to the graphics card; no NumPy."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Dict, List, Tuple

import bpy
import gpu

from ..scene.rig.mesh import solvable_keys
from .shaders import grid, programs, vertices


@dataclass
class Part:
    """One mesh on the graphics card, in its own space."""

    name: str
    box: List[Tuple[float, ...]]  # its eight corners
    surface: gpu.types.GPUBatch
    wires: gpu.types.GPUBatch


@dataclass
class _Topology:
    """The index buffers of a mesh, made again only where its faces change."""

    triangles: bytes
    edges: bytes
    surface: gpu.types.GPUIndexBuf
    wires: gpu.types.GPUIndexBuf


_topologies: Dict[str, _Topology] = {}


def meshes_of(face: bpy.types.Object) -> List[bpy.types.Object]:
    """The head, and the meshes below it that share shape keys with it (teeth, brows, eyes)."""
    keys = set(solvable_keys(face))
    return [face] + [one for one in face.children_recursive if keys & set(solvable_keys(one))]


def read_part(one: bpy.types.Object, graph: bpy.types.Depsgraph) -> Part:
    """Put a mesh on the graphics card as the scene shows it: shape keys, bones and modifiers applied."""
    evaluated = one.evaluated_get(graph)
    mesh = evaluated.data
    count = len(mesh.vertices)
    places, normals = _floats(3 * count), _floats(3 * count)
    mesh.vertices.foreach_get("co", places)
    mesh.vertex_normals.foreach_get("vector", normals)
    program = programs()["head"]
    buffer = vertices(program, {"pos": grid(places, 3), "normal": grid(normals, 3)})
    topology = _topology(one.name, mesh)
    return Part(
        one.name,
        [tuple(corner) for corner in evaluated.bound_box],
        gpu.types.GPUBatch(type="TRIS", buf=buffer, elem=topology.surface),
        gpu.types.GPUBatch(type="LINES", buf=buffer, elem=topology.wires),
    )


def forget() -> None:
    """Let go of every index buffer."""
    _topologies.clear()


def _topology(name: str, mesh: bpy.types.Mesh) -> _Topology:
    mesh.calc_loop_triangles()
    triangles, edges = indices(3 * len(mesh.loop_triangles)), indices(2 * len(mesh.edges))
    mesh.loop_triangles.foreach_get("vertices", triangles)
    mesh.edges.foreach_get("vertices", edges)
    found = _topologies.get(name)
    key = (triangles.tobytes(), edges.tobytes())
    if found is None or (found.triangles, found.edges) != key:
        found = _topologies[name] = _Topology(
            *key,
            gpu.types.GPUIndexBuf(type="TRIS", seq=grid(triangles, 3, "I")),
            gpu.types.GPUIndexBuf(type="LINES", seq=grid(edges, 2, "I")),
        )
    return found


def _floats(count: int) -> array[float]:
    return array("f", bytes(4 * count))


def indices(count: int) -> array[int]:
    """Room for so many vertex numbers.

    Unsigned, as Blender holds them: into anything else it copies number by number.
    """
    return array("I", bytes(4 * count))
