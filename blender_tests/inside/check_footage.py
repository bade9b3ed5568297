"""Footage from a file: the camera, its plate, and the scene that fits both."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, refused


def check_a_sequence_makes_a_camera_before_the_head():
    scene = harness.empty_scene(start=1001, end=1250)
    face = harness.make_face()
    face.location, face.scale = (0.3, -0.2, 1.7), (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    scene.face_solve.face = face
    path = harness.plate_files("Shot", 17, 40)
    (path.parent / "v2_0060.png").write_bytes(path.read_bytes())  # another take's: not of this run
    bpy.ops.face_solve.load_footage(filepath=str(path.parent / "v2_0020.png"))
    camera = scene.camera
    settings = scene.face_solve
    assert [item.camera for item in settings.cameras] == [camera]
    assert (settings.frame_start, settings.frame_end) == (1001, 1024)
    assert (scene.render.resolution_x, scene.render.resolution_y) == (32, 24)
    plate = harness.module("scene.camera.plate").read_plate(camera)
    assert (plate.kind, plate.frame_of(1001), plate.frame_of(1024), plate.frame_of(1025)) == ("sequence", 17, 40, None)
    bpy.context.view_layer.update()
    close(camera.matrix_world.to_3x3() @ harness.module("scene.camera.footage").Vector((0, 0, -1)), (0, 1, 0), 1e-6)
    close([camera.location.x, camera.location.z], [face.location.x, face.location.z], 1e-5)
    assert camera.location.y < face.location.y - 1.0
    bpy.ops.face_solve.setup_from_scene()
    assert settings.face == face


def check_a_camera_that_is_there_is_taken_and_a_second_plate_changes_nothing():
    scene = harness.empty_scene()
    face, camera = harness.make_face(), harness.make_camera(plate=None)
    lens = camera.data.lens = 35.0
    bpy.context.view_layer.objects.active = face
    bpy.ops.face_solve.load_footage(filepath=str(harness.plate_files("A", 1, 12)))
    assert harness.module("scene.camera.plate").background(camera) is not None
    assert camera.data.lens == lens
    before = (scene.render.resolution_x, scene.frame_end, scene.render.fps)
    other = harness.make_camera("Witness", plate=None)
    bpy.context.view_layer.objects.active = other
    bpy.ops.face_solve.load_footage(filepath=str(harness.plate_files("B", 1, 5)))
    assert {item.camera for item in scene.face_solve.cameras} == {camera, other}
    assert before == (scene.render.resolution_x, scene.frame_end, scene.render.fps)


def check_bad_footage_is_said_and_leaves_nothing_behind():
    scene = harness.empty_scene()
    harness.make_face()
    images, cameras = len(bpy.data.images), len(bpy.data.cameras)
    bad = harness.FOLDER / "no picture.png"
    bad.write_bytes(b"\x89PNG but no picture")
    movie = harness.FOLDER / "no movie.mp4"
    movie.write_bytes(b"no movie")
    refused(bpy.ops.face_solve.load_footage, "no file", filepath=str(bad) + "x")
    for path in (bad, movie):
        refused(bpy.ops.face_solve.load_footage, "picture", filepath=str(path))
    assert (len(bpy.data.images), len(bpy.data.cameras)) == (images, cameras)
    assert not scene.face_solve.cameras


harness.run(globals())
