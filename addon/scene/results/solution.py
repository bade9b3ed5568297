"""Brings a SOLUTION.npz that was made elsewhere onto the timeline."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, List, Tuple

import bpy

from ...problem import FaceSolveProblem
from ...worker.frame_result import FrameResult, read_frame
from ..infill import find_ranges
from ..keys.channels import read_pose
from ..keys.curves import drop_broken_keys
from ..keys.fixes import artists_frames, solved_channels
from ..keys.record import weight_channels
from ..keys.writer import store_results, write_frames
from ..rig.followers import find_followers
from ..rig.jaw import check_jaw, chosen_jaw
from ..rig.jaw_motion import head_matrix
from ..rig.mesh import check_face, identity_keys, solvable_keys
from ..shot.export import Plan
from ..shot.npz import Array, read_npz
from ..shot.sampling import current_frame_kept, head_space
from .overlays import keep_overlays

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
    optional = {"reason": (count,)} if "reason" in arrays else {}
    bone = {"jaw_rotation": (count, 3, 3), "jaw_translation": (count, 3)} if "jaw_rotation" in arrays else {}
    for name, shape in {**shapes, **optional, **bone}.items():
        if name not in arrays or arrays[name].shape != shape:
            found = f"has the shape {arrays[name].shape}, not {shape}" if name in arrays else "is missing"
            raise ValueError(f"{name!r} {found}")
    if not all(isinstance(name, str) for name in names) or len(set(names)) < keys:
        raise ValueError("'names' are not names of shape keys, each once")
    sizes = {
        "rotation": 9,
        "translation": 3,
        "weights": keys,
        **{name: math.prod(shape[1:]) for name, shape in bone.items()},
    }
    results: Dict[int, FrameResult] = {}
    for i, frame in enumerate(frames):
        fields = {name: list(arrays[name].values[size * i : size * (i + 1)]) for name, size in sizes.items()}
        fields.update({name: arrays[name].values[i] for name in ("status", *optional)})
        error = arrays["error_px"].values[i]
        nowhere = isinstance(error, float) and math.isnan(error)
        result = read_frame({**fields, "frame": frame, "error_px": None if nowhere else error}, keys)
        if result.frame in results:
            raise ValueError(f"frame {result.frame} is in it twice")
        results[result.frame] = result
    return names, results


def import_solution(scene: bpy.types.Scene, path: Path) -> str:
    """Key a solution on the chosen face; answers with what was done.

    Raises:
        FaceSolveProblem: where there is no face, or the solution is of another one.
    """
    settings = scene.face_solve
    check_face(settings)
    face = settings.face
    names, results = read_solution(path)
    own = set(solvable_keys(face))
    unknown = [name for name in names if name not in own]
    if names and len(unknown) == len(names):
        raise FaceSolveProblem(
            f"None of the solution's shape keys is on {face.name}.", "Choose the face that was solved."
        )
    if not results:
        raise FaceSolveProblem(f"{path} holds no frames.", "Solve again.")
    jaw = chosen_jaw(settings)
    if jaw is not None:
        check_jaw(jaw)
    for channel in solved_channels(settings, face):
        drop_broken_keys(channel.find())
    keyable = set(weight_channels(face)) - identity_keys(settings)
    frames = sorted(results)
    spaces = {}
    with current_frame_kept(scene):
        for frame in frames:
            scene.frame_set(frame)
            graph = bpy.context.evaluated_depsgraph_get()
            spaces[frame] = head_space(face, jaw, graph)
            scale = read_pose(face, head_matrix(face, jaw, graph)).scale
        followers = [other.name for other in find_followers(scene, face, frames, jaw)]
    locked = artists_frames(settings)
    plan = Plan(
        scene.name,
        face.name,
        path.parent,
        frames,
        names,
        [name in keyable for name in names],
        locked,
        spaces,
        list(scale),
        followers=followers,
        armature=jaw.armature.name if jaw else "",
        bone=jaw.name if jaw else "",
    )
    write_frames(plan, results, frames)
    store_results(settings, results.values())
    find_ranges(settings)
    keep_overlays(scene, path)
    settings.last_result = f"{len(frames)} frames from {path.name}."
    if jaw is None and any(result.jaw_rotation is not None for result in results.values()):
        settings.last_result += " The solution moves a jaw bone; none is chosen here."
    return settings.last_result + (f" Not on {face.name}: {', '.join(unknown[:5])}." if unknown else "")
