"""Brings a SOLUTION.npz that was made elsewhere onto the timeline."""

from __future__ import annotations

from pathlib import Path

import bpy

from ... import protocol
from ...pieces import whole
from ...problem import ERROR, FaceSolveProblem
from ..infill import find_ranges
from ..keys.channels import read_pose
from ..keys.curves import drop_broken_keys
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
from ..rig.shown import was_reshaped
from ..shot.export import Plan
from ..shot.sampling import evaluated
from ..takes.takes import keep_take
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
    head = head_of(settings)
    jaw = head.jaw
    if jaw is not None:
        check_jaw(jaw, carried=head.carrier.owner == jaw.armature)
    check_carrier(head.carrier)
    for channel in solved_channels(settings, face):
        drop_broken_keys(channel.find())
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
        followers = [other.name for other in whole(find_followers(scene, head, frames))]
        scene.frame_set(frames[0])
        controls = whole(ask(face, head.channels, excluded_keys(settings)))
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
        reshaped=was_reshaped(path.with_name("rig.npz"), face),
    )
    write_frames(plan, results, frames)
    store_results(settings, results.values())
    said = look_after(plan, results)
    find_ranges(settings)
    keep_overlays(scene, path)
    keep_take(settings, f"Import {path.stem}")
    settings.last_result = " ".join([f"{len(frames)} frames from {path.name}.", *said])
    if jaw is None and any(protocol.JAW in result.joints for result in results.values()):
        settings.last_result += " The solution moves a jaw bone; none is chosen here."
    return settings.last_result + (f" Not on {face.name}: {', '.join(unknown[:5])}." if unknown else "")
