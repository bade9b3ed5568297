"""Numbers out of a file, of the kind and the shape that is expected.

Nothing is rounded, wrapped or guessed on the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solver_core.common.arrays import Floats

ROTATION_TOLERANCE = 1e-3  # of R R' to 1: files and single precision round


def exact(value: np.ndarray, kind: Any, name: str) -> np.ndarray:
    """The same values in another type, contiguous.

    Args:
        value: any shape.
        kind: np.bool_, or a type of integers or floats.
        name: what it is called in the file.

    Raises:
        ValueError: texts or complex numbers; whole numbers that are none, or do not fit; truth values that are neither
            0 nor 1.
    """
    target = np.dtype(kind)
    if value.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {value.dtype}, not numbers")
    if target.kind == "f":
        with np.errstate(over="ignore"):  # what becomes infinite is refused where values are looked at
            return np.ascontiguousarray(value, target)
    low, high = (0, 1) if target.kind == "b" else (np.iinfo(target).min, np.iinfo(target).max)
    if value.size and not (value.min() >= low and value.max() <= high):  # not a number is in no range
        raise ValueError(f"{name} has values that are not from {low} to {high}")
    if value.dtype.kind == "f" and (value != np.floor(value)).any():
        raise ValueError(f"{name} has values that are not whole numbers")
    return np.ascontiguousarray(value, target)


def finite(value: object, shape: tuple[int, ...], name: str) -> Floats:
    """Numbers of a JSON document or of an array as float64 [shape].

    Raises:
        ValueError: another count of values, one that is no number or not finite.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has a value that is not a number")
    if array.size != int(np.prod(shape)):
        raise ValueError(f"{name} has {array.size} numbers, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has a value that is not a finite number")
    return array.astype(np.float64).reshape(shape)


def orthonormal(axes: Floats, name: str) -> Floats:  # [n,3,3]
    """The same matrices, which may mirror.

    Raises:
        ValueError: where one stretches or shears.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        square = axes @ axes.swapaxes(1, 2)
    if not np.allclose(square, np.eye(3), atol=ROTATION_TOLERANCE):
        raise ValueError(f"{name} has a matrix that is no rotation")
    return axes


def rotations(value: object, count: int, name: str) -> Floats:
    """[count,3,3] rotations.

    Raises:
        ValueError: matrices that are not finite, not orthonormal, or that mirror.
    """
    turns = orthonormal(finite(value, (count, 3, 3), name), name)
    if (np.linalg.det(turns) < 0).any():
        raise ValueError(f"{name} has a matrix that mirrors")
    return turns


def within(value: Floats, most: float, name: str) -> Floats:
    """The same values.

    Raises:
        ValueError: where one is further from 0 than `most`.
    """
    if value.size and not np.abs(value).max() <= most:
        raise ValueError(f"{name} has a value beyond {most:g}")
    return value


def between(value: object, low: float, high: float, name: str) -> float:
    """One number of a JSON document.

    Raises:
        ValueError: where it is none, or not from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r:.80}, expected a number from {low:g} to {high:g}")
    return float(value)


def whole(value: object, low: int, high: int, name: str) -> int:
    """One whole number of a JSON document; 3.0 is one.

    Raises:
        ValueError: where it is none, or not from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or value != int(value):
        raise ValueError(f"{name} has {value!r:.80}, expected whole numbers from {low} to {high}")
    return int(value)
