"""Fitting the rig to the actor: one value a key, lenses where asked, and refusals in the artist's words."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, environment, refused

KEYS = ("jawOpen", "identity_nose", "id_jaw", "mouthSmile_L", "custom")


def _scene(keys=KEYS):
    scene = harness.empty_scene()
    face, camera = harness.make_face(keys=keys), harness.make_camera()
    for name in ("identity_nose", "id_jaw"):
        if name in face.data.shape_keys.key_blocks:
            block = face.data.shape_keys.key_blocks[name]
            block.slider_min, block.slider_max = -2.0, 2.0
    bpy.ops.face_solve.setup_from_scene()
    return scene, face, camera


def _values(face):
    return {block.name: block.value for block in face.data.shape_keys.key_blocks[1:]}


def _written(name):
    """An array of the rig.npz that was handed to the solver."""
    folders = harness.module("scene.shot.folders")
    return harness.module("scene.shot.npz").read_npz(folders.work_folder(bpy.context.scene)[0] / "rig.npz")[name].values


def check_names_that_are_the_actors_shape():
    groups = harness.module("scene.rig.shape_groups")
    for name in ("identity000", "Identity_nose", "id_03", "ID.nose", "id7", "shape_001", "Shape12", "identityNose"):
        assert groups.group_of(name) == "identity", name
    for name in ("idle", "shapeShift", "mouthShape_1", "jawOpen", "hidden"):
        assert groups.group_of(name) != "identity", name


def check_values_are_set_once_and_nothing_is_animated():
    _found, face, camera = _scene()
    teeth = harness.make_face("Teeth", ("identity_nose", "clench"))
    teeth.parent = face
    lens = camera.data.lens
    bpy.ops.face_solve.fit_rig()
    found = _values(face)
    close([found["identity_nose"], found["id_jaw"]], [0.25, -1.5], 1e-6)
    assert found["jawOpen"] == found["mouthSmile_L"] == found["custom"] == 0.0
    close(_values(teeth)["identity_nose"], 0.25, 1e-6)
    assert _values(teeth)["clench"] == 0.0
    assert camera.data.lens == lens
    for owner in (face, face.data.shape_keys, teeth.data.shape_keys, camera.data):
        assert owner.animation_data is None or owner.animation_data.action is None
    text = bpy.context.scene.face_solve.runs["Fit Rig to the Actor"].text
    assert "2 identity shape keys" in text, text
    assert "4.0 px" in text, text


def check_a_follower_that_is_an_empty_by_now_is_left_out():
    found, face, _camera = _scene()
    harness.make_face("Teeth", ("identity_nose", "clench")).parent = face
    current, fitting = harness.module("runs.current"), harness.module("runs.fit")
    find_actors = fitting.find_actors

    def replaced(plan):
        bpy.data.objects.remove(bpy.data.objects["Teeth"])
        found.collection.objects.link(bpy.data.objects.new("Teeth", None))
        return find_actors(plan)

    fitting.find_actors = replaced
    try:
        bpy.ops.face_solve.fit_rig()
    finally:
        fitting.find_actors = find_actors
    assert current.running() is None
    close(_values(face)["identity_nose"], 0.25, 1e-6)


def check_the_focal_length_where_it_is_asked_for():
    _found, _face, camera = _scene()
    camera.data.lens = 40.0
    bpy.ops.face_solve.fit_rig(focal=True, frames="2, 4-6")
    close(camera.data.lens, 50.0, 1e-4)
    text = bpy.context.scene.face_solve.runs["Fit Rig to the Actor"].text
    assert "on 4 frames" in text, text
    assert "50.0 mm (" in text, text


def check_a_solve_holds_identity_keys():
    scene, face, _camera = _scene()
    bpy.ops.face_solve.fit_rig()
    bpy.ops.face_solve.solve_shot()
    curve = harness.module("compat").find_curve
    for name in KEYS:
        keyed = curve(face.data.shape_keys, f'key_blocks["{name}"].value', 0) is not None
        assert keyed == (name in ("jawOpen", "mouthSmile_L", "custom")), name
    scene.frame_set(9)
    close(_values(face)["id_jaw"], -1.5, 1e-6)
    assert list(map(bool, _written("solved"))) == [True, False, False, True, True]
    assert list(map(bool, _written("identity"))) == [False, True, True, False, False]


def check_locking_a_frame_animates_no_identity_key():
    scene, face, _camera = _scene()
    bpy.ops.face_solve.fit_rig()
    scene.frame_set(3)
    bpy.ops.face_solve.lock_frame()
    found = harness.module("compat").find_curve
    assert found(face.data.shape_keys, 'key_blocks["jawOpen"].value', 0) is not None
    assert found(face.data.shape_keys, 'key_blocks["id_jaw"].value', 0) is None
    bpy.ops.face_solve.solve_shot()
    assert harness.module("scene.keys.fixes").artists_frames(scene.face_solve) == {3}
    bpy.ops.face_solve.fit_rig()  # nothing of it is animated, so that it may be fitted again


def check_keys_that_may_not_be_fitted_are_not_named():
    scene, face, _camera = _scene()
    face.data.shape_keys.key_blocks["id_jaw"].mute = True
    next(
        k for g in scene.face_solve.shape_groups if g.name == "identity" for k in g.keys if k.name == "identity_nose"
    ).enabled = False
    refused(bpy.ops.face_solve.fit_rig, "no identity shape keys", "group identity")


def check_a_key_moved_to_the_group_identity():
    _scene(("jawOpen", "custom"))
    refused(bpy.ops.face_solve.fit_rig, "no identity shape keys")
    bpy.ops.face_solve.move_shape_key(key="custom", group="identity")
    bpy.ops.face_solve.export_shot(filepath=str(harness.FOLDER / "moved"))
    arrays = harness.module("scene.shot.npz").read_npz(harness.FOLDER / "moved" / "rig.npz")
    assert list(map(bool, arrays["identity"].values)) == [False, True]
    assert list(map(bool, arrays["solved"].values)) == [True, False]


def check_what_is_animated_is_refused():
    _found, face, camera = _scene()
    camera.data.keyframe_insert("lens", frame=1)
    refused(bpy.ops.face_solve.fit_rig, "focal length of Cam is animated", focal=True)
    bpy.ops.face_solve.fit_rig()
    face.data.shape_keys.key_blocks["id_jaw"].keyframe_insert("value", frame=1)
    refused(bpy.ops.face_solve.fit_rig, "id_jaw is animated", "Delete its animation")


def check_failures_leave_the_rig_as_it_was():
    _found, face, _camera = _scene()
    refused(bpy.ops.face_solve.fit_rig, "no frame", "1001", frames="x1001")
    refused(bpy.ops.face_solve.fit_rig, "not in the range 1-12", frames="1-99999999")
    for fault, words in (("no_face", "shows a face"), ("short", "cannot be read")):
        with environment(FACE_SOLVE_FAULT=fault):
            refused(bpy.ops.face_solve.fit_rig, words)
    assert not any(_values(face).values())


harness.run(globals())
