"""An artist's whole session without a window, and the lists, marks and exclusions of the panels."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import (
    environment,
    keys_to_the_bit,
    known_motion,
    ready_scene,
    refused,
    start_without_waiting,
    until,
    values_at,
)


def _fix_by_hand(scene, face, fixed, good, locked):
    """The artist poses one frame, marks another as good and locks a third."""
    face.location.z += 0.25
    face.keyframe_insert("location", frame=fixed)
    block = face.data.shape_keys.key_blocks["jawOpen"]
    block.value = 0.875
    block.keyframe_insert("value", frame=fixed)
    scene.frame_set(good)
    bpy.ops.face_solve.mark_frame(mark="GOOD")
    scene.frame_set(locked)
    bpy.ops.face_solve.lock_frame()


def check_a_whole_session():
    scene, face, _camera = ready_scene(saved="session")
    settings = scene.face_solve
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    results = harness.module("scene.results.verdicts")
    run = settings.runs["Solve Shot"]
    assert "Solved 9 of 12 frames" in run.text, run.text
    assert not run.failed
    worst = [settings.results[row].frame for row in results.worst_first(settings)]
    assert sorted(worst) == [2, 3, 6, 7, 10, 11], worst
    assert set(worst[:3]) == {2, 6, 10}  # what failed comes first
    settings.result_index = results.worst_first(settings)[3]  # a click in the list
    fixed = scene.frame_current
    assert fixed == worst[3]
    _fix_by_hand(scene, face, fixed, good=7, locked=5)
    assert 7 not in results.bad_frames(settings)
    before = keys_to_the_bit(face)
    with environment(FACE_SOLVE_FAULT="spin"):  # another motion, so that whatever is written shows
        bpy.ops.face_solve.solve_range(frame_start=2, frame_end=8)
    after = keys_to_the_bit(face)
    for name, points in before.items():
        for frame in (1, *range(9, 13)):
            assert points.get(frame, b"")[:8] == after[name].get(frame, b"")[:8], (name, frame)
        for frame in range(11, 13):  # the handles too; Blender itself turns those next to a key that moved
            assert points.get(frame) == after[name].get(frame), (name, frame)
    assert values_at(before, 5) == values_at(after, 5)
    for name in ("location[0]", "location[1]", "location[2]", "key:jawOpen"):
        assert before[name][fixed][:8] == after[name][fixed][:8], (name, fixed)
    changed = [f for f in (4, 8) if before["location[0]"][f] != after["location[0]"][f]]
    assert changed == [4, 8], changed
    assert 2 in after["location[0]"]  # it had failed, and is solved now
    assert 7 not in results.bad_frames(settings)
    assert next(item for item in settings.results if item.frame == 7).mark == "NONE"  # solved again: by its error
    written, status = settings.written, [(item.frame, item.status, item.error_px) for item in settings.results]
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene, face = bpy.context.scene, bpy.data.objects["Head"]
    settings = scene.face_solve
    assert keys_to_the_bit(face) == after
    assert settings.written == written
    assert [(item.frame, item.status, item.error_px) for item in settings.results] == status
    assert [item.frame for item in settings.locked_frames] == [5]
    bpy.ops.face_solve.solve_shot()  # and the fix still holds
    again = keys_to_the_bit(face)
    assert values_at(again, 5) == values_at(after, 5)
    assert again["location[2]"][fixed][:8] == after["location[2]"][fixed][:8]
    assert again["key:jawOpen"][fixed][:8] == after["key:jawOpen"][fixed][:8]
    scene.frame_set(12)
    harness.close(face.location, known_motion(12)[1], 1e-6)


def check_marks_outrank_errors():
    scene, _face, _camera = ready_scene()
    refused(bpy.ops.face_solve.mark_frame, "has not been solved", mark="BAD")
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    bad = harness.module("scene.results.verdicts").bad_frames
    settings = scene.face_solve
    for frame, mark in ((3, "GOOD"), (4, "BAD"), (2, "GOOD")):
        scene.frame_set(frame)
        bpy.ops.face_solve.mark_frame(mark=mark)
    assert bad(settings) == [4, 6, 7, 10, 11]
    bpy.ops.face_solve.mark_frame(mark="GOOD")  # pressed again: by its error
    assert bad(settings) == [2, 4, 6, 7, 10, 11]


def check_a_key_left_out_is_not_solved_and_stays_left_out():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    mouth = next(group for group in settings.shape_groups if group.name == "mouth")
    mouth.keys["mouthSmile_R"].enabled = False
    bpy.ops.face_solve.group_shape_keys()
    mouth = next(group for group in settings.shape_groups if group.name == "mouth")
    assert [key.enabled for key in mouth.keys] == [True, False, True]
    face.data.shape_keys.key_blocks["mouthSmile_R"].value = 0.3
    bpy.ops.face_solve.solve_shot()
    scene.frame_set(9)
    harness.close(face.data.shape_keys.key_blocks["mouthSmile_R"].value, 0.3, 1e-6)
    harness.close(face.data.shape_keys.key_blocks["mouthSmile_L"].value, known_motion(9)[2], 1e-6)


def check_infill_ranges_are_kept_in_order_and_grow_together():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve

    def listed():
        return [(one.frame_start, one.frame_end) for one in settings.infill_ranges]

    scene.frame_set(8)
    bpy.ops.face_solve.add_infill_range()
    bpy.ops.face_solve.add_infill_range(frame_start=2, frame_end=3)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 10, 11
    bpy.ops.face_solve.add_infill_range()
    assert listed() == [(2, 3), (8, 8), (10, 11)]
    assert settings.infill_index == 2
    bpy.ops.face_solve.add_infill_range(frame_start=4, frame_end=8)
    assert listed() == [(2, 8), (10, 11)]
    refused(bpy.ops.face_solve.add_infill_range, "ends before", frame_start=4, frame_end=3)
    settings.infill_index = 0
    bpy.ops.face_solve.remove_infill_range()
    bpy.ops.face_solve.remove_infill_range()
    assert listed() == []
    refused(bpy.ops.face_solve.remove_infill_range, "No range")


def check_cameras_are_added_and_taken_off():
    scene, _face, camera = ready_scene()
    settings = scene.face_solve
    second = harness.make_camera("B", plate="B")
    for one in scene.objects:
        one.select_set(one in (camera, second))
    bpy.ops.face_solve.add_camera()
    assert [item.camera.name for item in settings.cameras] == ["Cam", "B"]
    refused(bpy.ops.face_solve.add_camera, "in the list already")
    bpy.ops.face_solve.remove_camera()
    assert [item.camera.name for item in settings.cameras] == ["Cam"]
    bpy.ops.face_solve.remove_camera()
    refused(bpy.ops.face_solve.remove_camera, "No camera")


def check_what_is_wrong_names_the_operator_that_mends_it():
    scene = harness.empty_scene()
    prechecks = harness.module("scene.setup.prechecks").prechecks
    settings = scene.face_solve
    mends = {problem.mend for problem in prechecks(settings)}
    assert mends == {"face_solve.setup_from_scene", "face_solve.load_footage"}
    harness.make_face()
    harness.make_camera()
    bpy.ops.face_solve.setup_from_scene()
    assert prechecks(settings) == []
    settings.frame_end = 40
    assert [problem.mend for problem in prechecks(settings)] == ["face_solve.fit_range"]
    bpy.ops.face_solve.fit_range()
    settings.frame_start, settings.frame_end = 9, 4
    assert [problem.mend for problem in prechecks(settings)] == ["face_solve.fit_range"]
    bpy.ops.face_solve.fit_range()
    assert (settings.frame_start, settings.frame_end) == (1, 12)
    assert prechecks(settings) == []


def check_deleting_the_scene_ends_the_solve_in_words():
    ready_scene()
    current, solving, writer = (harness.module(name) for name in ("runs.current", "runs.solve", "scene.keys.writer"))
    write_frames = solving.write_frames

    def deleted(plan, *arguments):
        if "Scene" in bpy.data.scenes and len(bpy.data.scenes) > 1:
            bpy.data.scenes.remove(bpy.data.scenes[plan.scene])
        return writer.write_frames(plan, *arguments)

    bpy.data.scenes.new("Other")
    solving.write_frames = deleted
    try:
        refused(bpy.ops.face_solve.solve_shot, "The scene Scene is gone", "what was keyed is kept")
    finally:
        solving.write_frames = write_frames
    assert current.running() is None
    assert [one.name for one in bpy.data.scenes] == ["Other"]


def check_a_defect_ends_the_solve_and_the_next_one_starts():
    scene, face, _camera = ready_scene()
    current, solving = harness.module("runs.current"), harness.module("runs.solve")
    with environment(FACE_SOLVE_PACE="0.5"):
        pid = start_without_waiting().job.process.pid

    def broken(*_arguments):
        raise ZeroDivisionError("nobody thought of it")

    def ticked():
        current.tick()
        return False

    write_frames, solving.write_frames = solving.write_frames, broken
    try:
        until(ticked)
    except ZeroDivisionError:  # Blender prints it, and drops the timer
        pass
    finally:
        solving.write_frames = write_frames
    assert current.running() is None
    assert "ZeroDivisionError: nobody thought of it" in current.last_problem().message
    assert scene.face_solve.runs["Solve Shot"].failed
    until(lambda: not os.path.exists(f"/proc/{pid}"))
    bpy.ops.face_solve.solve_shot()
    scene.frame_set(9)
    harness.close(face.location, known_motion(9)[1], 1e-6)


def state_of(scene):
    """What the reading of a scene changes for its own sake, and has to put back."""
    return (
        scene.frame_current,
        scene["control"],
        sorted((one.name, one.hide_viewport, len(one.modifiers)) for one in bpy.data.objects),
        sorted(one.name for one in bpy.data.meshes if one.users),
        [one.name for one in scene.collection.children],
        [block.value for block in bpy.data.objects["Head"].data.shape_keys.key_blocks],
    )


def controlled_scene():
    """A hidden head with a Mirror modifier, teeth, and a key that a custom property drives."""
    scene, face, _camera = ready_scene()
    harness.make_face("Teeth", ("jawOpen",)).parent = face
    scene["control"] = 0.25
    driver = face.data.shape_keys.key_blocks["jawOpen"].driver_add("value").driver
    variable = driver.variables.new()
    variable.name, variable.targets[0].id_type, variable.targets[0].id = "v", "SCENE", scene
    variable.targets[0].data_path, driver.expression = '["control"]', "v"
    face.modifiers.new("Mirror", "MIRROR").use_axis[0] = True
    face.hide_viewport = True
    scene.frame_set(7)
    return scene


def check_a_shot_can_be_stopped_while_it_is_written():
    scene = controlled_scene()
    exporting, current = harness.module("scene.shot.export"), harness.module("runs.current")
    before, folder = state_of(scene), harness.FOLDER / "stopped"
    count = sum(1 for _ in exporting.shot_pieces(scene, folder))
    assert count > 50, count
    assert state_of(scene) == before
    for stop in range(1, count, 7):
        pieces = exporting.shot_pieces(scene, folder)
        for _ in range(stop):
            next(pieces)
        pieces.close()
        assert state_of(scene) == before, stop
    assert sorted(one.name for one in folder.iterdir()) == ["rig.npz", "shot.json"]
    for stop in (bpy.ops.face_solve.cancel, lambda: bpy.ops.wm.save_as_mainfile(filepath=str(folder / "a.blend"))):
        current.write(exporting.shot_pieces(scene, folder), "Solve Shot", lambda _plan: None)
        refused(bpy.ops.face_solve.solve_shot, "running already")
        stop()
        assert current.tick() is None
        assert current.running() is None
        assert current.last_problem() is None
        assert state_of(scene) == before
    assert "saved" in current._state.said, current._state.said


def check_a_shot_that_is_written_in_a_timer_is_solved():
    scene = controlled_scene()
    exporting, current = harness.module("scene.shot.export"), harness.module("runs.current")
    python, folder = os.environ["FACE_SOLVE_PYTHON"], harness.FOLDER / "timed"

    def begin(plan):
        request = {"type": "solve", "shot": str(plan.folder), "out": str(plan.solution)}
        return current.start(python, request, folder / "solver.log", plan, "Solve Shot")

    writing = current.write(exporting.shot_pieces(scene, folder), "Solve Shot", begin)
    assert writing.describe() == "Solve Shot: reading the scene"
    until(lambda: current.tick() is None)
    assert current.last_problem() is None, current.last_problem()
    assert len(scene.face_solve.results) == 12


def check_a_follower_that_is_replaced_by_an_empty_is_left_out():
    scene, face, _camera = ready_scene()
    teeth = harness.make_face("Teeth", ("jawOpen", "clench"))
    teeth.parent = face
    running = start_without_waiting()
    bpy.data.objects.remove(teeth)
    empty = bpy.data.objects.new("Teeth", None)
    scene.collection.objects.link(empty)
    harness.module("runs.current").run_to_end(running)
    scene.frame_set(9)
    harness.close(face.location, known_motion(9)[1], 1e-6)
    assert empty.animation_data is None


harness.run(globals())
