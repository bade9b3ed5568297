"""Plays the scene over a range and notes where head and cameras are at each frame."""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Tuple

import bpy

from ..problem import FaceSolveProblem
from .camera_model import FrameFormat, Lens, intrinsics, world_to_camera
from .channels import Pose, Space, read_pose, read_space
from .plate import Plate, backdrop
from .rig import solvable_keys


@dataclass
class Samples:
    """What the scene said, frame by frame, in the order of `frames`."""

    frames: List[int]
    poses: List[Pose] = field(default_factory=list)
    weights: List[List[float]] = field(default_factory=list)
    spaces: Dict[int, Space] = field(default_factory=dict)
    intrinsics: Dict[str, List[List[float]]] = field(default_factory=dict)  # by camera
    extrinsics: Dict[str, List[List[List[float]]]] = field(default_factory=dict)


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
    face: bpy.types.Object,
    cameras: List[bpy.types.Object],
    plates: Dict[str, Plate],
    sizes: Dict[str, Tuple[int, int]],
    frames: List[int],
) -> Samples:
    """Play the frames.

    Args:
        scene: the scene.
        face: the head's object.
        cameras: camera objects.
        plates: each camera's plate, by camera name.
        sizes: each plate's (width, height) in pixels, by camera name.
        frames: scene frames, ascending.

    Raises:
        FaceSolveProblem: where a camera cannot be solved with, or the head's scale changes.
    """
    samples = Samples(list(frames))
    keys = face.data.shape_keys
    names = solvable_keys(face)
    order = [keys.key_blocks.find(name) for name in names]
    values = array("f", bytes(4 * len(keys.key_blocks)))
    muted = [False] * len(keys.key_blocks)
    for camera in cameras:
        samples.intrinsics[camera.name], samples.extrinsics[camera.name] = [], []
    with current_frame_kept(scene):
        for frame in frames:
            scene.frame_set(frame)
            graph = bpy.context.evaluated_depsgraph_get()
            evaluated = face.evaluated_get(graph)
            pose = read_pose(evaluated)
            if samples.poses and (pose.scale - samples.poses[0].scale).length > 1e-4 * pose.scale.length:
                raise FaceSolveProblem(
                    f"The scale of {face.name} changes during the shot (frame {frame}).",
                    "Remove the scale's animation.",
                )
            samples.poses.append(pose)
            samples.spaces[frame] = read_space(evaluated)
            blocks = keys.evaluated_get(graph).key_blocks
            blocks.foreach_get("value", values)
            blocks.foreach_get("mute", muted)
            samples.weights.append([0.0 if muted[i] else values[i] for i in order])
            for camera in cameras:
                _sample_camera(scene, camera.evaluated_get(graph), camera, sizes[plates[camera.name].camera], samples)
    return samples


def _sample_camera(
    scene: bpy.types.Scene,
    evaluated: bpy.types.Object,
    camera: bpy.types.Object,
    size: Tuple[int, int],
    samples: Samples,
) -> None:
    data, render = evaluated.data, scene.render
    if data.type != "PERSP":
        raise FaceSolveProblem(
            f"The camera {camera.name} is {data.type.lower().replace('ortho', 'orthographic').replace('pano', 'panoramic')}.",
            "Only perspective cameras can be solved with; change its type.",
        )
    lens = Lens(data.lens, data.sensor_width, data.sensor_height, data.sensor_fit, data.shift_x, data.shift_y)
    frame = FrameFormat(render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y)
    samples.intrinsics[camera.name].append(intrinsics(lens, frame, backdrop(camera, size)))
    samples.extrinsics[camera.name].append(world_to_camera(evaluated.matrix_world))
