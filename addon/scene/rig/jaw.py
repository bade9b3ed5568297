"""The jaw bone: finds it behind the face's Armature modifier, says what is wrong with it, and names its channels."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import bpy

from ...pieces import Pieces, whole
from ...problem import WARNING, FaceSolveProblem, Problem
from ..keys.channels import below
from ..keys.record import Channel, pose_channels
from .mesh import PIECE

_NAMED = re.compile(r"jaw|mandib", re.IGNORECASE)
_ANOTHER = re.compile(r"upper|top", re.IGNORECASE)  # a bone of the upper jaw, which does not open
_SIDED = re.compile(r"[._ -][LRlr]([._ -]?\d+)?$|left|right", re.IGNORECASE)
_AT_REST = 1e-4  # how much an element of a bone's matrix may differ from its rest
_NO_WEIGHT = 1e-4  # a vertex whose weights sum to less is not deformed: Blender's own threshold
_weighed: Dict[
    Tuple[str, str], int
] = {}  # by mesh and bone, a vertex with a weight: asking all at every redraw is slow
OTHERWISE = "or empty Jaw Bone in the Setup panel"


@dataclass(frozen=True)
class Jaw:
    """A bone of an armature that deforms the face after its shape keys."""

    face: bpy.types.Object
    armature: bpy.types.Object
    name: str

    @property
    def posed(self) -> bpy.types.PoseBone:
        """The bone as it is posed."""
        return self.armature.pose.bones[self.name]

    @property
    def slides(self) -> bool:
        """Whether its location may be keyed: not where it hangs on its parent's tail or all its locks are closed."""
        hangs = self.posed.bone.use_connect and self.posed.parent is not None
        return not hangs and not all(self.posed.lock_location)

    @property
    def channels(self) -> List[Channel]:
        """Location, where it may be keyed, and rotation by the bone's rotation mode."""
        return pose_channels(self.armature, self.posed)[0 if self.slides else 3 :]


def chosen_jaw(settings: bpy.types.PropertyGroup) -> Optional[Jaw]:
    """The jaw bone of the settings; None where none is named.

    Raises:
        FaceSolveProblem: where the face has no armature with such a bone.
    """
    face, name = settings.face, settings.jaw_bone
    if face is None or not name:
        return None
    modifiers = armature_modifiers(face)
    if not modifiers:
        raise FaceSolveProblem(
            f"The jaw bone {name} is chosen, but no Armature modifier of {face.name} is switched on.",
            f"Add the modifier with the armature that holds the bone, {OTHERWISE}.",
        )
    for modifier in modifiers:
        if name in modifier.object.pose.bones:
            return Jaw(face, modifier.object, name)
    raise FaceSolveProblem(f"{modifiers[0].object.name} has no bone {name}.", f"Choose the jaw's bone, {OTHERWISE}.")


def jaw_if_sound(settings: bpy.types.PropertyGroup) -> Optional[Jaw]:
    """The jaw bone of the settings; None also where it cannot be found, which the prechecks say."""
    try:
        return chosen_jaw(settings)
    except FaceSolveProblem:
        return None


def usual_carrier(face: bpy.types.Object, jaw: Optional[Jaw]) -> bpy.types.Object:
    """The object that is moved to move the head.

    It is the armature where the face hangs below it, so that the bone comes along.
    """
    return jaw.armature if jaw is not None and below(face, jaw.armature) else face


def is_jaw_name(name: str) -> bool:
    """Whether a bone is called a jaw that opens."""
    return bool(_NAMED.search(name)) and not _ANOTHER.search(name)


def find_jaw(face: bpy.types.Object) -> Tuple[str, str]:
    """(name of the bone that looks like the jaw, or "", and a sentence of what was found, or "")."""
    idle = []
    for modifier in armature_modifiers(face):
        named = [bone.name for bone in modifier.object.data.bones if bone.use_deform and is_jaw_name(bone.name)]
        middle = sorted((name for name in named if not _SIDED.search(name)), key=lambda name: (len(name), name))
        weighed = [name for name in middle if _has_weight(face, name)]
        if weighed:
            best = max(weighed, key=lambda name: sum(jaw_weights(face, Jaw(face, modifier.object, name))))
            return best, f"Jaw bone: {best} of {modifier.object.name}."
        idle += middle
    if idle:
        return (
            "",
            f"The bone {idle[0]} moves no vertex of {face.name}: give it weights to have the jaw solved as a bone.",
        )
    return "", ""


def check_jaw(jaw: Jaw, *, carried: bool = False) -> None:
    """Refuse a bone that cannot be solved; cheap enough for every redraw.

    Args:
        jaw: the bone.
        carried: the head is moved by the armature or one of its bones, which the jaw bone follows anyway.

    Raises:
        FaceSolveProblem: with the reason and the remedy.
    """
    face, armature, name = jaw.face, jaw.armature, jaw.name
    if armature.library or armature.data.pose_position == "REST":
        raise FaceSolveProblem(
            f"{armature.name} is linked from another file."
            if armature.library
            else f"{armature.name} is shown in its rest position.",
            "Make it local (Object > Relations > Make Local)."
            if armature.library
            else "Choose Pose Position in the armature's properties.",
        )
    if not jaw.posed.bone.use_deform:
        raise FaceSolveProblem(
            f"The jaw bone {name} does not deform.", f"Turn on Deform in the bone's properties, {OTHERWISE}."
        )
    if not any(modifier.use_vertex_groups for modifier in armature_modifiers(face) if modifier.object == armature):
        raise FaceSolveProblem(
            f"The Armature modifier of {face.name} does not use vertex groups.",
            "Turn on Vertex Groups in the modifier.",
        )
    if not _has_weight(face, name):
        raise FaceSolveProblem(
            f"No vertex of {face.name} has a weight for the jaw bone {name}.",
            f"Paint weights in the vertex group {name}, {OTHERWISE}.",
        )
    constraints = [one.name for one in jaw.posed.constraints if not one.mute and one.influence > 0.0]
    if constraints:
        rests = stands_at_rest(jaw.posed)  # else the shape keys alone would leave the jaw where the constraint puts it
        raise FaceSolveProblem(
            f"The jaw bone {name} is moved by the constraint {constraints[0]}.",
            f"Mute the constraint, {OTHERWISE}." if rests else "Mute the constraint for the solve.",
        )
    path = jaw.posed.path_from_id()
    drivers = armature.animation_data.drivers if armature.animation_data else ()
    if any(driver.data_path.startswith(f"{path}.") for driver in drivers):
        raise FaceSolveProblem(f"A driver moves the jaw bone {name}.", f"Remove the driver, {OTHERWISE}.")
    if not (carried or below(face, armature) or below(armature, face)):
        raise FaceSolveProblem(
            f"{armature.name} does not move with {face.name}: the jaw bone would stay behind.",
            f"Parent {armature.name} to {face.name}.",
            "face_solve.carry_armature",
        )


def stands_at_rest(posed: bpy.types.PoseBone) -> bool:
    """Whether a bone stands to the one above it as it does at rest."""
    rest = posed.bone.matrix_local
    if posed.parent is not None:
        rest = posed.parent.matrix @ posed.parent.bone.matrix_local.inverted_safe() @ rest
    pairs = zip(posed.matrix, rest, strict=True)
    return all(abs(a - b) < _AT_REST for p, q in pairs for a, b in zip(p, q, strict=True))


def bent(jaw: Jaw) -> List[Problem]:
    """What makes Blender's mesh differ a little from the solver's, which blends linearly."""
    found = []
    modifiers = [one for one in armature_modifiers(jaw.face) if one.object == jaw.armature]
    if any(one.use_deform_preserve_volume for one in modifiers):
        found.append(
            Problem(
                WARNING,
                f"The Armature modifier of {jaw.face.name} preserves volume: "
                "where the jaw's weights fade the solve is a little off.",
                "Turn off Preserve Volume in the modifier.",
            )
        )
    if jaw.posed.bone.bbone_segments > 1:
        found.append(
            Problem(
                WARNING, f"The jaw bone {jaw.name} is bendy: it is solved as a stiff one.", "Set its segments to 1."
            )
        )
    return found


def carry(jaw: Jaw) -> None:
    """Parent the armature to the face; nothing moves."""
    armature, face = jaw.armature, jaw.face
    world = armature.matrix_world.copy()
    armature.parent, armature.parent_type = face, "OBJECT"
    armature.matrix_parent_inverse = face.matrix_world.inverted_safe() @ world @ armature.matrix_basis.inverted_safe()


def jaw_weights(mesh: bpy.types.Object, jaw: Jaw) -> array[float]:
    """What `jaw_weight_pieces` finds, at once."""
    return whole(jaw_weight_pieces(mesh, jaw))


def jaw_weight_pieces(mesh: bpy.types.Object, jaw: Jaw) -> Pieces[array[float]]:
    """The bone's share of each vertex, as Blender's modifier has it.

    It is a share of all deforming bones' weights, times the modifier's own mask.
    """
    modifier = next((one for one in armature_modifiers(mesh) if one.object == jaw.armature), None)
    shares = array("f", bytes(4 * len(mesh.data.vertices)))
    group = mesh.vertex_groups.find(jaw.name)
    if modifier is None or group < 0:
        return shares
    bones = jaw.armature.data.bones
    deforming = {one.index for one in mesh.vertex_groups if one.name in bones and bones[one.name].use_deform}
    mask = mesh.vertex_groups.find(modifier.vertex_group) if modifier.vertex_group else -1
    inverted = modifier.invert_vertex_group
    for first in range(0, len(mesh.data.vertices), PIECE):
        yield
        for vertex in mesh.data.vertices[first : first + PIECE]:
            weights = {element.group: element.weight for element in vertex.groups}
            total = sum(weight for index, weight in weights.items() if index in deforming)
            if total > _NO_WEIGHT:
                shares[vertex.index] = weights.get(group, 0.0) / total
                if mask >= 0:
                    masked = weights.get(mask, 0.0)
                    shares[vertex.index] *= 1.0 - masked if inverted else masked
    return shares


def armature_modifiers(mesh: bpy.types.Object) -> List[bpy.types.Modifier]:
    """The Armature modifiers that are switched on."""
    return [
        one
        for one in mesh.modifiers
        if one.type == "ARMATURE" and one.show_viewport and one.object is not None and one.object.type == "ARMATURE"
    ]


def _has_weight(mesh: bpy.types.Object, name: str) -> bool:
    group, place = mesh.vertex_groups.find(name), (mesh.name_full, name)
    if group < 0:
        return False

    def has(vertex: bpy.types.MeshVertex) -> bool:
        return any(element.group == group and element.weight > 0.0 for element in vertex.groups)

    vertices = mesh.data.vertices
    if not (_weighed.get(place, len(vertices)) < len(vertices) and has(vertices[_weighed[place]])):
        _weighed[place] = next((vertex.index for vertex in vertices if has(vertex)), len(vertices))
    return _weighed[place] < len(vertices)
