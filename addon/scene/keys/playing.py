"""Whether keys will play: what keeps them from it, and how that is mended.

What stands in an animation's data is read; a test key, which is taken back, shows the rest.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Dict, Iterable, List, Tuple

import bpy

from ... import compat
from ...problem import ERROR, WARNING, Problem
from .curves import write_keys
from .record import Channel

MEND = "face_solve.make_keys_play"
_BETWEEN = 0.01  # of a frame: Blender's own threshold for keys on one frame
_STEP = 0.05  # what a test key differs by, in the property's own unit
_NEAR = 1e-4


def play_problems(scene: bpy.types.Scene, channels: Iterable[Channel], first: int, last: int) -> List[Problem]:
    """What keeps keys on these channels from playing, told by the data alone; cheap enough for every redraw.

    Args:
        scene: the scene.
        channels: that a solve writes.
        first: the first frame that is solved.
        last: the last.
    """
    problems = []
    render = scene.render
    if render.frame_map_old != render.frame_map_new:
        problems.append(
            Problem(
                ERROR,
                f"Time stretching is on ({render.frame_map_old} to {render.frame_map_new}): "
                "keys would play at other frames than those that are solved.",
                "Set both to 100 in the Output properties, under Frame Range.",
                MEND,
            )
        )
    by_owner: Dict[bpy.types.ID, List[Channel]] = {}
    for channel in channels:
        by_owner.setdefault(channel.owner, []).append(channel)
    for owner, own in by_owner.items():
        problems += _of_owner(owner, own, first, last)
    return problems


def _of_owner(owner: bpy.types.ID, channels: List[Channel], first: int, last: int) -> List[Problem]:
    data = owner.animation_data
    if data is None:
        return []
    called = _called(owner)
    found = []
    if data.action is not None and data.action.library is not None:
        return [
            Problem(
                ERROR,
                f"The action {data.action.name} of {called} is linked from another file: nothing can be keyed in it.",
                "Give it a copy of its own.",
                MEND,
            )
        ]
    if data.use_tweak_mode:
        found.append(
            Problem(
                ERROR,
                f"A strip of {called} is being edited in the Nonlinear Animation editor: keys would go into the strip.",
                "Leave tweak mode (Tab in that editor).",
                MEND,
            )
        )
    elif _layered(data) and (data.action_blend_type != "REPLACE" or data.action_influence < 1.0):
        how = data.action_blend_type.lower() if data.action_blend_type != "REPLACE" else f"{data.action_influence:.0%}"
        found.append(
            Problem(
                ERROR,
                f"Keys of {called} would be mixed ({how}) with its strips in the Nonlinear Animation editor.",
                "Set the action there to Replace, with an influence of 1.",
                MEND,
            )
        )
    curves = [(channel, curve) for channel in channels if (curve := channel.find()) is not None]
    muted = [channel for channel, curve in curves if curve.mute or (curve.group is not None and curve.group.mute)]
    if muted:
        more = f" and {len(muted) - 1} more" if len(muted) > 1 else ""
        found.append(
            Problem(
                ERROR,
                f"The curve {_spoken(muted[0])}{more} of {called} is muted: what is keyed there does not play.",
                "Unmute it in the Graph Editor.",
                MEND,
            )
        )
    between = sorted({x for _, curve in curves for x in _between(curve, first, last)})
    if between:
        found.append(
            Problem(
                WARNING,
                f"{called} has keys between frames "
                f"({', '.join(f'{x:.2f}' for x in between[:3])}{', ...' if len(between) > 3 else ''}): "
                "they stay, and pull the motion aside between the frames that are solved.",
                "Remove those of the range.",
                MEND,
            )
        )
    return found


def make_play(scene: bpy.types.Scene, channels: Iterable[Channel], first: int, last: int) -> List[str]:
    """Mend all that `play_problems` finds; answers with what was done."""
    done = []
    render = scene.render
    if render.frame_map_old != render.frame_map_new:
        render.frame_map_old = render.frame_map_new = 100
        done.append("Time stretching is off.")
    own = list(channels)
    for owner in dict.fromkeys(channel.owner for channel in own):
        data, called = owner.animation_data, _called(owner)
        if data is None:
            continue
        if data.action is not None and data.action.library is not None:
            compat.own_action(data)
            done.append(f"{called} has the action {data.action.name} of its own.")
        if data.use_tweak_mode:
            data.use_tweak_mode = False
            done.append(f"Tweak mode of {called} is off.")
        if _layered(data) and (data.action_blend_type != "REPLACE" or data.action_influence < 1.0):
            data.action_blend_type, data.action_influence = "REPLACE", 1.0
            done.append(f"The action of {called} replaces its strips.")
    for channel in own:
        curve = channel.find()
        if curve is None:
            continue
        if curve.mute or (curve.group is not None and curve.group.mute):
            curve.mute = False
            if curve.group is not None:
                curve.group.mute = False
            done.append(f"{_spoken(channel)} of {_called(channel.owner)} is unmuted.")
        gone = set(_between(curve, first, last))
        for point in [one for one in curve.keyframe_points if one.co.x in gone][::-1]:
            curve.keyframe_points.remove(point)
        if gone:
            curve.update()
            done.append(f"{len(gone)} keys between frames of {_spoken(channel)} are removed.")
    return done


def _layered(data: bpy.types.AnimData) -> bool:
    return data.use_nla and any(
        not track.mute and any(not strip.mute for strip in track.strips) for track in data.nla_tracks
    )


def _between(curve: bpy.types.FCurve, first: int, last: int) -> List[float]:
    points = curve.keyframe_points
    co = array("f", bytes(8 * len(points)))
    points.foreach_get("co", co)
    return [x for x in co[0::2] if first - 1 < x < last + 1 and abs(x - round(x)) >= _BETWEEN]


@dataclass
class _Tried:
    """A test key, and how its curve was before."""

    channel: Channel
    curve: bpy.types.FCurve
    was: float  # the property's value: without a curve nothing else brings it back
    value: float
    made: bool
    before: List[array[float]]


def try_keys(scene: bpy.types.Scene, channels: Iterable[Channel], frame: int) -> List[str]:
    """Key every channel at a frame, look whether that plays, and take it back.

    Answers with a sentence for each that does not. Channels of data-blocks without any animation are not tried: nothing
    can stand in the way of their keys. Leaves the scene at the frame.
    """
    tried: List[_Tried] = []
    try:
        for channel in channels:
            data = channel.owner.animation_data
            if data is None or data.action is None or data.action.library is not None or not compat.has_slot(data):
                continue
            tried.append(_key(channel, frame))
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        wrong = [(one, seen) for one in tried if abs((seen := _seen(one.channel, graph)) - one.value) > _NEAR]
    finally:
        for one in reversed(tried):
            _take_back(one)
        scene.frame_set(frame)
    by_owner: Dict[str, Tuple[List[str], float, float]] = {}
    for one, seen in wrong:
        names, _, _ = by_owner.setdefault(_called(one.channel.owner), ([], one.value, seen))
        names.append(_spoken(one.channel))
    return [
        f"Keys on {', '.join(names[:3])}{', ...' if len(names) > 3 else ''} of {owner} do not play as they are set "
        f"(a test key of {value:.3f} at frame {frame} gives {seen:.3f}): something in its animation comes after them."
        for owner, (names, value, seen) in by_owner.items()
    ]


def _key(channel: Channel, frame: int) -> _Tried:
    curve = channel.find()
    made = curve is None
    curve = channel.ensure() if curve is None else curve
    points, before = curve.keyframe_points, []
    if not made:
        before = [array("f", bytes(8 * len(points))) for _ in range(3)]
        for values, name in zip(before, ("co", "handle_left", "handle_right"), strict=True):
            points.foreach_get(name, values)
    was = value = channel.current()
    step = -_STEP if value > 0.5 and channel.data_path.endswith("value") else _STEP
    if channel.data_path.endswith("value"):
        block = channel.owner.path_resolve(channel.data_path.rpartition(".")[0])
        value = min(max(value + step, block.slider_min), block.slider_max)
    else:
        value += step
    write_keys(curve, {frame: value})
    return _Tried(channel, curve, was, value, made, before)


def _seen(channel: Channel, graph: bpy.types.Depsgraph) -> float:
    value = channel.owner.evaluated_get(graph).path_resolve(channel.data_path)
    return float(value[channel.index] if hasattr(value, "__len__") else value)


def _take_back(one: _Tried) -> None:
    if one.made:
        compat.remove_curve(one.channel.owner, one.curve)
        one.channel.set(one.was)
        return
    points, kept = one.curve.keyframe_points, set(one.before[0][0::2])
    for point in [point for point in points if point.co.x not in kept][::-1]:
        points.remove(point, fast=True)
    for values, name in zip(one.before, ("co", "handle_left", "handle_right"), strict=True):
        points.foreach_set(name, values)
    one.curve.update()


def _called(owner: bpy.types.ID) -> str:
    if isinstance(owner, bpy.types.Key):
        users = [one.name for one in bpy.data.objects if one.type == "MESH" and one.data.shape_keys == owner]
        return f"the shape keys of {users[0]}" if users else f"the shape keys {owner.name}"
    return owner.name


def _spoken(channel: Channel) -> str:
    path = channel.data_path
    if path.startswith("key_blocks["):
        return channel.name.rpartition("key:")[2]
    name = path.rpartition(".")[2].replace("_", " ").capitalize()
    axes = "WXYZ" if path.endswith(("quaternion", "axis_angle")) else "XYZW"
    return f"{name} {axes[channel.index]}" if channel.index < 4 else name
