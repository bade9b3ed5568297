"""Brings a SOLUTION.npz that was made elsewhere onto the timeline."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, List, Tuple

import bpy

from ... import protocol
from ...problem import FaceSolveProblem
from ...worker.job import FrameResult, JointMotion
from ..infill import find_ranges
from ..keys.channels import read_pose
from ..keys.fixes import artists_frames
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
    names, frames = arrays["names"].values, arrays["frames"].values
    count, keys = len(frames), len(names)
    shapes = {
        "rotation": (count, 3, 3),
        "translation": (count, 3),
        "weights": (count, keys),
        "status": (count,),
        "error_px": (count,),
    }
    joints = _joints(arrays)
    for place in joints.values():
        shapes[f"{place}rotation"], shapes[f"{place}translation"] = (count, 3, 3), (count, 3)
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape:
            found = f"has the shape {arrays[name].shape}, not {shape}" if name in arrays else "is missing"
            raise FaceSolveProblem(f"{path} is damaged: {name!r} {found}.", "Solve again.")
    results: Dict[int, FrameResult] = {}
    for i, frame in enumerate(frames):
        error = arrays["error_px"].values[i]
        results[int(frame)] = FrameResult(
            int(frame),
            str(arrays["status"].values[i]),
            None if math.isnan(error) else float(error),
            list(arrays["rotation"].values[9 * i : 9 * i + 9]),
            list(arrays["translation"].values[3 * i : 3 * i + 3]),
            list(arrays["weights"].values[keys * i : keys * i + keys]),
            str(arrays["reason"].values[i]) if "reason" in arrays else "",
            {
                name: JointMotion(
                    list(arrays[f"{place}rotation"].values[9 * i : 9 * i + 9]),
                    list(arrays[f"{place}translation"].values[3 * i : 3 * i + 3]),
                )
                for name, place in joints.items()
            },
        )
    return list(names), results


def _joints(arrays: Dict[str, Array]) -> Dict[str, str]:
    """By name, what a joint's arrays begin with. Before schema 2 of the shot the jaw's were `jaw_rotation` and `jaw_translation`."""
    found = {}
    for name in arrays:
        if name.startswith("joints/") and name.endswith("/rotation"):
            found[name.split("/")[1]] = name[: -len("rotation")]
    return {protocol.JAW: "jaw_", **found} if "jaw_rotation" in arrays else found


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
    if jaw is None and any(protocol.JAW in result.joints for result in results.values()):
        settings.last_result += " The solution moves a jaw bone; none is chosen here."
    return settings.last_result + (f" Not on {face.name}: {', '.join(unknown[:5])}." if unknown else "")
