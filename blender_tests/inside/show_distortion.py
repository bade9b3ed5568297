"""Runs inside Blender: shots with each of a clip's lenses, and where Blender's compositor undistorts a ramp from."""

import json
import os
import random
import sys
from array import array
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

WIDTH, HEIGHT = 200, 144
LENSES = {
    "polynomial": ("POLYNOMIAL", 1.0, (0.02, -0.05), {"k1": -0.22, "k2": 0.06, "k3": 0.02}),
    "polynomial_anamorphic": ("POLYNOMIAL", 1.25, (-0.04, 0.03), {"k1": 0.15, "k2": -0.03}),
    "division": ("DIVISION", 1.0, (0.03, 0.04), {"division_k1": 0.2, "division_k2": 0.05}),
    "nuke": ("NUKE", 1.0, (0.0, 0.06), {"nuke_k1": 0.07, "nuke_k2": 0.02}),
    "nuke_anamorphic": ("NUKE", 1.5, (0.05, 0.0), {"nuke_k1": -0.1, "nuke_k2": 0.01}),
    "brown": ("BROWN", 1.0, (0.01, -0.02), {"brown_k1": -0.2, "brown_k2": 0.05, "brown_p1": 0.02, "brown_p2": -0.015}),
    "brown_radial": ("BROWN", 0.8, (0.0, 0.0), {"brown_k1": 0.1, "brown_k3": 0.02, "brown_k4": 0.01}),
    "straight": ("POLYNOMIAL", 1.0, (0.02, 0.0), {}),
}


def ramp():
    """An image whose pixels hold their own centres, from the bottom left."""
    image = bpy.data.images.new("ramp", WIDTH, HEIGHT, float_buffer=True, alpha=False)
    image.colorspace_settings.name = "Non-Color"
    pixels = array("f")
    for y in range(HEIGHT):
        for x in range(WIDTH):
            pixels.extend((x + 0.5, y + 0.5, 1.0, 1.0))
    image.pixels.foreach_set(pixels)
    image.filepath_raw, image.file_format = str(harness.FOLDER / "ramp.exr"), "OPEN_EXR"
    image.save()
    return image


def undistorted(scene, image, clip):
    """The ramp through the compositor: at each pixel, the place of the filmed plate that is seen there."""
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    source, lens, output = (
        tree.nodes.new(f"CompositorNode{kind}") for kind in ("Image", "MovieDistortion", "Composite")
    )
    source.image, lens.clip, lens.distortion_type = image, clip, "UNDISTORT"
    tree.links.new(source.outputs["Image"], lens.inputs[0])
    tree.links.new(lens.outputs[0], output.inputs[0])
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR", "32"
    render.image_settings.exr_codec = "ZIP"
    render.filepath = str(harness.FOLDER / "undistorted.exr")
    bpy.ops.render.render(write_still=True)
    still = bpy.data.images.load(render.filepath, check_existing=False)
    still.colorspace_settings.name = "Non-Color"
    pixels = array("f", bytes(16 * WIDTH * HEIGHT))
    still.pixels.foreach_get(pixels)
    bpy.data.images.remove(still)
    return [list(pixels[0::4]), list(pixels[1::4]), list(pixels[2::4])]


def show(model, aspect, principal, coefficients):
    rng = random.Random(5)
    scene = harness.empty_scene(1, 2)
    harness.make_face()
    camera = harness.make_camera(plate=None)
    image = ramp()
    clip = bpy.data.movieclips.load(str(harness.FOLDER / "ramp.exr"))
    clip.colorspace_settings.name = "Non-Color"
    clip.frame_duration  # noqa: B018 -- opens the clip
    lens = clip.tracking.camera
    lens.pixel_aspect, lens.units = aspect, "PIXELS"
    lens.sensor_width, lens.focal_length_pixels = 30.0, 190.0
    if hasattr(lens, "principal_point"):
        lens.principal_point = principal
    else:
        lens.principal = [(1 + offset) * side / 2 for offset, side in zip(principal, (WIDTH, HEIGHT), strict=True)]
    lens.distortion_model = model
    for name, value in coefficients.items():
        setattr(lens, name, value)
    entry = camera.data.background_images.new()
    entry.source, entry.clip, entry.frame_method = "MOVIE_CLIP", clip, "STRETCH"
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    bpy.ops.face_solve.setup_from_scene()
    scene.face_solve.frame_start, scene.face_solve.frame_end = 1, 2
    folder = harness.FOLDER / f"shot_{len(list(harness.FOLDER.glob('shot_*')))}"
    harness.module("scene.shot.export").write_shot(scene, folder)
    points, pixels = [], []
    for _ in range(200):
        place = Matrix(camera.matrix_world) @ Vector((rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4), -1.5))
        view = world_to_camera_view(scene, camera, place)
        points.append(list(place))
        pixels.append([view.x * WIDTH, (1 - view.y) * HEIGHT])
    return {"folder": str(folder), "points": points, "pinhole": pixels, "map": undistorted(scene, image, clip)}


harness.install()
Path(harness.REPORT).write_text(json.dumps({name: show(*lens) for name, lens in LENSES.items()}))
sys.stdout.flush()
os._exit(0)
