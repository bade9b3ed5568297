"""The camera's intrinsics and extrinsics against Blender's own projection, the frame map against Blender's own rule."""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector


def _pixel(row, extrinsics, point):
    x, y, z = (sum(m * c for m, c in zip(line, (*point, 1.0), strict=True)) for line in extrinsics)
    return row[2] + row[0] * x / -z, row[3] - row[1] * y / -z


def check_projection_equals_blenders_over_many_settings():
    model = harness.module("scene.camera.camera_model")
    rng = random.Random(7)
    scene, _face, camera = harness.ready_scene()
    render, data = scene.render, camera.data
    worst = 0.0
    for trial in range(200):
        render.resolution_x, render.resolution_y = rng.choice(
            [(720, 540), (540, 720), (1920, 800), (512, 512), (333, 1001)]
        )
        render.pixel_aspect_x, render.pixel_aspect_y = rng.choice([(1, 1), (1.5, 1), (1, 1.33)])
        render.resolution_percentage = rng.choice([100, 33, 50])
        data.sensor_fit = rng.choice(["AUTO", "HORIZONTAL", "VERTICAL"])
        data.sensor_width, data.sensor_height = rng.uniform(10, 40), rng.uniform(8, 30)
        data.lens = rng.uniform(18, 120)
        data.shift_x, data.shift_y = rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)
        camera.location = [rng.uniform(-1, 1) for _ in range(3)]
        camera.rotation_euler = [rng.uniform(-3, 3) for _ in range(3)]
        camera.scale = [rng.uniform(0.3, 3)] * 3 if trial % 2 else (1.0, 2.0, 0.5)
        bpy.context.view_layer.update()
        width, height = render.resolution_x, render.resolution_y
        lens = model.Lens(data.lens, data.sensor_width, data.sensor_height, data.sensor_fit, data.shift_x, data.shift_y)
        frame = model.FrameFormat(width, height, render.pixel_aspect_x, render.pixel_aspect_y)
        row = model.intrinsics(lens, frame, model.Backdrop(width, height, "STRETCH"))
        extrinsics = model.world_to_camera(camera.matrix_world)
        for _ in range(5):
            local = Vector((rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), -rng.uniform(0.8, 4)))
            point = Matrix(camera.matrix_world).normalized() @ local
            view = world_to_camera_view(scene, camera, point)
            u, v = _pixel(row, extrinsics, point)
            worst = max(worst, abs(u - view.x * width), abs(v - (1 - view.y) * height))
    assert worst < 0.01, worst
    print("camera: worst", worst, "px")


def check_frame_map_equals_blenders_over_many_settings():
    plate_map = harness.module("scene.camera.plate_map")
    scene, _face, camera = harness.ready_scene(duration=20)
    entry = camera.data.background_images[0]
    image, user = entry.image, entry.image_user
    rng = random.Random(3)
    compared = 0
    for trial in range(60):
        user.frame_start, user.frame_duration = rng.randint(-3, 9), rng.randint(1, 12)
        user.frame_offset, user.use_cyclic = rng.randint(-2, 6), bool(trial % 2)
        timing = plate_map.ImageTiming(user.frame_start, user.frame_duration, user.frame_offset, user.use_cyclic)
        for frame in range(-5, 25, 2):
            scene.frame_set(frame)
            ours = timing.plate_frame(frame)
            inside = user.use_cyclic or user.frame_start <= frame < user.frame_start + user.frame_duration
            if ours is None:
                assert not inside or user.frame_current < 0, (frame, user.frame_current)
                continue
            assert ours == user.frame_current, (frame, ours, user.frame_current)
            pattern, _first = plate_map.sequence_pattern(bpy.path.abspath(image.filepath))
            theirs = bpy.path.abspath(image.filepath_from_user(image_user=user))
            assert os.path.basename(pattern.format(frame=ours)) == os.path.basename(theirs), (pattern, theirs)
            compared += 1
    assert compared > 200, compared


def check_sequence_numbers_are_the_last_digits_as_in_blender():
    plate_map = harness.module("scene.camera.plate_map")
    scene = harness.empty_scene()
    camera = harness.make_camera(plate="B", duration=3)
    user = camera.data.background_images[0].image_user
    user.frame_start, user.frame_duration, user.frame_offset = 1, 100, 0
    for name in ("take2_0007.png", "0007.png", "a7b.png", "shot.0007.v2.png", "x_{7}.png"):
        path = harness.FOLDER / "names" / name
        harness.write_png(path)
        image = bpy.data.images.load(str(path))
        image.source = "SEQUENCE"
        camera.data.background_images[0].image = image
        scene.frame_set(12)
        theirs = os.path.basename(image.filepath_from_user(image_user=user))
        pattern, _number = plate_map.sequence_pattern(str(path))
        assert os.path.basename(pattern.format(frame=12)) == theirs, (pattern, theirs)


def check_orthographic_camera_is_refused_in_words():
    _scene, _face, camera = harness.ready_scene()
    camera.data.type = "ORTHO"
    harness.refused(bpy.ops.face_solve.solve_shot, "perspective", camera.name)


def check_rotated_plate_is_refused_in_words():
    _scene, _face, camera = harness.ready_scene()
    camera.data.background_images[0].rotation = 0.3
    harness.refused(bpy.ops.face_solve.solve_shot, "rotated", "rotation to zero")


harness.run(globals())
