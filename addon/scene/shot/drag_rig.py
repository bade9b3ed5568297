"""What a drag by pins needs of the scene: the rig, written once, and a frame's head and cameras as they stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List

import bpy

from ... import protocol
from ...pieces import Pieces, whole
from ...problem import FaceSolveProblem
from ..camera.distortion import read_distortion
from ..camera.plate import read_plate
from ..pins import pins_at, size_of
from ..rig.carried import measured
from ..rig.control_answers import Answer, ask
from ..rig.driven import Driven, find_driven, with_driven
from ..rig.followers import find_followers
from ..rig.head import Head, head_of
from ..rig.jaw_motion import jaw_arrays, motion_values
from ..rig.lids import with_lids
from ..rig.mesh import Rig, check_face, excluded_keys, read_rig
from ..rig.shown import StandIn, stand_in
from ..setup.prechecks import enabled_cameras
from .export import Plan
from .npz import write_npz
from .pins import pin_document
from .sampling import Samples, current_frame_kept, evaluated, sample_scene


@dataclass
class DragRig:
    """The rig as the solver has it, and what answers need on their way back. Holds names, no data-blocks."""

    path: Path
    scene: str
    face: str
    rig: Rig
    driven: Driven
    answers: List[Answer]
    followers: List[str]


def write_drag_rig(scene: bpy.types.Scene, folder: Path) -> DragRig:
    """Write rig.npz of the head alone; what hangs on it follows by its channels.

    Raises:
        FaceSolveProblem: where there is no head to drag, or the folder cannot be written.
    """
    settings = scene.face_solve
    check_face(settings)
    head, face, frame = head_of(settings), settings.face, scene.frame_current
    with (
        evaluated(scene, [face, head.carrier.owner]),
        current_frame_kept(scene),
        stand_in(face) as looked_at,
    ):
        read = whole(_read(scene, head, looked_at, frame))
    path = folder / "rig.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_npz(path, read.seen.blocks)
    except OSError as error:
        raise FaceSolveProblem(
            f"{folder} cannot be written: {error.strerror or error}.", "Choose a folder that can be written."
        ) from error
    return DragRig(path, scene.name, face.name, read.rig, read.driven, read.answers, read.followers)


@dataclass
class _Read:
    rig: Rig
    seen: Rig  # with what driven keys bring along
    driven: Driven
    answers: List[Answer]
    followers: List[str]


def _read(scene: bpy.types.Scene, head: Head, looked_at: StandIn, frame: int) -> Pieces[_Read]:
    settings, face = scene.face_solve, head.face
    samples = yield from sample_scene(scene, head, [], {}, {}, [frame])
    controls = yield from ask(face, head.channels, excluded_keys(settings))
    scene.frame_set(frame)
    rig = yield from read_rig(face, settings, list(samples.poses[0].scale), controls.reach)
    rig = yield from with_lids(face, rig)
    shown = yield from looked_at.see(rig, [frame])
    rig, mesh = (shown.rig, shown.stand_in or face) if shown is not None else (rig, face)
    if head.jaw is not None:
        arrays = yield from jaw_arrays(replace(head.jaw, face=mesh), samples.jaw_rest)
        rig.arrays.update(arrays)
    driven = yield from find_driven(scene, face, rig, [frame], head.jaw)
    driven.slopes.update(controls.tied)
    scene.frame_set(frame)
    followers = yield from find_followers(scene, head, [frame])
    rig = yield from measured(head, rig, [], controls.answers, shown.modifiers if shown is not None else ())
    scene.frame_set(frame)
    seen, _weights = yield from with_driven(rig, samples.weights, driven)
    return _Read(rig, seen, driven, controls.answers, [one.name for one in followers])


@dataclass
class DragStart:
    """A frame as it stood when the drag began."""

    plan: Plan  # of that frame alone
    message: Dict[str, object]  # of a drag, without its number, pins and what is free


def begin_drag(scene: bpy.types.Scene, opened: DragRig) -> DragStart:
    """Read the current frame.

    Raises:
        FaceSolveProblem: where the head or a camera cannot be read, or the frame is locked.
    """
    settings, frame = scene.face_solve, scene.frame_current
    if frame in {item.frame for item in settings.locked_frames}:
        raise FaceSolveProblem(
            f"Frame {frame} is locked: its pins hold, and the head stays.",
            "Unlock it to drag.",
            "face_solve.unlock_frame",
        )
    head, cameras = head_of(settings), [one for one in enabled_cameras(settings) if _shows(one, frame)]
    plates = {camera.name: read_plate(camera) for camera in cameras}
    sizes = {camera.name: size_of(camera, frame) for camera in cameras}
    samples = whole(sample_scene(scene, head, cameras, plates, sizes, [frame]))
    _rig, weights = whole(with_driven(opened.rig, samples.weights, opened.driven))
    carrier = head.carrier
    plan = Plan(
        scene.name,
        opened.face,
        opened.path.parent,
        [frame],
        opened.rig.names,
        opened.rig.solved,
        set(),
        samples.spaces,
        list(samples.poses[0].scale),
        followers=opened.followers,
        armature=head.jaw.armature.name if head.jaw else "",
        bone=head.jaw.name if head.jaw else "",
        owner=carrier.owner.name,
        head_bone=carrier.bone,
        controls=opened.answers,
    )
    return DragStart(
        plan, {"type": protocol.DRAG, "frame": frame, **_cameras(cameras, sizes, samples), **_pose(samples, weights)}
    )


def pins_of(settings: bpy.types.PropertyGroup, frame: int) -> List[Dict[str, object]]:
    """A frame's pins as a drag has them."""
    return [pin_document(settings.pins[i]) for i in pins_at(settings, frame)]


def _shows(camera: bpy.types.Object, frame: int) -> bool:
    return read_plate(camera).frame_of(frame) is not None


def _cameras(cameras: List[bpy.types.Object], sizes: Dict[str, object], samples: Samples) -> Dict[str, object]:
    return {
        "cameras": [
            {
                "name": camera.name,
                "width": sizes[camera.name][0],
                "height": sizes[camera.name][1],
                "intrinsics": samples.intrinsics[camera.name][0],
                "world_to_camera": samples.extrinsics[camera.name][0],
                "distortion": read_distortion(camera, sizes[camera.name]),
            }
            for camera in cameras
        ]
    }


def _pose(samples: Samples, weights: List[List[float]]) -> Dict[str, object]:
    pose = samples.poses[0]
    found: Dict[str, object] = {
        "rotation": [value for row in pose.rotation for value in row],
        "translation": list(pose.translation),
        "weights": weights[0],
    }
    if samples.jaw:
        found["joints"] = {
            protocol.JAW: dict(zip(("rotation", "translation"), motion_values(samples.jaw[0]), strict=True))
        }
    return {"pose": found}
