"""Writes keys in bulk, merged into the curves that are there."""

from __future__ import annotations

from typing import Dict

import bpy

_SAME_FRAME = 0.01  # Blender's own threshold for two keys on one frame
_PLAIN = ("handle_left_type", "handle_right_type", "interpolation", "type", "easing", "back", "amplitude", "period")
_FLAGS = ("select_control_point", "select_left_handle", "select_right_handle")


def keyed_values(curve) -> Dict[int, float]:
    """Value by whole frame of every key of a curve; keys between frames are left out."""
    if curve is None:
        return {}
    points = _get(curve.keyframe_points, "co", 2)
    return {round(x): y for x, y in zip(points[0::2], points[1::2]) if abs(x - round(x)) < _SAME_FRAME}


def write_keys(curve, values: Dict[int, float]) -> None:
    """Set the keys at these frames; other keys keep everything that they have.

    A key that exists keeps its interpolation and handles (moved along); a new one is Bezier with clamped handles, of the type Jitter,
    which the timeline draws small: made by a machine.
    """
    if not values:
        return
    points = curve.keyframe_points
    count = len(points)
    co, left, right = _get(points, "co", 2), _get(points, "handle_left", 2), _get(points, "handle_right", 2)
    new = dict(values)
    for i in range(count):
        frame = round(co[2 * i])
        if abs(co[2 * i] - frame) < _SAME_FRAME and frame in new:
            shift = new.pop(frame) - co[2 * i + 1]
            co[2 * i + 1] += shift
            co[2 * i + 1] = values[frame]
            left[2 * i + 1] += shift
            right[2 * i + 1] += shift
    plain = {name: _get(points, name, 1) for name in (*_PLAIN, *_FLAGS)} if new else {}
    if new:
        points.add(len(new))
        defaults = _defaults()
        for frame, value in new.items():
            co += [frame, value]
            left += [frame - 1.0 / 3.0, value]
            right += [frame + 1.0 / 3.0, value]
            for name, column in plain.items():
                column.append(defaults[name])
        order = sorted(range(len(points)), key=lambda i: co[2 * i])
        co, left, right = (_permuted(pairs, order) for pairs in (co, left, right))
        for name, column in plain.items():
            points.foreach_set(name, [column[i] for i in order])
    points.foreach_set("co", co)
    points.foreach_set("handle_left", left)
    points.foreach_set("handle_right", right)
    curve.update()


def _get(points, name, width):
    # bpy fills a list of the right kind in place: whole numbers for enumerations, truth values for flags.
    kind = False if name in _FLAGS else 0 if name in _PLAIN[:5] else 0.0
    values = [kind] * (width * len(points))
    points.foreach_get(name, values)
    return values


def _permuted(pairs, order):
    return [pairs[2 * i + k] for i in order for k in (0, 1)]


def _defaults():
    def number(name, identifier):
        return bpy.types.Keyframe.bl_rna.properties[name].enum_items[identifier].value

    clamped = number("handle_left_type", "AUTO_CLAMPED")
    return {
        "handle_left_type": clamped,
        "handle_right_type": clamped,
        "interpolation": number("interpolation", "BEZIER"),
        "type": number("type", "JITTER"),
        "easing": number("easing", "AUTO"),
        "back": 1.70158,
        "amplitude": 0.8,
        "period": 4.1,
        **dict.fromkeys(_FLAGS, False),
    }
