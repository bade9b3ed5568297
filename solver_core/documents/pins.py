"""The pins of a shot's document: read, checked, and those that cannot hold said (docs/shot_format.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Ints
from solver_core.common.numbers import between, finite, whole
from solver_core.documents.checks import frame_number
from solver_core.face.pins import Pin

OUTSIDE = 1.0  # widths and heights of the picture that a pin may lie beside it: a chin below the frame is still a place
STRONGEST = 100.0
ROUNDING = 1e-3  # of barycentric coordinates


def read_pins(
    document: object, frames: Ints, cameras: Sequence[Camera], vertices: int
) -> tuple[tuple[Pin, ...], list[str]]:
    """The pins of the shot's frames, and what the artist should know of those that are left aside.

    Raises:
        KeyError, TypeError, ValueError: where one has a value that is missing or none.
    """
    if not isinstance(document, list) or not all(isinstance(item, Mapping) for item in document):
        raise TypeError("pins is no list of pins")
    here = {int(frame): i for i, frame in enumerate(frames)}
    by_name = {camera.name: camera for camera in cameras}
    pins, aside = [], dict[str, set[int]]()
    for item in document:
        pin = _pin(item, vertices)
        if pin.frame not in here:
            continue
        reason = _why_aside(pin, here[pin.frame], by_name)
        if reason:
            aside.setdefault(reason, set()).add(pin.frame)
        else:
            pins.append(pin)
    notes = [f"Pins at {', '.join(map(str, sorted(at)))} are left aside: {why}." for why, at in aside.items()]
    return tuple(pins), notes


def _why_aside(pin: Pin, index: int, cameras: Mapping[str, Camera]) -> str:
    camera = cameras.get(pin.camera)
    if camera is None:
        return f"the camera {pin.camera} is not solved with"
    if camera.plate["frames"][index] is None:
        return f"the plate of camera {pin.camera} has no picture there"
    size, place = np.array([camera.width, camera.height]), np.array(pin.place)
    if (place < -OUTSIDE * size).any() or (place > (1 + OUTSIDE) * size).any():
        return f"they lie far outside the picture of camera {pin.camera}"
    return ""


def _pin(item: Mapping[str, Any], vertices: int) -> Pin:
    camera = item["camera"]
    if not isinstance(camera, str) or not camera:
        raise ValueError(f"pins.camera is {camera!r:.80}, expected a name")
    return Pin(frame_number(item["frame"], "pins.frame"), camera, *pin_place(item, vertices))


def pin_place(
    item: Mapping[str, Any], vertices: int
) -> tuple[tuple[int, int, int], tuple[float, float, float], tuple[float, float], float]:
    """Vertices, barycentric coordinates, plate pixels and strength of one pin.

    Raises:
        KeyError, TypeError, ValueError: where one is missing or none.
    """
    corners = item["vertices"]
    if not isinstance(corners, list) or len(corners) != 3:
        raise ValueError("pins.vertices are not three vertices")
    a, b, c = (whole(corner, 0, vertices - 1, "pins.vertices") for corner in corners)
    shares = finite(item["barycentric"], (3,), "pins.barycentric")
    if shares.min() < -ROUNDING or abs(shares.sum() - 1) > ROUNDING:
        raise ValueError("pins.barycentric is no place on a triangle")
    u, v = finite(item["place"], (2,), "pins.place").tolist()
    x, y, z = (shares / shares.sum()).tolist()
    return (a, b, c), (x, y, z), (u, v), between(item.get("strength", 1.0), 0.0, STRONGEST, "pins.strength")
