"""The solver that the artist chose in the add-on's preferences."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from .worker.interpreter import chosen_interpreter, validated_interpreter


def preferences(context: bpy.types.Context) -> bpy.types.AddonPreferences:
    """The add-on's preferences: see `preferences.FaceSolvePreferences`."""
    return context.preferences.addons[__package__].preferences


def solver_python(context: bpy.types.Context) -> str:
    """The checked path of the solver's Python.

    Raises:
        FaceSolveProblem: where there is none that could run.
    """
    scene_folder = str(Path(bpy.data.filepath).parent) if bpy.data.filepath else ""
    chosen = chosen_interpreter(preferences(context).interpreter, os.environ, scene_folder)
    return validated_interpreter(chosen, bpy.app.binary_path)
