"""Puts solved frames on the timeline, and never over the artist's keys."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Set, Tuple

import bpy
from mathutils import Matrix, Vector

from ... import protocol
from ...problem import FaceSolveProblem
from ...worker.frame_result import FrameResult
from ..results.bounds import from_pixels
from ..rig.control_answers import Answer
from ..rig.followers import shared_channels
from ..rig.head import Carrier
from ..rig.jaw import Jaw
from ..rig.jaw_motion import own_motion
from ..rig.mesh import is_mesh, key_blocks
from ..shot.export import Plan
from .channels import Pose, continuous_rotations, own_channels
from .curves import keyed_values, write_keys
from .record import KEPT, Channel, Written, load_written, single, store_written, weight_channels

Places = Dict[int, Tuple[Vector, Matrix]]  # location (3) and rotation matrix (3x3) by frame


def find_actors(plan: Plan) -> Tuple[bpy.types.Scene, bpy.types.Object]:
    """The scene and the face by their names.

    Raises:
        FaceSolveProblem: where one is gone.
    """
    scene = bpy.data.scenes.get(plan.scene)
    if scene is None:
        raise _gone(f"The scene {plan.scene}", "scene")
    face = scene.objects.get(plan.face)
    if not is_mesh(face) or (plan.names and not key_blocks(face)):
        raise _gone(plan.face, "face")
    return scene, face


def _gone(what: str, kind: str) -> FaceSolveProblem:
    return FaceSolveProblem(
        f"{what} is gone or has another name now, so its frames have nowhere to go.",
        f"Undo that, or set up another {kind}, and solve again: what was keyed is kept.",
    )


def followers_left(plan: Plan, scene: bpy.types.Scene) -> List[bpy.types.Object]:
    """The followers that are still there and still meshes with shape keys: nothing is lost with one that is not."""
    found = (scene.objects.get(name) for name in plan.followers)
    return [one for one in found if key_blocks(one)]


def _find_jaw(plan: Plan, scene: bpy.types.Scene, face: bpy.types.Object) -> Optional[Jaw]:
    if not plan.bone:
        return None
    armature = scene.objects.get(plan.armature)
    if armature is None or armature.type != "ARMATURE" or plan.bone not in armature.pose.bones:
        raise _gone(f"The jaw bone {plan.bone} of {plan.armature}", "bone")
    return Jaw(face, armature, plan.bone)


def _find_carrier(plan: Plan, scene: bpy.types.Scene, face: bpy.types.Object) -> Carrier:
    owner = scene.objects.get(plan.owner)
    if owner is None or (plan.head_bone and plan.head_bone not in getattr(owner.pose, "bones", ())):
        what = f"The bone {plan.head_bone} of {plan.owner}" if plan.head_bone else plan.owner
        raise _gone(f"{what}, which moves {face.name},", "head")
    return Carrier(owner, plan.head_bone)


def write_frames(plan: Plan, results: Dict[int, object], dirty: Iterable[int]) -> None:
    """Key the frames in `dirty`; the others in `results` only steer the continuity of rotation.

    A frame that failed, is locked, or carries the artist's own key on a channel is left as it is there.

    Args:
        plan: the shot that was solved.
        results: `FrameResult` by frame, all that have arrived.
        dirty: the frames to write.

    Raises:
        FaceSolveProblem: where scene, face or jaw bone are gone.
    """
    scene, face = find_actors(plan)
    settings = scene.face_solve
    usable = {
        frame: result
        for frame, result in results.items()
        if result.status != protocol.FRAME_FAILED
        and frame in plan.spaces
        and frame not in plan.locked | plan.neighbours
    }
    locked_now = {item.frame for item in settings.locked_frames}
    frames = sorted(set(dirty) & set(usable) - locked_now)
    if not frames:
        return
    written = load_written(settings)
    columns = _all_columns(plan, scene, face, usable, frames, written)
    for channel, values in columns:
        _write_channel(channel, {frame: values[frame] for frame in frames if frame in values}, written, plan.partly)
    store_written(settings, written)
    if scene.frame_current in frames:
        scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)


def show_frame(plan: Plan, result: FrameResult) -> None:
    """Pose the current frame without a key, as a hand would: what is keyed comes back when the frame is set again.

    Raises:
        FaceSolveProblem: where scene, face or jaw bone are gone.
    """
    scene, face = find_actors(plan)
    columns = _all_columns(plan, scene, face, {result.frame: result}, [result.frame], load_written(scene.face_solve))
    for channel, values in columns:
        if result.frame in values:
            channel.set(values[result.frame])


def _all_columns(
    plan: Plan,
    scene: bpy.types.Scene,
    face: bpy.types.Object,
    usable: Dict[int, FrameResult],
    frames: List[int],
    written: Written,
) -> List[Tuple[Channel, Dict[int, float]]]:
    """Every channel that a solve moves, and its value by frame."""
    jaw = _find_jaw(plan, scene, face)
    columns = _head_columns(plan, _find_carrier(plan, scene, face), usable, written)
    if jaw is not None:
        columns += _jaw_columns(plan, jaw, usable, written)
    weights = weight_channels(face)
    for keyable in (weights, *(shared_channels(face, other) for other in followers_left(plan, scene))):
        for index, (name, solved) in enumerate(zip(plan.names, plan.solved, strict=True)):
            if solved and name in keyable:
                columns.append((keyable[name], {frame: usable[frame].weights[index] for frame in frames}))
    for answer in plan.controls:
        columns.append(_control_column(plan, answer, usable))
    return columns


def _write_channel(channel: Channel, values: Dict[int, float], written: Written, partly: Set[int]) -> None:
    ours = written.setdefault(channel.name, {})
    existing = keyed_values(channel.find())
    free = {
        frame: single(value)
        for frame, value in values.items()
        if frame not in existing or ours.get(frame) == existing[frame]
    }
    if free:
        write_keys(channel.ensure(), free)
        ours.update(free)
    kept = {frame: existing[frame] for frame in partly & values.keys() - free.keys()}
    if kept:
        written.setdefault(KEPT + channel.name, {}).update(kept)


def _control_column(plan: Plan, answer: Answer, usable: Dict[int, FrameResult]) -> Tuple[Channel, Dict[int, float]]:
    """A control's channel, and its value by frame: the one that gives its keys the values that were solved."""
    if answer.control.block is None:
        raise _gone(f"{answer.control.owner}, whose controls drive the shape keys,", "rig")
    rows = [(name, plan.names.index(name)) for name in answer.keys if name in plan.names]
    near, values = answer.rest, {}
    for frame in sorted(usable):
        near = answer.inverse({name: usable[frame].weights[row] for name, row in rows}, near)
        values[frame] = near
    return answer.control.channel, values


def _head_columns(plan: Plan, carrier: Carrier, usable: Dict[int, FrameResult], written: Written) -> List:
    places: Places = {}
    for frame, result in usable.items():
        turned = Matrix([result.rotation[0:3], result.rotation[3:6], result.rotation[6:9]])
        pose = Pose(turned, Vector(result.translation), Vector(plan.scale))
        places[frame] = own_channels(plan.spaces[frame], pose)
    return _columns(plan, carrier.channels, carrier.rotation_mode, places, written)


def _jaw_columns(plan: Plan, jaw: Jaw, usable: Dict[int, FrameResult], written: Written) -> List:
    places: Places = {
        frame: own_motion(jaw, result.joints[protocol.JAW].rotation, result.joints[protocol.JAW].translation)
        for frame, result in usable.items()
        if protocol.JAW in result.joints
    }
    return _columns(plan, jaw.channels, jaw.posed.rotation_mode, places, written)


def _columns(plan: Plan, channels: List[Channel], mode: str, places: Places, written: Written) -> List:
    """(channel, value by frame) of an object's or bone's location, where it has one, and rotation."""
    shifts = [channel for channel in channels if channel.data_path.endswith("location")]
    turns = channels[len(shifts) :]
    # What the artist keyed, and what is locked, stays: the other frames' turns are counted from there.
    curves = [channel.find() for channel in turns]
    kept = plan.locked | plan.neighbours
    for channel, curve in zip(turns, curves, strict=True):
        ours = written.get(channel.name, {})
        kept.update(frame for frame, value in keyed_values(curve).items() if ours.get(frame) != value)
    start = [channel.current() for channel in turns]
    fixed = {
        frame: [curve.evaluate(frame) if curve else start[i] for i, curve in enumerate(curves)]
        for frame in kept
        if plan.frames[0] <= frame <= plan.frames[-1]
    }
    values = continuous_rotations({frame: turn for frame, (_, turn) in places.items()}, mode, fixed, start)
    columns = [(channel, {frame: shift[i] for frame, (shift, _) in places.items()}) for i, channel in enumerate(shifts)]
    columns += [(channel, {frame: value[i] for frame, value in values.items()}) for i, channel in enumerate(turns)]
    return columns


def store_results(settings: bpy.types.PropertyGroup, results: Iterable) -> None:
    """Note status and error of these frames on the scene; frames that are not among them keep theirs."""
    latest = {result.frame: result for result in results}
    for frame in sorted(set(latest) - {item.frame for item in settings.results}):
        settings.results.add().frame = frame
    for item in settings.results:
        result = latest.get(item.frame)
        if result is not None:
            item.status, item.reason, item.mark, item.off_mm = result.status, result.reason, "NONE", 0.0
            item.doubt = result.doubt
            item.error_px = -1.0 if result.error_px is None else result.error_px
            item.error = from_pixels(item.error_px) if result.error is None else result.error
            for region in protocol.REGIONS:
                setattr(item, f"error_{region}", result.regions.get(region, -1.0))
