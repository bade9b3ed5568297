"""The demo's shot, made with Blender's Python (the bpy wheel).

The footage with its known answer, and the artist's scene.

python -m demo.shot [--frames A-B] [--samples N]    renders demo/shot/plates and writes demo/shot/truth.npz

The scene to solve (rig, camera with the plate behind it, no animation) is made by `demo.scene`.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from . import head as heads
from .performance import FPS, FRAMES, HEIGHT, LENS, SENSOR, START, WIDTH, Performance, camera_at, perform

SHOT = Path(__file__).resolve().parent / "shot"
PLATES = SHOT / "plates"
START_LOCATION = (0.004, 0.006, -0.005)  # where the artist left the head: about right, facing the camera


def actor(scene: bpy.types.Scene) -> bpy.types.Object:
    """The rig: one mesh with its shape keys, colours and skin material."""
    head = heads.build()
    mesh = bpy.data.meshes.new("Actor")
    mesh.from_pydata(head.vertices.tolist(), [], [list(f) for f in head.faces])
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    thing = bpy.data.objects.new("Actor", mesh)
    scene.collection.objects.link(thing)
    thing.shape_key_add(name="Basis")
    for name, delta in zip(head.names, head.deltas, strict=True):
        key = thing.shape_key_add(name=name, from_mix=False)
        key.slider_min, key.slider_max = 0.0, 1.0
        key.data.foreach_set("co", (head.vertices + delta).ravel())
    colors = mesh.color_attributes.new("skin", "FLOAT_COLOR", "POINT")
    colors.data.foreach_set("color", np.c_[head.colors, np.ones(len(head.colors))].astype(np.float32).ravel())
    mesh.materials.append(skin_material())
    thing.rotation_mode = "XYZ"
    return thing


def skin_material() -> bpy.types.Material:
    """The colour attribute "skin" with pores and a roughness that varies a little."""
    material = bpy.data.materials.new("Skin")
    material.use_nodes = True
    tree = material.node_tree
    surface = tree.nodes["Principled BSDF"]
    color = tree.nodes.new("ShaderNodeVertexColor")
    color.layer_name = "skin"
    tree.links.new(color.outputs["Color"], surface.inputs["Base Color"])
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 700.0
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = 0.1
    bump.inputs["Distance"].default_value = 0.0006
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], surface.inputs["Normal"])
    rough = tree.nodes.new("ShaderNodeMapRange")
    rough.inputs["To Min"].default_value, rough.inputs["To Max"].default_value = 0.55, 0.75
    tree.links.new(noise.outputs[0], rough.inputs["Value"])
    tree.links.new(rough.outputs["Result"], surface.inputs["Roughness"])
    return material


def camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """The matchmoved camera, keyed on every frame."""
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width = LENS, SENSOR
    thing = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(thing)
    thing.rotation_mode = "XYZ"
    for frame in range(START - 1, START + FRAMES + 1):
        place, aim = camera_at(frame)
        thing.location = place
        thing.rotation_euler = Vector(aim - place).to_track_quat("-Z", "Y").to_euler()
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)
    scene.camera = thing
    return thing


def timing(scene: bpy.types.Scene) -> None:
    """Frame range, rate and size."""
    scene.frame_start, scene.frame_end = START, START + FRAMES - 1
    scene.render.resolution_x, scene.render.resolution_y, scene.render.fps = WIDTH, HEIGHT, FPS


def light_and_set(scene: bpy.types.Scene) -> None:
    """A key light from the side, a weak cool fill, a rim, and a wall with a pattern."""
    for name, energy, size, color, where in (
        ("Key", 24.0, 0.5, (1.0, 0.93, 0.84), (-1.15, -0.95, 0.75)),
        ("Fill", 5.0, 0.9, (0.82, 0.9, 1.0), (0.6, -1.3, -0.15)),
        ("Rim", 4.0, 0.4, (1.0, 0.97, 0.92), (0.8, 0.9, 0.7)),
    ):
        lamp = bpy.data.lights.new(name, "AREA")
        lamp.energy, lamp.size, lamp.color = energy, size, color
        thing = bpy.data.objects.new(name, lamp)
        thing.location = where
        thing.rotation_euler = (-Vector(where)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(thing)
    world = bpy.data.worlds.new("World")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.30, 0.34, 0.40, 1.0)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.45
    bpy.ops.mesh.primitive_plane_add(size=4.0, location=(0, 1.3, 0), rotation=(math.pi / 2, 0, 0))
    wall = bpy.context.object
    material = bpy.data.materials.new("Wall")
    material.use_nodes = True
    tree = material.node_tree
    place = tree.nodes.new("ShaderNodeTexCoord")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 5.0, 1.5
    panels = tree.nodes.new("ShaderNodeTexChecker")
    panels.inputs["Scale"].default_value = 3.4
    panels.inputs["Color1"].default_value = (0.11, 0.15, 0.17, 1)
    panels.inputs["Color2"].default_value = (0.17, 0.20, 0.19, 1)
    mix = tree.nodes.new("ShaderNodeMixRGB")
    mix.blend_type = "OVERLAY"
    mix.inputs["Fac"].default_value = 0.8
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(place.outputs["Object"], panels.inputs["Vector"])
    tree.links.new(panels.outputs["Color"], mix.inputs[1])
    tree.links.new(noise.outputs["Color"], mix.inputs[2])
    tree.links.new(mix.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.9
    wall.data.materials.append(material)


def act(thing: bpy.types.Object, performance: Performance, names: tuple[str, ...]) -> None:
    """Keys the performance on the rig."""
    blocks = thing.data.shape_keys.key_blocks
    moving = performance.weights.any(0)
    for i, frame in enumerate(performance.frames):
        thing.location, thing.rotation_euler = performance.location[i], performance.rotation[i]
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)
        for k, name in enumerate(names):
            if moving[k]:
                blocks[name].value = performance.weights[i, k]
                blocks[name].keyframe_insert("value", frame=frame)


def render_settings(scene: bpy.types.Scene, samples: int) -> None:
    """Cycles with motion blur over half a frame; few samples, denoised; JPEG."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.max_bounces = "CPU", samples, 3
    cycles.adaptive_threshold, cycles.adaptive_min_samples = 0.04, 4
    cycles.use_denoising, cycles.denoising_prefilter, cycles.denoising_quality = True, "NONE", "FAST"
    scene.render.use_persistent_data = True
    scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, 0.5
    scene.view_settings.view_transform = "Standard"
    image = scene.render.image_settings
    image.file_format, image.quality, image.color_mode = "JPEG", 90, "RGB"


def footage(first: int, last: int, samples: int, folder: Path) -> None:
    """Renders the frames that are not there yet, and writes the answer."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    timing(scene)
    thing = actor(scene)
    camera(scene)
    light_and_set(scene)
    names = tuple(k.name for k in thing.data.shape_keys.key_blocks[1:])
    performance = perform(names)
    act(thing, performance, names)
    render_settings(scene, samples)
    folder.mkdir(parents=True, exist_ok=True)
    rotation, translation = [], []
    for frame in range(START, START + FRAMES):
        scene.frame_set(frame)
        world = np.array(thing.matrix_world)
        rotation.append(world[:3, :3])
        translation.append(world[:3, 3])
        plate = folder / f"{frame:04d}.jpg"
        if first <= frame <= last and not plate.exists():
            scene.render.filepath = str(plate)
            bpy.ops.render.render(write_still=True)
    np.savez_compressed(
        folder.parent / "truth.npz",
        frames=np.arange(START, START + FRAMES),
        rotation=np.array(rotation),
        translation=np.array(translation),
        weights=performance.weights[1:-1].astype(np.float32),
        names=np.array(names),
        hidden=np.zeros(0, np.int64),
    )


def artists_scene(out: Path) -> None:
    """Writes the scene to solve: the rig near its start, facing the camera, without animation; the plate behind it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    timing(scene)
    thing = actor(scene)
    view = camera(scene)
    thing.location = START_LOCATION
    image = bpy.data.images.load(str(PLATES / f"{START:04d}.jpg"))
    image.source, image.name = "SEQUENCE", "plate"
    view.data.show_background_images = True
    behind = view.data.background_images.new()
    behind.image, behind.frame_method, behind.display_depth = image, "FIT", "BACK"
    user = behind.image_user
    user.frame_start, user.frame_duration, user.frame_offset, user.use_auto_refresh = START, FRAMES, START - 1, True
    scene.frame_set(START)
    out.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(out.resolve()), compress=True)
    bpy.context.preferences.filepaths.save_version = 0  # no backup of the first save
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile(compress=True)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", default=f"{START}-{START + FRAMES - 1}")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--out", type=Path, default=PLATES)
    a = parser.parse_args(arguments)
    first, last = map(int, a.frames.split("-"))
    footage(first, last, a.samples, a.out)


if __name__ == "__main__":
    main(sys.argv[1:])
