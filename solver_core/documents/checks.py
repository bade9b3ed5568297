"""What the numbers of a document may be, whichever file they come from: frames, poses, cameras, plates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.common.numbers import finite, orthonormal, rotations, whole, within
from solver_core.face.blocks import RigidMotion, at_rest
from solver_core.face.joints import JAW
from solver_core.protocol import FARTHEST, FARTHEST_FRAME, FRAME_STATUSES, LARGEST_WEIGHT

LARGEST_SIDE = 2**16  # pixels of a plate
LONGEST_LENS = 1e4  # focal length over the plate's width: a 12-inch telescope films with 300
PLATE_FRAMES = 2**31 - 1  # a plate's own numbers may be dates, beyond the scene's frames


def frame_number(value: object, name: str) -> int:
    """A frame of the scene.

    Raises:
        ValueError: where it is no whole number, or Blender has no such frame.
    """
    return whole(value, -FARTHEST_FRAME, FARTHEST_FRAME, name)


def poses(item: Mapping[str, Any], count: int, keys: int, name: str) -> tuple[Floats, Floats, Floats]:
    """Rotation [count,3,3], translation [count,3] and weights [count,keys] of a part of a document.

    Raises:
        KeyError, ValueError: where one is missing, has another shape, or is no rotation, no place, no weight.
    """
    return (
        rotations(item["rotation"], count, f"{name}.rotation"),
        within(finite(item["translation"], (count, 3), f"{name}.translation"), FARTHEST, f"{name}.translation"),
        within(finite(item["weights"], (count, keys), f"{name}.weights"), LARGEST_WEIGHT, f"{name}.weights"),
    )


def joint_motion(item: Mapping[str, Any], count: int, name: str) -> RigidMotion:
    """A joint in `count` frames; at rest where the document says nothing.

    Raises:
        ValueError: where a part has another shape, is no rotation, or no place.
    """
    rest, where = at_rest(count), f"{name}.translation"
    return RigidMotion(
        rotations(item.get("rotation", rest.rotation), count, f"{name}.rotation"),
        within(finite(item.get("translation", rest.translation), (count, 3), where), FARTHEST, where),
    )


def joints_given(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By name, what a part of a document says of the joints. In files of schema 1 the jaw's are `jaw_...`.

    Raises:
        TypeError: where they are not names with their motions.
    """
    given = item.get("joints", {})
    if not isinstance(given, Mapping) or not all(isinstance(one, Mapping) for one in given.values()):
        raise TypeError("joints are not names with their motions")
    jaw = {kind: item[f"jaw_{kind}"] for kind in ("rotation", "translation") if f"jaw_{kind}" in item}
    return {**given, JAW: jaw} if jaw else dict(given)


def frames_of_results(value: object, name: str) -> Ints:
    """[N] frames of the scene, each once.

    Raises:
        ValueError: no frame, one that is none, or one twice.
    """
    numbers = np.asarray(value)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"{name} names no frame")
    frames = np.array([frame_number(one, name) for one in numbers.tolist()], np.int64)
    if len(np.unique(frames)) < len(frames):
        raise ValueError(f"{name} has a frame twice")
    return frames


def errors(value: object, count: int, name: str) -> Floats:
    """[count] errors; not a number where there is none.

    Raises:
        ValueError: another count, or an error that is infinite or below 0.
    """
    array = np.asarray(value)
    if array.shape != (count,) or array.dtype.kind not in "iuf" or (array < 0).any() or np.isinf(array).any():
        raise ValueError(f"{name} is not {count} errors of 0 or more")
    return array.astype(np.float64)


def statuses(values: Sequence[object], count: int, name: str) -> list[str]:
    """What became of `count` frames.

    Raises:
        ValueError: another count, or a word that protocol.FRAME_STATUSES has not.
    """
    unknown = next((one for one in values if one not in FRAME_STATUSES), None)
    if len(values) != count or unknown is not None:
        raise ValueError(f"{name} has {unknown!r:.80}, expected {count} of {', '.join(FRAME_STATUSES)}")
    return [str(one) for one in values]


def camera_numbers(item: Mapping[str, Any], count: int, of: str) -> tuple[int, int, Floats, Floats]:
    """Width, height, intrinsics [count,4] and world to camera [count,3,4].

    Raises:
        KeyError, ValueError: where one is missing, or no camera has such numbers.
    """
    width, height = (whole(item[side], 1, LARGEST_SIDE, f"{of} {side}") for side in ("width", "height"))
    intrinsics = finite(item["intrinsics"], (count, 4), f"{of} intrinsics")
    if (intrinsics[:, :2] <= 0).any():
        raise ValueError(f"{of} intrinsics has a focal length that is not above 0")
    if (intrinsics[:, :2] > LONGEST_LENS * max(width, height)).any():
        raise ValueError(f"{of} intrinsics has a focal length of over {LONGEST_LENS:g} times the plate's width")
    within(intrinsics[:, 2:], LONGEST_LENS * max(width, height), f"{of} intrinsics")
    world_to_camera = finite(item["world_to_camera"], (count, 3, 4), f"{of} world_to_camera")
    orthonormal(world_to_camera[:, :, :3], f"{of} world_to_camera")
    within(world_to_camera[:, :, 3], FARTHEST, f"{of} world_to_camera")
    return width, height, intrinsics, world_to_camera


def plate_of(value: object, count: int, of: str) -> dict[str, Any]:
    """The plate's description, its frames as whole numbers or None.

    Raises:
        KeyError, TypeError, ValueError: where it is none, or has another count of frames.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{of} plate is {value!r:.80}, expected a description")
    plate = dict(value)
    for name in ("kind", "path", *(["colorspace"] if "colorspace" in plate else [])):
        if not isinstance(plate[name], str):
            raise TypeError(f"{of} plate.{name} is {plate[name]!r:.80}, expected a text")
    if not isinstance(plate["frames"], list) or len(plate["frames"]) != count:
        entries = len(plate["frames"]) if isinstance(plate["frames"], list) else "no"
        raise ValueError(f"{of} plate.frames has {entries} entries for {count} frames")
    plate["frames"] = [
        None if frame is None else whole(frame, -PLATE_FRAMES, PLATE_FRAMES, f"{of} plate.frames")
        for frame in plate["frames"]
    ]
    return plate
