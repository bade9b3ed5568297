"""The skin's colour as the add-on reads it: attributes, plain colours, images.

What the solver makes of images: test_textures_agree.py.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, ready_scene


def _picture_on(face, tree, shader):
    """The image that becomes the base colour, and the UV map that it is laid by."""
    image = bpy.data.images.load(str(harness.plate_files("A", 1, 12)))
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    layer = face.data.uv_layers.new(name="UV")
    for index, corner in enumerate(layer.data):
        corner.uv = (index / 64, 0.25)
    return image, layer


def check_albedo_from_attribute_image_and_plain_colour():
    _scene, face, _camera = ready_scene()
    pieces, reader = harness.module("pieces"), harness.module("scene.rig.albedo")

    def read(*what, **how):
        return pieces.whole(reader.read_albedo(*what, **how))

    folder = harness.FOLDER / "albedo"
    folder.mkdir(exist_ok=True)
    assert read(face, folder).arrays == {}
    material = bpy.data.materials.new("Skin")
    material.use_nodes = True
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.1, 0.2, 0.3, 1.0)
    face.data.materials.append(material)
    close(read(face, folder).arrays["colors"].values[:4], [0.1, 0.2, 0.3, 1.0], 1e-6)
    for domain in ("POINT", "CORNER"):
        for kind in ("FLOAT_COLOR", "BYTE_COLOR"):
            name = f"{domain}{kind}"
            attribute = face.data.color_attributes.new(name, kind, domain)
            for element in attribute.data:
                element.color = (0.4, 0.5, 0.6, 1.0)
            node = tree.nodes.new("ShaderNodeVertexColor")
            node.layer_name = name
            tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
            close(
                read(face, folder).arrays["colors"].values[:4],
                [0.4, 0.5, 0.6, 1.0],
                5e-3 if kind == "BYTE_COLOR" else 1e-6,
            )
    image, layer = _picture_on(face, tree, shader)
    found = read(face, folder)
    (texture,) = found.textures
    assert os.path.samefile(texture["path"], bpy.path.abspath(image.filepath))
    assert (texture["colorspace"], texture["extension"]) == ("sRGB", "repeat")
    triangles = face.data.loop_triangles
    assert found.arrays["uv"].shape == (len(triangles), 3, 2)
    close(found.arrays["uv"].values[:2], layer.data[triangles[0].loops[0]].uv, 1e-6)
    mirrored = read(face, folder, mirrored=True).arrays["uv"].values
    assert list(mirrored[:2]) == list(found.arrays["uv"].values[2:4])
    image.pack()
    path = image.filepath
    (texture,) = read(face, folder).textures
    assert os.path.dirname(texture["path"]) == str(folder)
    with open(texture["path"], "rb") as copy, open(bpy.path.abspath(path), "rb") as original:
        assert copy.read() == original.read()
    assert image.filepath == path
    eyes = harness.make_face("Eyes")
    eyes.parent = face
    eyes.data.materials.append(material)  # without a UV map
    bpy.ops.face_solve.export_shot(filepath=str(harness.FOLDER / "textured"))
    shot = json.loads((harness.FOLDER / "textured" / "shot.json").read_text())
    assert [os.path.dirname(one["path"]) for one in shot["textures"]] == [str(harness.FOLDER / "textured")]
    arrays = harness.module("scene.shot.npz").read_npz(harness.FOLDER / "textured" / "rig.npz")
    count = len(face.data.loop_triangles)
    assert list(arrays["texture"].values) == [0] * count + [-1] * (arrays["triangles"].shape[0] - count)
    assert arrays["colors"].shape[0] == arrays["neutral"].shape[0]
    (warned,) = read(eyes, folder).warnings
    assert "no UV map" in warned


harness.run(globals())
