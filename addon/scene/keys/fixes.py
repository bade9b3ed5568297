"""Which frames are the artist's own: locked ones, and those keyed or changed after the solver had written them."""

from __future__ import annotations

from typing import Dict, List, Set, Tuple

import bpy
from bpy.app.handlers import persistent

from ..rig.controls import control_channels
from ..rig.head import head_channels
from ..rig.mesh import excluded_keys, identity_keys, is_mesh
from .record import KEPT, Channel, artists_keys, load_written, weight_channels

_known: Dict[Tuple[str, str], Set[int]] = {}  # by scene and face; asking every curve anew at every redraw would be slow


def solved_channels(settings: bpy.types.PropertyGroup, face: bpy.types.Object) -> List[Channel]:
    """Every channel that a solve writes: not those of identity keys, and of shape keys that the artist left out."""
    excluded = excluded_keys(settings) | identity_keys(settings)
    weights = weight_channels(face)
    return [
        *head_channels(settings),
        *(channel for name, channel in weights.items() if name not in excluded),
        *control_channels(face),
    ]


def judge_keys(settings: bpy.types.PropertyGroup, face: bpy.types.Object) -> Tuple[Set[int], Set[int]]:
    """Frames that are fixed, and frames that only carry some of the artist's keys.

    A frame is fixed where the artist keyed every channel, or keyed or changed any channel after the frame had been
    solved: then all of it is the artist's, and channels that were not touched count with the value that they have. Keys
    that were there before the first solve, a rough placement say, are kept but make no anchor of the frame.
    """
    written = load_written(settings)
    solved = {item.frame for item in settings.results}
    touched: Set[int] = set()
    fresh: Set[int] = set()
    everywhere: List[Set[int]] = []
    for channel in solved_channels(settings, face):
        theirs = artists_keys(channel, written)
        kept = written.get(KEPT + channel.name, {})
        solved.update(written.get(channel.name, {}))
        touched.update(theirs)
        fresh.update(frame for frame, value in theirs.items() if kept.get(frame) != value)
        if not channel.name.startswith("control:"):  # a rig has more controls than a solve moves
            everywhere.append(set(theirs))
    fixed = (fresh & solved) | set.intersection(*everywhere)
    return fixed, touched - fixed


def fixed_frames(settings: bpy.types.PropertyGroup) -> Set[int]:
    """Frames that the artist fixed by hand. Kept until a key changes: cheap enough for every redraw."""
    face = settings.face
    if not is_mesh(face) or not settings.results:
        return set()
    place = (settings.id_data.name_full, face.name_full)
    if place not in _known:
        _known[place] = judge_keys(settings, face)[0]
    return _known[place]


def artists_frames(settings: bpy.types.PropertyGroup) -> Set[int]:
    """Locked and fixed frames."""
    return {item.frame for item in settings.locked_frames} | fixed_frames(settings)


def forget() -> None:
    """Compare anew at the next question."""
    _known.clear()


@persistent
def _on_update(_scene: bpy.types.Scene, graph: bpy.types.Depsgraph) -> None:
    if _known and graph.id_type_updated("ACTION"):
        forget()


@persistent
def _on_other_data(*_args: object) -> None:
    forget()


def register() -> None:
    """Follow edits of keys, undo, redo and loading."""
    handlers = bpy.app.handlers
    handlers.depsgraph_update_post.append(_on_update)
    for calls in (handlers.undo_post, handlers.redo_post, handlers.load_post):
        calls.append(_on_other_data)


def unregister() -> None:
    """Let go of them."""
    handlers = bpy.app.handlers
    handlers.depsgraph_update_post.remove(_on_update)
    for calls in (handlers.undo_post, handlers.redo_post, handlers.load_post):
        calls.remove(_on_other_data)
    forget()
