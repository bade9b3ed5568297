"""What is missing before a solve, as sentences with remedies: one list for the panel and the operators."""

from __future__ import annotations

from typing import List, Set

import bpy

from ...problem import ERROR, WARNING, FaceSolveProblem, Problem
from .. import infill
from ..camera.plate import cameras_with_plate, missing_frames, read_plate
from ..keys.fixes import artists_frames, solved_channels
from ..keys.playing import play_problems
from ..rig.head import check_carrier, head_of
from ..rig.jaw import bent, check_jaw
from ..rig.mesh import check_face, excluded_keys, identity_keys, is_in, is_mesh, solvable_keys
from ..rig.shape_settings import group_problems
from ..shot.frame_list import reference_frames
from .local import instanced_heads, only_shown

_SET_UP = "face_solve.setup_from_scene"


def is_there(item: bpy.types.PropertyGroup) -> bool:
    """Whether a camera of the list is still in its scene: one that was deleted lives on in the list alone."""
    camera = item.camera
    return camera is not None and camera.type == "CAMERA" and is_in(item.id_data, camera)


def enabled_cameras(settings: bpy.types.PropertyGroup) -> List[bpy.types.Object]:
    """The camera objects that are solved with."""
    return [item.camera for item in settings.cameras if item.enabled and is_there(item)]


def prechecks(settings: bpy.types.PropertyGroup) -> List[Problem]:
    """What can be told without touching the disk; cheap enough for every redraw."""
    problems: List[Problem] = []
    scene = settings.id_data
    instance = next(instanced_heads(scene), None) if settings.face is None else None
    if instance is not None:
        return [only_shown(instance).as_problem()]
    try:
        check_face(settings)
        head = head_of(settings)
        jaw = head.jaw
        check_carrier(head.carrier)
        if not solvable_keys(settings.face):
            moved = "head is" if jaw is None else "head and its jaw bone are"
            problems.append(Problem(WARNING, f"{settings.face.name} has no shape keys: only its {moved} solved."))
        if jaw is not None:
            check_jaw(jaw, carried=head.carrier.owner == jaw.armature)
            problems += bent(jaw)
    except FaceSolveProblem as problem:
        problems.append(problem.as_problem())
    cameras = enabled_cameras(settings)
    if not cameras and any(is_there(item) for item in settings.cameras):
        problems.append(
            Problem(ERROR, "No camera is chosen: all are switched off.", "Switch one on in the Setup panel.")
        )
    elif not cameras and cameras_with_plate(scene):
        remedy = "Press Set Up, or add the matchmoved camera to the list."
        problems.append(Problem(ERROR, "No camera is chosen.", remedy, _SET_UP))
    elif not cameras:
        message = "No camera is chosen, and none of the scene has a plate."
        remedy = "Load the footage behind the matchmoved camera."
        problems.append(Problem(ERROR, message, remedy, "face_solve.load_footage"))
    if is_mesh(settings.face):
        problems += _nothing_moves(settings)
    if settings.frame_end < settings.frame_start:
        problems.append(
            Problem(ERROR, "The range ends before it starts.", "Set Start and End.", "face_solve.fit_range")
        )
        return problems
    problems.extend(infill.problems(settings))
    if is_mesh(settings.face):
        channels = solved_channels(settings, settings.face)
        problems += play_problems(scene, channels, settings.frame_start, settings.frame_end)
    try:
        reference_frames(settings)
    except FaceSolveProblem as problem:
        problems.append(problem.as_problem())
    frames = range(settings.frame_start, settings.frame_end + 1)
    problems += group_problems(settings)
    if settings.results and artists_frames(settings).issuperset(frames):
        message = "Every frame of the range is locked or keyed by hand: nothing is left to solve."
        problems.append(Problem(WARNING, message, "Give the frames back to the solver.", "face_solve.give_back_frames"))
    seen = set()
    for camera in cameras:
        try:
            plate = read_plate(camera)
        except FaceSolveProblem as problem:
            problems.append(problem.as_problem())
            continue
        if camera.data.type != "PERSP":
            problems.append(
                Problem(
                    ERROR,
                    f"The camera {camera.name} is not a perspective camera.",
                    "Change the camera's type to Perspective.",
                )
            )
        seen.update(frame for frame in frames if plate.frame_of(frame) is not None)
    unseen = [frame for frame in frames if frame not in seen]
    if unseen and not any(problem.level == ERROR for problem in problems):
        problems.append(_outside(unseen, seen))
    return problems


def _nothing_moves(settings: bpy.types.PropertyGroup) -> List[Problem]:
    """A face whose shape keys are all muted or switched off; the head's own motion is solved all the same."""
    off = excluded_keys(settings)
    blocks = settings.face.data.shape_keys.key_blocks if solvable_keys(settings.face) else {}
    names = [name for name in solvable_keys(settings.face) if name not in identity_keys(settings)]
    if not names or any(name not in off and not blocks[name].mute for name in names):
        return []
    message = f"No expression is solved: all shape keys of {settings.face.name} are muted or switched off."
    return [Problem(WARNING, message, "Switch on those that the actor uses, in Setup > Shape Keys.")]


def dropped_frames(settings: bpy.types.PropertyGroup, frames: List[int]) -> List[int]:
    """The frames that a camera's plate has lost, each with its neighbours there: a solve goes on without them.

    Empty where more is lost.
    """
    missing: Set[int] = set()
    for camera in enabled_cameras(settings):
        missing.update(missing_frames(read_plate(camera), frames)[1])
    there = set(frames) - missing
    alone = all({frame - 1, frame + 1} <= there for frame in missing)
    return sorted(missing) if alone else []


def plate_problems(settings: bpy.types.PropertyGroup, frames: List[int]) -> List[Problem]:
    """What is wrong with the plates' files: missing, empty, or no footage at these frames.

    Looks at every file, decodes none.
    """
    problems: List[Problem] = []
    cameras = enabled_cameras(settings)
    for camera in cameras:
        plate = read_plate(camera)
        outside, missing, empty = missing_frames(plate, frames)
        if missing:
            first = plate.file(plate.frame_of(missing[0]))
            problems.append(
                Problem(
                    ERROR,
                    f"The plate of {camera.name} is missing at {ranges(missing)} ({first}).",
                    "Restore the files, or shorten the range.",
                )
            )
        if empty:
            problems.append(
                Problem(
                    ERROR,
                    f"The plate of {camera.name} has empty files at {ranges(empty)}.",
                    "Copy or render those frames again.",
                )
            )
        if outside and len(cameras) > 1:
            problems.append(
                Problem(
                    WARNING,
                    f"The plate of {camera.name} does not cover {ranges(outside)}; the other cameras decide there.",
                )
            )
    return problems


def _outside(unseen: List[int], seen: Set[int]) -> Problem:
    remedy = (
        f"Set the range to {min(seen)}-{max(seen)}, or the start of the plate."
        if seen
        else "Set the range or the plate's start frame."
    )
    return Problem(
        ERROR, f"The plate has no frame at {ranges(unseen)}.", remedy, "face_solve.fit_range" if seen else ""
    )


def ranges(frames: List[int]) -> str:
    """Frames in words: "frames 3-7, 12"."""
    parts: List[List[int]] = []
    for frame in sorted(frames):
        if parts and frame == parts[-1][1] + 1:
            parts[-1][1] = frame
        else:
            parts.append([frame, frame])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in parts[:5]]
    more = ", ..." if len(parts) > 5 else ""
    return ("frame " if len(frames) == 1 else "frames ") + ", ".join(shown) + more
