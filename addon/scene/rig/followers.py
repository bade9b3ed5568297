"""Teeth, eyes, brows: other meshes parented to the head that share its shape keys' names, solved and keyed along with it."""

from __future__ import annotations

import operator
from array import array
from dataclasses import replace
from typing import Dict, List, Optional, Sequence

import bpy
from mathutils import Matrix

from ..keys.channels import below
from ..keys.record import Channel, weight_channels
from ..shot.npz import Array
from .jaw import Jaw, carrier_of, jaw_weights
from .jaw_motion import JAW_WEIGHT, by_bones, deforms, read_motion, rest_in_head
from .mesh import Rig, coordinates, driven_keys, masked, solvable_keys

_STILL = 1e-5  # how much a follower's place in the head's space may change over the shot


def find_followers(
    scene: bpy.types.Scene, face: bpy.types.Object, frames: Sequence[int], jaw: Optional[Jaw] = None
) -> List[bpy.types.Object]:
    """The meshes that move with the head, share a shape key's name with it and stand still in its space or on its jaw bone.

    Leaves the scene at another frame.
    """
    names, carrier = set(solvable_keys(face)), carrier_of(face, jaw)
    found = [one for one in scene.objects if one.type == "MESH" and one.data != face.data and below(one, carrier)]
    found = [one for one in found if names & set(solvable_keys(one)) and one.data.shape_keys.use_relative]
    places: Dict[str, List[Matrix]] = {one.name: [] for one in found}
    for frame in sorted({frames[0], frames[len(frames) // 2], frames[-1]}) if found else ():
        scene.frame_set(frame)
        for one in found:
            places[one.name].append(_place(one, face, jaw))

    def still(first: Matrix, *others: Matrix) -> bool:
        return all(
            abs(a - b) < _STILL
            for other in others
            for p, q in zip(first, other, strict=True)
            for a, b in zip(p, q, strict=True)
        )

    return [one for one in found if still(*places[one.name])]


def shared_channels(face: bpy.types.Object, other: bpy.types.Object) -> Dict[str, Channel]:
    """The follower's own channels of the shape keys that it shares with the head, by the keys' names."""
    names = set(solvable_keys(face))
    return {
        name: Channel(f"{other.name}/{channel.name}", channel.owner, channel.data_path, channel.index, channel.group)
        for name, channel in weight_channels(other).items()
        if name in names
    }


def with_follower(face: bpy.types.Object, other: bpy.types.Object, rig: Rig, jaw: Optional[Jaw] = None) -> Rig:
    """The rig with a follower's mesh behind it, in the head's own space. The follower's own keys stay as they stand now."""
    mesh, keys = other.data, other.data.shape_keys
    count = len(mesh.vertices)
    place = _place(other, face, jaw)
    graph = bpy.context.evaluated_depsgraph_get()
    now = keys.evaluated_get(graph).key_blocks
    head = face.data.shape_keys.evaluated_get(graph).key_blocks
    driven = driven_keys(other)
    neutral = coordinates(keys.reference_key, count, other.name)
    moving: Dict[str, array[float]] = {}
    for name in solvable_keys(other):
        block = keys.key_blocks[name]
        if now[name].mute:
            continue
        own = coordinates(block, count, other.name)
        delta = array("f", map(operator.sub, own, coordinates(block.relative_key, count, other.name)))
        if block.vertex_group:
            delta = masked(delta, other, block.vertex_group)
        follows = name not in driven or (_reads(other, face, name) and abs(now[name].value - head[name].value) < _STILL)
        if name in rig.names and follows:
            moving[name] = delta
        else:
            neutral = array("f", (a + now[name].value * b for a, b in zip(neutral, delta, strict=True)))
    joined = _joined(rig, mesh, place, neutral, moving, _ranges(other, moving))
    if jaw is not None:
        shares = array("f", [1.0] * count) if _on_bone(other, jaw) else jaw_weights(other, jaw)
        shares = rig.arrays[JAW_WEIGHT].values + shares
        joined.arrays[JAW_WEIGHT] = Array(shares, (len(shares),))
    return joined


def mirrored(face: bpy.types.Object, other: bpy.types.Object, scale: Sequence[float]) -> bool:
    """True where a follower is seen mirrored in the world."""
    return _mirrors(_place(other, face, None), scale)


def _mirrors(place: Matrix, scale: Sequence[float]) -> bool:
    return place.determinant() * scale[0] * scale[1] * scale[2] < 0.0


def _joined(
    rig: Rig,
    mesh: bpy.types.Mesh,
    place: Matrix,
    neutral: array[float],
    moving: Dict[str, array[float]],
    ranges: Dict[str, List[float]],
) -> Rig:
    before, keys = rig.arrays, len(rig.names)
    first, count = before["neutral"].shape[0], len(mesh.vertices)
    mesh.calc_loop_triangles()
    corners = array("i", bytes(12 * len(mesh.loop_triangles)))
    mesh.loop_triangles.foreach_get("vertices", corners)
    if _mirrors(place, before["scale"].values):
        corners[0::3], corners[1::3] = corners[1::3], corners[0::3]
    triangles = before["triangles"].values + array("i", (corner + first for corner in corners))
    turn, shift = place.to_3x3(), place.translation
    deltas, old = array("f"), before["deltas"].values
    for k, name in enumerate(rig.names):
        deltas += old[3 * first * k : 3 * first * (k + 1)]
        deltas += _mapped(moving[name], turn, (0, 0, 0)) if name in moving else array("f", bytes(12 * count))
    minimum, maximum = (array("f", before[bound].values) for bound in ("minimum", "maximum"))
    for name, (low, high) in ranges.items():
        k = rig.names.index(name)
        minimum[k], maximum[k] = max(minimum[k], low), min(maximum[k], high)
    return replace(
        rig,
        arrays={
            **before,
            "neutral": Array(before["neutral"].values + _mapped(neutral, turn, shift), (first + count, 3)),
            "triangles": Array(triangles, (len(triangles) // 3, 3)),
            "deltas": Array(deltas, (keys, first + count, 3)),
            "minimum": Array(minimum, (keys,)),
            "maximum": Array(maximum, (keys,)),
        },
    )


def _mapped(values: array[float], turn: Matrix, shift: Sequence[float]) -> array[float]:
    (a, b, c), (d, e, f), (g, h, i) = turn
    p, q, r = shift
    out = array("f", bytes(4 * len(values)))
    xs, ys, zs = values[0::3], values[1::3], values[2::3]
    out[0::3] = array("f", (a * x + b * y + c * z + p for x, y, z in zip(xs, ys, zs, strict=True)))
    out[1::3] = array("f", (d * x + e * y + f * z + q for x, y, z in zip(xs, ys, zs, strict=True)))
    out[2::3] = array("f", (g * x + h * y + i * z + r for x, y, z in zip(xs, ys, zs, strict=True)))
    return out


def _ranges(other: bpy.types.Object, moving: Dict[str, array[float]]) -> Dict[str, List[float]]:
    blocks = other.data.shape_keys.key_blocks
    return {name: [blocks[name].slider_min, blocks[name].slider_max] for name in moving}


def _place(other: bpy.types.Object, face: bpy.types.Object, jaw: Optional[Jaw]) -> Matrix:
    """The follower's space in the head's, as they stand; of one that hangs on the jaw bone, with the bone at rest."""
    graph = bpy.context.evaluated_depsgraph_get()
    above = Matrix.Identity(4) if jaw is None or deforms(other, jaw) else by_bones(jaw, graph)
    head = face.evaluated_get(graph).matrix_world @ above
    place = head.inverted_safe() @ other.evaluated_get(graph).matrix_world
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
