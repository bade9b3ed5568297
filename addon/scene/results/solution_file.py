"""Reads a SOLUTION.npz, all of it or nothing: every frame is checked as those that come over the pipe are; no bpy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, List, Tuple

from ... import protocol
from ...problem import FaceSolveProblem
from ...worker.frame_result import FrameResult, read_frame
from ..shot.npz import Array, read_npz

_NEEDED = ("frames", "rotation", "translation", "weights", "names", "status", "error_px")


def read_solution(path: Path) -> Tuple[List[str], Dict[int, FrameResult]]:
    """(names, results by frame) of a solution file.

    Raises:
        FaceSolveProblem: where it is no solution, or its arrays do not fit each other.
    """
    arrays = read_npz(path)
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise FaceSolveProblem(
            f"{path} is no solution: it has no {missing[0]!r}.", "Choose a SOLUTION.npz that the solver wrote."
        )
    try:
        return _checked(arrays)
    except (TypeError, ValueError) as error:
        raise FaceSolveProblem(f"{path} is damaged: {error}.", "Nothing was keyed. Solve again.") from error


def _checked(arrays: Dict[str, Array]) -> Tuple[List[str], Dict[int, FrameResult]]:
    """The results, every one of them checked as those that come over the pipe are; ValueError where one is wrong."""
    names, frames = list(arrays["names"].values), list(arrays["frames"].values)
    count, keys = len(frames), len(names)
    shapes = {
        "frames": (count,),
        "names": (keys,),
        "rotation": (count, 3, 3),
        "translation": (count, 3),
        "weights": (count, keys),
        "status": (count,),
        "error_px": (count,),
    }
    optional = {name: (count,) for name in ("reason", "doubt") if name in arrays}
    more: Dict[str, Tuple[int, ...]] = {"error": (count,)} if "error" in arrays else {}
    regions = list(arrays["regions"].values) if "regions" in arrays else []
    if regions:
        more["error_regions"] = (count, len(regions))
    joints = _joints(arrays)
    moved: Dict[str, Tuple[int, ...]] = {}
    for place in joints.values():
        moved[f"{place}rotation"], moved[f"{place}translation"] = (count, 3, 3), (count, 3)
    for name, shape in {**shapes, **optional, **more, **moved}.items():
        if name not in arrays or arrays[name].shape != shape:
            found = f"has the shape {arrays[name].shape}, not {shape}" if name in arrays else "is missing"
            raise ValueError(f"{name!r} {found}")
    if not all(isinstance(name, str) for name in names) or len(set(names)) < keys:
        raise ValueError("'names' are not names of shape keys, each once")
    sizes = {"rotation": 9, "translation": 3, "weights": keys}
    results: Dict[int, FrameResult] = {}
    for i, frame in enumerate(frames):
        fields = {name: list(arrays[name].values[size * i : size * (i + 1)]) for name, size in sizes.items()}
        fields.update({name: arrays[name].values[i] for name in ("status", *optional)})
        fields["joints"] = {
            name: {
                "rotation": list(arrays[f"{place}rotation"].values[9 * i : 9 * i + 9]),
                "translation": list(arrays[f"{place}translation"].values[3 * i : 3 * i + 3]),
            }
            for name, place in joints.items()
        }
        fields.update({name: _known(arrays[name].values[i]) for name in ("error_px", "error") if name in arrays})
        each = arrays["error_regions"].values[len(regions) * i : len(regions) * (i + 1)] if regions else []
        fields["regions"] = {str(name): _known(error) for name, error in zip(regions, each, strict=True)}
        result = read_frame({**fields, "frame": frame}, keys)
        if result.frame in results:
            raise ValueError(f"frame {result.frame} is in it twice")
        results[result.frame] = result
    return names, results


def _known(error: object) -> object:
    return None if isinstance(error, float) and math.isnan(error) else error


def _joints(arrays: Dict[str, Array]) -> Dict[str, str]:
    """By name, what a joint's arrays begin with.

    Before schema 2 of the shot the jaw's were `jaw_rotation` and `jaw_translation`.
    """
    found = {}
    for name in arrays:
        if name.startswith("joints/") and name.endswith("/rotation"):
            found[name.split("/")[1]] = name[: -len("rotation")]
    return {protocol.JAW: "jaw_", **found} if "jaw_rotation" in arrays else found
