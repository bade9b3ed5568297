"""Runs inside Blender: shots of a sheet textured in many ways, and the base colour that Cycles bakes at its corners."""

import json
import math
import os
import sys
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness

SIDE = 48  # quads
SIZE = 192  # pixels


def pattern(u, v, shift=0.0):
    """A soft linear colour, so that the mean around a vertex is the colour at it."""
    return [0.45 + 0.35 * math.sin(2 * math.pi * (x + shift)) for x in (u, v, u + v)]


def encode(value):
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def fill(image, shift=0.0, encoded=True):
    pixels = []
    for row in range(SIZE):
        for column in range(SIZE):
            color = pattern((column + 0.5) / SIZE, (row + 0.5) / SIZE, shift)
            pixels += [*(map(encode, color) if encoded else color), 1.0]
    image.pixels[:] = pixels


def image_file(name, shift=0.0, kind="PNG", encoded=True):
    made = bpy.data.images.new(name, SIZE, SIZE, float_buffer=kind == "OPEN_EXR")
    fill(made, shift, encoded)
    path = harness.FOLDER / f"{name}.{'exr' if kind == 'OPEN_EXR' else 'png'}"
    made.filepath_raw, made.file_format = str(path), kind
    made.save()
    bpy.data.images.remove(made)
    return path


def load(path):
    return bpy.data.images.load(str(path), check_existing=False)


def make_sheet():
    """A bent sheet with two UV maps: one from corner to corner, one shrunk."""
    vertices = [(x / SIDE, y / SIDE, 0.1 * math.sin(3 * x / SIDE)) for y in range(SIDE + 1) for x in range(SIDE + 1)]
    faces = [
        (a, a + 1, a + SIDE + 2, a + SIDE + 1) for y in range(SIDE) for x in range(SIDE) for a in [y * (SIDE + 1) + x]
    ]
    mesh = bpy.data.meshes.new("Sheet")
    mesh.from_pydata(vertices, [], faces)
    sheet = bpy.data.objects.new("Sheet", mesh)
    bpy.context.scene.collection.objects.link(sheet)
    for name, scale in (("UVMap", 1.0), ("Small", 0.5)):
        layer = mesh.uv_layers.new(name=name)
        for loop, corner in zip(mesh.loops, layer.data, strict=True):
            x, y, _ = vertices[loop.vertex_index]
            corner.uv = (x * scale, y * scale)
    sheet.shape_key_add(name="Basis")
    block = sheet.shape_key_add(name="jawOpen", from_mix=False)
    block.data[0].co.z += 0.1
    bpy.context.view_layer.objects.active = sheet
    return sheet


def without_gloss(material):
    """The gloss takes its share from the diffuse colour that is baked."""
    material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    for name in ("Specular", "Specular IOR Level"):
        if name in shader.inputs:
            shader.inputs[name].default_value = 0.0
    return shader


def textured(sheet, image, layer=None, extension="REPEAT"):
    material = bpy.data.materials.new("Skin")
    shader, tree = without_gloss(material), material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image, node.extension = image, extension
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    if layer:
        uv = tree.nodes.new("ShaderNodeUVMap")
        uv.uv_map = layer
        tree.links.new(uv.outputs["UV"], node.inputs["Vector"])
    sheet.data.materials.append(material)
    return node


def from_a_file(sheet):
    textured(sheet, load(image_file("file")))


def linear_floats(sheet):
    image = load(image_file("floats", kind="OPEN_EXR", encoded=False))
    textured(sheet, image)


def data_in_bytes(sheet):
    image = load(image_file("data", encoded=False))
    image.colorspace_settings.name = "Non-Color"
    textured(sheet, image)


def packed(sheet):
    path = image_file("packed")
    image = load(path)
    image.pack()
    path.unlink()
    textured(sheet, image)


def painted_in_blender(sheet):
    image = bpy.data.images.new("painted", SIZE, SIZE)
    fill(image)
    textured(sheet, image)


def painted_in_floats(sheet):
    image = bpy.data.images.new("painted floats", SIZE, SIZE, float_buffer=True)
    fill(image, encoded=False)
    textured(sheet, image)


def painted_over(sheet):
    """Another picture than the one on the disk."""
    image = load(image_file("over"))
    fill(image, 0.3)
    image.update()
    textured(sheet, image)


def another_uv_map(sheet):
    textured(sheet, load(image_file("small")), "Small")


def repeated(sheet):
    image = load(image_file("repeated"))
    for corner in sheet.data.uv_layers["UVMap"].data:
        corner.uv = (corner.uv[0] * 1.5 - 0.4, corner.uv[1] * 1.5 + 7.2)
    textured(sheet, image)


def extended(sheet):
    image = load(image_file("extended"))
    for corner in sheet.data.uv_layers["UVMap"].data:
        corner.uv = (corner.uv[0] * 2 - 0.5, corner.uv[1])
    textured(sheet, image, extension="EXTEND")


def tiles(sheet):
    first = image_file("tiles.1001")
    image_file("tiles.1002", 0.5)
    for corner in sheet.data.uv_layers["UVMap"].data:
        corner.uv = (2 * corner.uv[0], corner.uv[1])
    image = load(first)
    image.source = "TILED"
    image.tiles.new(1002)
    image.filepath = str(harness.FOLDER / "tiles.<UDIM>.png")
    textured(sheet, image)


def two_materials(sheet):
    """A picture on one half, plain skin on the other."""
    textured(sheet, load(image_file("half")))
    plain = bpy.data.materials.new("Plain")
    shader = without_gloss(plain)
    shader.inputs["Base Color"].default_value = (0.7, 0.3, 0.2, 1)
    sheet.data.materials.append(plain)
    for polygon in sheet.data.polygons:
        polygon.material_index = polygon.center.x > 0.5


def mirrored(sheet):
    textured(sheet, load(image_file("mirrored")))
    sheet.scale = (-1.0, 1.0, 1.0)


def moved_by_nodes(sheet):
    """Said, not followed: so the picture repeats after a whole turn and looks the same."""
    node = textured(sheet, load(image_file("moved")))
    tree = sheet.data.materials[0].node_tree
    mapping, place = tree.nodes.new("ShaderNodeMapping"), tree.nodes.new("ShaderNodeTexCoord")
    mapping.inputs["Location"].default_value = (1.0, 2.0, 0.0)
    tree.links.new(place.outputs["UV"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], node.inputs["Vector"])


def inside_a_group(sheet):
    """The picture in a group, mixed with nothing, beside another output of it."""
    node = textured(sheet, load(image_file("group")))
    tree = sheet.data.materials[0].node_tree
    shader = next(one for one in tree.nodes if one.type == "BSDF_PRINCIPLED")
    group = bpy.data.node_groups.new("Skin Colour", "ShaderNodeTree")
    for name in ("Roughness", "Colour"):
        if hasattr(group, "interface"):
            group.interface.new_socket(name, in_out="OUTPUT", socket_type="NodeSocketColor")
        else:
            group.outputs.new("NodeSocketColor", name)
    inner, end = group.nodes.new("ShaderNodeTexImage"), group.nodes.new("NodeGroupOutput")
    other = group.nodes.new("ShaderNodeTexImage")
    inner.image, other.image = node.image, load(image_file("other", 0.4))
    group.links.new(other.outputs["Color"], end.inputs["Roughness"])
    group.links.new(inner.outputs["Color"], end.inputs["Colour"])
    used = tree.nodes.new("ShaderNodeGroup")
    used.node_tree = group
    tree.nodes.remove(node)
    tree.links.new(used.outputs["Colour"], shader.inputs["Base Color"])


def not_followed(sheet):
    """A colour made by nodes alone: said, and the viewport's colour taken; it is made to be the same."""
    material = bpy.data.materials.new("Made")
    shader, tree = without_gloss(material), material.node_tree
    made = tree.nodes.new("ShaderNodeRGB")
    made.outputs[0].default_value = (0.6, 0.3, 0.2, 1.0)
    material.diffuse_color = (0.6, 0.3, 0.2, 1.0)
    tree.links.new(made.outputs[0], shader.inputs["Base Color"])
    sheet.data.materials.append(material)


CASES = (
    *(from_a_file, linear_floats, data_in_bytes, packed, painted_in_blender, painted_in_floats, painted_over),
    *(another_uv_map, repeated, extended, tiles, two_materials, mirrored, moved_by_nodes),
    *(inside_a_group, not_followed),
)


def baked(sheet):
    """[V] what Cycles says is the base colour, the mean over each vertex's corners."""
    scene, mesh = bpy.context.scene, sheet.data
    attribute = mesh.color_attributes.new("Baked", "FLOAT_COLOR", "CORNER")
    mesh.color_attributes.active_color = attribute
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.device = 4, "CPU"
    settings = scene.render.bake
    settings.target, settings.use_pass_direct, settings.use_pass_indirect = "VERTEX_COLORS", False, False
    sheet.select_set(True)
    bpy.context.view_layer.objects.active = sheet
    bpy.ops.object.bake(type="DIFFUSE")
    total = [[0.0, 0.0, 0.0, 0] for _ in mesh.vertices]
    for loop, corner in zip(mesh.loops, mesh.color_attributes["Baked"].data, strict=True):
        entry = total[loop.vertex_index]
        for channel in range(3):
            entry[channel] += corner.color[channel]
        entry[3] += 1
    return [[entry[channel] / entry[3] for channel in range(3)] for entry in total]


def show(make):
    scene = harness.empty_scene(1, 2)
    sheet = make_sheet()
    harness.make_camera(duration=2)
    make(sheet)
    scene.face_solve.face = sheet
    bpy.ops.face_solve.setup_from_scene()
    plan = harness.module("scene.shot.export").write_shot(scene, harness.FOLDER / make.__name__)
    return {"folder": str(plan.folder), "warnings": plan.warnings, "baked": baked(sheet)}


harness.install()
Path(harness.REPORT).write_text(json.dumps({make.__name__: show(make) for make in CASES}))
sys.stdout.flush()
os._exit(0)
