"""The jaw bone: finds it behind the face's Armature modifier, reads its weights and motion, and names its channels."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import bpy
from mathutils import Matrix, Vector

from ..problem import WARNING, FaceSolveProblem, Problem
from .channels import below
from .npz import Array
from .record import Channel, pose_channels

_NAMED = re.compile(r"jaw|mandib", re.IGNORECASE)
_ANOTHER = re.compile(r"upper|top", re.IGNORECASE)  # a bone of the upper jaw, which does not open
_SIDED = re.compile(r"[._ -][LRlr]([._ -]?\d+)?$|left|right", re.IGNORECASE)
_STILL = 1e-4  # how much the bone's rest may move in the head's space over a shot, and a bone above it from its rest
_NO_WEIGHT = 1e-4  # a vertex whose weights sum to less is not deformed: Blender's own threshold
_weighed: Dict[
    Tuple[str, str], int
] = {}  # by mesh and bone, a vertex with a weight: asking all at every redraw is slow
_OTHERWISE = "or empty Jaw Bone in the Setup panel"


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
    modifiers = _armature_modifiers(face)
    if not modifiers:
        raise FaceSolveProblem(
            f"The jaw bone {name} is chosen, but no Armature modifier of {face.name} is switched on.",
            f"Add the modifier with the armature that holds the bone, {_OTHERWISE}.",
        )
    for modifier in modifiers:
        if name in modifier.object.pose.bones:
            return Jaw(face, modifier.object, name)
    raise FaceSolveProblem(f"{modifiers[0].object.name} has no bone {name}.", f"Choose the jaw's bone, {_OTHERWISE}.")


def jaw_if_sound(settings: bpy.types.PropertyGroup) -> Optional[Jaw]:
    """The jaw bone of the settings; None also where it cannot be found, which the prechecks say."""
    try:
        return chosen_jaw(settings)
    except FaceSolveProblem:
        return None


def carrier_of(face: bpy.types.Object, jaw: Optional[Jaw]) -> bpy.types.Object:
    """The object that is moved to move the head: the armature where the face hangs below it, so that the bone comes along."""
    return jaw.armature if jaw is not None and below(face, jaw.armature) else face


def head_channels(face: bpy.types.Object, jaw: Optional[Jaw]) -> List[Channel]:
    """Location and rotation of the head, and of the jaw bone."""
    return pose_channels(carrier_of(face, jaw)) + (jaw.channels if jaw is not None else [])


def find_jaw(face: bpy.types.Object) -> Tuple[str, str]:
    """(name of the bone that looks like the jaw, or "", and a sentence of what was found, or "")."""
    idle = []
    for modifier in _armature_modifiers(face):
        named = [
            bone.name
            for bone in modifier.object.data.bones
            if bone.use_deform and _NAMED.search(bone.name) and not _ANOTHER.search(bone.name)
        ]
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


def check_jaw(jaw: Jaw) -> None:
    """Refuse a bone that cannot be solved; cheap enough for every redraw.

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
        raise FaceSolveProblem(f"The jaw bone {name} does not deform.", f"Turn on Deform in the bone's properties, {_OTHERWISE}.")  # fmt: skip
    if not any(modifier.use_vertex_groups for modifier in _armature_modifiers(face) if modifier.object == armature):
        raise FaceSolveProblem(
            f"The Armature modifier of {face.name} does not use vertex groups.",
            "Turn on Vertex Groups in the modifier.",
        )
    if not _has_weight(face, name):
        raise FaceSolveProblem(
            f"No vertex of {face.name} has a weight for the jaw bone {name}.",
            f"Paint weights in the vertex group {name}, {_OTHERWISE}.",
        )
    constraints = [one.name for one in jaw.posed.constraints if not one.mute and one.influence > 0.0]
    if constraints:
        raise FaceSolveProblem(
            f"The jaw bone {name} is moved by the constraint {constraints[0]}.", f"Mute the constraint, {_OTHERWISE}."
        )
    path = jaw.posed.path_from_id()
    drivers = armature.animation_data.drivers if armature.animation_data else ()
    if any(driver.data_path.startswith(f"{path}.") for driver in drivers):
        raise FaceSolveProblem(f"A driver moves the jaw bone {name}.", f"Remove the driver, {_OTHERWISE}.")
    if not (below(face, armature) or below(armature, face)):
        raise FaceSolveProblem(
            f"{armature.name} does not move with {face.name}: the jaw bone would stay behind.",
            f"Parent {armature.name} to {face.name}.",
            "face_solve.carry_armature",
        )


def bent(jaw: Jaw) -> List[Problem]:
    """What makes Blender's mesh differ a little from the solver's, which blends linearly."""
    found = []
    modifiers = [one for one in _armature_modifiers(jaw.face) if one.object == jaw.armature]
    if any(one.use_deform_preserve_volume for one in modifiers):
        found.append(
            Problem(
                WARNING,
                f"The Armature modifier of {jaw.face.name} preserves volume: where the jaw's weights fade the solve is a little off.",
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
    """The bone's share of each vertex, as Blender's modifier has it: of all deforming bones' weights, times its own mask."""
    modifier = next((one for one in _armature_modifiers(mesh) if one.object == jaw.armature), None)
    shares = array("f", bytes(4 * len(mesh.data.vertices)))
    group = mesh.vertex_groups.find(jaw.name)
    if modifier is None or group < 0:
        return shares
    bones = jaw.armature.data.bones
    deforming = {one.index for one in mesh.vertex_groups if one.name in bones and bones[one.name].use_deform}
    mask = mesh.vertex_groups.find(modifier.vertex_group) if modifier.vertex_group else -1
    for vertex in mesh.data.vertices:
        weights = {element.group: element.weight for element in vertex.groups}
        total = sum(weight for index, weight in weights.items() if index in deforming)
        if total > _NO_WEIGHT:
            shares[vertex.index] = weights.get(group, 0.0) / total
            if mask >= 0:
                masked = weights.get(mask, 0.0)
                shares[vertex.index] *= 1.0 - masked if modifier.invert_vertex_group else masked
    return shares


def deforms(mesh: bpy.types.Object, jaw: Jaw) -> bool:
    """Whether the jaw's armature deforms a mesh."""
    return any(one.object == jaw.armature for one in _armature_modifiers(mesh))


def rest_in_head(jaw: Jaw, graph: bpy.types.Depsgraph) -> Matrix:
    """4x4: the bone's rest axes and head in the face's own space."""
    face, armature = jaw.face.evaluated_get(graph), jaw.armature.evaluated_get(graph)
    return face.matrix_world.inverted_safe() @ armature.matrix_world @ jaw.posed.bone.matrix_local


def read_motion(jaw: Jaw, graph: bpy.types.Depsgraph) -> Matrix:
    """4x4: the bone's turn and shift from its rest, in its own rest axes.

    Raises:
        FaceSolveProblem: where it is scaled or sheared, or a bone above it is posed that it does not follow.
    """
    posed = jaw.armature.evaluated_get(graph).pose.bones[jaw.name]
    bone, above = posed.bone, _pose_above(jaw, graph)
    follows = bone.use_inherit_rotation and bone.use_local_location and bone.inherit_scale == "FULL"
    if not (follows or near(above, Matrix.Identity(4))):
        raise FaceSolveProblem(
            f"The bone {posed.parent.name} above the jaw bone {jaw.name} is posed, and the jaw does not inherit all of it.",
            f"Clear its pose (Alt+G, Alt+R), or let the jaw bone inherit rotation, scale and local location, {_OTHERWISE}.",
        )
    motion = bone.matrix_local.inverted_safe() @ above.inverted_safe() @ posed.matrix
    turn = motion.to_3x3()
    if not near((turn @ turn.transposed()).to_4x4(), Matrix.Identity(4), 1e-3):
        raise FaceSolveProblem(f"The jaw bone {jaw.name} is scaled.", "Clear its scale (Alt+S).")
    return motion


def by_bones(jaw: Optional[Jaw], graph: bpy.types.Depsgraph) -> Matrix:
    """4x4, in the face's own space: what the bones above the jaw do to the head as a whole."""
    if jaw is None or jaw.posed.parent is None:
        return Matrix.Identity(4)
    face, armature = jaw.face.evaluated_get(graph), jaw.armature.evaluated_get(graph)
    place = armature.matrix_world.inverted_safe() @ face.matrix_world
    return place.inverted_safe() @ _pose_above(jaw, graph) @ place


def head_matrix(face: bpy.types.Object, jaw: Optional[Jaw], graph: bpy.types.Depsgraph) -> Matrix:
    """4x4: the head's place in the world: the object's, and then what the bones above the jaw do to it."""
    world = face.evaluated_get(graph).matrix_world.copy()
    return world if jaw is None else world @ by_bones(jaw, graph)


def _pose_above(jaw: Jaw, graph: bpy.types.Depsgraph) -> Matrix:
    """4x4, in the armature's space: what the bone above the jaw does to its vertices; the identity where it rests."""
    above = jaw.armature.evaluated_get(graph).pose.bones[jaw.name].parent
    if above is None or near(above.matrix, above.bone.matrix_local, 1e-7):
        return Matrix.Identity(4)
    return above.matrix @ above.bone.matrix_local.inverted_safe()


def motion_values(motion: Matrix) -> Tuple[List[float], List[float]]:
    """The rotation (9, row-major) and translation (3) of a bone's motion, as in shot.json."""
    return [value for row in motion.to_quaternion().to_matrix() for value in row], list(motion.translation)


def own_motion(jaw: Jaw, rotation: Sequence[float], translation: Sequence[float]) -> Tuple[Vector, Matrix]:
    """The location (3) and rotation matrix (3x3) that the bone's channels must hold for a motion from its rest."""
    motion = Matrix((rotation[0:3], rotation[3:6], rotation[6:9])).to_4x4()
    motion.translation = Vector(translation)
    bone = jaw.posed.bone
    above = {}
    if bone.parent is not None:
        above = {"parent_matrix": bone.parent.matrix_local, "parent_matrix_local": bone.parent.matrix_local}
    basis = bone.convert_local_to_pose(bone.matrix_local @ motion, bone.matrix_local, **above, invert=True)
    return basis.translation, basis.to_quaternion().to_matrix()


def jaw_arrays(jaw: Jaw, rest: Matrix) -> Dict[str, Array]:
    """What rig.npz says of the bone (docs/shot_format.md)."""
    weights = jaw_weights(jaw.face, jaw)
    return {
        "jaw_weight": Array(weights, (len(weights),)),
        "jaw_rest": Array(array("d", (value for row in rest for value in row)), (4, 4)),
        "jaw_slides": Array(array("b", [jaw.slides]), (), boolean=True),
    }


def skin(vertices: array[float], arrays: Dict[str, Array], motion: Matrix, above: Matrix) -> None:
    """Move vertices (3 numbers each, in the face's own space) as the bone does, and then the bones above it, in place."""
    rest = Matrix([arrays["jaw_rest"].values[4 * i : 4 * i + 4] for i in range(4)])
    whole = rest @ motion @ rest.inverted_safe()
    everywhere = not near(above, Matrix.Identity(4), 1e-9)
    for i, share in enumerate(arrays["jaw_weight"].values):
        if not (share or everywhere):
            continue
        place = Vector(vertices[3 * i : 3 * i + 3])
        vertices[3 * i : 3 * i + 3] = array("f", above @ (place + share * (whole @ place - place)))


def near(first: Matrix, second: Matrix, within: float = _STILL) -> bool:
    """True where no element of two 4x4 matrices differs by more."""
    return all(abs(a - b) < within for p, q in zip(first, second, strict=True) for a, b in zip(p, q, strict=True))


def _armature_modifiers(mesh: bpy.types.Object) -> List[bpy.types.Modifier]:
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
