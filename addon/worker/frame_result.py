"""A frame as the solver answers it, out of a message or out of a file: one reader, one set of checks; no bpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional

from .. import protocol

_LARGEST = 1e300  # JSON's whole numbers may have hundreds of digits, which no float holds
_TOLERANCE = 1e-3  # of R R' to 1: files and single precision round


@dataclass(frozen=True)
class JointMotion:
    """A joint in one frame, against its rest, in its own rest axes."""

    rotation: List[float]  # 9, row-major
    translation: List[float]  # 3, units of its armature


@dataclass(frozen=True)
class FrameResult:
    """A frame as the solver sent it.

    Rotation (9, row-major) and translation (3, scene units) of the head, weights (K).
    """

    frame: int
    status: str
    error_px: Optional[float]
    rotation: List[float]
    translation: List[float]
    weights: List[float]
    reason: str = ""
    joints: Dict[str, JointMotion] = field(default_factory=dict)
    error: Optional[float] = None  # thousandths of the face's size in the plate
    regions: Dict[str, float] = field(default_factory=dict)  # the same of protocol.REGIONS, those that are known
    doubt: str = ""  # why the face cannot be so although it was solved


def read_frame(fields: Mapping[str, object], keys: int) -> FrameResult:
    """Check a frame's fields.

    They are `frame`, `status`, `error_px`, `rotation`, `translation`, `weights`, and `reason`, `joints`, `error`,
    `regions` and `doubt` if any.

    Args:
        fields: as a message has them.
        keys: how many weights there must be.

    Raises:
        TypeError, ValueError: saying what is wrong with which frame, where a value is missing, of another kind, or none
        that a scene can have.
    """
    frame = whole(fields, "frame", -protocol.FARTHEST_FRAME, protocol.FARTHEST_FRAME)
    at = f" at frame {frame}"
    status = text(fields, "status")
    if status not in protocol.FRAME_STATUSES:
        raise ValueError(f"unknown status {status[:40]!r}{at}")
    return FrameResult(
        frame,
        status,
        _error(fields, "error_px", at),
        _rotation(fields, "rotation", at),
        numbers(fields, "translation", 3, protocol.FARTHEST, at),
        numbers(fields, "weights", keys, protocol.LARGEST_WEIGHT, at),
        text(fields, "reason", ""),
        _joints(fields, at),
        _error(fields, "error", at),
        _regions(fields, at),
        text(fields, "doubt", ""),
    )


def _error(fields: Mapping[str, object], name: str, at: str) -> Optional[float]:
    """An error; None where it is not known."""
    if fields.get(name) is None:
        return None
    if number(fields, name, at) < 0.0:
        raise ValueError(f"{name} is below 0{at}")
    return number(fields, name, at)


def _regions(fields: Mapping[str, object], at: str) -> Dict[str, float]:
    """By name, the errors of the regions that this version knows."""
    regions = fields.get("regions", {})
    if not isinstance(regions, dict):
        raise TypeError(f"regions are not names with their errors{at}")
    found = {name: _error(regions, name, f" of a region{at}") for name in protocol.REGIONS}
    return {name: error for name, error in found.items() if error is not None}


def _joints(fields: Mapping[str, object], at: str) -> Dict[str, JointMotion]:
    """By name, the joints' motions."""
    joints = fields.get("joints", {})
    if not isinstance(joints, dict) or not all(isinstance(motion, dict) for motion in joints.values()):
        raise TypeError(f"joints are not names with their motions{at}")
    return {
        str(name): JointMotion(
            _rotation(motion, "rotation", f" of the joint {str(name)[:40]}{at}"),
            numbers(motion, "translation", 3, protocol.FARTHEST, f" of the joint {str(name)[:40]}{at}"),
        )
        for name, motion in joints.items()
    }


def number(fields: Mapping[str, object], name: str, at: str = "") -> float:
    """A finite number.

    Raises:
        TypeError, ValueError: where there is none of that name.
    """
    value = fields.get(name)
    if not _is_number(value):
        raise ValueError(f"{name} is not a number{at}")
    return float(value)  # type: ignore[arg-type]


def whole(fields: Mapping[str, object], name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`.

    Raises:
        TypeError, ValueError: where there is none of that name.
    """
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is no whole number from {low} to {high}")
    return value


def text(fields: Mapping[str, object], name: str, default: Optional[str] = None) -> str:
    """A text; the default where there is none and a default is given.

    Raises:
        TypeError, ValueError: where there is none of that name.
    """
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def numbers(fields: Mapping[str, object], name: str, count: int, most: float, at: str = "") -> List[float]:
    """`count` finite numbers, none further from 0 than `most`.

    Raises:
        ValueError: where there are none of that name.
    """
    values = fields.get(name)
    if not isinstance(values, list) or not all(map(_is_number, values)):
        raise ValueError(f"{name} holds something that is not a number{at}")
    if len(values) != count:
        raise ValueError(f"{name} has the wrong number of values, {len(values)} instead of {count}{at}")
    if not all(abs(value) <= most for value in values):
        raise ValueError(f"{name} has a value beyond {most:g}{at}")
    return [float(value) for value in values]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


def _rotation(fields: Mapping[str, object], name: str, at: str) -> List[float]:
    """Three rows of a matrix that turns, and neither stretches, shears nor mirrors."""
    turn = numbers(fields, name, 9, 2.0, at)
    x, y, z = turn[0:3], turn[3:6], turn[6:9]
    products = (_dot(x, x) - 1.0, _dot(y, y) - 1.0, _dot(z, z) - 1.0, _dot(x, y), _dot(y, z), _dot(z, x))
    if max(map(abs, products)) > _TOLERANCE:
        raise ValueError(f"{name} is no rotation{at}")
    cross = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]]
    if _dot(cross, z) < 0.0:
        raise ValueError(f"{name} mirrors{at}")
    return turn


def _dot(one: List[float], other: List[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
