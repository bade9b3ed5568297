"""The jaw bone in the scene: found, refused with a reason, keyed, and never over the artist's keys."""

import json
import os
import sys
from array import array

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, known_jaw, known_motion, refused
from heads import make_head, posed, rig_jaw
from mathutils import Matrix

FRAMES = range(1, 6)


def ready(**rigged):
    """(scene, head, armature) that can be solved."""
    scene = harness.empty_scene(FRAMES[0], FRAMES[-1])
    head = make_head()
    rig = rig_jaw(head, **rigged)
    harness.make_camera(duration=len(FRAMES))
    bpy.context.view_layer.update()
    bpy.ops.face_solve.setup_from_scene()
    return scene, head, rig


def turn_of(bone):
    """3x3: the rotation that the bone's channels hold."""
    return bone.matrix_basis.to_3x3()


def curves(owner):
    compat = harness.module("compat")
    jaw = harness.module("scene.rig.jaw").chosen_jaw(bpy.context.scene.face_solve)
    channels = jaw.channels if owner == jaw.armature else harness.module("scene.keys.record").pose_channels(owner)
    return [compat.find_curve(owner, channel.data_path, channel.index) for channel in channels]


def keyed(owner):
    """The frames at which all of an object's, or the jaw bone's, channels are keyed; nothing where one has no curve."""
    frames = [{point.co.x for point in curve.keyframe_points} if curve else set() for curve in curves(owner)]
    return sorted(set.intersection(*frames))


def known(frame):
    return Matrix([known_jaw(frame)[0][3 * i : 3 * i + 3] for i in range(3)])


def shot_of(scene):
    folder, _where = harness.module("scene.shot.folders").work_folder(scene)
    return json.loads((folder / "shot.json").read_text())


def check_a_solve_keys_the_bone_in_its_own_rotation_mode():
    for mode in ("XYZ", "QUATERNION", "AXIS_ANGLE", "ZXY"):
        scene, head, rig = ready()
        assert scene.face_solve.jaw_bone == "jaw"
        jaw = rig.pose.bones["jaw"]
        jaw.rotation_mode = mode
        bpy.ops.face_solve.solve_shot()
        assert keyed(rig) == list(FRAMES) == keyed(head), mode
        for frame in FRAMES:
            scene.frame_set(frame)
            for row, wanted in zip(turn_of(jaw), known(frame), strict=True):
                close(row, wanted, 1e-6)
            close(jaw.location, known_jaw(frame)[1], 1e-7)
            close(head.location, known_motion(frame)[1], 1e-6)


def check_a_head_on_its_armature_is_moved_by_the_armature():
    scene, head, rig = ready(below=False)
    head.parent = rig
    bpy.ops.face_solve.solve_shot()
    assert head.animation_data is None
    assert rig.animation_data is not None
    for frame in FRAMES:
        scene.frame_set(frame)
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        close(evaluated.matrix_world.translation, known_motion(frame)[1], 1e-6)
    bpy.ops.face_solve.solve_shot()
    scene.frame_set(3)
    close(head.matrix_world.translation, known_motion(3)[1], 1e-6)


def check_the_artists_jaw_keys_are_kept():
    scene, _head, rig = ready()
    jaw = posed(rig, "XYZ")
    jaw.keyframe_insert("rotation_euler", index=1, frame=3)
    before = curves(rig)[4].evaluate(3)
    bpy.ops.face_solve.solve_shot()
    assert curves(rig)[4].evaluate(3) == before
    close(curves(rig)[0].evaluate(3), known_jaw(3)[1][0], 1e-7)
    # a key that is changed after the solve makes the frame an anchor, with the jaw as it stands
    curve = curves(rig)[2]
    next(point for point in curve.keyframe_points if point.co.x == 2).co.y = 0.0125
    curve.update()
    state = [curve.evaluate(2) for curve in curves(rig)]
    bpy.ops.face_solve.solve_shot()
    assert [curve.evaluate(2) for curve in curves(rig)] == state
    (locked,) = [one for one in shot_of(scene)["locked"] if one["frame"] == 2]
    close(locked["joints"]["jaw"]["translation"][2], 0.0125, 1e-6)
    close(locked["joints"]["jaw"]["rotation"], known_jaw(2)[0], 1e-5)


def check_a_locked_frame_keeps_its_jaw():
    scene, head, rig = ready()
    jaw = posed(rig)
    scene.frame_set(4)
    jaw.location, jaw.rotation_quaternion = (0.5, 0.25, -0.125), (0.5, 0.5, 0.5, -0.5)
    bpy.ops.face_solve.lock_frame()
    assert keyed(rig) == [4.0]
    bpy.ops.face_solve.solve_shot()
    assert keyed(rig) == list(FRAMES)
    assert [curve.evaluate(4) for curve in curves(rig)] == [0.5, 0.25, -0.125, 0.5, 0.5, 0.5, -0.5]
    scene.frame_set(4)
    bpy.ops.face_solve.unlock_frame()
    bpy.ops.face_solve.solve_shot()
    close(curves(rig)[0].evaluate(4), known_jaw(4)[1][0], 1e-7)
    assert not shot_of(scene)["locked"]
    assert head.animation_data


def check_no_jaw_bone_is_no_jaw_bone():
    scene, _head, rig = ready()
    posed(rig)
    scene.face_solve.jaw_bone = ""
    bpy.ops.face_solve.solve_shot()
    assert rig.animation_data is None
    assert "joints" not in shot_of(scene)["initial"]


def _posed_above(_scene, _head, rig):
    rig.pose.bones["head"].location = (0, 0.1, 0)
    rig.data.bones["jaw"].use_inherit_rotation = False


def check_what_is_wrong_with_the_bone_is_said():
    solve = bpy.ops.face_solve.solve_shot

    def wrong(change, *words, **rigged):
        scene, head, rig = ready(**rigged)
        change(scene, head, rig)
        bpy.context.view_layer.update()
        text = refused(solve, *words)
        assert not rig.animation_data or not rig.animation_data.action, text

    wrong(lambda _scene, head, _rig: head.vertex_groups["jaw"].remove(range(62)), "weight", "vertex group jaw")
    wrong(lambda _scene, head, _rig: head.vertex_groups.remove(head.vertex_groups["jaw"]), "weight", "Paint")
    wrong(lambda scene, _head, _rig: setattr(scene.face_solve, "jaw_bone", "chin"), "Rig has no bone chin")
    wrong(lambda _scene, head, _rig: head.modifiers.clear(), "Armature modifier")
    wrong(lambda _scene, head, _rig: setattr(head.modifiers[0], "show_viewport", False), "Armature modifier", "on")
    wrong(lambda _scene, head, _rig: setattr(head.modifiers[0], "use_vertex_groups", False), "vertex groups")
    wrong(lambda _scene, _head, rig: setattr(rig.data.bones["jaw"], "use_deform", False), "does not deform", "Turn on")
    wrong(lambda _scene, _head, rig: setattr(rig.data, "pose_position", "REST"), "rest position", "Pose Position")
    wrong(lambda _scene, _head, rig: rig.pose.bones["jaw"].constraints.new("LIMIT_ROTATION"), "constraint", "Mute")
    wrong(lambda _scene, _head, rig: rig.pose.bones["jaw"].driver_add("location", 1) and None, "driver", "Remove")
    wrong(lambda _scene, _head, rig: setattr(rig.pose.bones["jaw"], "scale", (1, 2, 1)), "scaled", "Clear")
    wrong(_posed_above, "bone head above", "inherit", "Clear")
    wrong(lambda _scene, _head, _rig: None, "does not move with", "Parent", below=False)


def check_what_is_solved_a_little_differently_is_said():
    scene, head, rig = ready()
    prechecks = harness.module("scene.setup.prechecks").prechecks
    assert not prechecks(scene.face_solve)
    head.modifiers[0].use_deform_preserve_volume = True
    rig.data.bones["jaw"].bbone_segments = 4
    said = prechecks(scene.face_solve)
    assert [one.level for one in said] == ["WARNING"] * 2, said
    assert "Preserve Volume" in said[0].remedy
    assert "bendy" in said[1].message


def check_the_armature_is_parented_by_a_button():
    scene, head, rig = ready(below=False)
    rig.location = (0.1, 0.2, 0.3)
    bpy.context.view_layer.update()
    problem = next(
        one
        for one in harness.module("scene.setup.prechecks").prechecks(scene.face_solve)
        if "stay behind" in one.message
    )
    before = rig.matrix_world.copy()
    assert problem.mend == "face_solve.carry_armature"
    bpy.ops.face_solve.carry_armature()
    bpy.context.view_layer.update()
    assert rig.parent == head
    for row, wanted in zip(rig.matrix_world, before, strict=True):
        close(row, wanted, 1e-6)
    assert not harness.module("scene.setup.prechecks").prechecks(scene.face_solve)
    bpy.ops.face_solve.solve_shot()
    assert keyed(rig) == list(FRAMES)


def check_a_face_that_moves_in_its_armature_is_refused():
    scene, head, rig = ready(below=False)
    head.parent = rig
    head.keyframe_insert("location", frame=1)
    head.location.x += 0.1
    head.keyframe_insert("location", frame=3)
    refused(bpy.ops.face_solve.solve_shot, "move against each other", "Delete the keys", "Head")
    assert scene.face_solve.jaw_bone == "jaw"


def check_the_bone_is_found_by_its_name_and_its_weights():
    find = harness.module("scene.rig.jaw").find_jaw
    bones = dict.fromkeys(
        ("jaw.L", "DEF-Jaw", "jaw_upper", "Mandible", "head", "jaw"), ((0, 0, 0), (0, -0.1, 0), 0, None)
    )
    harness.empty_scene()
    head = make_head()
    rig = rig_jaw(head, bones)
    head.vertex_groups["jaw"].name = "DEF-Jaw"
    assert find(head)[0] == "DEF-Jaw"
    rig.data.bones["DEF-Jaw"].use_deform = False
    name, said = find(head)
    assert name == "", name
    assert "moves no vertex" in said
    head.vertex_groups["DEF-Jaw"].name = "jaw.L"  # one side of a pair is no jaw, nor is the upper one
    assert find(head)[0] == ""
    head.vertex_groups["jaw.L"].name = "jaw_upper"
    assert find(head)[0] == ""
    head.vertex_groups["jaw_upper"].name = "Mandible"
    assert find(head)[0] == "Mandible"
    head.modifiers.clear()
    assert find(head) == ("", "")


def check_setup_again_leaves_the_bone_that_was_chosen():
    bones = dict.fromkeys(("head", "jaw", "chin"), ((0, 0, 0), (0, -0.1, 0), 0, None))
    scene, _head, rig = ready(bones=bones)
    settings = scene.face_solve
    assert settings.jaw_bone == "jaw"
    for choice in ("", "chin"):  # emptied to solve by shape keys alone, or a bone of another name
        settings.jaw_bone = choice
        bpy.ops.face_solve.setup_from_scene()
        assert settings.jaw_bone == choice
    rig.data.bones["jaw"].name = "Mandible"  # another one is found; the vertex group follows
    bpy.ops.face_solve.setup_from_scene()
    assert settings.jaw_bone == "Mandible"
    settings.jaw_bone = "gone"
    bpy.ops.face_solve.setup_from_scene()
    assert settings.jaw_bone == "Mandible"


def check_a_solution_from_a_farm_moves_the_bone():
    from_farm("joints/jaw/")


def check_a_solution_of_an_older_solver_moves_the_bone():
    from_farm("jaw_")


def from_farm(place):
    """`place`: what the bone's arrays begin with."""
    scene, _head, rig = ready()
    turning, sliding = f"{place}rotation", f"{place}translation"
    npz = harness.module("scene.shot.npz")
    names = list(harness.module("scene.rig.mesh").solvable_keys(scene.face_solve.face))
    numbers = {"rotation": [], "translation": [], turning: [], sliding: []}
    for frame in FRAMES:
        for name, values in zip(numbers, (*known_motion(frame)[:2], *known_jaw(frame)), strict=True):
            numbers[name] += values
    count = len(FRAMES)
    shapes = {
        "rotation": (count, 3, 3),
        "translation": (count, 3),
        turning: (count, 3, 3),
        sliding: (count, 3),
    }
    arrays = {name: npz.Array(array("d", values), shapes[name]) for name, values in numbers.items()}
    arrays["frames"] = npz.Array(array("q", FRAMES), (count,))
    arrays["weights"] = npz.Array(array("d", [0.5] * count * len(names)), (count, len(names)))
    arrays["names"], arrays["status"] = npz.Array(names, (len(names),)), npz.Array(["solved"] * count, (count,))
    arrays["error_px"] = npz.Array(array("d", [0.5] * count), (count,))
    path = harness.FOLDER / "farm.npz"
    npz.write_npz(path, arrays)
    bpy.ops.face_solve.import_solution(filepath=str(path))
    scene.frame_set(2)
    for row, wanted in zip(turn_of(rig.pose.bones["jaw"]), known(2), strict=True):
        close(row, wanted, 1e-6)
    scene.face_solve.jaw_bone = ""
    bpy.ops.face_solve.import_solution(filepath=str(path))
    assert "moves a jaw bone" in scene.face_solve.last_result
    del arrays[sliding]
    npz.write_npz(path, arrays)
    refused(bpy.ops.face_solve.import_solution, sliding, "missing", filepath=str(path))


def check_a_bone_that_is_gone_is_said():
    scene, _head, rig = ready()
    plan = harness.module("scene.shot.export").write_shot(scene, harness.FOLDER / "gone")
    rig.data.bones["jaw"].name = "chin"
    result = harness.module("worker.frame_result").FrameResult(
        1, "solved", 0.5, known_motion(1)[0], [0, 0, 0], [0.0] * len(plan.names)
    )
    said = ""
    try:
        harness.module("scene.keys.writer").write_frames(plan, {1: result}, [1])
    except harness.module("problem").FaceSolveProblem as problem:
        said = problem.message
    assert "jaw bone jaw of Rig is gone" in said, said


harness.run(globals())
