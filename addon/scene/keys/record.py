"""Remembers which keys the solver wrote and with which values; whatever differs is the artist's."""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from typing import Dict, List, Optional, Tuple

import bpy

from ... import compat
from ..rig.mesh import driven_keys, solvable_keys
from .channels import rotation_channel
from .curves import keyed_values

Written = Dict[str, Dict[int, float]]

# Before a channel's name in the record: the artist's keys that a solve found there and kept, so that later changes can
# be told from them.
KEPT = "kept:"


class Channel:
    """One animated number of the head: of an object, of a shape key, of a bone, or of a control.

    Args:
        name: its name in the record, stable over sessions.
        owner: the data-block that its action hangs on.
        data_path, index: the property.
        group: the group in the animation editors.
    """

    def __init__(self, name: str, owner: bpy.types.ID, data_path: str, index: int, group: str) -> None:
        self.name, self.owner, self.data_path, self.index, self.group = name, owner, data_path, index, group

    def find(self) -> Optional[bpy.types.FCurve]:
        """The curve, or None."""
        return compat.find_curve(self.owner, self.data_path, self.index)

    def ensure(self) -> bpy.types.FCurve:
        """The curve, made where it is missing."""
        curve = self.find()
        if curve is None:
            curve = compat.ensure_curve(self.owner, self.data_path, self.index, self.group)
            # Blender's default lets a key turn handles far away: a range solved again would change motion blur
            # elsewhere.
            curve.auto_smoothing = "NONE"
        return curve

    def current(self) -> float:
        """The property's value as it stands."""
        value = self.owner.path_resolve(self.data_path)
        return float(value[self.index] if hasattr(value, "__len__") else value)

    def set(self, value: float) -> None:
        """Give the property a value, as long as no curve gives it another."""
        holder, name = holder_of(self.owner, self.data_path)
        found = holder.path_resolve(name) if name.startswith("[") else getattr(holder, name)
        if hasattr(found, "__len__"):
            found[self.index] = value
        elif name.startswith("["):
            custom = bpy.utils.unescape_identifier(name[2:-2])
            holder[custom] = round(value) if isinstance(found, int) else value
        else:
            setattr(holder, name, value)
        self.owner.update_tag()


def holder_of(block: bpy.types.ID, path: str) -> Tuple[bpy.types.bpy_struct, str]:
    """What a path's last part is on, and that part: an attribute's name, or `["custom property"]`."""
    if path.endswith('"]'):
        start = path.rindex('["')
        return (block.path_resolve(path[:start]) if start else block), path[start:]
    before, _, name = path.rpartition(".")
    return (block.path_resolve(before) if before else block), name


def pose_channels(
    owner: bpy.types.Object, bone: Optional[bpy.types.PoseBone] = None, part: str = "jaw"
) -> List[Channel]:
    """Location (3) and rotation (3 or 4, by the rotation mode) of an object or of a bone.

    The bone is of an armature that moves a part.
    """
    path, size = rotation_channel(bone or owner)
    places = [("location", i) for i in range(3)] + [(path, i) for i in range(size)]
    if bone is None:
        return [Channel(f"{where}[{i}]", owner, where, i, "Object Transforms") for where, i in places]
    before = bone.path_from_id()
    return [Channel(f"{part}:{where}[{i}]", owner, f"{before}.{where}", i, bone.name) for where, i in places]


def weight_channels(face: bpy.types.Object) -> Dict[str, Channel]:
    """The value of every shape key that may be keyed, by name: not muted, not driven."""
    keys, driven = face.data.shape_keys, driven_keys(face)
    return {
        name: Channel(f"key:{name}", keys, f'key_blocks["{bpy.utils.escape_identifier(name)}"].value', 0, "Shape Keys")
        for name in solvable_keys(face)
        if name not in driven and not keys.key_blocks[name].mute
    }


def load_written(settings: bpy.types.PropertyGroup) -> Written:
    """The record on the scene, of shape keys by the names that they have now; empty where there is none."""
    return read_record(settings.written, settings.face)


def read_record(text: str, face: Optional[bpy.types.Object]) -> Written:
    """A record as it was kept by `record_text`, of the face's shape keys by the names that they have now."""
    return _renamed(_decode(text), face)


def _decode(text: str) -> Written:
    if not text:
        return {}
    document = json.loads(zlib.decompress(base64.b64decode(text)))
    written: Written = {}
    for name, (frames, data) in document.items():
        values = array("f")
        values.frombytes(base64.b64decode(data))
        written[name] = dict(zip(frames, values, strict=True))
    return written


def _renamed(written: Written, face: Optional[bpy.types.Object]) -> Written:
    """The record with shape keys that were renamed since under their new names."""
    for name, heir in _renames(written, face).items():
        written[heir] = written.pop(name)
        if KEPT + name in written:
            written[KEPT + heir] = written.pop(KEPT + name)
    return written


def _renames(written: Written, face: Optional[bpy.types.Object]) -> Dict[str, str]:
    """New channel names by old: a key counts as renamed where its keys on the timeline are those that were written."""
    names = {f"key:{name}" for name in solvable_keys(face)}
    gone = [name for name in written if name.startswith("key:") and name not in names]
    if not gone or not names:
        return {}
    new = {
        channel.name: keyed_values(channel.find())
        for channel in weight_channels(face).values()
        if channel.name not in written
    }
    found: Dict[str, str] = {}
    for name in gone:
        values = written[name]
        heir = next((one for one, keyed in new.items() if values and values.items() <= keyed.items()), None)
        if heir is not None:
            del new[heir]
            found[name] = heir
    return found


def store_written(settings: bpy.types.PropertyGroup, written: Written) -> None:
    """Put the record on the scene, where it is saved and undone together with the keys.

    Shape keys that were renamed since it was last put there have their new names in the takes, too.
    """
    renamed = _renames(_decode(settings.written), settings.face)
    for take in settings.takes if renamed else ():
        record = _decode(take.written)
        take.written = record_text({renamed.get(name, name): values for name, values in record.items()})
    settings.written = record_text(written)


def record_text(written: Written) -> str:
    """A record as a short text, which Blender saves with the scene."""
    document = {
        name: (list(values), base64.b64encode(array("f", values.values()).tobytes()).decode("ascii"))
        for name, values in written.items()
        if values
    }
    packed = zlib.compress(json.dumps(document, separators=(",", ":")).encode("utf-8"), 1)
    return base64.b64encode(packed).decode("ascii")


def artists_keys(channel: Channel, written: Written) -> Dict[int, float]:
    """Value by frame of the keys that the artist made or changed."""
    ours = written.get(channel.name, {})
    return {frame: value for frame, value in keyed_values(channel.find()).items() if ours.get(frame) != value}


def single(value: float) -> float:
    """A number as Blender stores it: single precision."""
    return array("f", [value])[0]
