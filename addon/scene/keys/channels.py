"""Between the head's world pose and the location and rotation channels of the object or bone that carries it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Sequence, Tuple, Union

import bpy
from mathutils import Euler, Matrix, Quaternion, Vector

from ...problem import FaceSolveProblem

ROTATION_PATHS = {"QUATERNION": ("rotation_quaternion", 4), "AXIS_ANGLE": ("rotation_axis_angle", 4)}


@dataclass(frozen=True)
class Space:
    """What stands between the channels of an object or bone and its world matrix at one frame.

    Args:
        parent: 4x4; world matrix = parent @ basis matrix.
        scale: its own scale times its delta scale.
        delta_location: added to the location channel.
        delta_rotation: 3x3, applied after the rotation channel.
        child: 4x4; the head's world matrix = its own @ child, where the head hangs on what is moved.
        slide: 3x3; how the location channel moves it in the world, where a bone takes its parent's turn but slides
            along other axes.
    """

    parent: Matrix
    scale: Vector
    delta_location: Vector
    delta_rotation: Matrix
    child: Matrix = field(default_factory=lambda: Matrix.Identity(4))
    slide: Optional[Matrix] = None


@dataclass(frozen=True)
class Pose:
    """The head in the world: rotation (3x3), translation (3) and scale (3): a vertex is `R @ (scale * local) + t`."""

    rotation: Matrix
    translation: Vector
    scale: Vector


def rotation_channel(moved: Union[bpy.types.Object, bpy.types.PoseBone]) -> Tuple[str, int]:
    """(data path, number of components) of an object's or bone's rotation mode."""
    return ROTATION_PATHS.get(moved.rotation_mode, ("rotation_euler", 3))


def below(one: bpy.types.Object, other: bpy.types.Object) -> bool:
    """Whether `one` is parented to `other`, over others or not."""
    parent = one.parent
    while parent is not None and parent != other:
        parent = parent.parent
    return parent is not None


def read_space(face: bpy.types.Object) -> Space:
    """The space of an evaluated object at the scene's current frame.

    Raises:
        FaceSolveProblem: where the parents stretch it: turned, it would be sheared.
    """
    if face.parent is None and not any(not one.mute for one in face.constraints):
        parent = Matrix.Identity(4)
    else:
        parent = face.matrix_world @ face.matrix_basis.inverted_safe()
        if not keeps_shapes(parent):
            raise FaceSolveProblem(
                f"{face.name} is stretched by its parents' scale.", "Apply the parents' scale (Ctrl+A)."
            )
    if face.rotation_mode == "QUATERNION":
        delta = face.delta_rotation_quaternion.to_matrix()
    elif face.rotation_mode == "AXIS_ANGLE":
        delta = Matrix.Identity(3)  # Blender shows no delta for this mode
    else:
        delta = face.delta_rotation_euler.to_matrix()
    scale = Vector(own * more for own, more in zip(face.scale, face.delta_scale, strict=True))
    return Space(parent.copy(), scale, face.delta_location.copy(), delta)


def keeps_shapes(matrix: Matrix) -> bool:
    """True where a matrix turns, moves and scales all directions alike."""
    axes = [matrix.col[i].to_3d() for i in range(3)]
    size = max(axis.length for axis in axes)
    alike = size - min(axis.length for axis in axes) <= 1e-4 * size
    return alike and all(abs(axes[a].dot(axes[b])) <= 1e-4 * size * size for a, b in ((0, 1), (0, 2), (1, 2)))


def read_pose(face: bpy.types.Object, world: Matrix) -> Pose:
    """The head's pose of its world matrix (4x4).

    Raises:
        FaceSolveProblem: where it has zero scale or is sheared by its parents.
    """
    lengths = [world.col[i].to_3d().length for i in range(3)]
    if min(lengths) < 1e-9:
        raise FaceSolveProblem(f"{face.name} has a scale of zero.", "Give it a scale, and apply it (Ctrl+A).")
    axes = [world.col[i].to_3d() / lengths[i] for i in range(3)]
    if max(abs(axes[0].dot(axes[1])), abs(axes[0].dot(axes[2])), abs(axes[1].dot(axes[2]))) > 1e-4:
        raise FaceSolveProblem(f"{face.name} is sheared by its parents' scale.", "Apply the parents' scale (Ctrl+A).")
    mirror = -1.0 if axes[0].cross(axes[1]).dot(axes[2]) < 0.0 else 1.0
    rotation = Matrix([axis * mirror for axis in axes]).transposed()
    return Pose(rotation, world.translation.copy(), Vector(lengths) * mirror)


def own_channels(space: Space, pose: Pose) -> Tuple[Vector, Matrix]:
    """The location (3) and rotation matrix (3x3) that the channels must hold for the head's world pose.

    The inverse of Blender's own order: world = parent @ T(location + delta) @ (delta rotation @ rotation) @ scale.
    """
    world = Matrix.Translation(pose.translation) @ pose.rotation.to_4x4() @ Matrix.Diagonal(pose.scale).to_4x4()
    own = world @ space.child.inverted_safe()
    basis = space.parent.inverted_safe() @ own
    turned = Matrix([basis.col[i].to_3d() / space.scale[i] for i in range(3)]).transposed()
    rotation = space.delta_rotation.transposed() @ turned
    location = basis.translation
    if space.slide is not None:
        location = space.slide.inverted_safe() @ (own.translation - space.parent.translation)
    return location - space.delta_location, rotation.to_quaternion().to_matrix()


def rotation_values(rotation: Matrix, mode: str, previous: Sequence[float]) -> List[float]:
    """A rotation matrix in a rotation mode, as near as can be to the values of the frame before.

    Quaternions keep their sign, Euler angles and axis angles take the turn that does not jump.
    """
    quaternion = rotation.to_quaternion()
    if mode == "QUATERNION":
        return list(-quaternion if quaternion.dot(Quaternion(previous)) < 0.0 else quaternion)
    if mode == "AXIS_ANGLE":
        return _axis_angle(quaternion, previous)
    return list(rotation.to_euler(mode, Euler(previous, mode)))


def _axis_angle(quaternion: Quaternion, previous: Sequence[float]) -> List[float]:
    before = Vector(previous[1:4])
    before = before.normalized() * previous[0] if before.length else before
    axis, angle = quaternion.to_axis_angle()
    if abs(angle) < 1e-6:  # no turn: any axis, and the one before does not jump
        axis = Vector(previous[1:4]).normalized() if Vector(previous[1:4]).length else Vector((0.0, 0.0, 1.0))
        angle = 0.0
    turns = round((before.dot(axis) - angle) / (2.0 * math.pi))
    angle += turns * 2.0 * math.pi
    # The same turn about the opposite axis: take the direction that the curve had.
    if Vector(previous[1:4]).dot(axis) < 0.0:
        axis, angle = -axis, -angle
    return [angle, *axis]


def continuous_rotations(
    rotations: Dict[int, Matrix], mode: str, fixed: Dict[int, List[float]], start: Sequence[float]
) -> Dict[int, List[float]]:
    """Every frame's rotation values without jumps.

    Args:
        rotations: own rotation matrix by frame.
        mode: the object's rotation mode.
        fixed: values that stay, by frame: the artist's and locked keys. Continuity spreads from the first of them both
            ways.
        start: the values to be near where nothing is fixed.
    """
    frames = sorted(set(rotations) | set(fixed))
    pivot = frames.index(min(fixed)) if fixed else 0
    values: Dict[int, List[float]] = {}

    def run(order: Iterable[int], previous: Sequence[float]) -> None:
        for frame in order:
            previous = fixed[frame] if frame in fixed else rotation_values(rotations[frame], mode, previous)
            values[frame] = list(previous)

    run(frames[pivot:], start)
    if pivot:
        run(reversed(frames[:pivot]), values[frames[pivot]])
    return {frame: values[frame] for frame in rotations if frame not in fixed}
