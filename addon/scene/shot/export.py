"""Makes a shot folder of the scene: everything the solver needs, and what the add-on must remember meanwhile."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import bpy

from ... import compat, protocol
from ...pieces import Pieces, whole
from ...problem import ERROR, FaceSolveProblem, Problem
from ..camera.distortion import read_distortion
from ..camera.plate import Plate, colorspace_of, plate_size, read_plate
from ..infill import Span, own_spans, spans_of
from ..keys.channels import Space
from ..keys.fixes import artists_frames, judge_keys, solved_channels
from ..keys.playing import try_keys
from ..rig.albedo import Albedo, joined, read_albedo
from ..rig.carried import measured
from ..rig.control_answers import Answer, ask
from ..rig.driven import find_driven, left_standing, with_driven
from ..rig.followers import find_followers, mirrored, with_follower
from ..rig.head import Head, head_of
from ..rig.jaw_motion import jaw_arrays, motion_values
from ..rig.lids import with_lids
from ..rig.mesh import Rig, excluded_keys, hidden_triangles, read_rig, without_triangles
from ..rig.shown import StandIn, stand_in
from ..rig.unseen import unseen
from ..setup.people import people_of
from ..setup.prechecks import dropped_frames, enabled_cameras, plate_problems, prechecks, ranges
from .frame_list import reference_frames
from .npz import npz_pieces
from .pins import pins_document
from .sampling import Samples, evaluated, sample_scene


@dataclass
class Plan:
    """A shot that has been written, and what its solution needs on the way back.

    Holds names, no data-blocks: undo frees those.
    """

    scene: str
    face: str
    folder: Path
    frames: List[int]
    names: List[str]
    solved: List[bool]
    locked: Set[int]  # the artist's own frames among them
    spaces: Dict[int, Space]
    scale: List[float]
    warnings: List[str] = field(default_factory=list)
    followers: List[str] = field(default_factory=list)
    # Frames that carry keys of the artist and are solved all the same; frames that the solver sees beside those, never
    # written.
    partly: Set[int] = field(default_factory=set)
    neighbours: Set[int] = field(default_factory=set)
    kept: int = 0  # how many of the frames that were asked for are the artist's own
    armature: str = ""  # that has the jaw bone; empty where there is none
    bone: str = ""
    owner: str = ""  # the object that moves the head, and its bone where one does
    head_bone: str = ""
    controls: List[Answer] = field(default_factory=list)  # that stand for driven keys
    reshaped: bool = False  # the solver saw the face as modifiers after its keys leave it

    @property
    def solution(self) -> Path:
        """Where the solution goes."""
        return self.folder / "SOLUTION.npz"


# How many frames beside a part the solver sees: for the light, for the way there and back, and so that the ends meet.
AROUND_RANGE = 4
AROUND_INFILL = 12
_WORDS = 20_000  # of shot.json that are written before Blender may go on


def posed_neighbours(
    settings: bpy.types.PropertyGroup, wanted: List[int], around: range, *, bridging: bool
) -> Set[int]:
    """Frames of the shot in `around`, not wanted, that have a pose.

    Solved before, or the artist's own, and their plates are there.

    Where nothing has been solved or fixed yet, a bridge is built between the poses that the timeline has.
    """
    shot = range(settings.frame_start, settings.frame_end + 1)
    posed = {item.frame for item in settings.results if item.status != protocol.FRAME_FAILED} | artists_frames(settings)
    if bridging and not posed:
        posed = set(shot)
    found = {frame for frame in around if frame in shot and frame in posed} - set(wanted)
    plates = [read_plate(camera) for camera in enabled_cameras(settings)]
    seen = {frame for frame in found if any(plate.frame_of(frame) is not None for plate in plates)}
    return seen if not any(problem.level == ERROR for problem in plate_problems(settings, sorted(seen))) else set()


def within(frames: List[int], spans: List[Span]) -> List[int]:
    """Those of the frames that lie in one of the ranges."""
    return [frame for frame in frames if any(start <= frame <= end for start, end in spans)]


def solve_frames(settings: bpy.types.PropertyGroup, first: Optional[int], last: Optional[int]) -> List[int]:
    """The frames of a solve: the settings' range, or the part asked for."""
    start = settings.frame_start if first is None else first
    end = settings.frame_end if last is None else last
    if end < start:
        raise FaceSolveProblem(f"The range {start}-{end} ends before it starts.", "Give the first frame first.")
    return list(range(start, end + 1))


def write_shot(scene: bpy.types.Scene, folder: Path, **part: Any) -> Plan:
    """Write the shot folder at once; see `shot_pieces`."""
    return whole(shot_pieces(scene, folder, **part))


def shot_pieces(
    scene: bpy.types.Scene,
    folder: Path,
    *,
    stages: Optional[List[str]] = None,
    first: Optional[int] = None,
    last: Optional[int] = None,
    infill: Optional[List[Span]] = None,
    device: str = "cpu",
) -> Pieces[Plan]:
    """Write the shot folder. What forbids it is found in the first piece, as far as it can be told without reading.

    Args:
        scene: the scene, set up.
        folder: where shot.json and rig.npz go; made where missing.
        stages: the stages to run, None for Solve Shot's own list.
        first: where the part to solve begins; None for the range's start.
        last: where it ends; None for the range's end.
        infill: the ranges to bridge and nothing else; None for a solve of all frames, which bridges the artist's own
            ranges.
        device: `cpu` or `cuda`.

    Raises:
        FaceSolveProblem: for anything that keeps the shot from being solved or written.
    """
    settings = scene.face_solve
    wanted = solve_frames(settings, first, last)
    _raise_first(prechecks(settings))
    spans = own_spans(settings) if infill is None else infill
    if infill:
        wanted = within(wanted, spans)
        around = range(wanted[0] - AROUND_INFILL, wanted[-1] + AROUND_INFILL + 1)
    else:
        around = range(wanted[0] - AROUND_RANGE, wanted[-1] + AROUND_RANGE + 1)
    neighbours = posed_neighbours(settings, wanted, around, bridging=bool(infill))
    frames = sorted({*wanted, *neighbours})
    dropped = dropped_frames(settings, frames)
    frames, wanted = [f for f in frames if f not in dropped], [f for f in wanted if f not in dropped]
    neighbours -= set(dropped)
    found = plate_problems(settings, frames)
    _raise_first(found)
    face, cameras = settings.face, enabled_cameras(settings)
    plates = {camera.name: read_plate(camera) for camera in cameras}
    uncovered = [frame for frame in frames if all(plate.frame_of(frame) is None for plate in plates.values())]
    if uncovered:
        raise FaceSolveProblem(f"The plate has no frame at {ranges(uncovered)}.", "Solve a range inside the plate.")
    sizes = {camera.name: plate_size(camera, plates[camera.name], frames) for camera in cameras}
    locked, partly = anchors(settings, face, frames)
    neighbours, partly = neighbours - locked, partly - neighbours
    if locked.issuperset(wanted):
        raise FaceSolveProblem(
            "Every frame of the range is locked or keyed by hand.",
            "Give the frames back to the solver, unlock some, or solve a longer range.",
            "face_solve.give_back_frames",
        )
    head = head_of(settings)
    warnings = [str(problem) for problem in found]
    if dropped:
        warnings.append(f"The plate has no file at {ranges(dropped)}: left out, and bridged by the keys on both sides.")
    yield
    with evaluated(scene, [face, head.carrier.owner, *cameras]), stand_in(face) as looked_at:
        read = yield from _read_scene(scene, head, looked_at, cameras, plates, sizes, frames)
        rig, samples, followers, scale = read.rig, read.samples, read.followers, list(read.samples.poses[0].scale)
        warnings += read.warnings
        if partly:
            warnings.append(
                f"Some channels carry your keys at {ranges(sorted(partly))}: those are kept. "
                "Lock the frame to keep it whole."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            albedo = yield from _albedo(head, read.mesh, followers, scale, folder)
            hidden = yield from hidden_triangles(read.mesh)
            arrays = yield from without_triangles({**rig.arrays, **albedo.arrays}, hidden)
            blocks = {**rig.blocks, **arrays}
            yield from _write_atomically(folder / "rig.npz", lambda path: npz_pieces(path, blocks))
            document = _document(scene, frames, cameras, plates, sizes, samples, locked, stages, device)
            document["neighbours"] = sorted(neighbours)
            document["earlier"] = [
                {"frame": item.frame, "status": item.status, "reason": item.reason}
                for item in sorted(settings.results, key=lambda item: item.frame)
                if item.frame in frames and item.status in protocol.FRAME_STATUSES
            ]
            document["infill_ranges"] = [
                {"frame_start": start, "frame_end": end} for start, end in spans_of(within(wanted, spans))
            ]
            document["textures"] = albedo.textures
            document["pins"] = pins_document(settings, frames)
            yield
            yield from _write_atomically(folder / "shot.json", lambda path: _json_pieces(path, document))
        except OSError as error:
            raise unwritable(folder, error) from error
    warnings += albedo.warnings
    return Plan(
        scene.name,
        face.name,
        folder,
        frames,
        rig.names,
        rig.solved,
        locked,
        samples.spaces,
        scale,
        warnings,
        [other.name for other in followers],
        partly=partly,
        neighbours=neighbours,
        kept=len(locked.intersection(wanted)),
        armature=head.jaw.armature.name if head.jaw else "",
        bone=head.jaw.name if head.jaw else "",
        owner=head.carrier.owner.name,
        head_bone=head.carrier.bone,
        controls=read.answers,
        reshaped=read.reshaped,
    )


@dataclass
class _Read:
    """What the scene says of the head over the frames of a shot."""

    samples: Samples
    rig: Rig
    mesh: bpy.types.Object  # that has the face's vertices as the solver sees them
    followers: List[bpy.types.Object]
    answers: List[Answer]
    warnings: List[str]
    reshaped: bool


def _read_scene(
    scene: bpy.types.Scene,
    head: Head,
    looked_at: StandIn,
    cameras: List[bpy.types.Object],
    plates: Dict[str, Plate],
    sizes: Dict[str, Tuple[int, int]],
    frames: List[int],
) -> Pieces[_Read]:
    settings, face, jaw = scene.face_solve, head.face, head.jaw
    samples = yield from sample_scene(scene, head, cameras, plates, sizes, frames)
    warnings = try_keys(scene, solved_channels(settings, face), frames[len(frames) // 2])
    yield
    scene.frame_set(frames[0])
    controls = yield from ask(face, head.channels, excluded_keys(settings))
    rig = yield from read_rig(face, settings, list(samples.poses[0].scale), controls.reach)
    yield
    rig = yield from with_lids(face, rig)
    shown = yield from looked_at.see(rig, frames)
    rig, mesh = (shown.rig, shown.stand_in or face) if shown is not None else (rig, face)
    if jaw is not None:
        arrays = yield from jaw_arrays(replace(jaw, face=mesh), samples.jaw_rest)
        rig.arrays.update(arrays)
    driven = yield from find_driven(scene, face, rig, frames, jaw)
    driven.slopes.update(controls.tied)
    yield
    said = yield from unseen(scene, head, rig, frames, driven.held, reshaped=shown is not None)
    warnings += said
    if shown is not None:
        many = len(shown.modifiers) > 1
        warnings.append(
            f"The modifier{'s' if many else ''} {', '.join(shown.modifiers)} reshape{'' if many else 's'} {face.name} "
            "after its shape keys: the solver sees it so."
        )
    warnings += [f"Some driven shape keys are not solved: {one}." for one in controls.unsolved]
    known = {*controls.reach, *controls.named, *driven.slopes, *driven.held, *excluded_keys(settings)}
    warnings += left_standing(face, known)
    followers = yield from find_followers(scene, head, frames)
    for other in followers:
        scene.frame_set(frames[0])
        rig = yield from with_follower(head, other, rig)
    scene.frame_set(frames[0])
    rig = yield from measured(head, rig, followers, controls.answers, shown.modifiers if shown is not None else ())
    rig, samples.weights = yield from with_driven(rig, samples.weights, driven)
    return _Read(samples, rig, mesh, followers, controls.answers, warnings, shown is not None)


def stage_file(settings: bpy.types.PropertyGroup) -> Optional[str]:
    """The whole path of the studio's own stages, or the name of a shipped file; None where the solver's are wanted.

    Raises:
        FaceSolveProblem: where there is no such file.
    """
    if not settings.stage_file:
        return None
    path = Path(bpy.path.abspath(settings.stage_file))
    if settings.stage_file in protocol.SHIPPED_STAGES and not path.is_file():
        return str(settings.stage_file)
    if not path.is_file():
        raise FaceSolveProblem(
            f"There is no stage file {path}.",
            f"Choose another under Setup > Advanced, the name of one that the solver has "
            f"({', '.join(protocol.SHIPPED_STAGES)}), or none.",
        )
    return str(path)


def _albedo(
    head: Head, mesh: bpy.types.Object, followers: List[bpy.types.Object], scale: List[float], folder: Path
) -> Pieces[Albedo]:
    """The albedo of the head, as it is shown, and of its followers behind it."""
    albedo = yield from read_albedo(mesh, folder, mirrored=scale[0] * scale[1] * scale[2] < 0.0)
    vertices, triangles = len(mesh.data.vertices), len(mesh.data.loop_triangles)
    for other in followers:
        more, more_triangles = len(other.data.vertices), len(other.data.loop_triangles)
        own = yield from read_albedo(other, folder, mirrored=mirrored(head, other, scale))
        albedo = joined(albedo, vertices, triangles, own, more, more_triangles)
        vertices, triangles = vertices + more, triangles + more_triangles
        yield
    return albedo


def unwritable(folder: Path, error: OSError) -> FaceSolveProblem:
    """A failure to write, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FaceSolveProblem(f"The disk that holds {folder} is full.", "Free some space and try again.")
    return FaceSolveProblem(
        f"{folder} cannot be written: {error.strerror or error}.", "Choose a folder that can be written."
    )


def anchors(settings: bpy.types.PropertyGroup, face: bpy.types.Object, frames: List[int]) -> Tuple[Set[int], Set[int]]:
    """Frames that a solve must leave whole, and frames that carry some of the artist's keys but are solved."""
    wanted = set(frames)
    fixed, partly = judge_keys(settings, face)
    whole = ({item.frame for item in settings.locked_frames} | fixed) & wanted
    return whole, (partly & wanted) - whole


def _raise_first(problems: List[Problem]) -> None:
    for problem in problems:
        if problem.level == ERROR:
            raise FaceSolveProblem(problem.message, problem.remedy, problem.mend)


def _document(
    scene: bpy.types.Scene,
    frames: List[int],
    cameras: List[bpy.types.Object],
    plates: Dict[str, Plate],
    sizes: Dict[str, Tuple[int, int]],
    samples: Samples,
    locked: Set[int],
    stages: Optional[List[str]],
    device: str,
) -> Dict[str, object]:
    settings = scene.face_solve
    initial = {
        "rotation": [[value for row in pose.rotation for value in row] for pose in samples.poses],
        "translation": [list(pose.translation) for pose in samples.poses],
        "weights": samples.weights,
    }
    if samples.jaw:
        motions = [dict(zip(("rotation", "translation"), motion_values(motion), strict=True)) for motion in samples.jaw]
        initial["joints"] = {
            protocol.JAW: {kind: [motion[kind] for motion in motions] for kind in ("rotation", "translation")}
        }
    return {
        "schema": protocol.SHOT_SCHEMA_VERSION,
        "name": Path(bpy.data.filepath).stem or scene.name,
        "frames": frames,
        "fps": scene.render.fps / scene.render.fps_base,
        "cameras": [
            {
                "name": camera.name,
                "width": sizes[camera.name][0],
                "height": sizes[camera.name][1],
                "intrinsics": samples.intrinsics[camera.name],
                "world_to_camera": samples.extrinsics[camera.name],
                "distortion": read_distortion(camera, sizes[camera.name]),
                "plate": _plate(camera, plates[camera.name], frames),
            }
            for camera in cameras
        ],
        "rig": "rig.npz",
        "initial": initial,
        "locked": [{"frame": frame, **_at(initial, i)} for i, frame in enumerate(frames) if frame in locked],
        "settings": {
            "landmarks": settings.landmarks.lower(),
            "detector": settings.detector.lower(),
            "flow": settings.flow.lower(),
            "refinement": settings.refinement,
            "reference_frames": reference_frames(settings),
            "device": device,
        },
        "people": people_of(settings, cameras, sizes),
        "stages": stages,
        "stage_file": stage_file(settings),
    }


def _at(values: Any, i: int) -> Any:
    """What the lists of every frame say of the i-th one, lists in dictionaries too."""
    return {name: _at(inner, i) for name, inner in values.items()} if isinstance(values, dict) else values[i]


def _plate(camera: bpy.types.Object, plate: Plate, frames: List[int]) -> Dict[str, object]:
    said = {"kind": plate.kind, "path": plate.path, "frames": plate.frames(frames), "colorspace": colorspace_of(camera)}
    return {**said, "rotate": compat.TURNS_MOVIES} if plate.kind == "movie" else said


def _json_pieces(path: Path, document: Dict[str, object]) -> Pieces[None]:
    with path.open("w", encoding="utf-8") as stream:
        for place, text in enumerate(json.JSONEncoder(allow_nan=False).iterencode(document)):
            stream.write(text)
            if place % _WORDS == 0:
                yield


def _write_atomically(path: Path, write: Callable[[Path], Pieces[None]]) -> Pieces[None]:
    """Write beside the place and move there: no reader sees half a file."""
    partial = path.with_name(path.name + ".part")
    try:
        yield from write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
