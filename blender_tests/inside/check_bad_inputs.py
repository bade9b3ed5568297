"""Bad input: every one is answered with a sentence that says what to do."""

import os
import stat
import sys
from array import array

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import environment, ready_scene, refused

solve = bpy.ops.face_solve.solve_shot


def check_no_face():
    scene, _face, _camera = ready_scene()
    scene.face_solve.face = None
    refused(solve, "No face is chosen", "Set Up")


def check_setup_without_a_face():
    harness.empty_scene()
    harness.make_camera()
    refused(bpy.ops.face_solve.setup_from_scene, "No mesh with shape keys")


def check_no_shape_keys():
    scene, _face, _camera = ready_scene()
    scene.face_solve.face = harness.make_face("Plain", keys=())
    warned = [str(one) for one in harness.module("scene.setup.prechecks").prechecks(scene.face_solve)]
    assert "Plain has no shape keys: only its head is solved." in warned, warned
    assert solve() == {"FINISHED"}


def check_nan_in_a_mesh_without_shape_keys():
    scene, _face, _camera = ready_scene()
    scene.face_solve.face = plain = harness.make_face("Plain", keys=())
    plain.data.vertices[5].co.x = float("nan")
    refused(solve, "The mesh Plain is broken", "vertex 5", "Repair or delete the mesh")


def check_absolute_shape_keys():
    _scene, face, _camera = ready_scene()
    face.data.shape_keys.use_relative = False
    refused(solve, "absolute", "Relative")


def check_no_camera():
    scene, _face, _camera = ready_scene()
    scene.face_solve.cameras[0].enabled = False
    refused(solve, "No camera is chosen")


def check_deleted_camera():
    _scene, _face, camera = ready_scene()
    bpy.data.objects.remove(camera)
    refused(solve, "No camera is chosen")


def check_no_plate():
    harness.empty_scene()
    harness.make_face()
    harness.make_camera(plate=None)
    refused(bpy.ops.face_solve.setup_from_scene, "No camera has a plate", "background image")


def check_plate_removed():
    _scene, _face, camera = ready_scene()
    camera.data.background_images.clear()
    refused(solve, "has no plate")


def check_plate_of_zero_frames():
    _scene, _face, camera = ready_scene()
    camera.data.background_images[0].image_user.frame_duration = 0
    refused(solve, "zero frames")


def check_missing_plate_frames():
    ready_scene(plate="gaps")
    for number in (4, 5, 9):
        (harness.FOLDER / "plates" / "gaps" / f"v2_{number:04d}.png").unlink()
    refused(solve, "missing at frames 4-5, 9", "v2_0004.png")


def check_empty_plate_files():
    ready_scene(plate="hollow")
    (harness.FOLDER / "plates" / "hollow" / "v2_0007.png").write_bytes(b"")
    refused(solve, "empty files at frame 7")


def check_truncated_first_plate_file():
    ready_scene(plate="cut")
    (harness.FOLDER / "plates" / "cut" / "v2_0001.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    refused(solve, "cannot be opened", "v2_0001.png")


def check_range_outside_the_plate():
    scene, _face, _camera = ready_scene()
    scene.face_solve.frame_end = 20
    refused(solve, "no frame at frames 13-20", "1-12")


def check_range_backwards():
    scene, _face, _camera = ready_scene()
    scene.face_solve.frame_end = -3
    refused(solve, "ends before it starts")
    scene.face_solve.frame_end = 12
    refused(bpy.ops.face_solve.solve_range, "ends before it starts", frame_start=8, frame_end=3)
    refused(bpy.ops.face_solve.solve_range, "no frame at frames 13-14", frame_start=8, frame_end=14)


def check_reference_frames_that_are_none():
    scene, _face, _camera = ready_scene()
    for text, words in (
        ("3, five", "'five' is no reference frame"),
        ("3, 900", "900 are not in the range"),
        ("7-3", "not in the range"),
        ("-4", "-4 are not in the range"),
        ("1-999999999", "not in the range"),
        ("9" * 5000, "no reference frame"),
    ):
        scene.face_solve.reference_frames = text
        refused(solve, words, "Advanced")


def check_frames_below_zero_and_ranges_are_read():
    scene, _face, _camera = ready_scene()
    read, settings = harness.module("scene.shot.frame_list").read_frames, scene.face_solve
    settings.frame_start = -12
    for text, frames in (
        ("", []),
        ("7, 2 - 4;-3", [-3, 2, 3, 4, 7]),
        ("-5--3 -1-1", [-5, -4, -3, -1, 0, 1]),
        ("-2 - -1, 3 -4", [-4, -2, -1, 3]),
    ):
        assert read(text, settings) == frames, (text, read(text, settings))
    for text in ("--4", "4-", "1-2-3", "- 3"):
        refused(lambda text=text: _as_operator(read, text, settings), "no frame")


def _as_operator(read, text, settings):
    try:
        return read(text, settings)
    except harness.module("problem").FaceSolveProblem as problem:
        raise RuntimeError(str(problem)) from problem


def check_stage_file_that_is_not_there():
    scene, _face, _camera = ready_scene()
    scene.face_solve.stage_file = "//nowhere.toml"
    refused(solve, "no stage file", "Advanced")


def check_nan_in_a_shape_key():
    _scene, face, _camera = ready_scene()
    block = face.data.shape_keys.key_blocks["mouthSmile_R"]
    values = array("f", bytes(12 * len(face.data.vertices)))
    block.data.foreach_get("co", values)
    values[7] = float("nan")
    block.data.foreach_set("co", values)
    refused(solve, "mouthSmile_R", "vertex 2", "not a number")


def check_constraint_and_driver_on_the_head():
    _scene, face, camera = ready_scene()
    constraint = face.constraints.new("COPY_LOCATION")
    constraint.target = camera
    refused(solve, "constraint", "Mute")
    face.constraints.remove(constraint)
    face.driver_add("location", 0)
    refused(solve, "driver", "location")


def check_driven_keys_that_nothing_moves_are_named():
    scene, face, _camera = ready_scene()
    keys = face.data.shape_keys

    def drive(name, expression, source=""):
        driver = keys.key_blocks[name].driver_add("value").driver
        driver.expression = expression
        if source:
            variable = driver.variables.new()
            variable.name, variable.targets[0].id_type, variable.targets[0].id = "v", "KEY", keys
            variable.targets[0].data_path = keys.key_blocks[source].path_from_id("value")

    drive("jawOpen", "foo bar(")
    drive("eyeBlink.L", "0.5 + 0.5 * sin(frame)")
    drive("mouthSmile_L", "v", "mouthSmile_R")
    drive("mouthSmile_R", "v", "mouthSmile_L")
    bpy.context.view_layer.update()
    said = harness.module("scene.shot.export").write_shot(scene, harness.FOLDER / "driven").warnings
    for names, reason in (
        ("jawOpen", "their drivers have an error"),
        ("eyeBlink.L", "they follow the frame number"),
        ("mouthSmile_L, mouthSmile_R", "they drive each other"),
    ):
        wanted = f"Driven shape keys are left as their drivers set them: {names} ({reason})."
        assert wanted in said, said


def check_a_head_that_is_only_shown_is_offered_a_button():
    scene, face, _camera = ready_scene()
    shown = bpy.data.collections.new("Shown")
    shown.objects.link(face)
    scene.collection.objects.unlink(face)
    empty = bpy.data.objects.new("Instance", None)
    scene.collection.objects.link(empty)
    empty.instance_type, empty.instance_collection = "COLLECTION", shown
    scene.face_solve.face = None
    problem = harness.module("scene.setup.prechecks").prechecks(scene.face_solve)[0]
    assert problem.mend == "face_solve.make_character_local", problem
    assert "Instance only shows a character" in problem.message
    bpy.ops.face_solve.make_character_local()
    assert solve() == {"FINISHED"}


def check_two_thousand_objects():
    scene, face, _camera = ready_scene()
    mesh = bpy.data.meshes.new("Many")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    for index in range(2000):
        one = bpy.data.objects.new(f"Many {index}", mesh if index % 2 else None)
        scene.collection.objects.link(one)
        one.location, one.parent = (index, 5, 0), face if index % 10 == 0 else None
    bpy.context.view_layer.update()
    bpy.ops.face_solve.setup_from_scene()
    assert scene.face_solve.face == face
    assert solve() == {"FINISHED"}


def check_scale_that_changes_and_zero_scale():
    _scene, face, _camera = ready_scene()
    face.keyframe_insert("scale", frame=1)
    face.scale = (2, 2, 2)
    face.keyframe_insert("scale", frame=12)
    refused(solve, "scale of Head changes")
    face.animation_data_clear()
    face.scale = (0, 1, 1)
    refused(solve, "scale of zero")


def check_interpreters():
    ready_scene()
    with environment(FACE_SOLVE_PYTHON=None):
        refused(solve, "No Python is chosen", "Preferences")
    with environment(FACE_SOLVE_PYTHON="/nowhere/python"):
        refused(solve, "does not exist", "/nowhere/python")
    with environment(FACE_SOLVE_PYTHON=str(harness.FOLDER)):
        refused(solve, "is a folder")
    if "blender" in os.path.basename(bpy.app.binary_path):
        with environment(FACE_SOLVE_PYTHON=bpy.app.binary_path):
            refused(solve, "is Blender itself")
    plain = harness.FOLDER / "plain"
    plain.write_text("no program")
    with environment(FACE_SOLVE_PYTHON=str(plain)):
        refused(solve, "may not be run")
    plain.chmod(plain.stat().st_mode | stat.S_IXUSR)
    with environment(FACE_SOLVE_PYTHON=str(plain)):
        refused(solve, "cannot be started")
    with environment(FACE_SOLVE_PYTHON="/bin/cat"):
        refused(solve, "not a working Python")
    with environment(FACE_SOLVE_PYTHON=sys.executable if "python" in sys.executable else "/usr/bin/python3"):
        refused(solve, "the solver")  # too old or not installed there, by version


def check_what_the_solver_says_is_shown():
    ready_scene()
    with environment(FACE_SOLVE_FAULT="no_weights"):
        refused(solve, "weights are not there", "Fetch them")
    with environment(FACE_SOLVE_FAULT="exit"):
        refused(solve, "exit status 3")
    with environment(FACE_SOLVE_FAULT="newer"):
        refused(solve, "Update the add-on")
    with environment(FACE_SOLVE_FAULT="older"):
        refused(solve, "Update the solver")


def check_failed_frames_are_not_keyed():
    scene, face, _camera = ready_scene()
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    keyed = {round(point.co.x) for point in harness.module("compat").find_curve(face, "location", 0).keyframe_points}
    assert keyed == {frame for frame in range(1, 13) if (frame - 1) % 4 != 1}, keyed
    assert {one.frame for one in scene.face_solve.results if one.reason == "no face was found"} == {2, 6, 10}


def check_all_frames_failed_is_an_error_and_keys_nothing():
    _scene, face, _camera = ready_scene()
    with environment(FACE_SOLVE_FAULT="all_failed"):
        refused(solve, "No frame could be solved", "no face was found")
    assert face.animation_data is None or face.animation_data.action is None


def check_frames_that_cannot_be_read_are_an_error():
    ready_scene()
    for fault in ("nan", "short"):
        with environment(FACE_SOLVE_FAULT=fault):
            refused(solve, "cannot be read", "Update")


def check_crash_keeps_what_was_done_and_says_where_the_log_is():
    _scene, face, _camera = ready_scene()
    with environment(FACE_SOLVE_FAULT="crash"):
        text = refused(solve, "stopped unexpectedly", "kept", "solver.log")
    assert "lack of memory" in text
    assert len(harness.module("compat").find_curve(face, "location", 0).keyframe_points) == 6


def check_garbage_on_the_pipe_is_survived():
    ready_scene()
    with environment(FACE_SOLVE_FAULT="garbage"):
        bpy.ops.face_solve.solve_shot()


def check_hung_solver_is_ended():
    _scene, face, _camera = ready_scene()
    job = harness.module("worker.job")
    patience, job.SILENCE_SECONDS = job.SILENCE_SECONDS, 5.0
    try:
        with environment(FACE_SOLVE_FAULT="hang"):
            refused(solve, "has not answered", "kept")
    finally:
        job.SILENCE_SECONDS = patience
    keys = [point.co.x for point in harness.module("compat").find_curve(face, "location", 0).keyframe_points]
    assert keys == [1, 2, 3, 4, 5, 6], keys


def check_read_only_folder_falls_back_to_the_cache():
    if os.geteuid() == 0:
        # Root writes anywhere: a file in the folder's place has the same effect.
        _scene, _face, _camera = ready_scene(saved="blocked")
        (harness.FOLDER / "blocked" / "face_solve").write_text("in the way")
    else:
        _scene, _face, _camera = ready_scene(saved="blocked")
        (harness.FOLDER / "blocked").chmod(0o500)
    folder, words = harness.module("scene.shot.folders").work_folder(bpy.context.scene)
    assert "cache" in words, words
    assert str(folder).startswith(os.environ["XDG_CACHE_HOME"]), folder
    bpy.ops.face_solve.solve_shot()
    with environment(XDG_CACHE_HOME="/proc/nowhere"):
        refused(solve, "nowhere to put its files", "Save the .blend")


def check_full_disk():
    ready_scene(saved="full")
    # /dev/full answers every write with "no space left on device"
    target = harness.FOLDER / "full" / "export"
    target.mkdir()
    (target / "rig.npz.part").symlink_to("/dev/full")
    refused(bpy.ops.face_solve.export_shot, "is full", "Free some space", filepath=str(target))


harness.run(globals())
