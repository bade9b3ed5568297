"""Which bones carry a mesh: the share of its weights that each bone has, and what a bone does to what hangs on it."""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Optional, Set, Tuple

import bpy
from mathutils import Matrix

_SAMPLED = 1500  # vertices that are asked for their weights: enough to tell whose they are
_NAMED = re.compile(r"(?<![a-z])(head|kopf|tete|cabeza|testa|skull)(?![a-z])|頭|首から上|голова", re.IGNORECASE)
_ENDS = re.compile(r"end|tip|top|nub|\bik\b", re.IGNORECASE)  # a helper at the head's tip, which carries nothing
_LEAST = 0.1  # of a mesh's weights: a bone with less is not what carries it
_RESTS = 1e-7  # an element of a pose's matrix that differs by less from the rest is at rest
_MOST = 0.9  # of the weights: what carries the head carries at least this much of it

Weights = Dict[str, float]


def skinned_to(mesh: bpy.types.Object) -> List[bpy.types.Object]:
    """The armatures whose modifiers are switched on, in their order."""
    return [
        one.object
        for one in mesh.modifiers
        if one.type == "ARMATURE" and one.show_viewport and one.object is not None and one.object.type == "ARMATURE"
    ]


def bone_shares(mesh: bpy.types.Object, armature: bpy.types.Object) -> Weights:
    """The share of each deforming bone in a mesh's weights, of a sample of its vertices.

    Empty where no vertex has any.
    """
    bones = armature.data.bones
    named = {one.index: one.name for one in mesh.vertex_groups if one.name in bones and bones[one.name].use_deform}
    vertices = mesh.data.vertices
    step = max(1, len(vertices) // _SAMPLED)
    shares: Weights = {}
    for index in range(0, len(vertices), step):
        for element in vertices[index].groups:
            name = named.get(element.group)
            if name is not None and element.weight > 0.0:
                shares[name] = shares.get(name, 0.0) + element.weight
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()} if total else {}


def below_bone(armature: bpy.types.Object, bone: str) -> Set[str]:
    """The names of a bone and of all that hang on it."""
    root = armature.data.bones.get(bone)
    return {bone, *(one.name for one in root.children_recursive)} if root is not None else set()


def head_bone(mesh: bpy.types.Object, armature: bpy.types.Object) -> str:
    """The bone that carries a head's mesh: by its name, else the lowest that carries nearly all of it.

    Empty where there is none.
    """
    shares = bone_shares(mesh, armature)

    def carried(name: str) -> float:
        return sum(shares.get(one, 0.0) for one in below_bone(armature, name))

    named = [one.name for one in armature.data.bones if is_head_name(one.name) and carried(one.name) > _LEAST]
    if named:
        return max(named, key=lambda name: (carried(name), shares.get(name, 0.0), -len(name)))
    holding = [one for one in armature.data.bones if carried(one.name) >= _MOST]
    return max(holding, key=lambda one: len(one.parent_recursive)).name if holding else ""


def is_head_name(name: str) -> bool:
    """Whether a bone is called a head."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("_", " ")
    return bool(_NAMED.search(plain)) and not _ENDS.search(plain)


def hung_on(one: bpy.types.Object, armature: bpy.types.Object) -> str:
    """The bone of an armature that an object, or one that it is parented to, is parented to; empty where it is none."""
    above: Optional[bpy.types.Object] = one
    while above is not None:
        if above.parent == armature and above.parent_type == "BONE":
            return above.parent_bone
        above = above.parent
    return ""


def share_below(mesh: bpy.types.Object, armature: bpy.types.Object, bones: Iterable[str]) -> Optional[float]:
    """How much of a mesh these bones carry, from 0 to 1; None where the armature's bones do not move it."""
    wanted = set(bones)
    hung = hung_on(mesh, armature)
    if hung:
        return float(hung in wanted)
    if armature not in skinned_to(mesh):
        return None
    shares = bone_shares(mesh, armature)
    return sum(share for name, share in shares.items() if name in wanted) if shares else None


def done_by(armature: bpy.types.Object, bone: str, graph: bpy.types.Depsgraph) -> Matrix:
    """4x4, in the world: what a bone's pose does to what is skinned to it; the identity where it rests."""
    evaluated = armature.evaluated_get(graph)
    posed = evaluated.pose.bones[bone]
    pairs = zip(posed.matrix, posed.bone.matrix_local, strict=True)
    if all(abs(a - b) < _RESTS for p, q in pairs for a, b in zip(p, q, strict=True)):
        return Matrix.Identity(4)
    world = evaluated.matrix_world
    return world @ posed.matrix @ posed.bone.matrix_local.inverted_safe() @ world.inverted_safe()


def bone_frame(posed: bpy.types.PoseBone) -> Tuple[Matrix, Matrix]:
    """How a bone's channels place it in its armature.

    Returns the 4x4 of its pose at rest, and the 3x3 of where its location slides it.
    """
    bone = posed.bone
    above = {}
    if posed.parent is not None:
        above = {"parent_matrix": posed.parent.matrix, "parent_matrix_local": posed.parent.bone.matrix_local}

    def placed(basis: Matrix) -> Matrix:
        return bone.convert_local_to_pose(basis, bone.matrix_local, **above)

    still = placed(Matrix.Identity(4))
    axes = [placed(Matrix.Translation(axis)).translation - still.translation for axis in Matrix.Identity(3)]
    return still, Matrix(axes).transposed()
