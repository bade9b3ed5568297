"""Runs inside Blender: the green channel of chosen frames of movies, rendered from a texture that fills the view."""

import json
import sys
from pathlib import Path

import bpy

folder, names, frames, report = sys.argv[sys.argv.index("--") + 1 :]


def view_of(image):
    """A scene whose render is the image's current frame, pixel by pixel."""
    scene = bpy.context.scene
    width, height = image.size
    mesh = bpy.data.meshes.new("screen")
    half = 0.5 * height / width
    mesh.from_pydata([(-0.5, -half, 0), (0.5, -half, 0), (0.5, half, 0), (-0.5, half, 0)], [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new()
    for corner, uv in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)]):
        layer.data[corner].uv = uv
    material = bpy.data.materials.new("screen")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    texture, light, output = (nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "Emission", "OutputMaterial"))
    texture.image, texture.interpolation = image, "Closest"
    texture.image_user.frame_start, texture.image_user.frame_duration, texture.image_user.use_auto_refresh = (
        1,
        1000,
        True,
    )
    links.new(texture.outputs[0], light.inputs[0])
    links.new(light.outputs[0], output.inputs[0])
    mesh.materials.append(material)
    lens = bpy.data.cameras.new("lens")
    lens.type, lens.ortho_scale = "ORTHO", max(1, height / width)
    camera = bpy.data.objects.new("camera", lens)
    camera.location = (0, 0, 1)
    scene.collection.objects.link(bpy.data.objects.new("screen", mesh))
    scene.collection.objects.link(camera)
    scene.camera = camera
    render = scene.render
    render.engine, render.filter_size = "CYCLES", 0.01
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.view_settings.view_transform, render.image_settings.file_format = "Raw", "PNG"
    return scene


shown = {}
for name in names.split("|"):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    movie = bpy.data.images.load(str(Path(folder) / name))
    movie.colorspace_settings.name = "Non-Color"
    scene = view_of(movie)
    shown[name] = []
    for frame in json.loads(frames):
        scene.frame_set(frame)
        scene.render.filepath = str(Path(folder) / "shown.png")
        bpy.ops.render.render(write_still=True)
        still = bpy.data.images.load(scene.render.filepath, check_existing=False)
        still.colorspace_settings.name = "Non-Color"
        shown[name].append([round(value, 4) for value in list(still.pixels)[1::4]])
        bpy.data.images.remove(still)
with open(report, "w") as file:
    json.dump(shown, file)
