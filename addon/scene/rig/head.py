"""The head that is solved: its face, the object or bone that carries it, and how the one hangs on the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Optional

import bpy
from mathutils import Matrix, Vector

from ...problem import FaceSolveProblem
from ..keys.channels import Space, below, keeps_shapes, read_space
from ..keys.record import Channel, pose_channels
from .jaw import Jaw, chosen_jaw, jaw_if_sound, usual_carrier
from .jaw_motion import by_bones
from .skinning import bone_frame, done_by, head_bone, skinned_to

_SET_UP = "face_solve.setup_from_scene"
_LIMITS = ("LIMIT_LOCATION", "LIMIT_ROTATION", "LIMIT_SCALE", "LIMIT_DISTANCE")
_PLACING = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "rotation_mode", "scale")


@dataclass(frozen=True)
class Carrier:
    """What is keyed to move the head.

    Args:
        owner: an object, or the armature of the bone.
        bone: empty where the object itself is moved.
    """

    owner: bpy.types.Object
    bone: str = ""

    @property
    def posed(self) -> Optional[bpy.types.PoseBone]:
        """The bone as it is posed; None of an object."""
        return self.owner.pose.bones[self.bone] if self.bone else None

    @property
    def channels(self) -> List[Channel]:
        """Location (3), and rotation by the rotation mode."""
        return pose_channels(self.owner, self.posed, "head")

    @property
    def rotation_mode(self) -> str:
        """Of the object or bone."""
        return (self.posed or self.owner).rotation_mode

    @property
    def called(self) -> str:
        """How sentences call it."""
        return f"the bone {self.bone} of {self.owner.name}" if self.bone else self.owner.name


@dataclass(frozen=True)
class Head:
    """The face, its jaw bone if it has one, and its carrier.

    Args:
        face: the mesh.
        jaw: the jaw bone.
        carrier: what is keyed.
        armature, skin: the bone that takes the face along by its weights; None and empty where no bone does.
    """

    face: bpy.types.Object
    jaw: Optional[Jaw]
    carrier: Carrier
    armature: Optional[bpy.types.Object] = None
    skin: str = ""

    @property
    def channels(self) -> List[Channel]:
        """Location and rotation of the head, and of the jaw bone."""
        return self.carrier.channels + (self.jaw.channels if self.jaw is not None else [])

    def matrix(self, graph: bpy.types.Depsgraph) -> Matrix:
        """4x4: the head's place in the world: the object's, and then what bones do to the whole of it."""
        world = self.face.evaluated_get(graph).matrix_world.copy()
        if self.jaw is not None:
            return world @ by_bones(self.jaw, graph)
        return done_by(self.armature, self.skin, graph) @ world if self.skin else world

    def space(self, graph: bpy.types.Depsgraph) -> Space:
        """What stands between the head's place in the world and the carrier's channels.

        Raises:
            FaceSolveProblem: where what is above the carrier stretches it.
        """
        owner, head = self.carrier.owner.evaluated_get(graph), self.matrix(graph)
        if not self.carrier.bone:
            space = read_space(owner)
            if not self._hangs:
                return space
            if self._bone_stays:  # the bone's pose is done after the object's channels, whatever these are
                done = done_by(self.armature, self.skin, graph)
                return replace(
                    space, parent=done @ space.parent, child=(done @ owner.matrix_world).inverted_safe() @ head
                )
            return replace(space, child=owner.matrix_world.inverted_safe() @ head)
        posed = owner.pose.bones[self.carrier.bone]
        still, slide = bone_frame(posed)
        parent = owner.matrix_world @ still
        if not keeps_shapes(parent):
            raise FaceSolveProblem(
                f"{self.carrier.called} is stretched by the scale of what is above it.", "Apply that scale (Ctrl+A)."
            )
        return Space(
            parent,
            posed.scale.copy(),
            Vector((0.0, 0.0, 0.0)),
            Matrix.Identity(3),
            (owner.matrix_world @ posed.matrix).inverted_safe() @ head,
            owner.matrix_world.to_3x3() @ slide,
        )

    @property
    def _bone_stays(self) -> bool:
        """Whether the face is skinned to an armature that does not move with the carrier."""
        owner = self.carrier.owner
        return self.jaw is None and bool(self.skin) and self.armature != owner and not below(self.armature, owner)

    @property
    def _hangs(self) -> bool:
        return self.carrier.owner != self.face or self.jaw is not None or bool(self.skin)


def chosen_carrier(settings: bpy.types.PropertyGroup) -> Carrier:
    """What moves the head, as Set Up or the artist chose it.

    The face itself or its jaw's armature where nothing is chosen.

    Raises:
        FaceSolveProblem: where the chosen one does not move the face, or has no such bone.
    """
    face, owner, bone = settings.face, settings.head_owner, settings.head_bone
    if owner is None:
        return Carrier(usual_carrier(face, jaw_if_sound(settings)))
    carries = owner == face or below(face, owner) or owner in skinned_to(face)
    if not carries and (owner, bone) == (settings.found_owner, settings.found_bone):
        return Carrier(
            usual_carrier(face, jaw_if_sound(settings))
        )  # found for another face than the one that is chosen now
    if not carries:
        raise FaceSolveProblem(
            f"{owner.name} is chosen to move the head, and {face.name} does not hang on it.",
            "Choose what moves the head in the Setup panel, or press Set Up.",
            _SET_UP,
        )
    if not bone or owner.type != "ARMATURE":
        return Carrier(owner)
    if bone not in owner.pose.bones:
        raise FaceSolveProblem(
            f"{owner.name} has no bone {bone}.", "Choose the head's bone in the Setup panel, or press Set Up.", _SET_UP
        )
    return Carrier(owner, bone)


def head_of(settings: bpy.types.PropertyGroup) -> Head:
    """The head of the settings.

    Raises:
        FaceSolveProblem: where its jaw bone or what moves it cannot be found.
    """
    jaw = chosen_jaw(settings)
    return _made(settings.face, jaw, chosen_carrier(settings))


def head_channels(settings: bpy.types.PropertyGroup) -> List[Channel]:
    """Location and rotation of the head, and of its jaw bone.

    They are those of the face itself where what was chosen cannot be found.
    """
    jaw = jaw_if_sound(settings)
    try:
        carrier = chosen_carrier(settings)
    except FaceSolveProblem:
        carrier = Carrier(settings.face)
    return carrier.channels + (jaw.channels if jaw is not None else [])


def _made(face: bpy.types.Object, jaw: Optional[Jaw], carrier: Carrier) -> Head:
    for armature in skinned_to(face):
        bone = head_bone(face, armature)
        if bone:
            return Head(face, jaw, carrier, armature, bone)
    return Head(face, jaw, carrier)


def check_carrier(carrier: Carrier) -> None:
    """Refuse a carrier whose place is not its own channels'; cheap enough for every redraw.

    Raises:
        FaceSolveProblem: with the reason and the remedy.
    """
    owner, posed = carrier.owner, carrier.posed
    if owner.library or owner.override_library:
        raise FaceSolveProblem(
            f"{owner.name}, which moves the head, is linked from another file.",
            "Make it local with its data (Object > Relations > Make Local > Selected Objects and Data).",
            "face_solve.make_character_local",
        )
    if posed is not None and owner.data.pose_position == "REST":
        raise FaceSolveProblem(
            f"{owner.name} is shown in its rest position.", "Choose Pose Position in the armature's properties."
        )
    kept = _LIMITS if posed is not None else ("CHILD_OF",)
    active = [
        one.name
        for one in (posed or owner).constraints
        if not one.mute and one.influence > 0.0 and one.type not in kept
    ]
    if active:
        other = "" if posed is None else ", or choose the bone that you animate the head with in the Setup panel"
        raise FaceSolveProblem(
            f"{carrier.called} is moved by the constraint {active[0]}.",
            f"Mute the constraint, or apply it, so that the solver can place the head{other}.",
        )
    before = f"{posed.path_from_id()}." if posed is not None else ""
    for driver in owner.animation_data.drivers if owner.animation_data else ():
        if driver.data_path in {before + path for path in _PLACING}:
            raise FaceSolveProblem(
                f"A driver sets {driver.data_path[len(before) :]} of {carrier.called}.",
                "Remove the driver, so that the solver can place the head.",
            )
