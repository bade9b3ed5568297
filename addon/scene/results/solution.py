"""Brings a SOLUTION.npz that was made elsewhere onto the timeline."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...problem import FaceSolveProblem
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
from ..shot.sampling import current_frame_kept, head_space
from .overlays import keep_overlays
from .solution_file import read_solution


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
