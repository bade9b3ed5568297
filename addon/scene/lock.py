"""Locks a frame as it stands, and gives it back to the solver."""

from __future__ import annotations

import bpy

from ..problem import FaceSolveProblem
from .jaw import head_channels, jaw_if_sound
from .keys import keyed_values, write_keys
from .record import load_written, single, store_written, weight_channels
from .rig import check_face, identity_keys


def lock(settings: bpy.types.PropertyGroup, frame: int) -> int:
    """Lock a frame: channels without a key there get one with the value that they have; answers how many.

    Those keys are noted as the solver's, so that unlocking hands them back; keys that were there are not touched.

    Raises:
        FaceSolveProblem: where there is no face to lock.
    """
    check_face(settings.face)
    face = settings.face
    written = load_written(settings)
    made = 0
    identity = identity_keys(settings)  # they have one value for the whole shot, and no keys
    weights = [channel for name, channel in weight_channels(face).items() if name not in identity]
    for channel in [*head_channels(face, jaw_if_sound(settings)), *weights]:
        value = single(channel.current())
        if frame not in keyed_values(channel.find()):
            write_keys(channel.ensure(), {frame: value})
            written.setdefault(channel.name, {})[frame] = value
            made += 1
    store_written(settings, written)
    if frame not in {item.frame for item in settings.locked_frames}:
        settings.locked_frames.add().frame = frame
    return made


def unlock(settings: bpy.types.PropertyGroup, frame: int) -> None:
    """Unlock a frame.

    Raises:
        FaceSolveProblem: where it is not locked.
    """
    for index, item in enumerate(settings.locked_frames):
        if item.frame == frame:
            settings.locked_frames.remove(index)
            return
    raise FaceSolveProblem(f"Frame {frame} is not locked.", "")
