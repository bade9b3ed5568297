"""Set Up."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import StringProperty

from ..pieces import whole
from ..problem import FaceSolveProblem
from ..scene.keys.fixes import solved_channels
from ..scene.keys.playing import make_play
from ..scene.rig.carried import turn_drivers
from ..scene.rig.control_answers import ask
from ..scene.rig.head import head_of
from ..scene.rig.jaw import carry, chosen_jaw
from ..scene.rig.mesh import check_face, excluded_keys, is_mesh
from ..scene.setup.find import set_up
from ..scene.setup.local import make_local
from .base import reports_problems


class FACE_SOLVE_OT_setup_from_scene(bpy.types.Operator):
    """Find the face, the cameras with plates, the range and the shape-key groups."""

    bl_idname = "face_solve.setup_from_scene"
    bl_label = "Set Up"
    bl_description = (
        "Find the face, the cameras with plates, the range and the shape-key groups. "
        "Pressed again, what you changed stays"
    )
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Fill the settings and say what was chosen."""
        said = set_up(context.scene, context.view_layer.objects.active)
        self.report({"INFO"}, " ".join(said))  # in one: Blender's status bar shows the last report alone
        return {"FINISHED"}


class FACE_SOLVE_OT_choose_face(bpy.types.Operator):
    """Take this mesh as the face, and set up for it."""

    bl_idname = "face_solve.choose_face"
    bl_label = "Choose Face"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Mesh", options={"SKIP_SAVE"})

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Choose it."""
        chosen = context.scene.objects.get(self.name)
        if not is_mesh(chosen):
            raise FaceSolveProblem(f"There is no mesh {self.name} in this scene.", "Choose the head's mesh.")
        context.scene.face_solve.face = chosen
        self.report({"INFO"}, " ".join(set_up(context.scene, None)))
        return {"FINISHED"}


class FACE_SOLVE_OT_carry_armature(bpy.types.Operator):
    """Parent the armature that has the jaw bone to the face, so that the bone moves with the head."""

    bl_idname = "face_solve.carry_armature"
    bl_label = "Parent Armature to Face"
    bl_description = (
        "Parent the armature that has the jaw bone to the face, so that the bone moves with the head. "
        "Nothing changes its place"
    )
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Parent it."""
        settings = context.scene.face_solve
        check_face(settings)
        jaw = chosen_jaw(settings)
        if jaw is None:
            raise FaceSolveProblem("No jaw bone is chosen.", "Choose it in the Setup panel, or press Set Up.")
        carry(jaw)
        return {"FINISHED"}


class FACE_SOLVE_OT_make_keys_play(bpy.types.Operator):
    """Mend what keeps keys from playing."""

    bl_idname = "face_solve.make_keys_play"
    bl_label = "Make Keys Play"
    bl_description = (
        "Mend what keeps keys from playing: linked actions, muted curves, mixing with strips, "
        "keys between frames, time stretching"
    )
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Mend it, and say what was done."""
        settings = context.scene.face_solve
        check_face(settings)
        channels = solved_channels(settings, settings.face)
        done = make_play(context.scene, channels, settings.frame_start, settings.frame_end)
        self.report({"INFO"}, " ".join(done) or "Nothing keeps keys from playing.")
        return {"FINISHED"}


class FACE_SOLVE_OT_turn_drivers(bpy.types.Operator):
    """Turn the sign of the driver between a jaw key and the jaw bone that go against each other."""

    bl_idname = "face_solve.turn_drivers"
    bl_label = "Turn the Driver's Sign"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Turn it, and say which."""
        settings = context.scene.face_solve
        check_face(settings)
        head = head_of(settings)
        controls = whole(ask(settings.face, head.channels, excluded_keys(settings)))
        turned = turn_drivers(head, controls.answers)
        if not turned:
            raise FaceSolveProblem("No shape key and bone go against each other.")
        self.report({"INFO"}, f"Turned: the driver of {', '.join(turned)}.")
        return {"FINISHED"}


class FACE_SOLVE_OT_make_character_local(bpy.types.Operator):
    """Make a linked, overridden or instanced character this file's own."""

    bl_idname = "face_solve.make_character_local"
    bl_label = "Make Character Local"
    bl_description = (
        "Make a linked, overridden or instanced character this file's own, with its data, "
        "so that it can be keyed; and set up again"
    )
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Make it local, and find everything anew: the objects are others now."""
        names = make_local(context.scene, context.scene.face_solve)
        if not names:
            raise FaceSolveProblem("There is no linked character.", "Choose the face, or press Set Up.")
        said = set_up(context.scene, context.view_layer.objects.active)
        self.report({"INFO"}, " ".join([f"This file's own now: {', '.join(names[:6])}.", *said]))
        return {"FINISHED"}


CLASSES = (
    FACE_SOLVE_OT_setup_from_scene,
    FACE_SOLVE_OT_choose_face,
    FACE_SOLVE_OT_carry_armature,
    FACE_SOLVE_OT_make_keys_play,
    FACE_SOLVE_OT_turn_drivers,
    FACE_SOLVE_OT_make_character_local,
)
