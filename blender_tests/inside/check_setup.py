"""Set Up, what it finds and keeps; a head without shape keys, and a face that was deleted."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import ready_scene, refused, world_matches


def check_setup_finds_everything():
    scene = harness.empty_scene(start=-3, end=30)
    small, _other = harness.make_face("Small", keys=("a",)), None
    face, camera = harness.make_face(), harness.make_camera("Witness", plate=None)
    harness.make_camera("B"), harness.make_camera("A", start=5)
    bpy.context.view_layer.objects.active = camera
    bpy.ops.face_solve.setup_from_scene()
    settings = scene.face_solve
    assert settings.face == face
    assert [(item.camera.name, item.enabled) for item in settings.cameras] == [("A", True), ("B", True)], [
        i.camera.name for i in settings.cameras
    ]
    assert (settings.frame_start, settings.frame_end) == (1, 16)
    groups = {group.name: [key.name for key in group.keys] for group in settings.shape_groups}
    assert groups == {
        "jaw": ["jawOpen"],
        "mouth": ["mouthSmile_L", "mouthSmile_R", 'odd "name" AU12'],
        "eyes": ["eyeBlink.L"],
    }, groups
    bpy.context.view_layer.objects.active = small
    bpy.ops.face_solve.setup_from_scene()
    assert settings.face == small


def check_why_a_mesh_is_the_face_and_which_others_could_be():
    scene = harness.empty_scene()
    first, second = harness.make_face("First"), harness.make_face("Second")
    second.location.x = 1.0
    harness.make_camera()
    bpy.context.view_layer.objects.active = None
    bpy.context.view_layer.update()
    bpy.ops.face_solve.setup_from_scene()
    settings = scene.face_solve
    other = second if settings.face == first else first
    assert settings.found_face == settings.face
    assert "shape keys" in settings.found_why, settings.found_why
    assert settings.found_others == other.name
    bpy.ops.face_solve.choose_face(name=other.name)
    assert (settings.face, settings.found_why) == (other, "as chosen")
    refused(lambda: bpy.ops.face_solve.choose_face(name="Nobody"), "no mesh Nobody")


def check_setup_again_keeps_what_the_artist_chose():
    scene, face, _camera = ready_scene()
    witness = harness.make_camera("Witness", plate="W")
    teeth = harness.make_face("Teeth", keys=("jawOpen",))
    teeth.parent = face
    bpy.ops.face_solve.setup_from_scene()
    settings = scene.face_solve
    witness.data.background_images[0].image_user.frame_offset = 3
    settings.frame_start, settings.frame_end = 3, 8
    settings.cameras[1].enabled = False
    settings.shape_groups["mouth"].strength, settings.shape_groups["eyes"].enabled = 0.25, False
    settings.shape_groups["mouth"].keys["mouthSmile_L"].enabled = False

    def chosen():
        groups = [
            (one.name, one.strength, one.enabled, [key.enabled for key in one.keys]) for one in settings.shape_groups
        ]
        cameras = [(item.camera.name, item.enabled) for item in settings.cameras]
        return settings.face, (settings.frame_start, settings.frame_end), cameras, groups

    before = chosen()
    assert before[0] == face
    assert before[2] == [("Cam", True), ("Witness", False)]
    bpy.context.view_layer.objects.active = teeth  # they move with the face that is chosen
    bpy.ops.face_solve.setup_from_scene()
    assert chosen() == before
    assert witness.data.background_images[0].image_user.frame_offset == 3
    # What is new is added, what is gone is dropped, and the rest stays.
    third = harness.make_camera("Third", plate="T", start=5)
    bpy.data.objects.remove(witness)
    face.shape_key_add(name="browInnerUp", from_mix=False)
    bpy.ops.face_solve.setup_from_scene()
    assert chosen()[:3] == (face, (3, 8), [("Cam", True), ("Third", True)])
    assert chosen()[3] == [*before[3], ("brows", 1.0, True, [True])]
    # A range that nobody changed follows the plates; so does one that no plate covers any more.
    bpy.ops.face_solve.fit_range()
    assert (settings.frame_start, settings.frame_end) == (1, 12)
    third.data.background_images[0].image_user.frame_start = 1
    scene.frame_end, third.data.background_images[0].image_user.frame_duration = 20, 16
    bpy.ops.face_solve.setup_from_scene()
    assert (settings.frame_start, settings.frame_end) == (1, 16)
    settings.frame_start, settings.frame_end = 40, 50
    bpy.ops.face_solve.setup_from_scene()
    assert (settings.frame_start, settings.frame_end) == (1, 16)
    # With every camera off nothing can be solved, and Set Up is not what is told to press.
    settings.frame_start, settings.frame_end = 3, 8
    for item in settings.cameras:
        item.enabled = False
    bpy.ops.face_solve.setup_from_scene()
    assert (settings.frame_start, settings.frame_end) == (3, 8)
    assert not any(item.enabled for item in settings.cameras)
    problems = harness.module("scene.setup.prechecks").prechecks(settings)
    assert [(one.message, one.mend) for one in problems] == [("No camera is chosen: all are switched off.", "")], (
        problems
    )


def check_a_head_without_shape_keys_is_placed():
    """A scan without any, and one that has a Basis alone.

    Set up, solved by each stage, fixed, exported and imported.
    """
    for keys in (None, "Basis"):
        scene = harness.empty_scene()
        face, _camera = harness.make_face("Scan", keys=()), harness.make_camera()
        if keys:
            face.shape_key_add(name=keys)
        bpy.ops.face_solve.setup_from_scene()
        settings = scene.face_solve
        assert settings.face == face
        assert not settings.shape_groups
        for stage in ("rigid_alignment", "dense_alignment", "solve_shot"):
            assert getattr(bpy.ops.face_solve, stage)() == {"FINISHED"}
            world_matches(scene, face)
        assert not harness.module("scene.setup.needs").stage_needs(settings, "dense_alignment")
        (said,) = harness.module("scene.setup.needs").stage_needs(settings, "expression")
        assert "no expression to solve" in said.message, said
        scene.frame_set(5)
        face.location.x += 0.1
        face.keyframe_insert("location", frame=5)
        harness.module("scene.keys.fixes").forget()
        assert harness.module("scene.keys.fixes").fixed_frames(settings) == {5}
        scene.frame_set(7)
        bpy.ops.face_solve.lock_frame()
        bpy.ops.face_solve.solve_shot()
        assert {item.frame for item in settings.results if item.status == "locked"} == {5, 7}
        for name in ("group_shape_keys", "mend_groups", "switch_shape_keys"):
            assert getattr(bpy.ops.face_solve, name)() == {"FINISHED"}
        refused(bpy.ops.face_solve.fit_rig, "no identity shape keys")
        folder = harness.FOLDER / f"bare_{keys}"
        bpy.ops.face_solve.export_shot(filepath=str(folder))
        document = json.loads((folder / "shot.json").read_text())
        assert document["initial"]["weights"] == [[]] * 12
        path = folder / "SOLUTION.npz"
        face.animation_data_clear()
        other = harness.make_face("Like", keys=())
        harness.module("scene.shot.npz").write_npz(path, harness.solution_arrays(other))
        bpy.ops.face_solve.import_solution(filepath=str(path))
        world_matches(scene, face, [frame for frame in range(1, 13) if frame != 7])


def check_set_up_takes_a_head_without_shape_keys_only_where_it_is_meant():
    scene = harness.empty_scene()
    harness.make_camera()
    scan = harness.make_face("Scan", keys=())
    bpy.context.view_layer.objects.active = scene.camera
    refused(bpy.ops.face_solve.setup_from_scene, "No mesh with shape keys", "select a head")
    scene.face_solve.face = scan
    bpy.ops.face_solve.setup_from_scene()
    assert scene.face_solve.face == scan
    face = harness.make_face()
    bpy.context.view_layer.objects.active = scan
    scene.face_solve.face = None
    bpy.ops.face_solve.setup_from_scene()
    assert scene.face_solve.face == face


def check_set_up_again_keeps_a_head_without_shape_keys():
    """Whatever else is active, or carries shape keys; not once it is deleted."""
    scene = harness.empty_scene()
    harness.make_camera()
    scan, prop = harness.make_face("Scan", keys=()), harness.make_face("Prop", keys=())
    settings = scene.face_solve
    bpy.context.view_layer.objects.active = scan
    bpy.ops.face_solve.setup_from_scene()
    bpy.context.view_layer.objects.active = prop
    bpy.ops.face_solve.setup_from_scene()
    assert settings.face == scan
    teeth = harness.make_face("Teeth", keys=("jawOpen",))
    teeth.parent = scan
    for active in (prop, scan, teeth):
        bpy.context.view_layer.objects.active = active
        bpy.ops.face_solve.setup_from_scene()
        assert settings.face == scan
        assert not settings.shape_groups
    bpy.data.objects.remove(teeth)
    harness.delete(scan)
    assert settings.face == scan  # it lives on there
    bpy.context.view_layer.objects.active = None
    refused(bpy.ops.face_solve.setup_from_scene, "No mesh with shape keys", "select a head")
    bpy.context.view_layer.objects.active = prop
    bpy.ops.face_solve.setup_from_scene()
    assert settings.face == prop


def check_nothing_is_done_to_a_face_that_was_deleted():
    scene, face, _camera = ready_scene()
    bpy.ops.face_solve.solve_shot()
    path = harness.FOLDER / "gone.npz"
    harness.module("scene.shot.npz").write_npz(path, harness.solution_arrays(face))
    settings = scene.face_solve
    settings.shape_groups.clear()
    harness.delete(face)
    before = harness.keys_to_the_bit(face)
    for operator, arguments in (
        (bpy.ops.face_solve.lock_frame, {}),
        (bpy.ops.face_solve.group_shape_keys, {}),
        (bpy.ops.face_solve.mend_groups, {}),
        (bpy.ops.face_solve.move_shape_key, {"key": "jawOpen", "group": "mouth"}),
        (bpy.ops.face_solve.switch_shape_keys, {}),
        (bpy.ops.face_solve.carry_armature, {}),
        (bpy.ops.face_solve.fit_rig, {}),
        (bpy.ops.face_solve.solve_shot, {}),
        (bpy.ops.face_solve.import_solution, {"filepath": str(path)}),
        (bpy.ops.face_solve.add_infill_range, {"source": "SELECTED"}),
    ):
        refused(operator, "Head is not in this scene", "Set Up", **arguments)
    assert (len(settings.shape_groups), len(settings.locked_frames), len(settings.infill_ranges)) == (0, 0, 0)
    assert harness.keys_to_the_bit(face) == before


def check_a_cube_is_nobody_s_head():
    scene = harness.empty_scene()
    harness.make_camera()
    bpy.ops.mesh.primitive_cube_add()
    refused(bpy.ops.face_solve.setup_from_scene, "No mesh with shape keys", "select a head")
    assert scene.face_solve.face is None


def check_a_face_whose_keys_are_all_off_is_said():
    scene, face, _camera = harness.ready_scene()
    prechecks = harness.module("scene.setup.prechecks").prechecks
    words = "No expression is solved"
    assert not any(words in one.message for one in prechecks(scene.face_solve))
    for group in scene.face_solve.shape_groups:
        group.enabled = False
    assert any(words in one.message for one in prechecks(scene.face_solve))
    for group in scene.face_solve.shape_groups:
        group.enabled = True
    for block in face.data.shape_keys.key_blocks[1:]:
        block.mute = True
    assert any(words in one.message for one in prechecks(scene.face_solve))


harness.run(globals())
