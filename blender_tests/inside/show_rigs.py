"""Runs inside Blender: shots of heads rigged in many ways.

Beside each Blender's own evaluated vertices, before and after keys are written.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
from heads import drive, make_head, report, value_of
from mathutils import Euler, Matrix, Vector

EULERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


def block_of(head, name):
    return head.data.shape_keys.key_blocks[name]


def mask(head, name, group="mask", every=2):
    """Let half of the vertices take part in a key, with many weights."""
    made = head.vertex_groups.new(name=group)
    for index in range(0, len(head.data.vertices), every):
        made.add([index], (index % 7) / 7, "REPLACE")
    block_of(head, name).vertex_group = group


def parent_to(head, rotation=(0.5, 0.2, -0.7), scale=(1.5, 1.5, 1.5), animated=True):
    holder = bpy.data.objects.new("Holder", None)
    bpy.context.scene.collection.objects.link(holder)
    holder.location, holder.rotation_euler, holder.scale = (0.3, -0.2, 0.1), rotation, scale
    head.parent = holder
    head.matrix_parent_inverse = Matrix.LocRotScale(Vector((0.1, 0, 0.2)), Euler((0.1, 0, 0)), Vector((1, 1, 1)))
    if animated:
        holder.keyframe_insert("location", frame=1)
        holder.location, holder.rotation_euler = (0.2, 0.1, 0.0), (0.1, 0.6, 0.2)
        holder.keyframe_insert("location", frame=3)
    return holder


def add_armature(head, pose_bone=(0.0, 0.0, 0.0)):
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = data.edit_bones.new("neck")
    bone.head, bone.tail = (0, 0, -0.3), (0, 0.1, -0.1)
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["neck"].rotation_mode = "XYZ"
    rig.pose.bones["neck"].rotation_euler = pose_bone
    bpy.context.view_layer.objects.active = head
    return rig


def plain(head):
    pass


def relative_to_another(head):
    block_of(head, "mouthSmile_L").relative_key = block_of(head, "jawOpen")
    block_of(head, "browUp").relative_key = block_of(head, "browUp")  # relative to itself: moves nothing


def masked(head):
    mask(head, "mouthSmile_L")
    mask(head, "browUp", "other", 3)
    block_of(head, "browUp").relative_key = block_of(head, "mouthSmile_L")


def masked_by_a_missing_group(head):
    mask(head, "mouthSmile_L")
    block_of(head, "mouthSmile_L").vertex_group = "gone"


def masked_by_an_empty_group(head):
    mask(head, "mouthSmile_L")
    head.vertex_groups.new(name="empty")
    block_of(head, "jawOpen").vertex_group = "empty"


def muted(head):
    block_of(head, "mouthSmile_L").mute = True
    block_of(head, "mouthSmile_L").value = 0.9


def ranges(head):
    for name, low, high, value in (("jawOpen", -2.0, 3.0, 2.5), ("browUp", -1.0, 0.0, -0.75), ("eyeBlink_L", 0, 10, 4)):
        block = block_of(head, name)
        block.slider_min, block.slider_max, block.value = low, high, value


def driven_by_a_property(head):
    head["squint"] = 0.35
    drive(head, "eyeBlink_L", "0.5 * x", x=(head, "OBJECT", '["squint"]'))
    head.keyframe_insert('["squint"]', frame=1)
    head["squint"] = 0.9
    head.keyframe_insert('["squint"]', frame=3)


def driven_by_a_solved_key(head):
    keys = head.data.shape_keys
    drive(head, "browUp", "0.5 * a", a=(keys, "KEY", 'key_blocks["jawOpen"].value'))
    drive(head, "eyeBlink_L", "b", b=(keys, "KEY", 'key_blocks["browUp"].value'))


def driven_by_a_sum(head):
    """Two solved keys, one of them with another range, and a property that changes over the shot."""
    block_of(head, "jawOpen").slider_min, block_of(head, "jawOpen").slider_max = -1.0, 2.0
    block_of(head, "browUp").slider_min, block_of(head, "browUp").slider_max = -10.0, 10.0
    head["tense"] = 0.1
    head.keyframe_insert('["tense"]', frame=1)
    head["tense"] = 0.8
    head.keyframe_insert('["tense"]', frame=3)
    drive(
        head,
        "browUp",
        "0.5 * a - 0.25 * b + t + 0.1",
        a=value_of(head, "jawOpen"),
        b=value_of(head, "mouthSmile_L"),
        t=(head, "OBJECT", '["tense"]'),
    )


def driven_without_an_expression(head):
    """Its variables' sum, bent by the driver's own curve into a line of another slope, seen through the object."""
    drive(
        head,
        "browUp",
        "",
        a=(head, "OBJECT", 'data.shape_keys.key_blocks["jawOpen"].value'),
        b=value_of(head, "eyeBlink_L"),
    )
    curve = head.data.shape_keys.animation_data.drivers[0]
    curve.driver.type = "SUM"
    block_of(head, "browUp").slider_min, block_of(head, "browUp").slider_max = -10.0, 10.0
    curve.modifiers.remove(curve.modifiers[0]) if curve.modifiers else None
    bend = curve.modifiers.new("GENERATOR")
    bend.mode, bend.use_additive = "POLYNOMIAL", False
    bend.coefficients = (0.2, -0.7)


def driven_with_followers(head):
    """A masked key, and the brows that follow it."""
    drive(head, "browUp", "0.8 * a", a=value_of(head, "jawOpen"))
    mask(head, "browUp")
    brows = make_head("Brows", 6, ("browUp", "eyeBlink_L"))
    brows.parent = head
    block_of(brows, "eyeBlink_L").value = block_of(head, "eyeBlink_L").value
    drive(brows, "browUp", "a", a=value_of(head, "browUp"))
    bpy.context.view_layer.objects.active = head


def driven_and_muted(head):
    drive(head, "browUp", "a", a=value_of(head, "jawOpen"))
    block_of(head, "browUp").mute = True


def driven_by_a_product(head):
    drive(head, "browUp", "a * b", a=value_of(head, "jawOpen"), b=value_of(head, "mouthSmile_L"))


def driven_to_the_end_of_its_slider(head):
    drive(head, "browUp", "2 * a", a=value_of(head, "jawOpen"))


def driven_by_the_head_and_a_key(head):
    drive(head, "browUp", "a + z", a=value_of(head, "jawOpen"), z=(head, "OBJECT", "location.z"))


def driven_differently_over_time(head):
    head["gain"] = 0.1
    head.keyframe_insert('["gain"]', frame=1)
    head["gain"] = 0.8
    head.keyframe_insert('["gain"]', frame=3)
    drive(head, "browUp", "g * a", a=value_of(head, "jawOpen"), g=(head, "OBJECT", '["gain"]'))


def _euler(mode):
    def rotated(head):
        head.rotation_mode = mode
        head.rotation_euler = (0.7, -0.4, 1.1)

    return rotated


def quaternion(head):
    head.rotation_mode, head.rotation_quaternion = "QUATERNION", (-0.8, 0.4, -0.3, 0.2)


def axis_angle(head):
    head.rotation_mode, head.rotation_axis_angle = "AXIS_ANGLE", (1.2, 0.3, -0.5, 0.8)


def parented(head):
    parent_to(head)


def parented_to_a_bone(head):
    rig = add_armature(head, (0.3, 0.5, -0.2))
    head.parent, head.parent_type, head.parent_bone = rig, "BONE", "neck"


def child_of(head):
    holder = parent_to(head)
    head.parent = None
    constraint = head.constraints.new("CHILD_OF")
    constraint.target = holder


def scaled(head):
    head.scale = (0.8, 1.3, 2.0)


def mirrored(head):
    head.scale = (-1.0, 1.2, 0.9)


def deltas(head):
    head.delta_location, head.delta_rotation_euler, head.delta_scale = (0.3, -0.1, 0.2), (0.3, 0.5, -0.6), (2, 0.5, 1.5)
    head.scale = (1.1, 0.9, 0.7)


def delta_quaternion(head):
    quaternion(head)
    head.delta_location, head.delta_rotation_quaternion = (0.3, -0.1, 0.2), (0.8, 0.1, 0.5, -0.3)
    head.delta_rotation_quaternion.normalize()


def subdivided(head):
    head.modifiers.new("Subdivision", "SUBSURF").levels = 2


def masked_away(head):
    head.vertex_groups.new(name="kept").add(list(range(30)), 1.0, "REPLACE")
    head.modifiers.new("Mask", "MASK").vertex_group = "kept"


def at_rest_in_an_armature(head):
    rig = add_armature(head)
    head.vertex_groups.new(name="neck").add(list(range(62)), 1.0, "REPLACE")
    head.modifiers.new("Armature", "ARMATURE").object = rig


def moved_by_an_armature(head):
    at_rest_in_an_armature(head)
    bpy.data.objects["Rig"].pose.bones["neck"].rotation_euler = (0.3, 0.1, 0.0)


def animated(head):
    """Its keys are the artist's: no solution replaces them."""
    head.keyframe_insert("location", frame=1)
    block_of(head, "jawOpen").keyframe_insert("value", frame=1)
    head.location.x += 0.1
    block_of(head, "jawOpen").value = 0.9
    head.keyframe_insert("location", frame=3)
    block_of(head, "jawOpen").keyframe_insert("value", frame=3)


def followed(head):
    """Teeth and brows on the head, some of their keys their own, muted, driven, masked or with another range."""
    teeth = make_head("Teeth", 5, ("jawOpen", "clench", "browUp"))
    teeth.parent, teeth.location, teeth.scale, teeth.rotation_euler = head, (0.1, 0.02, 0), (0.3, 0.5, 0.4), (1, 0.5, 0)
    block_of(teeth, "browUp").mute = True
    block_of(teeth, "jawOpen").value = block_of(head, "jawOpen").value
    brows = make_head("Brows", 6, ("browUp", "eyeBlink_L"))
    brows.parent, brows.location, brows.scale = teeth, (0, 0.1, 0), (-1, 1, 1)
    block_of(brows, "browUp").value = block_of(head, "browUp").value
    block_of(head, "browUp").slider_min, block_of(brows, "browUp").slider_min = -1.0, -0.5
    mask(brows, "browUp")
    drive(brows, "eyeBlink_L", "a", a=(head.data.shape_keys, "KEY", 'key_blocks["eyeBlink_L"].value'))
    head.scale = (0.8, 1.1, 1.4)
    alone = make_head("Alone", 7)  # not below the head: another actor's
    alone.location = (1, 0, 0)
    bpy.context.view_layer.objects.active = head


def without_shape_keys(head):
    head.shape_key_clear()


def with_a_basis_alone(head):
    head.shape_key_clear()
    head.shape_key_add(name="Basis")


def without_shape_keys_in_an_armature(head):
    head.shape_key_clear()
    at_rest_in_an_armature(head)


CASES = {
    case.__name__: case
    for case in (
        *(plain, relative_to_another, masked, masked_by_a_missing_group),
        *(masked_by_an_empty_group, muted, ranges, driven_by_a_property, driven_by_a_solved_key),
        *(driven_by_a_sum, driven_without_an_expression, driven_with_followers, driven_and_muted, driven_by_a_product),
        *(driven_to_the_end_of_its_slider, driven_by_the_head_and_a_key, driven_differently_over_time),
        *(quaternion, axis_angle, parented, parented_to_a_bone, child_of, scaled),
        *(mirrored, deltas, delta_quaternion, subdivided, masked_away, at_rest_in_an_armature, moved_by_an_armature),
        *(animated, followed, without_shape_keys, with_a_basis_alone, without_shape_keys_in_an_armature),
    )
}
CASES.update({f"euler_{mode}": _euler(mode) for mode in EULERS})


report(CASES)
