"""The add-on's preferences: which Python runs the solver, and on which device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from . import compat, installation, session, solver_state
from .panels.weights import draw_check, draw_weights
from .worker.interpreter import ENVIRONMENT_VARIABLE, chosen_interpreter, validated_interpreter


def _write_out(preferences: bpy.types.AddonPreferences, name: str) -> None:
    """Blender's file browser gives a path from the .blend, which means another file beside every other .blend: the full one is kept."""
    path = getattr(preferences, name)
    if path.startswith("//") and bpy.data.filepath:
        setattr(preferences, name, os.path.normpath(bpy.path.abspath(path)))


def _chosen_to_install(preferences: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    _write_out(preferences, "install_with")


def _exchanged(preferences: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    """What the solver said of itself, and why it failed, was another solver's."""
    _write_out(preferences, "interpreter")
    solver_state.forget()
    session.forget_failure()


class FaceSolvePreferences(bpy.types.AddonPreferences):
    """Preferences > Add-ons > Face Solve."""

    bl_idname = __package__

    interpreter: StringProperty(
        name="Solver's Python",
        subtype="FILE_PATH",
        description="The Python program that the solver is installed in; never Blender's own",
        update=_exchanged,
    )
    device: EnumProperty(
        name="Device",
        items=(
            ("cpu", "CPU", "Runs everywhere"),
            ("cuda", "NVIDIA GPU", "Needs a CUDA build of torch in the solver's Python"),
        ),
        default="cpu",
        description="Where the networks run",
    )
    install_device: EnumProperty(
        name="Install For",
        items=(
            ("cpu", "CPU", "Runs everywhere"),
            ("cuda", "NVIDIA GPU", "Several GB larger; the installation ends with a check that the GPU can be used"),
        ),
        default="cpu",
        description="What the solver is installed for",
    )
    install_with: StringProperty(
        name="Install With",
        subtype="FILE_PATH",
        description="The Python (3.11 to 3.13) that makes the solver's environment; empty to look for one on this machine",
        update=_chosen_to_install,
    )
    package_index: StringProperty(
        name="Package Index",
        description="Address of an additional package index, as torch's install page names it for CPU and for each CUDA version; "
        "empty for the usual one, whose torch has CUDA on Linux and none on Windows",
    )

    install_fan: BoolProperty(
        name="3D-FAN", description="Also the packages of the landmark network 3D-FAN (face-alignment 1.5, about 100 MB)"
    )
    install_dlib: BoolProperty(name="dlib", description="Also the package of dlib's face detectors (about 10 MB)")

    @property
    def extras(self) -> List[str]:
        """The chosen extras, by the names of the solver's package."""
        return [name for name in ("dlib", "fan") if getattr(self, f"install_{name}")]

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the page."""
        layout = self.layout
        layout.use_property_split = True
        self._draw_installation(layout.box(), context)
        layout.prop(self, "interpreter")
        if os.environ.get(ENVIRONMENT_VARIABLE):
            layout.label(text=f"{ENVIRONMENT_VARIABLE} overrides it: {os.environ[ENVIRONMENT_VARIABLE]}", icon="INFO")
        layout.prop(self, "device")
        draw_check(layout.box(), context)
        draw_weights(layout.box(), context)

    def _draw_installation(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        current = installation.running()
        if current is not None:
            layout.label(text=current.title, icon="TIME")
            compat.draw_progress(layout, context, current.fraction)
            compat.draw_wrapped(layout, context, current.last_line, "BLANK1")
            layout.operator("face_solve.cancel_install", icon="CANCEL")
            return
        layout.prop(self, "install_device", expand=True)
        layout.prop(self, "install_with")
        layout.prop(self, "package_index")
        row = layout.row(heading="With")
        row.prop(self, "install_fan")
        row.prop(self, "install_dlib")
        text = "Fetches packages and the weights of FaceMesh and BlazeFace (Apache-2.0); other weights wait below."
        compat.draw_wrapped(layout, context, text, "INFO")
        row = layout.row(align=True)
        row.operator("face_solve.install_solver", icon="IMPORT")
        if installation.place().exists():
            row.operator("face_solve.remove_solver", icon="TRASH")
        problem = installation.last_problem()
        for line in (problem.message, problem.remedy) if problem else (installation.verdict(),):
            if line:
                compat.draw_wrapped(layout, context, line, "ERROR" if problem else "INFO")
        if installation.log_file().exists():
            layout.operator("wm.path_open", text="Open Log", icon="TEXT").filepath = str(installation.log_file())


def preferences(context: bpy.types.Context) -> FaceSolvePreferences:
    """The add-on's preferences."""
    return context.preferences.addons[__package__].preferences


def solver_python(context: bpy.types.Context) -> str:
    """The checked path of the solver's Python.

    Raises:
        FaceSolveProblem: where there is none that could run.
    """
    scene_folder = str(Path(bpy.data.filepath).parent) if bpy.data.filepath else ""
    chosen = chosen_interpreter(preferences(context).interpreter, os.environ, scene_folder)
    return validated_interpreter(chosen, bpy.app.binary_path)


CLASSES = (FaceSolvePreferences,)
