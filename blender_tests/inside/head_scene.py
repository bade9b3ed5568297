"""A head with shape keys and a camera with its plate, inside Blender, from files that the outside wrote.

Debian's Blender has no NumPy.
"""

import operator
from array import array

import bpy
import harness
from mathutils import Matrix


def make_head(path, name="Head"):
    """The head of a .npz: neutral [V,3], names [K], deltas [K,V,3]; faces as corners [C] and sizes [F]."""
    arrays = harness.module("scene.shot.npz").read_npz(path)
    neutral, deltas = arrays["neutral"].values, arrays["deltas"].values
    corners, sizes = arrays["corners"].values, arrays["sizes"].values
    mesh = bpy.data.meshes.new(name)
    faces, first = [], 0
    for size in sizes:
        faces.append(tuple(corners[first : first + size]))
        first += size
    mesh.from_pydata(list(zip(neutral[0::3], neutral[1::3], neutral[2::3], strict=True)), [], faces)
    mesh.polygons.foreach_set("use_smooth", array("b", [1] * len(sizes)))
    head = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(head)
    head.shape_key_add(name="Basis")
    for k, key in enumerate(arrays["names"].values):
        block = head.shape_key_add(name=key, from_mix=False)
        delta = deltas[len(neutral) * k : len(neutral) * (k + 1)]
        block.data.foreach_set("co", array("f", map(operator.add, neutral, delta)))
    return head


def make_camera(document, pattern, first, count):
    """A camera of shot.json, keyed on every frame, with an image sequence as its plate.

    Args:
        document: one of shot.json's cameras.
        pattern: path of the plate's first picture.
        first: its frame.
        count: of the plate's pictures.
    """
    data = bpy.data.cameras.new(document["name"])
    camera = bpy.data.objects.new(document["name"], data)
    scene = bpy.context.scene
    scene.collection.objects.link(camera)
    scene.camera = camera
    width, height = document["width"], document["height"]
    scene.render.resolution_x, scene.render.resolution_y = width, height
    fx, _fy, cx, cy = document["intrinsics"][0]
    data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", 36.0, 36.0 * fx / width
    data.shift_x, data.shift_y = 0.5 - cx / width, (cy - 0.5 * height) / width
    for frame, rows in enumerate(document["world_to_camera"], start=first):
        camera.matrix_world = Matrix([*rows, (0, 0, 0, 1)]).inverted()
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
    entry = data.background_images.new()
    entry.image = bpy.data.images.load(str(pattern))
    entry.image.source = "SEQUENCE"
    entry.alpha, entry.display_depth = 1.0, "BACK"
    user = entry.image_user
    user.frame_start, user.frame_duration, user.frame_offset, user.use_auto_refresh = first, count, first - 1, True
    data.show_background_images = True
    return camera
