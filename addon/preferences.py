"""The add-on's preferences: which Python runs the solver, on which device, and with how many workers."""

from __future__ import annotations

import os
from typing import List

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from . import compat, solver_report
from .panels.weights import draw_check, draw_weights
from .runs import current, install
from .worker.interpreter import ENVIRONMENT_VARIABLE


def _write_out(preferences: bpy.types.AddonPreferences, name: str) -> None:
    """Keep the full path: the file browser's is from the .blend, and means another file beside every other .blend."""
    path = getattr(preferences, name)
    if path.startswith("//") and bpy.data.filepath:
        setattr(preferences, name, os.path.normpath(bpy.path.abspath(path)))


def _chosen_to_install(preferences: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    _write_out(preferences, "install_with")


def _exchanged(preferences: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    """What the solver said of itself, and why it failed, was another solver's."""
    _write_out(preferences, "interpreter")
    solver_report.forget()
    current.forget_failure()


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
    workers: IntProperty(
        name="Workers",
        default=0,
        min=0,
        soft_max=64,
        description="Processes that solve frames side by side; 0: as many as processor cores and memory allow",
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
        description="The Python (3.11 to 3.13) that makes the solver's environment; "
        "empty to look for one on this machine",
        update=_chosen_to_install,
    )
    package_index: StringProperty(
        name="Package Index",
        description="Address of an additional package index, as torch's install page names it for CPU and for "
        "each CUDA version; "
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
        layout.prop(self, "workers")
        draw_check(layout.box(), context)
        draw_weights(layout.box(), context)

    def _draw_installation(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        installation = install.running()
        if installation is not None:
            layout.label(text=installation.title, icon="TIME")
            compat.draw_progress(layout, context, installation.fraction)
            compat.draw_wrapped(layout, context, installation.last_line, "BLANK1")
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
        if install.place().exists():
            row.operator("face_solve.remove_solver", icon="TRASH")
        problem = install.last_problem()
        for line in (problem.message, problem.remedy) if problem else (install.verdict(),):
            if line:
                compat.draw_wrapped(layout, context, line, "ERROR" if problem else "INFO")
        if install.log_file().exists():
            layout.operator("wm.path_open", text="Open Log", icon="TEXT").filepath = str(install.log_file())


CLASSES = (FaceSolvePreferences,)
