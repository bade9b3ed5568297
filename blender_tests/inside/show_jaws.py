"""Runs inside Blender: heads whose jaw is a bone, rigged in many ways, as they stand and with a solution's keys."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
from heads import BONES, drive, make_head, posed, report, rig_jaw, value_of, weigh


def child(head):
    posed(rig_jaw(head))


def at_rest(head):
    rig_jaw(head)


def placed(head):
    """The armature stands anywhere on the head, turned and with another scale."""
    rig = rig_jaw(head)
    rig.location, rig.rotation_euler, rig.scale = (0.02, 0.01, -0.03), (0.3, -0.5, 0.2), (1.7, 1.7, 1.7)
    posed(rig, "XYZ")


def stretched(head):
    rig = rig_jaw(head)
    rig.scale = (0.7, 1.3, 1.1)
    posed(rig)


def _mode(mode):
    def moded(head):
        posed(rig_jaw(head), mode)

    return moded


def head_below(head):
    """The usual way: the mesh is parented to its armature, which is moved to move the head."""
    rig = rig_jaw(head, below=False)
    rig.location, rig.rotation_euler, rig.scale = (0.1, -0.2, 0.3), (0.4, 0.1, -0.6), (1.3, 1.3, 1.3)
    head.parent, head.scale = rig, (0.9, 0.9, 0.9)
    head.rotation_mode, rig.rotation_mode = "QUATERNION", "ZYX"
    posed(rig)


def head_below_and_parented(head):
    head_below(head)
    holder = bpy.data.objects.new("Holder", None)
    bpy.context.scene.collection.objects.link(holder)
    holder.location, holder.rotation_euler, holder.scale = (0.3, -0.2, 0.1), (0.5, 0.2, -0.7), (1.5, 1.5, 1.5)
    bpy.data.objects["Rig"].parent = holder
    holder.keyframe_insert("location", frame=1)
    holder.location = (0.2, 0.1, 0.0)
    holder.keyframe_insert("location", frame=3)


def connected(head):
    bones = {"head": BONES["head"], "jaw": ((0, 0, 0.12), (0.02, -0.12, -0.06), 0.6, "head")}
    jaw = posed(rig_jaw(head, bones, connected=True))
    jaw.location = (0, 0, 0)


def alone(head):
    """A bone without a parent, and no other bone: vertices that it carries a little are carried whole."""
    posed(rig_jaw(head, {"Mandible": (*BONES["jaw"][:3], None), "jaw": (*BONES["jaw"][:3], None)}))


def moved_in_the_armatures_axes(head):
    rig = rig_jaw(head)
    rig.data.bones["jaw"].use_local_location = False
    rig.data.bones["jaw"].use_inherit_rotation = False
    posed(rig)


def masked(head):
    posed(rig_jaw(head))
    head.vertex_groups.new(name="part").add(list(range(0, 62, 3)), 0.6, "REPLACE")
    head.modifiers["Armature"].vertex_group = "part"


def masked_inverted(head):
    masked(head)
    head.modifiers["Armature"].invert_vertex_group = True


def beside_an_idle_bone(head):
    """A bone that does not deform takes no share of the weights."""
    rig = rig_jaw(head, {**BONES, "idle": ((0.1, 0, 0), (0.1, 0, 0.1), 0, None)})
    rig.data.bones["idle"].use_deform = False
    head.vertex_groups.new(name="idle").add(list(range(62)), 0.7, "REPLACE")
    posed(rig)


def scaled(head):
    posed(rig_jaw(head))
    head.scale = (0.8, 1.3, 2.0)


def mirrored(head):
    posed(rig_jaw(head))
    head.scale = (-1.0, 1.2, 0.9)


def animated(head):
    """Keys of the artist's on the jaw: they are where the solve starts, and stay."""
    rig = rig_jaw(head)
    jaw = posed(rig, "YZX")
    for frame in (1, 3):
        jaw.location.x += 0.01
        jaw.rotation_euler.x += 0.2 * frame
        jaw.keyframe_insert("location", frame=frame)
        jaw.keyframe_insert("rotation_euler", frame=frame)


def under_a_posed_head_bone(head):
    """The bone above is posed and animated: it moves the whole head."""
    rig = rig_jaw(head)
    skull = rig.pose.bones["head"]
    skull.rotation_mode = "XYZ"
    for frame, turn in ((1, 0.2), (3, -0.4)):
        skull.rotation_euler, skull.location = (turn, 0.3, -turn), (turn * 0.1, 0.02, 0.01)
        skull.keyframe_insert("rotation_euler", frame=frame)
        skull.keyframe_insert("location", frame=frame)
    posed(rig)


def below_with_a_posed_head_bone(head):
    """A character: the last of a chain of bones moves the head, and the mesh is the armature's child."""
    bones = {"neck": ((0, 0, -0.3), (0, 0.02, -0.06), 0.3, None), **BONES}
    bones["head"] = (*BONES["head"][:3], "neck")
    rig = rig_jaw(head, bones, below=False)
    rig.location, rig.rotation_euler, rig.scale = (0.1, -0.2, 0.3), (0.4, 0.1, -0.6), (1.3, 1.3, 1.3)
    head.parent = rig
    rig.pose.bones["neck"].rotation_quaternion = (0.9, 0.3, -0.2, 0.1)
    rig.pose.bones["head"].rotation_quaternion = (0.9, -0.1, 0.3, 0.2)
    posed(rig)


def followed(head):
    """Teeth: one row parented to the jaw bone, one deformed by it, one on the skull."""
    rig = rig_jaw(head)
    jaw = posed(rig, "XYZ")
    jaw.keyframe_insert("rotation_euler", frame=1)
    jaw.rotation_euler.x += 0.3
    jaw.keyframe_insert("rotation_euler", frame=3)
    jaw.rotation_mode = "QUATERNION"  # those keys are of another mode now: the bone is the solver's
    for number, name in enumerate(("Lower", "Skinned", "Upper")):
        teeth = make_head(name, 5 + number, ("jawOpen",))
        teeth.location, teeth.scale, teeth.rotation_euler = (0.01, 0.05, 0), (0.3, 0.3, 0.3), (1, 0.5, 0)
        teeth.parent = head
        head_block = head.data.shape_keys.key_blocks["jawOpen"]
        teeth.data.shape_keys.key_blocks["jawOpen"].value = head_block.value
        if name == "Lower":
            teeth.parent, teeth.parent_type, teeth.parent_bone = rig, "BONE", "jaw"
        if name == "Skinned":
            weigh(teeth)
            teeth.modifiers.new("Armature", "ARMATURE").object = rig
    bpy.context.view_layer.objects.active = head


def driven_beside_it(head):
    posed(rig_jaw(head))
    drive(head, "browUp", "0.5 * a", a=value_of(head, "eyeBlink_L"))


def of_a_head_without_shape_keys(head):
    head.shape_key_clear()
    posed(rig_jaw(head))


def driven_by_it(head):
    """A correction that follows the bone, which no slope on a shape key can say."""
    rig = rig_jaw(head)
    posed(rig, "XYZ")
    drive(head, "browUp", "0.5 * a", a=(rig, "OBJECT", 'pose.bones["jaw"].rotation_euler[0]'))


def followed_under_a_posed_head_bone(head):
    """The upper row hangs on the head bone."""
    followed(head)
    rig, upper = bpy.data.objects["Rig"], bpy.data.objects["Upper"]
    rig.pose.bones["head"].rotation_quaternion = (0.9, -0.1, 0.3, 0.2)
    upper.parent, upper.parent_type, upper.parent_bone = rig, "BONE", "head"


CASES = {
    case.__name__: case
    for case in (
        *(child, at_rest, placed, stretched, head_below, head_below_and_parented, connected, alone),
        *(
            moved_in_the_armatures_axes,
            masked,
            masked_inverted,
            beside_an_idle_bone,
            scaled,
            mirrored,
            animated,
            followed,
            driven_beside_it,
            driven_by_it,
            of_a_head_without_shape_keys,
            under_a_posed_head_bone,
            below_with_a_posed_head_bone,
            followed_under_a_posed_head_bone,
        ),
    )
}
CASES.update({f"mode_{mode}": _mode(mode) for mode in ("AXIS_ANGLE", "XYZ", "ZXY", "YZX")})
report(CASES, with_modifiers=True)
