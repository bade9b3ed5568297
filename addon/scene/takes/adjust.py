"""What may be done to a take's values without solving again: strength, a neutral frame, and a blend; no bpy."""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, Sequence, Tuple

Values = Dict[int, float]  # by frame
Record = Dict[str, Values]  # by channel

_QUATERNION = "rotation_quaternion["
_EULER = "rotation_euler["


def strengthened(values: Mapping[int, float], strength: float, neutral: float, limits: Tuple[float, float]) -> Values:
    """A shape key's values with another strength, counted from the actor's neutral.

    Args:
        values: as they were solved, by frame.
        strength: 1 leaves them, 0 takes the expression away.
        neutral: the value that counts as none: that of the neutral frame, or zero.
        limits: the key's least and largest value; what was solved beyond them stays possible.
    """
    low = min([limits[0], 0.0, *values.values()])
    high = max([limits[1], *values.values()])
    return {frame: min(max(strength * (value - neutral), low), high) for frame, value in values.items()}


def blended(one: Record, other: Record, share: float) -> Record:
    """Between two takes: 0 is the first, 1 the second; a frame that only one of them has is that one's.

    Turns take the shorter way: quaternions of opposite sign and Euler angles a whole turn apart are the same rotation.
    """
    near = _near(one, other)
    mixed: Record = {}
    for name in list(one) + [name for name in near if name not in one]:
        first, second = one.get(name, {}), near.get(name, {})
        mixed[name] = {
            frame: first[frame] + share * (second[frame] - first[frame])
            if frame in first and frame in second
            else first.get(frame, second.get(frame, 0.0))
            for frame in sorted(first.keys() | second.keys())
        }
    _normalise(mixed)
    return mixed


def _near(one: Record, other: Record) -> Record:
    """The second take's turns as they lie nearest to the first's."""
    near = {name: dict(values) for name, values in other.items()}
    for names in _quaternions(other):
        for frame in near[names[0]]:
            if not all(frame in near[name] and frame in one.get(name, {}) for name in names):
                continue
            if sum(near[name][frame] * one[name][frame] for name in names) < 0.0:
                for name in names:
                    near[name][frame] = -near[name][frame]
    for name, values in near.items():
        if _EULER in name:
            for frame, value in values.items():
                if frame in one.get(name, {}):
                    turns = round((one[name][frame] - value) / (2.0 * math.pi))
                    values[frame] = value + turns * 2.0 * math.pi
    return near


def _normalise(record: Record) -> None:
    for names in _quaternions(record):
        for frame in record[names[0]]:
            parts = [record[name].get(frame) for name in names]
            if None in parts:
                continue
            length = math.sqrt(sum(part * part for part in parts if part is not None))
            if length > 0.0:
                for name in names:
                    record[name][frame] /= length


def _quaternions(record: Record) -> List[Sequence[str]]:
    """The channels of each quaternion of which all four are there."""
    stems = {name.split(_QUATERNION)[0] for name in record if _QUATERNION in name}
    found = [[f"{stem}{_QUATERNION}{index}]" for index in range(4)] for stem in sorted(stems)]
    return [names for names in found if all(name in record for name in names)]
