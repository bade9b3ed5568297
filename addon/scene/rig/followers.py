"""Teeth, eyes, brows: other meshes that move with the head.

They are part of what the solver sees, and keyed along where they share shape keys.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Dict, List, Sequence

import bpy
from mathutils import Matrix, Vector

from ...pieces import Pieces
from ..keys.channels import below
from ..keys.record import Channel, weight_channels
from ..shot.npz import Array
from .controls import driven_alike
from .head import Head
from .jaw import Jaw, jaw_weight_pieces
from .jaw_motion import JAW_WEIGHT, read_motion, rest_in_head
from .mesh import (
    Box,
    Rig,
    coordinates,
    corners_of,
    driven_keys,
    expressive_box,
    expressive_box_pieces,
    key_blocks,
    mapped,
    moved_by,
    own_vertices,
    solvable_keys,
)
from .skinning import below_bone, share_below, skinned_to

_STILL = 1e-5  # how much a follower's place in the head's space may change over the shot
_CARRIED = 0.9  # of a mesh's weights are the head's bones', where it moves with the head
_OBJECTS = 500  # of a scene that are looked at before Blender may go on
_SMALL = 0.62  # of the head's largest extent: a part without shape keys is smaller, hair and a body are larger


def find_followers(scene: bpy.types.Scene, head: Head, frames: Sequence[int]) -> Pieces[List[bpy.types.Object]]:
    """The meshes that move with the head and stand still in its space or on its jaw bone.

    They are those that share a shape key's name, and the head's parts. Leaves the scene at another frame.
    """
    face, names = head.face, set(solvable_keys(head.face))
    box = yield from expressive_box_pieces(face)
    found = []
    for place, one in enumerate(list(scene.objects)):
        if place % _OBJECTS == 0:
            yield
        if (
            one.type != "MESH"
            or one == face
            or one.data == face.data
            or not one.data.polygons
            or not moves_along(one, head)
        ):
            continue
        keys = solvable_keys(one)
        if (names & set(keys) and one.data.shape_keys.use_relative) or (not keys and _is_part(one, head, box)):
            found.append(one)
    places: Dict[str, List[Matrix]] = {one.name: [] for one in found}
    for frame in sorted({frames[0], frames[len(frames) // 2], frames[-1]}) if found else ():
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        for one in found:
            places[one.name].append(_place(one, head, graph))
        yield

    def still(first: Matrix, *others: Matrix) -> bool:
        return all(
            abs(a - b) < _STILL
            for other in others
            for p, q in zip(first, other, strict=True)
            for a, b in zip(p, q, strict=True)
        )

    return [one for one in found if still(*places[one.name])]


def moves_along(one: bpy.types.Object, head: Head) -> bool:
    """Whether an object moves with the head.

    It does where it hangs on what carries the head, and no other bone holds more than a little of it.
    """
    carrier, armature = head.carrier, head.armature
    if below(one, head.face):
        return True
    if armature is not None:
        bones = below_bone(armature, head.skin) | (below_bone(carrier.owner, carrier.bone) if carrier.bone else set())
        share = share_below(one, armature, bones)
        if share is not None:
            return share >= _CARRIED
    if carrier.bone:
        share = share_below(one, carrier.owner, below_bone(carrier.owner, carrier.bone))
        return share is not None and share >= _CARRIED
    return below(one, carrier.owner)


def parts_beside(scene: bpy.types.Scene, face: bpy.types.Object) -> List[bpy.types.Object]:
    """The meshes that look like parts of the head and are not parented to its face.

    Such parts are eyes, teeth, tongue, brows and lashes.
    """
    names, box, found = set(solvable_keys(face)), expressive_box(face), []
    graph = bpy.context.evaluated_depsgraph_get()
    inside = face.evaluated_get(graph).matrix_world.inverted_safe()
    for one in scene.objects:
        if one.type != "MESH" or one == face or one.data == face.data or not one.data.polygons or below(one, face):
            continue
        place = inside @ one.evaluated_get(graph).matrix_world
        if is_inside(one, place, box, keyed=bool(names & set(solvable_keys(one)))):
            found.append(one)
    return found


def is_inside(one: bpy.types.Object, place: Matrix, box: Box, *, keyed: bool) -> bool:
    """Whether a mesh is small and lies in the head, as eyes and teeth do and hair and a body do not.

    Args:
        one: the mesh's object.
        place: 4x4, from its space to the face's.
        box: of the head.
        keyed: whether it shares the face's shape keys: then it may be as large as the face.
    """
    corners = [place @ Vector(corner) for corner in one.bound_box]
    low = [min(corner[i] for corner in corners) for i in range(3)]
    high = [max(corner[i] for corner in corners) for i in range(3)]
    size = [b - a for a, b in zip(*box, strict=True)]
    largest = max(size)
    if not largest:
        return False
    if any(b - a > (1.05 if keyed else _SMALL) * largest for a, b in zip(low, high, strict=True)):
        return False
    middle = [0.5 * (a + b) for a, b in zip(low, high, strict=True)]
    return all(a - 0.1 * largest <= m <= b + 0.1 * largest for m, a, b in zip(middle, *box, strict=True))


def _is_part(one: bpy.types.Object, head: Head, box: Box) -> bool:
    return is_inside(one, _place(one, head, bpy.context.evaluated_depsgraph_get()), box, keyed=False)


def shared_channels(face: bpy.types.Object, other: bpy.types.Object) -> Dict[str, Channel]:
    """The follower's own channels of the shape keys that it shares with the head, by the keys' names."""
    names = set(solvable_keys(face))
    return {
        name: Channel(f"{other.name}/{channel.name}", channel.owner, channel.data_path, channel.index, channel.group)
        for name, channel in weight_channels(other).items()
        if name in names
    }


def with_follower(head: Head, other: bpy.types.Object, rig: Rig) -> Pieces[Rig]:
    """The rig with a follower's mesh behind it, in the head's own space.

    The follower's own keys stay as they stand now.
    """
    face, jaw, mesh, keys = head.face, head.jaw, other.data, other.data.shape_keys
    count = len(mesh.vertices)
    graph = bpy.context.evaluated_depsgraph_get()
    place = _place(other, head, graph)
    neutral = coordinates(keys.reference_key, count, other.name) if keys else own_vertices(other)
    moving: Dict[str, array[float]] = {}
    now = {one.name: (one.value, one.mute) for one in keys.evaluated_get(graph).key_blocks} if keys else {}
    values = {one.name: one.value for one in face.data.shape_keys.evaluated_get(graph).key_blocks} if keys else {}
    driven = driven_keys(other)
    for name in solvable_keys(other):
        yield
        value, mute = now[name]
        if mute:
            continue
        delta = yield from moved_by(other, keys.key_blocks[name], {})
        follows = name not in driven or (
            name in rig.names
            and (_reads(other, face, name) or driven_alike(other, face, name))
            and abs(value - values[name]) < _STILL
        )
        if name in rig.names and follows:
            moving[name] = delta
        elif value:
            neutral = array("f", (a + value * b for a, b in zip(neutral, delta, strict=True)))
    joined = yield from _joined(rig, mesh, place, neutral, moving, _ranges(other, moving))
    if jaw is not None:
        whole_of = _on_bone(other, jaw)
        shares = array("f", [1.0] * count) if whole_of else (yield from jaw_weight_pieces(other, jaw))
        shares = rig.arrays[JAW_WEIGHT].values + shares
        joined.arrays[JAW_WEIGHT] = Array(shares, (len(shares),))
    return joined


def mirrored(head: Head, other: bpy.types.Object, scale: Sequence[float]) -> bool:
    """True where a follower is seen mirrored in the world."""
    return _mirrors(_place(other, head, bpy.context.evaluated_depsgraph_get()), scale)


def _mirrors(place: Matrix, scale: Sequence[float]) -> bool:
    return place.determinant() * scale[0] * scale[1] * scale[2] < 0.0


def _joined(
    rig: Rig,
    mesh: bpy.types.Mesh,
    place: Matrix,
    neutral: array[float],
    moving: Dict[str, array[float]],
    ranges: Dict[str, List[float]],
) -> Pieces[Rig]:
    before = rig.arrays
    first, count = before["neutral"].shape[0], len(mesh.vertices)
    corners = corners_of(mesh)
    if _mirrors(place, before["scale"].values):
        corners[0::3], corners[1::3] = corners[1::3], corners[0::3]
    triangles = before["triangles"].values + array("i", (corner + first for corner in corners))
    turn = place.to_3x3().to_4x4()
    deltas = []
    for name, own in zip(rig.names, rig.deltas, strict=True):
        yield
        deltas.append(own + (mapped(moving[name], turn) if name in moving else array("f", bytes(12 * count))))
    minimum, maximum = (array("f", before[bound].values) for bound in ("minimum", "maximum"))
    for name, (low, high) in ranges.items():
        k = rig.names.index(name)
        minimum[k], maximum[k] = max(minimum[k], low), min(maximum[k], high)
    return replace(
        rig,
        deltas=deltas,
        arrays={
            **before,
            "neutral": Array(before["neutral"].values + mapped(neutral, place), (first + count, 3)),
            "triangles": Array(triangles, (len(triangles) // 3, 3)),
            "minimum": Array(minimum, (len(minimum),)),
            "maximum": Array(maximum, (len(maximum),)),
        },
    )


def _ranges(other: bpy.types.Object, moving: Dict[str, array[float]]) -> Dict[str, List[float]]:
    blocks = key_blocks(other)
    return {name: [blocks[name].slider_min, blocks[name].slider_max] for name in moving}


def _place(other: bpy.types.Object, head: Head, graph: bpy.types.Depsgraph) -> Matrix:
    """The follower's space in the head's, as they stand; of one that hangs on the jaw bone, with the bone at rest."""
    face, jaw = head.face, head.jaw
    armature = jaw.armature if jaw is not None else head.armature
    world = other.evaluated_get(graph).matrix_world
    if armature is not None and armature in skinned_to(other):  # what its bones do to the face, they do to it
        return face.evaluated_get(graph).matrix_world.inverted_safe() @ world
    place = head.matrix(graph).inverted_safe() @ world
    if jaw is None or not _on_bone(other, jaw):
        return place
    rest = rest_in_head(jaw, graph)
    return rest @ read_motion(jaw, graph).inverted_safe() @ rest.inverted_safe() @ place


def _on_bone(other: bpy.types.Object, jaw: Jaw) -> bool:
    """Whether an object, or one that it is parented to, is parented to the jaw bone."""
    above = other
    while above is not None and (above.parent_type, above.parent, above.parent_bone) != (
        "BONE",
        jaw.armature,
        jaw.name,
    ):
        above = above.parent
    return above is not None


def _reads(other: bpy.types.Object, face: bpy.types.Object, name: str) -> bool:
    """True where the driver of the follower's key reads the head's key of the same name."""
    path = other.data.shape_keys.key_blocks[name].path_from_id("value")
    wanted = face.data.shape_keys.key_blocks[name].path_from_id("value")
    return any(
        target.id in (face, face.data, face.data.shape_keys) and wanted in target.data_path
        for curve in other.data.shape_keys.animation_data.drivers
        if curve.data_path == path
        for variable in curve.driver.variables
        for target in variable.targets
    )
