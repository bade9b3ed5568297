"""What most shots can leave alone: a studio's own stages."""

from __future__ import annotations

import bpy

from .base import Step, is_free


class FACE_SOLVE_PT_advanced(Step, bpy.types.Panel):
    """Settings with defaults that are right for most shots."""

    bl_label = "Advanced"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw them."""
        layout, settings = self.layout, context.scene.face_solve
        layout.enabled = is_free()
        layout.prop(settings, "stage_file")


CLASSES = (FACE_SOLVE_PT_advanced,)
