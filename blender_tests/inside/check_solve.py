"""From the scene to the solver and back: what is on the timeline is what the solver found."""

import json
import os
import sys
from array import array
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
import itertools

import bpy
import harness
from harness import close, environment, known_motion, ready_scene, refused, world_matches
from mathutils import Euler, Matrix, Quaternion


def check_every_rotation_mode_lands_on_the_world_pose():
    for mode in ("QUATERNION", "AXIS_ANGLE", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"):
        scene, face, _camera = ready_scene()
        face.rotation_mode = mode
        bpy.ops.face_solve.solve_shot()
        world_matches(scene, face)


def check_parents_deltas_and_scale():
    for mode in ("QUATERNION", "AXIS_ANGLE", "YZX"):
        scene, face, _camera = ready_scene()
        face.rotation_mode = mode
        face.scale, face.delta_scale = (1.5, 1.5, 1.5), (0.8, 0.9, 1.0)
        face.delta_location, face.delta_rotation_euler = (0.2, -0.1, 0.3), (0.3, -0.2, 0.5)
        face.delta_rotation_quaternion = Euler((0.1, 0.4, -0.2)).to_quaternion()
        parent = bpy.data.objects.new("Parent", None)
        scene.collection.objects.link(parent)
        parent.scale, parent.rotation_euler = (2, 2, 2), (0.4, 0.2, 0.1)
        parent.keyframe_insert("location", frame=1)
        parent.location = (1, 2, 3)
        parent.rotation_euler = (1, 0.5, 0.2)
        parent.keyframe_insert("location", frame=12)
        parent.keyframe_insert("rotation_euler", frame=12)
        parent.rotation_euler = (0.2, 0.1, 0.2)
        parent.keyframe_insert("rotation_euler", frame=1)
        face.parent = parent
        face.matrix_parent_inverse = Matrix.Translation((0.1, 0.2, 0.3)) @ Euler((0.5, 0.1, 0)).to_matrix().to_4x4()
        bpy.ops.face_solve.solve_shot()
        world_matches(scene, face, tolerance=5e-5)


def check_child_of_constraint_and_mirrored_head():
    scene, face, camera = ready_scene()
    face.scale = (-1, 1, 1)
    constraint = face.constraints.new("CHILD_OF")
    constraint.target = camera
    bpy.ops.face_solve.solve_shot()
    world_matches(scene, face)


def check_sheared_head_is_refused():
    scene, face, _camera = ready_scene()
    parent = bpy.data.objects.new("Parent", None)
    scene.collection.objects.link(parent)
    parent.scale, face.rotation_euler, face.parent = (1, 3, 1), (0.5, 0.5, 0.5), parent
    refused(bpy.ops.face_solve.solve_shot, "sheared")
    # not sheared as it stands, but any turn would shear it
    face.rotation_euler = (0, 0, 0)
    refused(bpy.ops.face_solve.solve_shot, "stretched", "Apply the parents' scale")


def check_teeth_are_keyed_with_the_head():
    scene, face, _camera = ready_scene()
    teeth = harness.make_face("Teeth", ("jawOpen", "clench"))
    teeth.parent = face
    bpy.ops.face_solve.solve_shot()
    _teeth_match(scene, teeth)


def _teeth_match(scene, teeth):
    blocks = teeth.data.shape_keys.key_blocks
    for frame in (2, 9):
        scene.frame_set(frame)
        assert known_motion(frame)[2] > 0.0
        close(blocks["jawOpen"].value, known_motion(frame)[2], 1e-6)
        assert blocks["clench"].value == 0.0


def check_pinned_shape_key_is_refused():
    _scene, face, _camera = ready_scene()
    face.show_only_shape_key = True
    refused(bpy.ops.face_solve.solve_shot, "only its active shape key", "pin")


def check_rotations_do_not_jump():
    for mode in ("QUATERNION", "AXIS_ANGLE", "XYZ"):
        scene = harness.empty_scene(end=120)
        face = harness.make_face()
        harness.make_camera(duration=120)
        face.rotation_mode = mode
        bpy.ops.face_solve.setup_from_scene()
        with environment(FACE_SOLVE_FAULT="spin"):
            bpy.ops.face_solve.solve_shot()
        path, size = harness.module("scene.keys.channels").rotation_channel(face)
        curves = [harness.module("compat").find_curve(face, path, i) for i in range(size)]
        values = [[curve.evaluate(frame) for curve in curves] for frame in range(1, 121)]
        # The head turns by 0.13 radians a frame, several times round.
        worst = max(max(abs(b - a) for a, b in zip(*pair, strict=True)) for pair in itertools.pairwise(values))
        # Euler angles run faster near their pole; a jump is 3 or 6.
        assert worst < (0.2 if mode != "XYZ" else 0.6), (mode, worst)
        for frame in (1, 60, 120):
            scene.frame_set(frame)
            wanted = Quaternion((0.6, 0.0, 0.8), 0.13 * frame).to_matrix()
            close([v for row in face.matrix_world.to_3x3() for v in row], [v for row in wanted for v in row], 1e-5)


def check_frames_out_of_order_are_sorted_and_continuous():
    scene, face, _camera = ready_scene()
    with environment(FACE_SOLVE_FAULT="unordered"):
        bpy.ops.face_solve.solve_shot()
    points = harness.module("compat").find_curve(face, "location", 1).keyframe_points
    assert [point.co.x for point in points] == [float(frame) for frame in range(1, 13)]
    world_matches(scene, face)


def check_excluded_muted_and_driven_shape_keys_keep_their_values():
    scene, face, _camera = ready_scene()
    blocks = face.data.shape_keys.key_blocks
    blocks["jawOpen"].value = 0.25
    next(group for group in scene.face_solve.shape_groups if group.name == "jaw").enabled = False
    blocks["mouthSmile_L"].mute, blocks["mouthSmile_L"].value = True, 0.5
    driver = blocks["mouthSmile_R"].driver_add("value").driver
    driver.expression = "frame / 100"
    bpy.ops.face_solve.export_shot(filepath=str(harness.FOLDER / "kept"))
    shot = json.loads((harness.FOLDER / "kept" / "shot.json").read_text())
    rig = harness.module("scene.shot.npz").read_npz(harness.FOLDER / "kept" / "rig.npz")
    assert list(rig["solved"].values) == [0, 0, 0, 1, 1], list(rig["solved"].values)
    close(shot["initial"]["weights"][4], [0.25, 0.0, 0.05, 0, 0], 1e-6)  # muted: it moves nothing
    bpy.ops.face_solve.solve_shot()
    scene.frame_set(7)
    close([block.value for block in blocks[1:4]], [0.25, 0.5, 0.07], 1e-6)
    close(blocks["eyeBlink.L"].value, known_motion(7)[2], 1e-6)


def check_export_says_what_the_scene_says():
    scene, face, camera = ready_scene()
    camera.keyframe_insert("location", frame=1)
    camera.location.x += 1
    camera.keyframe_insert("location", frame=12)
    face.keyframe_insert("location", frame=1)
    face.location.z = 1
    face.keyframe_insert("location", frame=12)
    scene.face_solve.refinement, scene.face_solve.landmarks = 0.5, "FAN"
    item = scene.face_solve.infill_ranges.add()
    item.frame_start, item.frame_end = 3, 5
    stages = harness.FOLDER / "ours.toml"
    stages.write_text("")
    scene.face_solve.stage_file = str(stages)
    scene.face_solve.reference_frames = "9, 2 - 4"
    scene.frame_set(6)
    bpy.ops.face_solve.export_shot(filepath=str(harness.FOLDER / "export"))
    assert scene.frame_current == 6
    shot = json.loads((harness.FOLDER / "export" / "shot.json").read_text())
    assert shot["frames"] == list(range(1, 13))
    assert shot["settings"] == {
        "landmarks": "fan",
        "detector": scene.face_solve.detector.lower(),
        "flow": scene.face_solve.flow.lower(),
        "refinement": 0.5,
        "reference_frames": [2, 3, 4, 9],
        "device": "cpu",
    }
    assert shot["infill_ranges"] == [{"frame_start": 3, "frame_end": 5}]
    assert shot["stage_file"] == str(stages)
    one = shot["cameras"][0]
    assert (one["width"], one["height"], one["plate"]["kind"]) == (32, 24, "sequence")
    assert one["plate"]["frames"] == list(range(1, 13))
    assert os.path.exists(one["plate"]["path"].format(frame=3))
    for index, frame in ((0, 1), (6, 7), (11, 12)):
        scene.frame_set(frame)
        inverse = camera.matrix_world.inverted()
        close([v for row in one["world_to_camera"][index] for v in row], [v for row in inverse[:3] for v in row], 1e-5)
        close(shot["initial"]["translation"][index], face.matrix_world.translation, 1e-6)


def check_import_brings_a_solution_from_elsewhere():
    scene, face, _camera = ready_scene()
    npz = harness.module("scene.shot.npz")
    path = harness.FOLDER / "SOLUTION.npz"
    arrays = harness.solution_arrays(face)
    npz.write_npz(path, arrays)
    teeth = harness.make_face("Teeth", ("jawOpen", "clench"))
    teeth.parent = face
    bpy.ops.face_solve.import_solution(filepath=str(path))
    assert scene.face_solve.overlays.file == ""  # it is whole without an overlay file
    landmarks = npz.Array(array("f", range(12)), (2, 3, 2))
    npz.write_npz(harness.FOLDER / "SOLUTION.overlay.npz", {"landmarks/Cam/3": landmarks})
    bpy.ops.face_solve.import_solution(filepath=str(path))
    kept = harness.module("scene.results.sidecar").open_sidecar(Path(scene.face_solve.overlays.file))
    assert list(kept.landmarks("Cam", 3)[1]) == list(range(6, 12))
    overlays = scene.face_solve.overlays
    overlays.hide_head = True
    assert (face.hide_get(), teeth.hide_get()) == (True, True)
    overlays.hide_head = False
    assert (face.hide_get(), overlays.hide_head) == (False, False)
    world_matches(scene, face)
    _teeth_match(scene, teeth)
    del arrays["status"]
    npz.write_npz(path, arrays)
    refused(bpy.ops.face_solve.import_solution, "no 'status'", filepath=str(path))
    path.write_bytes(path.read_bytes()[:2000])
    refused(bpy.ops.face_solve.import_solution, "cannot be read", filepath=str(path))
    refused(bpy.ops.face_solve.import_solution, "no file", filepath=str(path) + "x")


def check_solve_range_and_stages_and_check():
    scene, face, _camera = ready_scene()
    bpy.ops.face_solve.solve_range(frame_start=4, frame_end=6)
    keyed = [point.co.x for point in harness.module("compat").find_curve(face, "location", 0).keyframe_points]
    assert keyed == [4, 5, 6], keyed
    folder, _where = harness.module("scene.shot.folders").work_folder(scene)
    for name, stages in (
        ("solve_shot", None),
        ("rigid_alignment", ["rigid"]),
        ("expression", ["expression"]),
        ("dense_alignment", ["dense"]),
        ("infill", ["infill"]),
        ("temporal_refinement", ["refinement"]),
    ):
        getattr(bpy.ops.face_solve, name)()
        assert json.loads((folder / "shot.json").read_text())["stages"] == stages
    bpy.ops.face_solve.check_solver()
    refused(bpy.ops.face_solve.cancel, "No solve is running")


def check_bad_frames_are_stepped_through():
    scene, _face, _camera = ready_scene()
    refused(bpy.ops.face_solve.next_bad_frame, "Nothing has been solved")
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    bad = [2, 3, 6, 7, 10, 11]
    scene.frame_set(1)
    seen = []
    for _ in range(7):
        bpy.ops.face_solve.next_bad_frame()
        seen.append(scene.frame_current)
    assert seen == [*bad, 2], seen
    bpy.ops.face_solve.previous_bad_frame()
    assert scene.frame_current == 11
    scene.face_solve.bad_above = 1000.0
    bpy.ops.face_solve.previous_bad_frame()
    assert scene.frame_current == 10
    bpy.ops.face_solve.lock_frame()
    bpy.ops.face_solve.previous_bad_frame()
    assert scene.frame_current == 6


def check_a_region_and_a_face_that_cannot_be_make_a_frame_bad():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    bpy.ops.face_solve.solve_shot()
    bad = harness.module("scene.results.verdicts").bad_frames
    assert bad(settings) == []
    results = {item.frame: item for item in settings.results}
    results[4].error_mouth, results[5].error_eyes = 40.0, 40.0
    results[8].doubt = "the lips cross by 9% of the mouth's width"
    assert bad(settings) == [8]
    settings.judged = "MOUTH"
    assert bad(settings) == [4, 8]
    settings.judged = "EYES"
    assert bad(settings) == [5, 8]
    settings.bad_above = 50.0
    assert bad(settings) == [8]
    results[8].mark = "GOOD"
    assert bad(settings) == []


def check_the_errors_of_an_old_file_are_carried_over():
    """Its bound was twice the usual one of its large plate; which frames are bad does not change."""
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    for item in settings.results:
        item.property_unset("error")
    settings["bad_error_px"], settings["found_bound"] = 9.0, 4.5
    harness.module("scene.results.old_files").carry_over(settings)
    usual = settings.bl_rna.properties["bad_above"].default
    harness.close(settings.bad_above, 2.0 * usual, 1e-5)
    for item in settings.results:
        assert (item.error_px > 9.0) == (item.error > settings.bad_above), (item.frame, item.error_px, item.error)


def check_the_person_who_was_chosen_is_in_the_shot():
    scene, _face, camera = ready_scene()
    settings = scene.face_solve
    choose = bpy.ops.face_solve.choose_person
    refused(choose, "no camera that is solved", camera="Nobody", frame=3, place=(0.5, 0.5))
    refused(choose, "outside the plate", camera=camera.name, frame=3, place=(1.5, 0.5))
    choose(camera=camera.name, frame=5, place=(0.25, 0.75))
    choose(camera=camera.name, frame=5, place=(0.5, 0.25))
    choose(camera=camera.name, frame=3, place=(0.5, 0.5))
    folder = harness.FOLDER / "people"
    bpy.ops.face_solve.export_shot(filepath=str(folder))
    document = json.loads((folder / "shot.json").read_text())
    (seen,) = document["cameras"]
    width, height = seen["width"], seen["height"]
    assert [(one["camera"], one["frame"]) for one in document["people"]] == [(camera.name, 3), (camera.name, 5)]
    harness.close(document["people"][1]["point"], (0.5 * width, 0.25 * height), 1e-3)
    bpy.ops.face_solve.forget_person()
    assert not len(settings.people)
    refused(bpy.ops.face_solve.forget_person, "No person was chosen")


def check_rig_arrays_are_the_mesh():
    scene, face, _camera = ready_scene()
    keys = face.data.shape_keys.key_blocks
    group = face.vertex_groups.new(name="half")
    group.add([0, 1, 2], 0.5, "REPLACE")
    keys["jawOpen"].vertex_group = "half"
    keys["mouthSmile_R"].relative_key = keys["mouthSmile_L"]
    keys["eyeBlink.L"].slider_min, keys["eyeBlink.L"].slider_max = -0.5, 1.5
    keys["mouthSmile_L"].value, keys["mouthSmile_R"].value, keys["jawOpen"].value = 0.3, 0.6, 0.9
    whole = harness.module("pieces").whole
    read = whole(harness.module("scene.rig.mesh").read_rig(face, scene.face_solve, (1, 1, 1)))
    rig, deltas = read.arrays, read.deltas
    count = len(face.data.vertices)
    weights = [keys[name].value for name in rig["names"].values]
    ours = list(rig["neutral"].values)
    for k, weight in enumerate(weights):
        for i in range(3 * count):
            ours[i] += weight * deltas[k][i]
    bpy.context.view_layer.update()
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    close(ours, [v for vertex in mesh.vertices for v in vertex.co], 1e-6)  # Blender's own evaluation
    close([rig["minimum"].values[3], rig["maximum"].values[3]], [-0.5, 1.5], 1e-6)
    triangles = rig["triangles"].values
    for t in range(0, len(triangles), 3):
        a, b, c = (face.data.vertices[v].co for v in triangles[t : t + 3])
        assert (b - a).cross(c - a).dot(a + b + c) > 0 or abs(
            (b - a).cross(c - a).length
        ) < 1e-9  # outward: the head is convex


def check_movie_clip_plate():
    scene = harness.empty_scene(end=40)
    harness.make_face()
    camera = harness.make_camera(plate=None)
    first = harness.plate_files("clip", 5, 14)
    clip = bpy.data.movieclips.load(str(first))
    entry = camera.data.background_images.new()
    entry.source, entry.clip = "MOVIE_CLIP", clip
    clip.frame_start, clip.frame_offset = 21, 2
    bpy.ops.face_solve.setup_from_scene()
    settings = scene.face_solve
    assert (settings.frame_start, settings.frame_end) == (19, 28), (settings.frame_start, settings.frame_end)
    bpy.ops.face_solve.export_shot(filepath=str(harness.FOLDER / "clipped"))
    one = json.loads((harness.FOLDER / "clipped" / "shot.json").read_text())["cameras"][0]
    assert one["plate"]["frames"] == list(range(5, 15))
    assert (one["width"], one["height"]) == (32, 24)


harness.run(globals())
