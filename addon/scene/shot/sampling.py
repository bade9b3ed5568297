"""Plays the scene over a range and notes where head and cameras are at each frame."""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

import bpy
from mathutils import Matrix

from ...pieces import Pieces
from ...problem import FaceSolveProblem
from ..camera.camera_model import FrameFormat, Lens, intrinsics, world_to_camera
from ..camera.plate import Plate, backdrop
from ..keys.channels import Pose, Space, read_pose
from ..rig.head import Head
from ..rig.jaw import Jaw
from ..rig.jaw_motion import near, read_motion, rest_in_head
from ..rig.mesh import key_blocks, solvable_keys


@dataclass
class Samples:
    """What the scene said, frame by frame, in the order of `frames`."""

    frames: List[int]
    poses: List[Pose] = field(default_factory=list)
    weights: List[List[float]] = field(default_factory=list)
    spaces: Dict[int, Space] = field(default_factory=dict)
    intrinsics: Dict[str, List[List[float]]] = field(default_factory=dict)  # by camera
    extrinsics: Dict[str, List[List[List[float]]]] = field(default_factory=dict)
    jaw_rest: Optional[Matrix] = None  # 4x4, in the head's own space; None where there is no jaw bone
    jaw: List[Matrix] = field(default_factory=list)  # 4x4, against its rest


@contextmanager
def evaluated(scene: bpy.types.Scene, objects: Iterable[bpy.types.Object]) -> Iterator[None]:
    """Have Blender evaluate these objects as it would render them, though they are hidden or excluded.

    Excluded are objects in a collection that the view layer leaves out. Blender does not play what the view layer does
    not show: it would be read as standing still.
    """
    layer = bpy.context.view_layer
    with current_frame_kept(scene):
        unseen = [one for one in dict.fromkeys(objects) if one.hide_viewport or not one.visible_get(view_layer=layer)]
        if not unseen:
            yield
            return
        stage = bpy.data.collections.new("Face Solve Stage")
        scene.collection.children.link(stage)
        before, eyes = [(one, one.hide_viewport) for one in unseen], []
        try:
            for one in unseen:
                stage.objects.link(one)
                one.hide_viewport = False
            eyes = [one for one in unseen if one.hide_get(view_layer=layer)]
            for one in eyes:
                one.hide_set(False, view_layer=layer)
            layer.update()
            yield
        finally:
            for one, hidden in before:
                one.hide_viewport = hidden
            for one in eyes:
                one.hide_set(True, view_layer=layer)
            bpy.data.collections.remove(stage)


@contextmanager
def current_frame_kept(scene: bpy.types.Scene) -> Iterator[None]:
    """Come back to the frame that the artist was on."""
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)


def sample_scene(
    scene: bpy.types.Scene,
    head: Head,
    cameras: List[bpy.types.Object],
    plates: Dict[str, Plate],
    sizes: Dict[str, Tuple[int, int]],
    frames: List[int],
) -> Pieces[Samples]:
    """Play the frames.

    Args:
        scene: the scene.
        head: the face and what carries it.
        cameras: camera objects.
        plates: each camera's plate, by camera name.
        sizes: each plate's (width, height) in pixels, by camera name.
        frames: scene frames, ascending.

    Raises:
        FaceSolveProblem: where a camera cannot be solved with, the head's scale changes, or the jaw bone stays behind.
    """
    samples, face, jaw = Samples(list(frames)), head.face, head.jaw
    keys, count = face.data.shape_keys, len(key_blocks(face))
    order = [keys.key_blocks.find(name) for name in solvable_keys(face)]
    values, muted = array("f", bytes(4 * count)), [False] * count
    for camera in cameras:
        samples.intrinsics[camera.name], samples.extrinsics[camera.name] = [], []
    with current_frame_kept(scene):
        for frame in frames:
            scene.frame_set(frame)
            graph = bpy.context.evaluated_depsgraph_get()
            pose = read_pose(face, head.matrix(graph))
            if samples.poses and (pose.scale - samples.poses[0].scale).length > 1e-4 * pose.scale.length:
                raise FaceSolveProblem(
                    f"The scale of {face.name} changes during the shot (frame {frame}).",
                    "Remove the scale's animation.",
                )
            samples.poses.append(pose)
            samples.spaces[frame] = head.space(graph)
            if jaw is not None:
                _sample_jaw(head, jaw, graph, samples)
            if keys is not None:
                blocks = keys.evaluated_get(graph).key_blocks
                blocks.foreach_get("value", values)
                blocks.foreach_get("mute", muted)
            samples.weights.append([0.0 if muted[i] else values[i] for i in order])
            for camera in cameras:
                _sample_camera(scene, camera.evaluated_get(graph), camera, sizes[plates[camera.name].camera], samples)
            yield
    return samples


def _sample_jaw(head: Head, jaw: Jaw, graph: bpy.types.Depsgraph, samples: Samples) -> None:
    rest = rest_in_head(jaw, graph)
    samples.jaw_rest = samples.jaw_rest or rest
    if not near(rest, samples.jaw_rest):
        moving = jaw.face if head.carrier.owner != jaw.face else jaw.armature
        raise FaceSolveProblem(
            f"{jaw.face.name} and {jaw.armature.name} move against each other (frame {graph.scene.frame_current}): "
            "the jaw bone would stay behind.",
            f"Delete the keys of location and rotation of {moving.name}.",
        )
    samples.jaw.append(read_motion(jaw, graph))


def _sample_camera(
    scene: bpy.types.Scene,
    evaluated: bpy.types.Object,
    camera: bpy.types.Object,
    size: Tuple[int, int],
    samples: Samples,
) -> None:
    data = evaluated.data
    if data.type != "PERSP":
        kind = {"ORTHO": "orthographic", "PANO": "panoramic"}.get(data.type, data.type.lower())
        raise FaceSolveProblem(
            f"The camera {camera.name} is {kind}.",
            "Only perspective cameras can be solved with; change its type.",
        )
    lens, frame = read_lens(data), read_format(scene)
    samples.intrinsics[camera.name].append(intrinsics(lens, frame, backdrop(camera, size)))
    samples.extrinsics[camera.name].append(world_to_camera(evaluated.matrix_world))


def read_lens(data: bpy.types.Camera) -> Lens:
    """The lens of an evaluated camera, as it stands."""
    return Lens(data.lens, data.sensor_width, data.sensor_height, data.sensor_fit, data.shift_x, data.shift_y)


def read_format(scene: bpy.types.Scene) -> FrameFormat:
    """The scene's render format."""
    render = scene.render
    return FrameFormat(render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y)
