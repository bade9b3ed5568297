"""Control rigs: which bones' channels and custom properties drive shape keys, at first hand or over other drivers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

import bpy

from ..keys.record import Channel
from .jaw import is_jaw_name
from .mesh import solvable_keys

_LINKS = 8  # drivers on drivers that are followed
_INDEXED = re.compile(r"^(.*)\[(\d+)\]$")
_HOLDERS = {
    "Object": "objects",
    "Armature": "armatures",
    "Material": "materials",
    "Collection": "collections",
    "World": "worlds",
}
_AXES = {"X": 0, "Y": 1, "Z": 2}
_BOTH = ("location", "rotation")
# What a bone takes over from the one that its constraint follows.
_FOLLOWS = {
    "COPY_LOCATION": ("location",),
    "COPY_ROTATION": ("rotation",),
    "COPY_TRANSFORMS": _BOTH,
    "CHILD_OF": _BOTH,
    "ARMATURE": _BOTH,
    "TRANSFORM": _BOTH,
    "ACTION": _BOTH,
    "DAMPED_TRACK": ("location",),
    "TRACK_TO": ("location",),
    "LOCKED_TRACK": ("location",),
    "STRETCH_TO": ("location",),
}

Moved = Union[bpy.types.Object, bpy.types.PoseBone]
Place = Tuple[str, int]  # a property's path, and the component (-1: it has none)


@dataclass(frozen=True)
class Control:
    """One number that an artist moves and that drives shape keys.

    Args:
        kind, owner: the data-block that has it: its kind, such as `Object`, and its name.
        path, index: the property; -1 where it has no components.
    """

    kind: str
    owner: str
    path: str
    index: int

    @property
    def block(self) -> Optional[bpy.types.ID]:
        """The data-block; None where it is gone."""
        return next(
            (one for one in _collection(self.kind) if one.name == self.owner and not one.library),
            None,
        )

    @property
    def channel(self) -> Channel:
        """Its channel in the animation.

        Raises:
            ReferenceError: where the data-block is gone.
        """
        block = self.block
        if block is None:
            raise ReferenceError(f"{self.owner} is gone")
        bone = re.match(r'pose\.bones\["(.+?)"\]', self.path)
        group = bone.group(1) if bone else "Controls"
        return Channel(f"control:{self.owner}/{self.path}[{self.index}]", block, self.path, max(self.index, 0), group)

    @property
    def called(self) -> str:
        """How sentences call it."""
        part = f" {'XYZW'[self.index]}" if 0 <= self.index < 4 else ""
        return f"{self.path}{part} of {self.owner}"

    def get(self) -> float:
        """Its value as it stands."""
        value = self.block.path_resolve(self.path)
        return float(value[self.index] if self.index >= 0 else value)

    def set(self, value: float) -> None:
        """Move it; what hangs on it follows at the next update."""
        self.channel.set(value)


def key_drivers(face: bpy.types.Object) -> Dict[str, bpy.types.FCurve]:
    """The driver of each driven shape key."""
    keys = face.data.shape_keys if face.type == "MESH" else None
    data = keys.animation_data if keys else None
    curves = {curve.data_path: curve for curve in data.drivers} if data else {}
    paths = {name: keys.key_blocks[name].path_from_id("value") for name in solvable_keys(face)} if curves else {}
    return {name: curves[path] for name, path in paths.items() if path in curves}


def controls_of(face: bpy.types.Object) -> Dict[str, List[Control]]:
    """For each driven shape key the controls that its driver reads, at first hand or over other drivers.

    This is cheap: nothing is evaluated.
    """
    drivers = key_drivers(face)
    joints = joints_of_file() if drivers else set()
    reads = {name: _read(curve, joints) for name, curve in drivers.items() if not _reads_keys(curve)}
    return {name: sorted(found, key=control_order) for name, found in reads.items() if found}


def control_order(control: Control) -> Tuple[bool, str, int]:
    """Bones' channels first, then custom properties, by name."""
    return control.path.startswith("["), control.path, control.index


def driven_alike(other: bpy.types.Object, face: bpy.types.Object, name: str) -> bool:
    """Whether the driver of a key of this name reads the same on both meshes."""
    first, second = key_drivers(other).get(name), key_drivers(face).get(name)
    return first is not None and second is not None and _spelled(first) == _spelled(second)


def _spelled(curve: bpy.types.FCurve) -> Tuple:
    driver = curve.driver
    variables = [
        (
            one.name,
            one.type,
            [
                (target.id, target.bone_target, target.data_path, target.transform_type, target.transform_space)
                for target in one.targets
            ],
        )
        for one in driver.variables
    ]
    return driver.type, driver.expression, variables


def _read(curve: bpy.types.FCurve, joints: Set[Tuple[str, str]], depth: int = 0) -> Set[Control]:
    """The controls behind a driver."""
    found: Set[Control] = set()
    for variable in curve.driver.variables if depth < _LINKS else ():
        for target in variable.targets:
            if target.id is None:
                continue
            kind = target.id.bl_rna.identifier
            if kind not in _HOLDERS or "key_blocks[" in target.data_path:
                continue
            if (target.id.name, target.bone_target) in joints and not is_jaw_name(target.bone_target):
                continue  # the key mends what the bone's pose does, and is no expression of its own
            places = [(target.id, path, index) for path, index in _places(variable, target)]
            if variable.type != "SINGLE_PROP" and isinstance(target.id, bpy.types.Object):
                places += _behind(_moved(target)[0], joints, depth)
            for owner, path, index in places:
                above = _driver_of(owner, path, index)
                if above is not None:
                    found |= _read(above, joints, depth + 1)
                elif owner.library is None and _is_number(owner, path, index):
                    found.add(Control(owner.bl_rna.identifier, owner.name, path, index))
    return found


def _behind(moved: Moved, joints: Set[Tuple[str, str]], depth: int) -> List[Tuple[bpy.types.Object, str, int]]:
    """The channels of what a bone or object follows by its constraints."""
    found = []
    for one in moved.constraints if depth < _LINKS else ():
        kinds = _FOLLOWS.get(one.type, ()) if not one.mute and one.influence > 0.0 else ()
        followed = [(one.target, one.subtarget)] if hasattr(one, "subtarget") else []
        followed += [(each.target, each.subtarget) for each in one.targets] if one.type == "ARMATURE" else []
        for target, bone in followed if kinds else ():
            if target is not None and ((target.name, bone) not in joints or is_jaw_name(bone)):
                other, before = _bone_or_object(target, bone)
                found += [(target, before + path, axis) for path, axis in _channels(other, kinds)]
                found += _behind(other, joints, depth + 1)
    return found


def _channels(moved: Moved, kinds: Sequence[str]) -> List[Place]:
    """The channels of a bone or object, of these kinds, below its own path."""
    places: List[Place] = []
    if "location" in kinds:
        places += [("location", axis) for axis in range(3)]
    if "rotation" in kinds and moved.rotation_mode == "QUATERNION":
        places += [("rotation_quaternion", 1 + axis) for axis in range(3)]
    elif "rotation" in kinds and moved.rotation_mode != "AXIS_ANGLE":
        places += [("rotation_euler", axis) for axis in range(3)]
    return places


def _bone_or_object(owner: bpy.types.Object, bone: str) -> Tuple[Moved, str]:
    """A bone, or the object where there is none of that name, and what its channels' paths begin with."""
    if bone and owner.pose and bone in owner.pose.bones:
        moved = owner.pose.bones[bone]
        return moved, f"{moved.path_from_id()}."
    return owner, ""


def _moved(target: bpy.types.DriverTarget) -> Tuple[Moved, str]:
    return _bone_or_object(target.id, target.bone_target)


def is_joint(control: Control, joints: Set[Tuple[str, str]]) -> bool:
    """Whether a control is a bone that carries vertices."""
    return any(owner == control.owner and f'pose.bones["{bone}"].' in control.path for owner, bone in joints)


def _reads_keys(curve: bpy.types.FCurve) -> bool:
    """Whether a driver reads shape keys: then its key follows these (scene/rig/driven.py), whatever else it reads."""
    return any("key_blocks[" in target.data_path for one in curve.driver.variables for target in one.targets)


def joints_of_file() -> Set[Tuple[str, str]]:
    """The bones, each with its armature, that carry vertices of a mesh: they are joints and no controls."""
    found = set()
    for one in bpy.data.objects:
        for modifier in one.modifiers if one.type == "MESH" else ():
            rig = modifier.object if modifier.type == "ARMATURE" else None
            if rig is not None and rig.type == "ARMATURE":
                bones = rig.data.bones
                found |= {(rig.name, g.name) for g in one.vertex_groups if g.name in bones and bones[g.name].use_deform}
    return found


def _places(variable: bpy.types.DriverVariable, target: bpy.types.DriverTarget) -> List[Place]:
    if variable.type == "SINGLE_PROP":
        indexed = _INDEXED.match(target.data_path)
        return [(indexed.group(1), int(indexed.group(2)))] if indexed else [(target.data_path, -1)]
    if variable.type == "CONTEXT_PROP" or not isinstance(target.id, bpy.types.Object):
        return []
    moved, before = _moved(target)
    if variable.type != "TRANSFORMS":  # the distance between two, or the angle
        kinds = ("rotation",) if variable.type == "ROTATION_DIFF" else ("location",)
        return [(before + path, axis) for path, axis in _channels(moved, kinds)]
    kind, axis = target.transform_type.partition("_")[::2]
    straight = target.transform_space == "LOCAL_SPACE"
    if kind == "LOC":
        return [(f"{before}location", _AXES[axis])] if straight else [(f"{before}location", i) for i in range(3)]
    if kind == "ROT" and moved.rotation_mode not in ("QUATERNION", "AXIS_ANGLE") and axis in _AXES:
        return [(f"{before}rotation_euler", _AXES[axis])]
    if kind == "ROT" and moved.rotation_mode == "QUATERNION":
        return [(f"{before}rotation_quaternion", 1 + _AXES[axis])] if axis in _AXES else []
    if kind == "SCALE" and axis in _AXES:
        return [(f"{before}scale", _AXES[axis])]
    return []


def _driver_of(owner: bpy.types.ID, path: str, index: int) -> Optional[bpy.types.FCurve]:
    data = owner.animation_data
    return (
        next((one for one in data.drivers if one.data_path == path and (index < 0 or one.array_index == index)), None)
        if data
        else None
    )


def _is_number(owner: bpy.types.ID, path: str, index: int) -> bool:
    try:
        value = owner.path_resolve(path)
        value = value[index] if index >= 0 else value
    except (ValueError, TypeError, IndexError, KeyError):
        return False
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _collection(kind: str) -> bpy.types.bpy_prop_collection:
    return getattr(bpy.data, _HOLDERS[kind])


def control_channels(face: bpy.types.Object) -> List[Channel]:
    """Every control's channel, by what the drivers read."""
    seen = {one for found in controls_of(face).values() for one in found}
    return [
        one.channel for one in sorted(seen, key=lambda one: (one.owner, *control_order(one))) if one.block is not None
    ]
