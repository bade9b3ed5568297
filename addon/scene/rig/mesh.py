"""Reads the head: a mesh with shape keys, in its own space, as the arrays of rig.npz."""

from __future__ import annotations

import math
import operator
from array import array
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

import bpy
from mathutils import Matrix

from ... import compat
from ...pieces import Pieces, whole
from ...problem import FaceSolveProblem
from ..shot.npz import Array, Block, Rows
from .shape_groups import IDENTITY, group_of


@dataclass(frozen=True)
class Rig:
    """The head's arrays (docs/shot_format.md), what each shape key moves, and the keys' names in their order.

    Args:
        names: of the keys.
        solved: whether a key is.
        arrays: of rig.npz, without `deltas`.
        deltas: for each key how far it moves every vertex, 3 numbers each.
    """

    names: List[str]
    solved: List[bool]
    arrays: Dict[str, Array]
    deltas: List[array[float]]

    @property
    def blocks(self) -> Dict[str, Block]:
        """All of rig.npz."""
        return {**self.arrays, "deltas": Rows(self.deltas, (len(self.deltas), *self.arrays["neutral"].shape))}


_SET_UP = "face_solve.setup_from_scene"
_SAMPLED_KEYS, _SAMPLED_VERTICES = 40, 1500  # that are looked at to tell what a mesh is: all of a small one
_MOVES = 1e-4  # of a mesh's size: what moves less does not move
PIECE = 10_000  # vertices, triangles or polygons that are looked at one by one before Blender may go on

Box = Tuple[List[float], List[float]]  # two opposite corners


def is_mesh(face: Optional[bpy.types.Object]) -> bool:
    """Whether there is a face that is a mesh, with shape keys or without: a script may have set anything."""
    return face is not None and face.type == "MESH"


def key_blocks(face: Optional[bpy.types.Object]) -> Sequence[bpy.types.ShapeKey]:
    """The shape keys, the reference key among them; none of a mesh without, or of what is no mesh."""
    keys = face.data.shape_keys if is_mesh(face) else None
    return keys.key_blocks if keys else ()


def solvable_keys(face: Optional[bpy.types.Object]) -> List[str]:
    """The names of the shape keys, without the reference key, in the mesh's order."""
    return [block.name for block in key_blocks(face) if block != face.data.shape_keys.reference_key]


def driven_keys(face: bpy.types.Object) -> Set[str]:
    """The names of the shape keys whose value a driver sets."""
    keys = face.data.shape_keys
    data = keys.animation_data if keys else None
    paths = {driver.data_path for driver in data.drivers} if data else set()
    return {block.name for block in key_blocks(face) if block.path_from_id("value") in paths}


def face_candidates(scene: bpy.types.Scene) -> List[bpy.types.Object]:
    """The meshes of a scene that carry expressions."""
    return [one for one in scene.objects if solvable_keys(one)]


def sampled_keys(names: Sequence[str]) -> Sequence[str]:
    """Some of many names, spread evenly: enough to tell what a mesh is."""
    return names[:: max(1, len(names) // _SAMPLED_KEYS)]


def moved_boxes(mesh: bpy.types.Object, names: Sequence[str]) -> Pieces[Dict[str, Box]]:
    """For each of these shape keys that moves anything, the two corners of what it moves.

    Only a sample of the keys and vertices is looked at.

    Args:
        mesh: the mesh's object.
        names: of shape keys that it has.
    """
    blocks = key_blocks(mesh)
    if not blocks:
        return {}
    count = len(mesh.data.vertices)
    base = raw_places(mesh.data.shape_keys.reference_key, count)
    least = _MOVES * max((max(base[i::3]) - min(base[i::3]) for i in range(3)), default=0.0)
    step = max(1, count // _SAMPLED_VERTICES)
    found: Dict[str, Box] = {}
    for name in sampled_keys(names):
        yield
        own = raw_places(blocks[name], count)
        if own == base:
            continue
        moved = [
            v
            for v in range(0, count, step)
            if abs(own[3 * v] - base[3 * v]) > least
            or abs(own[3 * v + 1] - base[3 * v + 1]) > least
            or abs(own[3 * v + 2] - base[3 * v + 2]) > least
        ]
        if moved:
            axes = [[base[3 * v + i] for v in moved] for i in range(3)]
            found[name] = [min(axis) for axis in axes], [max(axis) for axis in axes]
    return found


def expressive_box(face: bpy.types.Object) -> Box:
    """What `expressive_box_pieces` finds, at once."""
    return whole(expressive_box_pieces(face))


def expressive_box_pieces(face: bpy.types.Object) -> Pieces[Box]:
    """The two corners of what a face's expressions move, in its own space; of the whole mesh where it has none."""
    names = solvable_keys(face)
    facial = [name for name in names if group_of(name) not in ("other", IDENTITY)]
    moved = yield from moved_boxes(face, facial or names)
    boxes = list(moved.values())
    if not boxes:
        corners = [list(corner) for corner in face.bound_box]
        boxes = [
            ([min(axis) for axis in zip(*corners, strict=True)], [max(axis) for axis in zip(*corners, strict=True)])
        ]
    return [min(box[0][i] for box in boxes) for i in range(3)], [max(box[1][i] for box in boxes) for i in range(3)]


def is_in(scene: bpy.types.Scene, thing: bpy.types.Object) -> bool:
    """Whether an object is in a scene: one that was deleted lives on in the settings alone."""
    return scene.objects.get(thing.name) == thing


def check_face(settings: bpy.types.PropertyGroup) -> None:
    """Refuse a chosen face that cannot be solved.

    Raises:
        FaceSolveProblem: with the reason and the remedy.
    """
    face = settings.face
    if face is None and not face_candidates(settings.id_data):
        raise FaceSolveProblem(
            "No face is chosen, and no mesh of the scene has shape keys.",
            "Add the actor's head, with its expressions as shape keys, and press Set Up; "
            "or choose a head without any, to have its motion solved.",
            _SET_UP,
        )
    if face is None:
        raise FaceSolveProblem("No face is chosen.", "Choose the head's mesh, or press Set Up.", _SET_UP)
    if face.type != "MESH":
        raise FaceSolveProblem(f"{face.name} is not a mesh.", "Choose the head's mesh.")
    if solvable_keys(face) and not face.data.shape_keys.use_relative:
        raise FaceSolveProblem(
            f"The shape keys of {face.name} are absolute.", "Turn on Relative in the shape keys' panel."
        )
    if face.show_only_shape_key:
        raise FaceSolveProblem(
            f"{face.name} shows only its active shape key.", "Turn off the pin in the shape keys' panel."
        )
    if face.library or face.data.library or face.override_library:
        raise FaceSolveProblem(
            f"{face.name}, or its mesh, is linked from another file: nothing can be keyed on it.",
            "Make it local with its data (Object > Relations > Make Local > Selected Objects and Data).",
            "face_solve.make_character_local",
        )
    if not is_in(settings.id_data, face):
        raise FaceSolveProblem(
            f"{face.name} is not in this scene.", "Choose a face of this scene, or press Set Up.", _SET_UP
        )


def read_rig(
    face: bpy.types.Object,
    settings: bpy.types.PropertyGroup,
    scale: Sequence[float],
    controlled: Optional[Dict[str, Tuple[float, float]]] = None,
) -> Pieces[Rig]:
    """Read the head's mesh and shape keys.

    Args:
        face: the head's object.
        settings: `scene.face_solve`, for the groups.
        scale: the object's world scale, 3 numbers.
        controlled: the driven keys that are solved through their controls, with the least and the most that these can
            give.

    Raises:
        FaceSolveProblem: where the mesh has no faces, or the mesh or a shape key is not finite.
    """
    mesh = face.data
    if face.mode == "EDIT":
        face.update_from_editmode()
    count = len(mesh.vertices)
    triangles = corners_of(mesh)
    if not triangles:
        raise FaceSolveProblem(f"{face.name} has no faces.", "Choose a mesh with a surface.")
    if scale[0] * scale[1] * scale[2] < 0.0:  # mirrored: seen from outside the corners run the other way
        triangles[0::3], triangles[1::3] = triangles[1::3], triangles[0::3]
    yield
    keys = mesh.shape_keys
    neutral = coordinates(keys.reference_key, count, face.name) if keys else own_vertices(face)
    group_names, excluded, strengths = _group_settings(settings)
    controlled = controlled or {}
    driven = driven_keys(face) - set(controlled)
    names = solvable_keys(face)
    deltas: List[array[float]] = []
    minimum, maximum, strength, solved, identity, groups = array("f"), array("f"), array("f"), [], [], []
    for name in names:
        yield
        block = keys.key_blocks[name]
        delta = yield from moved_by(face, block, {keys.reference_key.name: neutral})
        deltas.append(delta)
        low, high = controlled.get(name, (block.slider_min, block.slider_max))
        minimum.append(max(low, block.slider_min))
        maximum.append(min(high, block.slider_max))
        groups.append(group_names.get(name, group_of(name)))
        strength.append(strengths.get(name, 1.0))
        free = not block.mute and name not in driven and name not in excluded
        identity.append(free and groups[-1] == IDENTITY)
        solved.append(free and groups[-1] != IDENTITY)
    size = len(names)
    arrays = {
        "neutral": Array(neutral, (count, 3)),
        "triangles": Array(triangles, (len(triangles) // 3, 3)),
        "names": Array(names, (size,)),
        "minimum": Array(minimum, (size,)),
        "maximum": Array(maximum, (size,)),
        "groups": Array(groups, (size,)),
        "solved": Array(array("b", solved), (size,), boolean=True),
        "identity": Array(array("b", identity), (size,), boolean=True),
        "strength": Array(strength, (size,)),
        "scale": Array(array("f", scale), (3,)),
    }
    return Rig(names, solved, arrays, deltas)


def corners_of(mesh: bpy.types.Mesh) -> array[int]:
    """The vertices of a mesh's triangles, 3 numbers each."""
    if hasattr(mesh, "calc_loop_triangles"):
        mesh.calc_loop_triangles()
    triangles = array("i", bytes(12 * len(mesh.loop_triangles)))
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return triangles


def moved_by(mesh: bpy.types.Object, block: bpy.types.ShapeKey, known: Dict[str, array[float]]) -> Pieces[array[float]]:
    """How far a key at 1 moves every vertex, 3 numbers each.

    Args:
        mesh: the mesh's object.
        block: the key.
        known: the vertices of some keys, by name.
    """
    count, base = len(mesh.data.vertices), block.relative_key
    own = coordinates(block, count, mesh.name)
    relative = known[base.name] if base.name in known else coordinates(base, count, mesh.name)
    yield
    delta = array("f", map(operator.sub, own, relative))
    if block.vertex_group:
        yield
        delta = yield from masked(delta, mesh, block.vertex_group)
    return delta


def own_vertices(face: bpy.types.Object) -> array[float]:
    """The vertices of a mesh without shape keys, 3 numbers each, in its own space."""
    values = array("f", bytes(12 * len(face.data.vertices)))
    face.data.vertices.foreach_get("co", values)
    return _finite(values, f"The mesh {face.name}")


def raw_places(block: bpy.types.ShapeKey, count: int) -> array[float]:
    """The key's vertices, 3 numbers each, whatever they are."""
    values = array("f", bytes(12 * count))
    compat.key_points(block).foreach_get("co", values)
    return values


def coordinates(block: bpy.types.ShapeKey, count: int, face_name: str) -> array[float]:
    """The key's vertices, 3 numbers each, in the mesh's own space."""
    return _finite(raw_places(block, count), f"The shape key {block.name!r} of {face_name}")


def _finite(values: array[float], what: str) -> array[float]:
    # A sum of finite single-precision numbers is finite in double precision: one pass finds any that is not.
    if not math.isfinite(sum(values)):
        vertex = next(i for i, value in enumerate(values) if not math.isfinite(value)) // 3
        raise FaceSolveProblem(
            f"{what} is broken: vertex {vertex} has a coordinate that is not a number.",
            f"Repair or delete {what[0].lower()}{what[1:]}.",
        )
    return values


def hidden_triangles(face: bpy.types.Object) -> Pieces[Set[int]]:
    """The triangles, by their place in the mesh's list, that a Mask modifier hides; none where it would hide all."""
    masks = [
        (face.vertex_groups.find(one.vertex_group), one.invert_vertex_group, one.threshold)
        for one in face.modifiers
        if one.type == "MASK"
        and one.show_viewport
        and one.mode == "VERTEX_GROUP"
        and one.vertex_group in face.vertex_groups
    ]
    if not masks:
        return set()
    gone = set()
    for first in range(0, len(face.data.vertices), PIECE):
        yield
        for vertex in face.data.vertices[first : first + PIECE]:
            weights = {element.group: element.weight for element in vertex.groups}
            if any((weights.get(group, 0.0) > threshold) == inverted for group, inverted, threshold in masks):
                gone.add(vertex.index)
    corners = corners_of(face.data)
    yield
    hidden = {i // 3 for i, vertex in enumerate(corners) if vertex in gone}
    return hidden if len(hidden) < len(corners) // 3 else set()


def without_triangles(arrays: Dict[str, Array], hidden: Set[int]) -> Pieces[Dict[str, Array]]:
    """The arrays of rig.npz without some triangles and what is laid on them.

    Vertices stay, so that all else keeps its place.
    """
    if not hidden:
        return arrays
    kept = [index for index in range(arrays["triangles"].shape[0]) if index not in hidden]
    found = dict(arrays)
    for name in ("triangles", "uv", "texture"):
        if name in arrays:
            one = arrays[name]
            width = len(one.values) // one.shape[0]
            values = array(one.values.typecode)
            for place, index in enumerate(kept):
                if place % PIECE == 0:
                    yield
                values.extend(one.values[width * index : width * (index + 1)])
            found[name] = Array(values, (len(kept), *one.shape[1:]))
    return found


def excluded_keys(settings: bpy.types.PropertyGroup) -> Set[str]:
    """The names of the shape keys that the artist left out."""
    return _group_settings(settings)[1]


def identity_keys(settings: bpy.types.PropertyGroup) -> Set[str]:
    """The names of the shape keys that make the head the actor's: they have one value for the whole shot."""
    groups = _group_settings(settings)[0]
    return {name for name in solvable_keys(settings.face) if groups.get(name, group_of(name)) == IDENTITY}


def _group_settings(settings: bpy.types.PropertyGroup) -> Tuple[Dict[str, str], Set[str], Dict[str, float]]:
    names, excluded, strengths = {}, set(), {}
    for group in settings.shape_groups:
        for key in group.keys:
            names[key.name] = group.name
            strengths[key.name] = group.strength
            if not (group.enabled and key.enabled):
                excluded.add(key.name)
    return names, excluded, strengths


def mapped(values: array[float], matrix: Matrix) -> array[float]:
    """Points, 3 numbers each, through a 4x4 matrix."""
    (a, b, c, p), (d, e, f, q), (g, h, i, r), _ = matrix
    out = array("f", bytes(4 * len(values)))
    xs, ys, zs = values[0::3], values[1::3], values[2::3]
    out[0::3] = array("f", (a * x + b * y + c * z + p for x, y, z in zip(xs, ys, zs, strict=True)))
    out[1::3] = array("f", (d * x + e * y + f * z + q for x, y, z in zip(xs, ys, zs, strict=True)))
    out[2::3] = array("f", (g * x + h * y + i * z + r for x, y, z in zip(xs, ys, zs, strict=True)))
    return out


def masked(delta: array[float], face: bpy.types.Object, group_name: str) -> Pieces[array[float]]:
    """A key's differences times its vertex group's weights."""
    group = face.vertex_groups.get(group_name)
    if group is None:  # Blender applies no mask where the group is missing
        return delta
    index, masked = group.index, array("f", bytes(len(delta) * 4))
    for first in range(0, len(face.data.vertices), PIECE):
        yield
        for vertex in face.data.vertices[first : first + PIECE]:
            for element in vertex.groups:
                if element.group == index:
                    for i in range(3 * vertex.index, 3 * vertex.index + 3):
                        masked[i] = delta[i] * element.weight
    return masked
