"""The artist's keys and locked frames: kept to the bit, over solves, saving and loading."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, environment, known_motion, ready_scene, refused, start_without_waiting


def _curves(face):
    record = harness.module("scene.keys.record")
    return {
        channel.name: channel.find()
        for channel in [*record.pose_channels(face), *record.weight_channels(face).values()]
    }


def _state(face):
    """Everything about every key, by channel and frame."""
    names = (
        "co",
        "handle_left",
        "handle_right",
        "handle_left_type",
        "handle_right_type",
        "interpolation",
        "type",
        "easing",
        "back",
        "period",
    )
    table = {}
    for channel, curve in _curves(face).items():
        for point in curve.keyframe_points if curve else ():
            values = [getattr(point, name) for name in names]
            table[channel, point.co.x] = [
                tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value for value in values
            ]
    return table


def check_keys_between_frames_and_their_looks_survive():
    scene, face, _camera = ready_scene()
    face.keyframe_insert("location", frame=4.5)
    face.keyframe_insert("location", frame=40)
    for curve in list(_curves(face).values())[:3]:
        point = curve.keyframe_points[1]
        point.interpolation, point.easing, point.back = "BACK", "EASE_IN", 3.25
        point.handle_left_type, point.handle_right_type, point.handle_left = "FREE", "FREE", (33.0, 5.0)
    before = _state(face)
    bpy.ops.face_solve.solve_shot()
    after = _state(face)
    assert set(before) < set(after)
    for place in before:
        # The key at 4.5 has automatic handles, which follow their new neighbours.
        kept = slice(0, 1) if place[1] == 4.5 else slice(None)
        assert after[place][kept] == before[place][kept], (place, before[place], after[place])
    frames = sorted(frame for channel, frame in after if channel == "location[0]")
    assert frames == sorted([*map(float, range(1, 13)), 4.5, 40.0]), frames
    assert after["location[0]", 6.0][3:7] == ["AUTO_CLAMPED", "AUTO_CLAMPED", "BEZIER", "JITTER"], after[
        "location[0]", 6.0
    ]
    assert len({point.co.x for point in _curves(face)["location[0]"].keyframe_points if not point.co.x % 1}) == 13
    assert scene.face_solve.last_result.startswith("Solved 12 of 12")


def check_hand_made_keys_are_never_overwritten():
    _scene, face, _camera = ready_scene()
    face.location = (9, 8, 7)
    face.keyframe_insert("location", index=1, frame=5)
    block = face.data.shape_keys.key_blocks['odd "name" AU12']
    block.value = 0.875
    block.keyframe_insert("value", frame=6)
    before = _state(face)
    for operator in (bpy.ops.face_solve.solve_shot, bpy.ops.face_solve.expression, bpy.ops.face_solve.solve_shot):
        operator()
        assert _curves(face)["location[1]"].evaluate(5) == 8.0
        assert _curves(face)['key:odd "name" AU12'].evaluate(6) == 0.875
        close(_curves(face)["location[0]"].evaluate(5), known_motion(5)[1][0], 1e-6)
    assert all(_state(face)[place][0] == value[0] for place, value in before.items())


def check_changed_keys_become_anchors_and_survive_saving():
    scene, face, _camera = ready_scene(saved="anchors")
    bpy.ops.face_solve.solve_shot()
    curve = _curves(face)["location[2]"]
    next(point for point in curve.keyframe_points if point.co.x == 7).co.y = 0.123
    curve.update()
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene, face = bpy.context.scene, bpy.data.objects["Head"]
    before = {place: value[0] for place, value in _state(face).items() if place[1] == 7}
    bpy.ops.face_solve.solve_shot()
    after = {place: value[0] for place, value in _state(face).items() if place[1] == 7}
    assert before == after
    assert next(item.status for item in scene.face_solve.results if item.frame == 7) == "locked"
    import json

    folder, _where = harness.module("scene.shot.folders").work_folder(scene)
    shot = json.loads((folder / "shot.json").read_text())
    assert [one["frame"] for one in shot["locked"]] == [7]
    close(shot["locked"][0]["translation"], [0.07, 0.36, 0.123], 1e-6)
    close(shot["locked"][0]["rotation"], known_motion(7)[0], 1e-6)


def check_locked_frames_keep_every_bit():
    scene, face, _camera = ready_scene()
    for mode in ("XYZ", "QUATERNION"):
        face.animation_data_clear()
        face.rotation_mode = mode
        scene.frame_set(8)
        face.location, face.rotation_euler, face.rotation_quaternion = (
            (0.3, 0.2, 0.1),
            (0.5, 7.0, 0.1),
            (-0.5, 0.5, 0.5, 0.5),
        )
        face.data.shape_keys.key_blocks["jawOpen"].value = 0.7
        bpy.ops.face_solve.lock_frame()
        before = {place: value[0] for place, value in _state(face).items()}
        assert {frame for _channel, frame in before} == {8.0}
        bpy.ops.face_solve.solve_shot()
        bpy.ops.face_solve.rigid_alignment()
        after = {place: value[0] for place, value in _state(face).items() if place[1] == 8}
        assert before == after
        scene.frame_set(8)
        close(face.data.shape_keys.key_blocks["jawOpen"].value, 0.7, 1e-6)
        bpy.ops.face_solve.unlock_frame()
        refused(bpy.ops.face_solve.unlock_frame, "not locked")
        bpy.ops.face_solve.solve_shot()
        close(_curves(face)["location[0]"].evaluate(8), 0.08, 1e-6)
        face.data.shape_keys.animation_data_clear()
        scene.face_solve.written = ""


def check_locking_a_solved_frame_keeps_a_pose_without_a_key():
    scene, face, _camera = ready_scene()
    bpy.ops.face_solve.solve_shot()
    bpy.ops.face_solve.lock_frame()  # the head does not stand on its new keys yet, and nobody posed it
    assert not harness.module("scene.keys.fixes").fixed_frames(scene.face_solve), (
        "a frame as solved is not the artist's pose"
    )
    scene.frame_set(8)
    block, smile = (face.data.shape_keys.key_blocks[name] for name in ("jawOpen", "mouthSmile_L"))
    block.value, face.location.z = 0.875, 0.25
    smiling, before = smile.value, _state(face)
    bpy.ops.face_solve.lock_frame()
    for _ in range(2):
        scene.frame_set(3)
        scene.frame_set(8)
        assert (block.value, face.location.z, smile.value) == (0.875, 0.25, smiling)
        with environment(FACE_SOLVE_FAULT="spin"):
            bpy.ops.face_solve.solve_shot()
    changed = {place[0] for place, value in _state(face).items() if place[1] == 8 and value[0] != before[place][0]}
    assert changed == {"key:jawOpen", "location[2]"}, changed
    bpy.ops.face_solve.unlock_frame()
    bpy.ops.face_solve.solve_shot()
    scene.frame_set(8)
    assert (block.value, face.location.z) == (0.875, 0.25), "what was posed is the artist's"


def check_locking_between_frames_beyond_a_slider_or_in_layers_changes_no_key():
    scene, face, _camera = ready_scene()
    bpy.ops.face_solve.solve_shot()
    block = face.data.shape_keys.key_blocks["jawOpen"]
    _curves(face)["key:jawOpen"].keyframe_points[7].co.y = 1.5  # the slider ends at 1
    scene.frame_set(8, subframe=0.5)
    before = _state(face)
    bpy.ops.face_solve.lock_frame()
    assert _state(face) == before
    bpy.ops.face_solve.unlock_frame()
    scene.frame_set(8)
    assert block.value == 1.0
    bpy.ops.face_solve.lock_frame()
    assert _state(face) == before
    bpy.ops.face_solve.unlock_frame()
    track = face.animation_data.nla_tracks.new()
    track.strips.new("raised", 1, face.animation_data.action.copy())
    face.animation_data.action_blend_type = "ADD"
    scene.frame_set(3)
    scene.frame_set(8)
    assert face.location.z != _curves(face)["location[2]"].evaluate(8)
    bpy.ops.face_solve.lock_frame()
    assert _state(face) == before


def check_rotations_follow_a_locked_turn():
    scene, face, _camera = ready_scene()
    scene.frame_set(6)
    face.rotation_euler = (0.0, 0.0, 6.4)  # one turn ahead of what the solver answers
    bpy.ops.face_solve.lock_frame()
    bpy.ops.face_solve.solve_shot()
    curve = _curves(face)["rotation_euler[2]"]
    for frame in range(1, 13):
        assert abs(curve.evaluate(frame) - 6.4) < 2.0, (frame, curve.evaluate(frame))


def check_everything_locked_is_said():
    scene, _face, _camera = ready_scene()
    for frame in range(1, 13):
        scene.frame_set(frame)
        bpy.ops.face_solve.lock_frame()
    refused(bpy.ops.face_solve.solve_shot, "Every frame", "Unlock")


def check_200_frames_of_60_keys_take_less_than_a_second():
    scene = harness.empty_scene(end=200)
    face = harness.make_face(keys=())
    face.shape_key_add(name="Basis")
    for index in range(60):
        # Blender 5.2 and later give a new key the value 1, and a key that stands at a value is held there
        face.shape_key_add(name=f"key{index}", from_mix=False).value = 0.0
    harness.make_camera(duration=200)
    bpy.ops.face_solve.setup_from_scene()
    writer, job = harness.module("scene.keys.writer"), harness.module("worker.frame_result")
    plan = harness.module("scene.shot.export").write_shot(scene, harness.FOLDER / "speed")
    results = {}
    for frame in range(1, 201):
        rotation, translation, weight = known_motion(frame)
        results[frame] = job.FrameResult(frame, "solved", 0.5, rotation, translation, [weight] * 60)
    for _ in range(2):  # into empty curves, and over existing keys
        started = time.perf_counter()
        writer.write_frames(plan, results, results)
        seconds = time.perf_counter() - started
        assert seconds < 1.0, seconds
        print(f"keys: 200 frames x 60 shape keys in {seconds:.3f} s")
    close(_curves(face)["key:key59"].evaluate(123), known_motion(123)[2], 1e-6)
    assert sum(len(curve.keyframe_points) for curve in _curves(face).values()) == 200 * 66


def check_other_data_in_the_action_is_left_alone():
    _scene, face, _camera = ready_scene()
    face["custom"] = 1.0
    face.keyframe_insert('["custom"]', frame=3)
    face.keyframe_insert("scale", frame=3)
    bpy.ops.face_solve.solve_shot()
    find = harness.module("compat").find_curve
    assert len(find(face, '["custom"]', 0).keyframe_points) == 1
    assert len(find(face, "scale", 1).keyframe_points) == 1
    assert face.data.shape_keys.animation_data.action is not None


def check_an_action_shared_by_two_heads_keeps_them_apart():
    if not hasattr(bpy.types.Action, "slots"):
        return  # before 4.4 an action has no slots: sharing it is sharing the motion
    _scene, face, _camera = ready_scene()
    other = harness.make_face("Other")
    other.keyframe_insert("location", frame=1)
    face.animation_data_create().action = other.animation_data.action
    face.animation_data.action_slot = face.animation_data.action.slots.new("OBJECT", "Head")
    bpy.ops.face_solve.solve_shot()
    find = harness.module("compat").find_curve
    assert len(find(other, "location", 0).keyframe_points) == 1
    assert len(find(face, "location", 0).keyframe_points) == 12


def check_deleted_face_while_running():
    _scene, _face, _camera = ready_scene()
    writer = harness.module("scene.keys.writer")
    write_frames = harness.module("runs.solve").write_frames

    def deleted(*arguments):
        if "Head" in bpy.data.objects:
            bpy.data.objects.remove(bpy.data.objects["Head"])
        return writer.write_frames(*arguments)

    harness.module("runs.solve").write_frames = deleted
    try:
        refused(bpy.ops.face_solve.solve_shot, "Head is gone")
    finally:
        harness.module("runs.solve").write_frames = write_frames
    assert harness.module("runs.current").running() is None


def check_a_second_solve_is_refused():
    _scene, face, _camera = ready_scene()
    start_without_waiting()
    refused(bpy.ops.face_solve.solve_shot, "running already")
    harness.module("runs.current").stop()
    assert harness.module("compat").find_curve(face, "location", 0) is None
    bpy.ops.face_solve.solve_shot()


def check_turning_the_addon_off_and_on():
    name = harness.module("registration").__package__
    ready_scene()
    bpy.ops.preferences.addon_disable(module=name)
    assert not hasattr(bpy.types.Scene, "face_solve")
    bpy.ops.preferences.addon_enable(module=name)
    with environment(FACE_SOLVE_FAULT=""):
        ready_scene()
        bpy.ops.face_solve.solve_shot()


harness.run(globals())
