"""Tells which mesh of a scene is the face: by what its shape keys move, not by how many there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Sequence

import bpy
from mathutils import Vector

from ...pieces import whole
from ..rig.mesh import Box, face_candidates, moved_boxes, sampled_keys, solvable_keys
from ..rig.shape_groups import IDENTITY, group_of

_FACIAL = ("jaw", "mouth", "brows", "eyes", "cheeks", "nose")
_LOCAL = 0.6  # of the mesh's extent: a key that moves a part of it smaller than this says something about that part
_APART = 0.12  # of the mesh's extent: moved parts whose middles are as far apart are different ones
_PLACES = 12  # as many places that move on their own make a face; more say nothing more
_PARTS = 3.0  # what eyes, teeth or a tongue inside the mesh are worth


@dataclass(frozen=True)
class FaceLook:
    """How much a mesh looks like a face.

    Args:
        mesh: its object.
        score: compared between the meshes of a scene.
        moving: how many of its shape keys move anything.
        places: in how many places they do.
        parts: how many other meshes with shape keys lie inside it.
    """

    mesh: bpy.types.Object
    score: float
    moving: int
    places: int
    parts: int

    @property
    def why(self) -> str:
        """In words."""
        keys = len(solvable_keys(self.mesh))
        count = f"{keys} shape keys" if self.moving == keys else f"{self.moving} of its {keys} shape keys move it"
        inside = f", {self.parts} mesh{'es' if self.parts > 1 else ''} of the head inside" if self.parts else ""
        return f"{count}, in {self.places} place{'s' if self.places != 1 else ''}{inside}"


def faces_by_look(scene: bpy.types.Scene) -> List[FaceLook]:
    """The meshes with shape keys, the one that looks most like a face first.

    A face moves in many places, each on its own: lids, brows, corners of the mouth. An eyeball may carry the names of
    all keys and turns as a whole or not at all; a body's correctives move its joints and have no facial names; and eyes
    and teeth lie in the head, not the other way round.
    """
    candidates = face_candidates(scene)
    looks = [_look(one) for one in candidates]
    best = max((look.score for look in looks), default=0.0)
    boxes = {one.name: _world_box(one) for one in candidates}
    for place, look in enumerate(looks):
        if look.score + _PARTS >= best:  # the others cannot be it, whatever lies in them
            own = boxes[look.mesh.name]
            parts = sum(_holds(own, box) for name, box in boxes.items() if name != look.mesh.name)
            looks[place] = replace(look, parts=parts, score=look.score + (_PARTS if parts and look.moving else 0.0))
    return sorted(looks, key=lambda look: -look.score)


def is_part_of(one: bpy.types.Object, other: bpy.types.Object) -> bool:
    """Whether a mesh lies in another and is much smaller, as an eyeball in a head."""
    return _holds(_world_box(other), _world_box(one))


def _look(mesh: bpy.types.Object) -> FaceLook:
    names = solvable_keys(mesh)
    moved = whole(moved_boxes(mesh, names))
    share = len(moved) / max(1, len(sampled_keys(names)))
    extent = max(b - a for a, b in zip(*_box(mesh.bound_box), strict=True)) or 1.0
    places: List[List[float]] = []
    facial = 0
    for name, (first, last) in moved.items():
        group = group_of(name)
        facial += group in _FACIAL
        if group == IDENTITY or max(b - a for a, b in zip(first, last, strict=True)) > _LOCAL * extent:
            continue
        middle = [0.5 * (a + b) for a, b in zip(first, last, strict=True)]
        if all(max(abs(a - b) for a, b in zip(middle, other, strict=True)) > _APART * extent for other in places):
            places.append(middle)
    moving = round(share * len(names))
    score = min(_PLACES, len(places)) + 6.0 * facial / max(1, len(moved)) + min(1.0, moving / 50.0)
    return FaceLook(mesh, score if moved else 0.01 * min(1.0, len(names) / 50.0), moving, len(places), 0)


def _world_box(mesh: bpy.types.Object) -> Box:
    matrix = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world
    return _box([matrix @ Vector(corner) for corner in mesh.bound_box])


def _box(corners: Sequence[Sequence[float]]) -> Box:
    axes = [[corner[i] for corner in corners] for i in range(3)]
    return [min(axis) for axis in axes], [max(axis) for axis in axes]


def _holds(outer: Box, inner: Box) -> bool:
    """Whether a box lies in another and is much smaller."""
    middle = [0.5 * (a + b) for a, b in zip(*inner, strict=True)]
    size, larger = [b - a for a, b in zip(*inner, strict=True)], [b - a for a, b in zip(*outer, strict=True)]
    return all(a <= m <= b for m, a, b in zip(middle, *outer, strict=True)) and max(size) < 0.7 * max(larger)
