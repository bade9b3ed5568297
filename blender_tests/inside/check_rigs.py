"""Rigs: what moves a head, what comes along, controls, and several actors.

Also keys that would not play, and what plays against what was solved.
"""

import math
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, known_motion, refused
from mathutils import Matrix

FRAMES = range(1, 13)


def solve():
    bpy.ops.face_solve.setup_from_scene()
    bpy.ops.face_solve.solve_shot()


def ball(name, size, place, keys=()):
    """A small mesh, with shape keys that move nothing."""
    one = harness.make_face(name, keys)
    for block in one.data.shape_keys.key_blocks if keys else ():
        for point, vertex in zip(block.data, one.data.vertices, strict=True):
            point.co = vertex.co
    one.data.transform(Matrix.Translation(place) @ Matrix.Scale(size, 4), shape_keys=True)
    one.data.update()
    bpy.context.view_layer.update()
    return one


def expressive(name="Head"):
    """A face whose keys move different places, each on its own."""
    face = harness.make_face(name)
    for index, block in enumerate(face.data.shape_keys.key_blocks[1:]):
        block.data[index].co.z -= 0.02
        block.data[2 * index].co.x += 0.03
    return face


def armature(mesh_of, extra=()):
    """Spine, Neck, Head, and more; what is given is skinned to the bones that are named."""
    data = bpy.data.armatures.new("Avatar")
    rig = bpy.data.objects.new("Avatar", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    before = None
    for name, z in (("Spine", -0.6), ("Neck", -0.2), ("Head", -0.05)):
        bone = data.edit_bones.new(name)
        bone.head, bone.tail, bone.parent = (0, 0.02, z), (0, 0.02, z + 0.12), before
        before = bone
    for name in extra:
        bone = data.edit_bones.new(name)
        bone.head, bone.tail, bone.use_deform = (0.3, 0, 0), (0.3, 0, 0.05), False
    bpy.ops.object.mode_set(mode="OBJECT")
    for mesh, name in mesh_of:
        mesh.parent = rig
        mesh.modifiers.new("Armature", "ARMATURE").object = rig
        mesh.vertex_groups.new(name=name).add(range(len(mesh.data.vertices)), 1.0, "REPLACE")
    bpy.context.view_layer.objects.active = None
    return rig


def shown(one):
    evaluated = one.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return [evaluated.matrix_world @ vertex.co for vertex in evaluated.data.vertices]


def plays_the_known_motion(face, names):
    """Every vertex stands where the solution puts it."""
    blocks = face.data.shape_keys.key_blocks
    base = [point.co.copy() for point in blocks[0].data]
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        rotation, translation, weight = known_motion(frame)
        turn = Matrix([rotation[0:3], rotation[3:6], rotation[6:9]]).to_4x4()
        pose = Matrix.Translation(translation) @ turn
        weight = min(1.0, max(0.0, weight))
        for index, point in enumerate(shown(face)):
            wanted = base[index] + sum(
                ((blocks[name].data[index].co - base[index]) * weight for name in names), Matrix.Identity(3)[0] * 0
            )
            close(point, pose @ wanted, 2e-4)


def check_a_head_bone_moves_the_head_and_not_the_body():
    harness.empty_scene()
    eye = ball("Eye", 0.15, (0.03, -0.05, 0.02), (*harness.KEYS, "more", "and more"))
    face, body = expressive(), ball("Body", 3.0, (0, 0, -0.8))
    rig = armature([(face, "Head"), (eye, "Head"), (body, "Spine")])
    rig.location, rig.rotation_euler, rig.scale = (0.3, 0.1, 0.2), (0.1, 0.4, -0.2), (1.0, 1.0, 1.0)
    rig.pose.bones["Neck"].rotation_quaternion = (0.98, 0.1, -0.1, 0.1)
    bone = rig.pose.bones["Head"]
    harness.make_camera()
    bpy.context.view_layer.update()
    still = shown(body)
    for mode in ("QUATERNION", "ZYX", "AXIS_ANGLE"):
        bone.rotation_mode = mode
        solve()
        settings = bpy.context.scene.face_solve
        assert settings.face == face, settings.face.name
        assert (settings.head_owner, settings.head_bone) == (rig, "Head")
        plays_the_known_motion(face, harness.KEYS)
        for a, b in zip(still, shown(body), strict=True):
            close(a, b, 1e-6)
        assert face.animation_data is None
        assert not [item.frame for item in settings.results if item.off_mm]
        bpy.context.scene.face_solve.written = ""
        rig.animation_data_clear()
        face.data.shape_keys.animation_data_clear()
        settings.results.clear()


def check_an_empty_carries_the_parts_along():
    harness.empty_scene()
    teeth, face = ball("Teeth", 0.3, (0, -0.01, -0.03), ("jawOpen",)), expressive()
    eye = ball("Eye", 0.15, (0.03, -0.01, 0.02))
    root = bpy.data.objects.new("Root", None)
    bpy.context.scene.collection.objects.link(root)
    for one in (face, teeth, eye):
        one.parent = root
    harness.make_camera()
    solve()
    settings = bpy.context.scene.face_solve
    assert settings.face == face
    assert settings.head_owner == root
    plays_the_known_motion(face, harness.KEYS)
    assert teeth.data.shape_keys.animation_data.action is not None
    assert face.animation_data is None
    bpy.context.scene.frame_set(5)
    for one in (teeth, eye):
        close([v for row in one.matrix_world for v in row], [v for row in face.matrix_world for v in row], 1e-6)
    plan = harness.module("scene.shot.export").write_shot(bpy.context.scene, harness.FOLDER / "along")
    assert set(plan.followers) == {"Teeth", "Eye"}, plan.followers


def check_controls_are_keyed_and_not_the_keys():
    harness.empty_scene()
    face = expressive()
    body = ball("Body", 3.0, (0, 0, -0.8))
    rig = armature([(face, "Head"), (body, "Spine")], extra=("ctrl_mouth", "ctrl_jaw", "ctrl_lid", "MCH_lid"))
    follow = rig.pose.bones["MCH_lid"].constraints.new("COPY_TRANSFORMS")
    follow.target, follow.subtarget = rig, "ctrl_lid"
    follow.target_space = follow.owner_space = "LOCAL"
    rig.pose.bones["ctrl_lid"].rotation_mode = "XYZ"
    rig["blink"] = 0.0
    rig["chain"] = 0.0
    rig.id_properties_ui("chain").update(min=0.0, max=2.0)
    blocks = face.data.shape_keys.key_blocks

    def drive(name, expression, path="", bone="", channel="LOC_X"):
        driver = blocks[name].driver_add("value").driver
        variable = driver.variables.new()
        variable.name, target = "v", variable.targets[0]
        if bone:
            variable.type, target = "TRANSFORMS", variable.targets[0]
            target.id, target.bone_target, target.transform_type = rig, bone, channel
            target.transform_space = "LOCAL_SPACE"
        else:
            target.id, target.data_path = rig, path
        driver.expression = expression

    drive("mouthSmile_L", "min(max(v * 40, 0), 1)", bone="ctrl_mouth")
    drive("mouthSmile_R", "min(max(-v * 40, 0), 1)", bone="ctrl_mouth")
    drive("jawOpen", "sin(min(max(v * 3, 0), pi / 2))", bone="ctrl_jaw", channel="LOC_Z")
    drive("eyeBlink.L", "min(v, 1)", bone="MCH_lid")  # the angle between two bones, of which the one only follows
    angle = blocks["eyeBlink.L"].id_data.animation_data.drivers[-1].driver.variables[0]
    angle.type = "ROTATION_DIFF"
    for target, name in zip(angle.targets, ("MCH_lid", "Spine"), strict=True):
        target.id, target.bone_target = rig, name
    rig["follows"] = 0.0
    link = rig.driver_add('["follows"]').driver
    source = link.variables.new()
    source.name, source.targets[0].id, source.targets[0].data_path = "c", rig, '["chain"]'
    link.expression = "c / 2"
    drive('odd "name" AU12', "v", path='["follows"]')
    harness.make_camera()
    rig.update_tag()
    bpy.context.view_layer.update()
    solve()
    assert face.data.shape_keys.animation_data.action is None
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        weight = min(1.0, max(0.0, known_motion(frame)[2]))
        seen = face.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get()).key_blocks
        for name in ("jawOpen", "eyeBlink.L", 'odd "name" AU12'):
            close([seen[name].value], [weight], 2e-3)
        # two keys on the two sides of one control cannot both have a value
        assert min(seen["mouthSmile_L"].value, seen["mouthSmile_R"].value) < 1e-6


def check_every_actor_has_its_own_results():
    scene, face, _camera = harness.ready_scene()
    bpy.ops.face_solve.solve_shot()
    settings = scene.face_solve
    scene.frame_set(4)
    bpy.ops.face_solve.lock_frame()
    other = harness.make_face("Other")
    settings.face = other
    assert not settings.results
    assert not settings.locked_frames
    solve()
    assert other.animation_data is not None
    assert [item.frame for item in settings.results] == list(FRAMES)
    settings.face = face
    assert [item.frame for item in settings.locked_frames] == [4]
    assert len(settings.results) == 12
    assert len(settings.shape_groups) == 3


def check_keys_that_would_not_play_are_refused_and_mended():
    scene, face, _camera = harness.ready_scene()
    face.location = (0.1, 0.2, 0.3)
    face.keyframe_insert("location", frame=-5)
    curve = harness.module("compat").find_curve(face, "location", 1)
    curve.mute = True
    refused(bpy.ops.face_solve.solve_shot, "Location Y", "muted", "Unmute")
    bpy.ops.face_solve.make_keys_play()
    scene.render.frame_map_new = 50
    refused(bpy.ops.face_solve.solve_shot, "Time stretching", "100")
    bpy.ops.face_solve.make_keys_play()
    data = face.animation_data
    strip = data.nla_tracks.new().strips.new("Old", 1, data.action)
    if getattr(strip, "action_slot", 1) is None:
        strip.action_slot = data.action.slots[0]
    data.action, data.action_blend_type = None, "ADD"
    refused(bpy.ops.face_solve.solve_shot, "Nonlinear", "Replace")
    bpy.ops.face_solve.make_keys_play()
    bpy.ops.face_solve.solve_shot()
    harness.world_matches(scene, face)


def check_a_test_key_leaves_nothing_behind():
    scene, face, _camera = harness.ready_scene()
    face.keyframe_insert("location", frame=3)
    face.keyframe_insert("location", frame=9)
    playing, fixes = harness.module("scene.keys.playing"), harness.module("scene.keys.fixes")
    find = harness.module("compat").find_curve

    def points():
        curve = find(face, "location", 0)
        return [(*one.co, *one.handle_left, *one.handle_right, one.interpolation) for one in curve.keyframe_points]

    before, channels = points(), fixes.solved_channels(scene.face_solve, face)
    for frame in (3, 6):
        assert playing.try_keys(scene, channels, frame) == []
        assert points() == before, (points(), before)
        assert find(face, "rotation_euler", 0) is None


def check_what_plays_otherwise_is_said_and_counts_as_bad():
    scene, face, _camera = harness.ready_scene()
    modifier = face.modifiers.new("Aside", "DISPLACE")
    modifier.strength, modifier.mid_level = 0.05, 0.0
    folder = harness.FOLDER / "beside.npz"
    npz = harness.module("scene.shot.npz")
    npz.write_npz(folder, harness.solution_arrays(face))
    bpy.ops.face_solve.import_solution(filepath=str(folder))
    assert "Aside" in scene.face_solve.last_result, scene.face_solve.last_result
    assert all(item.off_mm > 10.0 for item in scene.face_solve.results if item.status != "failed")
    bad = harness.module("scene.results.verdicts").bad_frames(scene.face_solve)
    assert bad == list(FRAMES), bad
    face.modifiers.remove(modifier)
    bpy.ops.face_solve.import_solution(filepath=str(folder))
    assert not any(item.off_mm for item in scene.face_solve.results)


def check_frames_are_given_back_and_renamed_keys_followed():
    scene, face, _camera = harness.ready_scene()
    bpy.ops.face_solve.solve_shot()
    face.data.shape_keys.key_blocks["jawOpen"].name = "JawOpen"
    fixes = harness.module("scene.keys.fixes")
    fixes.forget()
    assert not fixes.fixed_frames(scene.face_solve)
    curve = harness.module("compat").find_curve(face, "location", 1)
    for point in curve.keyframe_points:
        point.co.y += 0.01
    fixes.forget()
    refused(bpy.ops.face_solve.solve_shot, "Every frame", "Give the frames back")
    scene.frame_set(2)
    bpy.ops.face_solve.unlock_frame()
    assert 2 not in fixes.fixed_frames(scene.face_solve)
    bpy.ops.face_solve.give_back_frames()
    assert not fixes.fixed_frames(scene.face_solve)
    bpy.ops.face_solve.solve_shot()
    harness.world_matches(scene, face, frames=(2, 7))


def check_standing_keys_are_held():
    scene = harness.empty_scene()
    face = harness.make_face(keys=("jawOpen", "nose-scale-incr", "Pose001", "mouthSmile_L"))
    blocks = face.data.shape_keys.key_blocks
    blocks["nose-scale-incr"].value, blocks["Pose001"].value, blocks["mouthSmile_L"].value = 0.5, 0.3, 0.2
    harness.make_camera()
    solve()
    held = next(group for group in scene.face_solve.shape_groups if group.name == "held")
    assert (held.enabled, {key.name for key in held.keys}) == (False, {"nose-scale-incr", "Pose001"})
    scene.frame_set(7)
    close([blocks["nose-scale-incr"].value, blocks["Pose001"].value], [0.5, 0.3], 1e-6)


def check_a_key_that_turns_the_jaw_bone_is_solved_with_it():
    harness.empty_scene()
    face = expressive()
    rig = armature([(face, "Head")])
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    jaw = rig.data.edit_bones.new("jaw")
    jaw.head, jaw.tail, jaw.parent = (0, 0, 0), (0, -0.08, -0.04), rig.data.edit_bones["Head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    face.vertex_groups["Head"].remove([0, 1, 2, 3])
    face.vertex_groups.new(name="jaw").add([0, 1, 2, 3], 1.0, "REPLACE")
    bone = rig.pose.bones["jaw"]
    bone.rotation_mode = "XYZ"
    face.data.shape_keys.key_blocks["jawOpen"].data[3].co.z -= 0.02
    outcomes = []
    for sign in (1, -1):
        bone.driver_remove("rotation_euler", 0)
        driver = bone.driver_add("rotation_euler", 0).driver
        variable = driver.variables.new()
        variable.name = "v"
        variable.targets[0].id_type, variable.targets[0].id = "KEY", face.data.shape_keys
        variable.targets[0].data_path = 'key_blocks["jawOpen"].value'
        driver.expression = f"{sign} * v * {math.radians(60)}"
        if not bpy.data.cameras:
            harness.make_camera()
        bpy.ops.face_solve.setup_from_scene()
        assert bpy.context.scene.face_solve.jaw_bone == ""
        try:
            bpy.ops.face_solve.export_shot(filepath=str(harness.FOLDER / "jaw"))
        except RuntimeError as error:
            outcomes.append("against each other" in str(error))
            bpy.ops.face_solve.turn_drivers()
            bpy.ops.face_solve.export_shot(filepath=str(harness.FOLDER / "jaw"))
        else:
            outcomes.append(None)
        rig_arrays = harness.module("scene.shot.npz").read_npz(harness.FOLDER / "jaw" / "rig.npz")
        index = rig_arrays["names"].values.index("jawOpen")
        count = len(face.data.vertices)
        moved = rig_arrays["deltas"].values[3 * count * index : 3 * count * (index + 1)]
        assert max(abs(value) for value in moved[0:12]) > 0.01, "the bone's part is in the key"
    assert sorted(outcomes, key=str) == [None, True], outcomes  # one sign suits the key, the other fights it


def modified(face, kind, **values):
    """A modifier of the face, the only one, in a scene with a camera."""
    face.modifiers.clear()
    modifier = face.modifiers.new(kind.title(), kind)
    for name, value in values.items():
        setattr(modifier, name, value)
    return modifier


def check_what_modifiers_make_of_the_keys_is_seen():
    scene = harness.empty_scene()
    face = expressive()
    harness.make_camera()
    bpy.ops.face_solve.setup_from_scene()
    lattice = bpy.data.objects.new("Lattice", bpy.data.lattices.new("Lattice"))
    scene.collection.objects.link(lattice)
    for point in lattice.data.points:
        point.co_deform = point.co_deform * 1.2
    blocks = face.data.shape_keys.key_blocks
    read, write = harness.module("scene.shot.npz").read_npz, harness.module("scene.shot.export").write_shot
    objects = set(bpy.data.objects)
    for kind, values in (
        ("MIRROR", {"use_axis": (False, True, False), "use_mirror_merge": False}),
        ("LATTICE", {"object": lattice}),
        ("SUBSURF", {"levels": 2}),
    ):
        modified(face, kind, **values)
        plan = write(scene, harness.FOLDER / kind.lower())
        assert any(f"The modifier {kind.title()} reshapes Head" in said for said in plan.warnings), plan.warnings
        assert plan.reshaped
        arrays = read(plan.folder / "rig.npz")
        blocks["jawOpen"].value = blocks["mouthSmile_L"].value = 0.5
        bpy.context.view_layer.update()
        evaluated = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        size = arrays["neutral"].shape[0]
        assert (size == len(evaluated.vertices)) == (kind != "SUBSURF")
        places = list(arrays["neutral"].values)
        for name in ("jawOpen", "mouthSmile_L"):
            row = arrays["names"].values.index(name)
            own = arrays["deltas"].values[3 * size * row : 3 * size * (row + 1)]
            places = [a + 0.5 * b for a, b in zip(places, own, strict=True)]
        close(places, [value for vertex in evaluated.vertices[:size] for value in vertex.co], 1e-5)
        assert max(arrays["triangles"].values) == size - 1
        blocks["jawOpen"].value = blocks["mouthSmile_L"].value = 0.0
    modified(face, "LATTICE", object=lattice)
    scene.frame_set(3)
    folder = write(scene, harness.FOLDER / "farm").folder
    harness.module("scene.shot.npz").write_npz(folder / "SOLUTION.npz", harness.solution_arrays(face))
    bpy.ops.face_solve.import_solution(filepath=str(folder / "SOLUTION.npz"))
    assert not [item.frame for item in scene.face_solve.results if item.off_mm]
    scene.face_solve.written = ""
    face.animation_data_clear()
    face.data.shape_keys.animation_data_clear()
    scene.face_solve.results.clear()
    lattice.keyframe_insert("location", frame=1)
    lattice.location.z = 0.05
    lattice.keyframe_insert("location", frame=12)
    refused(bpy.ops.face_solve.solve_shot, "Lattice) moves it during the shot", "hide it in the viewport")
    modified(face, "REMESH", mode="VOXEL", voxel_size=0.02)
    refused(bpy.ops.face_solve.solve_shot, "Remesh) makes other vertices", "Apply it, or hide it")
    modified(face, "SOLIDIFY")
    plan = write(scene, harness.FOLDER / "solid")
    assert plan.warnings == []
    assert not plan.reshaped
    assert set(bpy.data.objects) == objects


harness.run(globals())
