"""The jaw bone's weights, rest and motion, between Blender's bone and the solver's joint (docs/shot_format.md)."""

from __future__ import annotations

from array import array
from typing import Dict, List, Optional, Sequence, Tuple

import bpy
from mathutils import Matrix, Vector

from ... import protocol
from ...pieces import Pieces
from ...problem import FaceSolveProblem
from ..shot.npz import Array
from .jaw import OTHERWISE, Jaw, jaw_weight_pieces
from .mesh import PIECE

# its arrays in rig.npz
JAW_WEIGHT, JAW_REST, JAW_SOLVED = (f"joints/{protocol.JAW}/{what}" for what in ("weight", "rest", "solved"))
_STILL = 1e-4  # how much an element of a matrix may change and count as still


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
            f"The bone {posed.parent.name} above the jaw bone {jaw.name} is posed, "
            "and the jaw does not inherit all of it.",
            "Clear its pose (Alt+G, Alt+R), "
            f"or let the jaw bone inherit rotation, scale and local location, {OTHERWISE}.",
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


def jaw_arrays(jaw: Jaw, rest: Matrix) -> Pieces[Dict[str, Array]]:
    """What rig.npz says of the bone (docs/shot_format.md)."""
    weights = yield from jaw_weight_pieces(jaw.face, jaw)
    return {
        JAW_WEIGHT: Array(weights, (len(weights),)),
        JAW_REST: Array(array("d", (value for row in rest for value in row)), (4, 4)),
        JAW_SOLVED: Array(array("b", [True] * 3 + [jaw.slides] * 3), (6,), boolean=True),
    }


def skin(vertices: array[float], arrays: Dict[str, Array], motion: Matrix, above: Matrix) -> Pieces[None]:
    """Move vertices (3 numbers each, in the face's own space) in place, as the bone and then the bones above it do."""
    rest = Matrix([arrays[JAW_REST].values[4 * i : 4 * i + 4] for i in range(4)])
    whole = rest @ motion @ rest.inverted_safe()
    everywhere = not near(above, Matrix.Identity(4), 1e-9)
    for i, share in enumerate(arrays[JAW_WEIGHT].values):
        if i % PIECE == 0:
            yield
        if not (share or everywhere):
            continue
        place = Vector(vertices[3 * i : 3 * i + 3])
        vertices[3 * i : 3 * i + 3] = array("f", above @ (place + share * (whole @ place - place)))


def near(first: Matrix, second: Matrix, within: float = _STILL) -> bool:
    """True where no element of two 4x4 matrices differs by more."""
    return all(abs(a - b) < within for p, q in zip(first, second, strict=True) for a, b in zip(p, q, strict=True))
