"""Finds what moves a head: the face itself, what it is parented to, its armature, or a bone."""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

import bpy

from ..keys.channels import below
from ..rig.followers import parts_beside
from ..rig.head import Carrier
from ..rig.jaw import jaw_if_sound, usual_carrier
from ..rig.skinning import below_bone, bone_shares, head_bone, share_below, skinned_to

_ELSEWHERE = 0.02  # of a face's weights on bones that are neither head nor neck: then the mesh is a body's
_FOLLOWED = ("COPY_TRANSFORMS", "COPY_ROTATION", "COPY_LOCATION", "CHILD_OF", "ARMATURE")
_LINKS = 6


def find_mover(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> Tuple[Carrier, str]:
    """What should be keyed to move the face, and a sentence of why; the sentence is empty where it is the face itself.

    A bone, where the armature carries more than the head: a body has to stay. Else the whole armature, or the lowest
    object that the face and the parts beside it, eyes and teeth, are parented to.
    """
    face = settings.face
    armature, bone = _hung_bone(face)
    if armature is not None and bone:
        bodies = _bodies(scene, face, armature, bone)
        apart = not (below(face, armature) or below(armature, face))
        if bodies or (
            apart and jaw_if_sound(settings) is None
        ):  # with a jaw bone they can be parented at a button's press
            control = _control(armature, bone)
            followed = f", which {bone} follows" if control != bone else ""
            why = f"{armature.name} also carries {bodies[0]}" if bodies else f"{face.name} hangs on it"
            return Carrier(
                armature, control
            ), f"The head is moved by the bone {control} of {armature.name}{followed} ({why})."
        owner = armature if below(face, armature) else face
        return Carrier(owner), "" if owner == face else f"The head is moved by {owner.name}, its armature."
    parts = [one for one in parts_beside(scene, face) if _root(one) == _root(face) and one != face]
    for above in _parents(face):
        if parts and all(below(one, above) for one in parts):
            names = ", ".join(one.name for one in parts[:3])
            return Carrier(above), f"The head is moved by {above.name}, which carries {names} along."
    owner = usual_carrier(face, jaw_if_sound(settings))
    return Carrier(owner), "" if owner == face else f"The head is moved by {owner.name}, its armature."


def _hung_bone(face: bpy.types.Object) -> Tuple[Optional[bpy.types.Object], str]:
    """The armature and bone that the face's weights, or its parents, hang it on."""
    for armature in skinned_to(face):
        bone = head_bone(face, armature)
        if bone:
            return armature, bone
    above = face
    while above is not None:
        if above.parent_type == "BONE" and above.parent is not None and above.parent.type == "ARMATURE":
            return above.parent, above.parent_bone
        above = above.parent
    return None, ""


def _bodies(scene: bpy.types.Scene, face: bpy.types.Object, armature: bpy.types.Object, bone: str) -> List[str]:
    """The names of the meshes that hang on the armature and not on the head's bone.

    They must not move with the head.
    """
    head = below_bone(armature, bone)
    found = []
    for one in scene.objects:
        if one.type != "MESH" or one == face or below(one, face):
            continue
        share = share_below(one, armature, head)
        if (share is not None and share < 0.5) or (share is None and below(one, armature) and not below(face, one)):
            found.append(one.name)
    neck = armature.data.bones[bone].parent
    near = below_bone(armature, neck.name) | {neck.name} if neck is not None else head
    shares = bone_shares(face, armature) if armature in skinned_to(face) else {}
    if sum(share for name, share in shares.items() if name not in near) > _ELSEWHERE:
        found.append(f"the body of {face.name}")
    return found


def _control(armature: bpy.types.Object, bone: str) -> str:
    """The bone that an artist moves to move this one.

    It is this bone, or what its constraints follow, as deforming bones do in Rigify and Auto-Rig.
    """
    name = bone
    for _ in range(_LINKS):
        posed = armature.pose.bones[name]
        targets = [
            target
            for one in posed.constraints
            if one.type in _FOLLOWED and not one.mute and one.influence > 0.5
            for target in _targets(one)
            if target in armature.pose.bones and target != name
        ]
        if targets:
            name = targets[0]
        elif posed.parent is not None and not posed.bone.use_deform and _is_mechanism(posed):
            name = posed.parent.name
        else:
            return name
    return bone


def _targets(constraint: bpy.types.Constraint) -> Iterator[str]:
    if constraint.type == "ARMATURE":
        yield from (one.subtarget for one in constraint.targets)
    else:
        yield constraint.subtarget


def _is_mechanism(posed: bpy.types.PoseBone) -> bool:
    """Whether a bone is a rig's inner part: Rigify calls these ORG- and MCH-."""
    return posed.name.startswith(("ORG-", "MCH-"))


def _parents(face: bpy.types.Object) -> Iterator[bpy.types.Object]:
    above = face.parent
    while above is not None:
        yield above
        above = above.parent


def _root(one: bpy.types.Object) -> bpy.types.Object:
    while one.parent is not None:
        one = one.parent
    return one
