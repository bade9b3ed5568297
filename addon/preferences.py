"""The add-on's preferences: which Python runs the solver, and on which device."""

from __future__ import annotations

import os

import bpy
from bpy.props import EnumProperty, StringProperty

from . import session
from .worker.interpreter import ENVIRONMENT_VARIABLE, chosen_interpreter, validated_interpreter


class FaceSolvePreferences(bpy.types.AddonPreferences):
    """Preferences > Add-ons > Face Solve."""

    bl_idname = __package__

    interpreter: StringProperty(
        name="Solver's Python",
        subtype="FILE_PATH",
        description="The Python program that the solver is installed in; never Blender's own",
    )
    device: EnumProperty(
        name="Device",
        items=(
            ("cpu", "CPU", "Runs everywhere"),
            ("cuda", "NVIDIA GPU", "Needs a CUDA build of torch in the solver's Python"),
        ),
        default="cpu",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the page."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "interpreter")
        if os.environ.get(ENVIRONMENT_VARIABLE):
            layout.label(text=f"{ENVIRONMENT_VARIABLE} overrides it: {os.environ[ENVIRONMENT_VARIABLE]}", icon="INFO")
        layout.prop(self, "device")
        layout.operator("face_solve.check_solver", icon="CHECKMARK")
        problem = session.last_problem()
        for line in (problem.message, problem.remedy) if problem else (session.said(),):
            if line:
                layout.label(text=line)


def preferences(context: bpy.types.Context) -> FaceSolvePreferences:
    """The add-on's preferences."""
    return context.preferences.addons[__package__].preferences


def solver_python(context: bpy.types.Context) -> str:
    """The checked path of the solver's Python.

    Raises:
        FaceSolveProblem: where there is none that could run.
    """
    chosen = chosen_interpreter(bpy.path.abspath(preferences(context).interpreter), os.environ)
    return validated_interpreter(chosen, bpy.app.binary_path)


CLASSES = (FaceSolvePreferences,)
