"""Writes keys in bulk, merged into the curves that are there."""

from __future__ import annotations

import math
from typing import Collection, Dict, List, Optional

import bpy

_SAME_FRAME = 0.01  # Blender's own threshold for two keys on one frame
_LOOKS = ("interpolation", "type", "easing", "back", "amplitude", "period")
_SELECTED = ("select_control_point", "select_left_handle", "select_right_handle")


def keyed_values(curve: bpy.types.FCurve) -> Dict[int, float]:
    """Value by whole frame of every key of a curve.

    Keys between frames are left out, and keys that are no numbers: these are nobody's.
    """
    if curve is None:
        return {}
    points = _get(curve.keyframe_points, "co", 2)
    keys = [(x, y) for x, y in zip(points[0::2], points[1::2], strict=True) if math.isfinite(x) and math.isfinite(y)]
    return {round(x): y for x, y in keys if abs(x - round(x)) < _SAME_FRAME}


def drop_broken_keys(curve: Optional[bpy.types.FCurve]) -> None:
    """Delete keys that are no numbers, which an older version may have written.

    What they move is nowhere, and nobody made them.
    """
    if curve is None:
        return
    points = curve.keyframe_points
    co = _get(points, "co", 2)
    for i in reversed(range(len(points))):
        if not (math.isfinite(co[2 * i]) and math.isfinite(co[2 * i + 1])):
            points.remove(points[i], fast=True)
    curve.update()


def write_keys(curve: bpy.types.FCurve, values: Dict[int, float]) -> None:
    """Set the keys at these frames; other keys keep everything that they have.

    A key that exists keeps its interpolation and handles (moved along); a new one is Bezier with clamped handles, of
    the type Jitter, which the timeline draws small: made by a machine.
    """
    if not values:
        return
    drop_broken_keys(curve)
    points = curve.keyframe_points
    count = len(points)
    co, left, right = (_get(points, name, 2) for name in ("co", "handle_left", "handle_right"))
    new = dict(values)
    for i in range(count):
        frame = round(co[2 * i])
        if abs(co[2 * i] - frame) < _SAME_FRAME and frame in new:
            value = new.pop(frame)
            shift = value - co[2 * i + 1]
            co[2 * i + 1] = value
            left[2 * i + 1] += shift
            right[2 * i + 1] += shift
    if new:
        # Added at the end with clamped handles; the update sorts whole keys, so nobody else's looks have to be moved.
        points.add(len(new))
        for frame, value in new.items():
            co += [frame, value]
            left += [frame - 1.0 / 3.0, value]
            right += [frame + 1.0 / 3.0, value]
        defaults = _defaults()
        for name in _LOOKS:
            points.foreach_set(name, _get(points, name, 1)[:count] + [defaults[name]] * len(new))
        for name in _SELECTED:  # Blender selects what is added: the artist's selection stays as it is
            points.foreach_set(name, _get(points, name, 1)[:count] + [False] * len(new))
    points.foreach_set("co", co)
    points.foreach_set("handle_left", left)
    points.foreach_set("handle_right", right)
    curve.update()


def remove_keys(curve: bpy.types.FCurve, frames: Collection[int]) -> None:
    """Delete the keys at these whole frames."""
    points = curve.keyframe_points
    co = _get(points, "co", 2)
    for i in reversed(range(len(points))):
        if abs(co[2 * i] - round(co[2 * i])) < _SAME_FRAME and round(co[2 * i]) in frames:
            points.remove(points[i], fast=True)
    curve.update()


def _get(points: bpy.types.bpy_prop_collection, name: str, width: int) -> List[float]:
    # bpy fills a list of the right kind in place: whole numbers for enumerations.
    values = [False if name in _SELECTED else 0 if name in _LOOKS[:3] else 0.0] * (width * len(points))
    points.foreach_get(name, values)
    return values


def _defaults() -> Dict[str, float]:
    def number(name: str, identifier: str) -> int:
        return bpy.types.Keyframe.bl_rna.properties[name].enum_items[identifier].value

    return {
        "interpolation": number("interpolation", "BEZIER"),
        "type": number("type", "JITTER"),
        "easing": number("easing", "AUTO"),
        "back": 1.70158,
        "amplitude": 0.8,
        "period": 4.1,
    }
