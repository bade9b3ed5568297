"""Brings a SOLUTION.npz that was made elsewhere onto the timeline."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, List, Tuple

import bpy

from ...problem import ERROR, FaceSolveProblem
from ...worker.job import FrameResult
from ..infill import find_ranges
from ..keys.channels import read_pose
from ..keys.displayed import look_after
from ..keys.fixes import artists_frames, solved_channels
from ..keys.playing import play_problems
from ..keys.record import weight_channels
from ..keys.writer import store_results, write_frames
from ..rig.control_answers import ask
from ..rig.followers import find_followers
from ..rig.head import check_carrier, head_of
from ..rig.jaw import check_jaw
from ..rig.mesh import check_face, excluded_keys, identity_keys, solvable_keys
from ..shot.export import Plan
from ..shot.npz import read_npz
from ..shot.sampling import evaluated
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
    bone = {"jaw_rotation": (count, 3, 3), "jaw_translation": (count, 3)} if "jaw_rotation" in arrays else {}
    for name, shape in {**shapes, **bone}.items():
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
            list(arrays["jaw_rotation"].values[9 * i : 9 * i + 9]) if bone else None,
            list(arrays["jaw_translation"].values[3 * i : 3 * i + 3]) if bone else None,
        )
    return list(names), results


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
    head = head_of(settings)
    jaw = head.jaw
    if jaw is not None:
        check_jaw(jaw, carried=head.carrier.owner == jaw.armature)
    check_carrier(head.carrier)
    frames = sorted(results)
    for problem in play_problems(scene, solved_channels(settings, face), frames[0], frames[-1]):
        if problem.level == ERROR:
            raise FaceSolveProblem(problem.message, problem.remedy, problem.mend)
    spaces = {}
    with evaluated(scene, [face, head.carrier.owner]):
        for frame in frames:
            scene.frame_set(frame)
            graph = bpy.context.evaluated_depsgraph_get()
            spaces[frame] = head.space(graph)
            scale = read_pose(face, head.matrix(graph)).scale
        followers = [other.name for other in find_followers(scene, head, frames)]
        scene.frame_set(frames[0])
        controls = ask(face, head.channels, excluded_keys(settings))
    keyable = (set(weight_channels(face)) | set(controls.reach)) - identity_keys(settings)
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
        owner=head.carrier.owner.name,
        head_bone=head.carrier.bone,
        controls=controls.answers,
    )
    write_frames(plan, results, frames)
    store_results(settings, results.values())
    said = look_after(plan, results)
    find_ranges(settings)
    keep_overlays(scene, path)
    settings.last_result = " ".join([f"{len(frames)} frames from {path.name}.", *said])
    if jaw is None and any(result.jaw_rotation is not None for result in results.values()):
        settings.last_result += " The solution moves a jaw bone; none is chosen here."
    return settings.last_result + (f" Not on {face.name}: {', '.join(unknown[:5])}." if unknown else "")
