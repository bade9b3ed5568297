"""Takes: play one, swap two, blend, delete, and the actor's neutral frame."""

from __future__ import annotations

from typing import Set

import bpy
from bpy.props import FloatProperty, StringProperty

from ..runs import current
from ..scene.takes.takes import blend_takes, clear_neutral, delete_take, play_take, set_neutral, swap_takes
from .base import reports_problems


def _chosen(name: str, settings: bpy.types.PropertyGroup) -> str:
    """The name that a script gave, or that of the list's active row."""
    if name or not 0 <= settings.take_index < len(settings.takes):
        return name
    return settings.takes[settings.take_index].name


class FACE_SOLVE_OT_play_take(bpy.types.Operator):
    """Put this take on the timeline in place of the current one; your own keys and locked frames stay."""

    bl_idname = "face_solve.play_take"
    bl_label = "Play This Take"
    bl_options = {"REGISTER", "UNDO"}

    take: StringProperty(name="Take", description="Its name; empty: the one that is active in the list")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Play it."""
        current.refuse_second()
        settings = context.scene.face_solve
        play_take(settings, _chosen(self.take, settings))
        self.report({"INFO"}, f"{settings.take} plays.")
        return {"FINISHED"}


class FACE_SOLVE_OT_swap_takes(bpy.types.Operator):
    """Play the take that played before, and this one again when pressed once more."""

    bl_idname = "face_solve.swap_takes"
    bl_label = "Swap Takes"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Swap them."""
        current.refuse_second()
        self.report({"INFO"}, f"{swap_takes(context.scene.face_solve)} plays.")
        return {"FINISHED"}


class FACE_SOLVE_OT_blend_takes(bpy.types.Operator):
    """Make a new take between the current one and the one that is active in the list."""

    bl_idname = "face_solve.blend_takes"
    bl_label = "Blend with Current"
    bl_options = {"REGISTER", "UNDO"}

    take: StringProperty(name="Take", description="The other take; empty: the one that is active in the list")
    share: FloatProperty(
        name="Share",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="How much is taken from the other one",
    )

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Blend them."""
        current.refuse_second()
        settings = context.scene.face_solve
        self.report({"INFO"}, f"{blend_takes(settings, _chosen(self.take, settings), self.share)} plays.")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Ask how much."""
        return context.window_manager.invoke_props_dialog(self)


class FACE_SOLVE_OT_delete_take(bpy.types.Operator):
    """Forget this take; keys on the timeline stay as they are."""

    bl_idname = "face_solve.delete_take"
    bl_label = "Delete Take"
    bl_options = {"REGISTER", "UNDO"}

    take: StringProperty(name="Take", description="Its name; empty: the one that is active in the list")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Delete it."""
        settings = context.scene.face_solve
        delete_take(settings, _chosen(self.take, settings))
        return {"FINISHED"}


class FACE_SOLVE_OT_set_neutral(bpy.types.Operator):
    """Say that the actor's face is at rest at the current frame: what the take has there is taken out of all frames."""

    bl_idname = "face_solve.set_neutral"
    bl_label = "This Frame Is Neutral"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Take its offsets out."""
        current.refuse_second()
        set_neutral(context.scene.face_solve, context.scene.frame_current)
        return {"FINISHED"}


class FACE_SOLVE_OT_clear_neutral(bpy.types.Operator):
    """Play the expression as it was solved again."""

    bl_idname = "face_solve.clear_neutral"
    bl_label = "Clear Neutral"
    bl_options = {"REGISTER", "UNDO"}

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Put the offsets back."""
        current.refuse_second()
        clear_neutral(context.scene.face_solve)
        return {"FINISHED"}


CLASSES = (
    FACE_SOLVE_OT_play_take,
    FACE_SOLVE_OT_swap_takes,
    FACE_SOLVE_OT_blend_takes,
    FACE_SOLVE_OT_delete_take,
    FACE_SOLVE_OT_set_neutral,
    FACE_SOLVE_OT_clear_neutral,
)
