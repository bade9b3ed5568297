"""Locks a frame as it stands, and gives it back to the solver."""

from __future__ import annotations

from typing import Iterable, List

import bpy

from ...problem import FaceSolveProblem
from ..rig.controls import control_channels
from ..rig.head import head_channels
from ..rig.mesh import check_face, identity_keys
from .curves import keyed_values, write_keys
from .fixes import forget, solved_channels
from .record import KEPT, Channel, artists_keys, load_written, single, store_written, weight_channels

_MOVED = 1e-6  # relative to the value, or to one: less is rounding


def lock(settings: bpy.types.PropertyGroup, frame: int) -> int:
    """Lock the current frame as it stands: every channel has a key there with the value that it has.

    Answers how many were made or changed. A key that was missing is noted as the solver's, so that unlocking hands it
    back. A key whose channel was posed by hand since takes the pose, which would be lost at the next change of the
    frame, and is the artist's from then on; other keys are not touched.

    Raises:
        FaceSolveProblem: where there is no face to lock.
    """
    check_face(settings)
    face = settings.face
    written = load_written(settings)
    made = 0
    identity = identity_keys(settings)  # they have one value for the whole shot, and no keys
    weights = [channel for name, channel in weight_channels(face).items() if name not in identity]
    for channel in [*head_channels(settings), *weights, *control_channels(face)]:
        value = single(channel.current())
        curve = channel.find()
        if frame not in keyed_values(curve):
            write_keys(channel.ensure(), {frame: value})
            written.setdefault(channel.name, {})[frame] = value
            made += 1
        elif _posed(channel, curve, settings.id_data):
            write_keys(curve, {frame: value})
            made += 1
    store_written(settings, written)
    if frame not in {item.frame for item in settings.locked_frames}:
        settings.locked_frames.add().frame = frame
    return made


def _posed(channel: Channel, curve: bpy.types.FCurve, scene: bpy.types.Scene) -> bool:
    """Whether a channel's value is not the one that its curve gave it.

    False wherever more than the curve decides on it.
    """
    data = channel.owner.animation_data
    layered = data.use_nla and any(track.strips and not track.mute for track in data.nla_tracks)
    if layered or curve.mute:
        return False
    given = curve.evaluate(scene.frame_current + scene.frame_subframe)
    if channel.name.startswith("key:"):  # Blender cuts these to the slider's range
        block = channel.owner.path_resolve(channel.data_path.rpartition(".")[0])
        given = min(max(given, block.slider_min), block.slider_max)
    return abs(channel.current() - given) > _MOVED * max(1.0, abs(given))


def unlock(settings: bpy.types.PropertyGroup, frame: int) -> None:
    """Unlock a frame; one that is not locked but keyed by hand is given back to the solver.

    Raises:
        FaceSolveProblem: where it is neither.
    """
    for index, item in enumerate(settings.locked_frames):
        if item.frame == frame:
            settings.locked_frames.remove(index)
            return
    if not give_back(settings, [frame]):
        raise FaceSolveProblem(f"Frame {frame} is not locked, and carries no keys of yours.", "")


def give_back(settings: bpy.types.PropertyGroup, frames: Iterable[int]) -> List[int]:
    """Count the keys of these frames, whoever made them, as the solver's: the next solve may change them.

    Answers with the frames that had any.

    Raises:
        FaceSolveProblem: where there is no face.
    """
    check_face(settings)
    written, wanted, found = load_written(settings), set(frames), set()
    for channel in solved_channels(settings, settings.face):
        for frame, value in artists_keys(channel, written).items():
            if frame in wanted:
                written.setdefault(channel.name, {})[frame] = value
                written.get(KEPT + channel.name, {}).pop(frame, None)
                found.add(frame)
    store_written(settings, written)
    forget()
    return sorted(found)
