"""Heads for the scripts that compare Blender's vertices with the solver's: made, evaluated, and given a solution."""

import json
import math
import os
import random
import sys
from array import array
from pathlib import Path

import bpy
import harness
from mathutils import Euler, Vector

FRAMES = (1, 2, 3)
KEYS = ("jawOpen", "mouthSmile_L", "eyeBlink_L", "browUp")
BONES = {
    "head": ((0, 0, -0.05), (0, 0, 0.12), 0.0, None),
    "jaw": ((0.01, -0.02, -0.03), (0.02, -0.12, -0.06), 0.6, "head"),
}


def make_head(name="Head", seed=1, keys=KEYS):
    """A ball of 62 vertices with random shape keys, all in use."""
    rng = random.Random(seed)
    rings, around = 6, 10
    vertices = [(0, 0, -0.1)]
    for ring in range(1, rings + 1):
        angle = math.pi * ring / (rings + 1)
        vertices += [
            (
                0.1 * math.sin(angle) * math.cos(2 * math.pi * i / around),
                0.1 * math.sin(angle) * math.sin(2 * math.pi * i / around),
                -0.1 * math.cos(angle),
            )
            for i in range(around)
        ]
    vertices.append((0, 0, 0.1))
    last = len(vertices) - 1
    faces = []
    for i in range(around):
        j = (i + 1) % around
        faces += [(0, 1 + j, 1 + i), (last, last - around + i, last - around + j)]
        for ring in range(rings - 1):
            a = 1 + ring * around
            faces.append((a + i, a + j, a + around + j, a + around + i))
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    head = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(head)
    head.shape_key_add(name="Basis")
    for index, key in enumerate(keys):
        block = head.shape_key_add(name=key, from_mix=False)
        for point in block.data:
            point.co += Vector([rng.uniform(-0.02, 0.02) for _ in range(3)])
        block.value = 0.2 + 0.15 * index
    head.location, head.rotation_euler = (0.05, 0.02, -0.03), (0.2, -0.3, 0.4)
    bpy.context.view_layer.objects.active = head
    return head


def drive(head, name, expression, **variables):
    """Drive a key: each variable is (data-block, its type, data path)."""
    curve = head.data.shape_keys.driver_add(f'key_blocks["{name}"].value')
    curve.driver.type, curve.driver.expression = "SCRIPTED", expression
    for variable, (target, kind, path) in variables.items():
        made = curve.driver.variables.new()
        made.name, made.targets[0].id_type = variable, kind
        made.targets[0].id, made.targets[0].data_path = target, path


def value_of(head, name):
    return (head.data.shape_keys, "KEY", f'key_blocks["{name}"].value')


def rig_jaw(head, bones=BONES, below=True, connected=False, shared=1.4):
    """An armature with a jaw bone in the head's own space, and weights that do not sum to 1."""
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.update()
    if below:
        rig.parent = head
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (start, end, roll, parent) in bones.items():
        bone = data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = start, end, roll
        bone.parent = data.edit_bones[parent] if parent else None
    if connected:
        data.edit_bones["jaw"].use_connect = True
    bpy.ops.object.mode_set(mode="OBJECT")
    weigh(head, shared)
    head.modifiers.new("Armature", "ARMATURE").object = rig
    bpy.context.view_layer.objects.active = head
    return rig


def weigh(head, shared=1.4):
    """The lower front follows the jaw, the rest the head; between them both."""
    jaw, skull = head.vertex_groups.new(name="jaw"), head.vertex_groups.new(name="head")
    for vertex in head.data.vertices:
        share = min(1.0, max(0.0, 0.4 - 6 * vertex.co.z - 4 * vertex.co.y))
        jaw.add([vertex.index], shared * share, "REPLACE")
        skull.add([vertex.index], shared * (1 - share), "REPLACE")


def posed(rig, mode="QUATERNION"):
    """The artist's jaw, open and moved, and animated."""
    jaw = rig.pose.bones["jaw"]
    jaw.rotation_mode = mode
    turn = (0.3, -0.1, 0.2)
    if mode == "QUATERNION":
        jaw.rotation_quaternion = (0.95, 0.2, -0.1, 0.15)
    elif mode == "AXIS_ANGLE":
        jaw.rotation_axis_angle = (0.4, 0.6, -0.3, 0.5)
    else:
        jaw.rotation_euler = turn
    jaw.location = (0.01, -0.005, 0.004)
    return jaw


def evaluated_vertices(head, with_modifiers):
    """By frame: the world places of the vertices, after the shape keys, before or after the modifiers."""
    shown = [(modifier, modifier.show_viewport) for modifier in head.modifiers]
    for modifier, before in shown:
        modifier.show_viewport = before and with_modifiers
    places = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        flat = array("f", bytes(12 * len(evaluated.data.vertices)))
        evaluated.data.vertices.foreach_get("co", flat)
        world = evaluated.matrix_world.copy()
        own = 3 * len(head.data.vertices)  # they come first where a modifier adds others
        places.append([list(world @ Vector(flat[i : i + 3])) for i in range(0, own, 3)])
    for modifier, before in shown:
        modifier.show_viewport = before
    return places


def joined(parts):
    """The vertices of several objects, one after another, by frame."""
    return [[place for part in frame for place in part] for frame in zip(*parts, strict=True)]


def results(plan, rng):
    """Frames as a solver would send them: any pose, any weights within the sliders."""
    result = harness.module("worker.frame_result").FrameResult
    document = json.loads((plan.folder / "shot.json").read_text())
    rig = harness.module("scene.shot.npz").read_npz(plan.folder / "rig.npz")
    low, high = rig["minimum"].values, rig["maximum"].values
    made = {}
    for i, frame in enumerate(plan.frames):
        rotation = Euler([rng.uniform(-2, 2) for _ in range(3)]).to_matrix()
        weights = [
            rng.uniform(low[k], high[k]) if solved else document["initial"]["weights"][i][k]
            for k, solved in enumerate(plan.solved)
        ]
        place = [rng.uniform(-0.3, 0.3) for _ in range(3)]
        joints = {}
        if plan.bone:
            turn = Euler([rng.uniform(-0.5, 0.5) for _ in range(3)]).to_matrix()
            slides = rig["joints/jaw/solved"].values[3]
            shift = [slides * rng.uniform(-0.03, 0.03) for _ in range(3)]
            joints["jaw"] = harness.module("worker.frame_result").JointMotion(
                [value for row in turn for value in row], shift
            )
        rotation = [value for row in rotation for value in row]
        made[frame] = result(frame, "solved", 0.5, rotation, place, weights, "", joints)
    return made


def show(name, make, with_modifiers):
    """What Blender shows of a head as it stands and with a solution's keys, and what the solver is told of it."""
    scene = harness.empty_scene(FRAMES[0], FRAMES[-1])
    head = make_head()
    harness.make_camera(duration=len(FRAMES))
    make(head)
    bpy.context.view_layer.update()
    scene.face_solve.face = head
    bpy.ops.face_solve.setup_from_scene()
    plan = harness.module("scene.shot.export").write_shot(scene, harness.FOLDER / name)
    # bones above take the whole head along; what subdivides it is seen
    with_modifiers = with_modifiers or name.endswith(("armature", "subdivided"))
    parts = [head, *(bpy.data.objects[other] for other in getattr(plan, "followers", []))]
    before = [evaluated_vertices(part, with_modifiers) for part in parts]
    solved = results(plan, random.Random(9))
    harness.module("scene.keys.writer").write_frames(plan, solved, plan.frames)
    after = [evaluated_vertices(part, with_modifiers) for part in parts]
    return {
        "folder": str(plan.folder),
        "warnings": plan.warnings,
        "before": joined(before),
        "after": joined(after),
        "solution": [
            [
                one.rotation,
                one.translation,
                one.weights,
                {name: [joint.rotation, joint.translation] for name, joint in one.joints.items()},
            ]
            for one in solved.values()
        ],
    }


def report(cases, *, with_modifiers=False):
    """Show every case and end Blender."""
    harness.install()
    Path(harness.REPORT).write_text(
        json.dumps({name: show(name, make, with_modifiers) for name, make in cases.items()})
    )
    sys.stdout.flush()
    os._exit(0)
