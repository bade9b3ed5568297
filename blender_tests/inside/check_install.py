"""Install Solver inside Blender.

The wheel that travels in the add-on, an environment beside the user's data, and the preferences.
"""

import contextlib
import os
import sys
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import environment, refused


def _preferences():
    return harness.module("solver_choice").preferences(bpy.context)


def check_the_environment_and_the_bundled_solver_are_installed():
    install = harness.module("runs.install")
    data = harness.FOLDER / "data"
    with environment(XDG_DATA_HOME=str(data)):
        refused(bpy.ops.face_solve.remove_solver, "No solver is installed")
        bare = install.bundled_wheel(Path(install.__file__).parents[1])
        assert bare.exists()
        online = bpy.app.version < (4, 2, 0) or bpy.app.online_access
        if not online:
            refused(bpy.ops.face_solve.install_solver, "not allowed to go online")
            bpy.context.preferences.system.use_online_access = True
        steps = install.plan("", "cpu", "")
        assert not any("blender" in os.path.basename(step.command[0]).lower() for step in steps)
        assert len(steps) == 5
        _preferences().interpreter = ""
        install.start(steps[:2], "cpu")  # the rest fetches gigabytes: its commands are checked in test_installer.py
        refused(bpy.ops.face_solve.install_solver, "running already")
        refused(bpy.ops.face_solve.remove_solver, "installation is running")
        install.run_to_end()
        python = data / "face_solve" / "solver" / "bin" / "python"
        assert _preferences().interpreter == str(python), _preferences().interpreter
        assert python.exists()
        assert list(data.glob("face_solve/solver/lib/python3*/site-packages/solver_core/protocol.py"))
        assert "installed" in install.verdict()
        assert len(install.plan("", "cpu", "")) == 4  # taken up where it was
        with environment(FACE_SOLVE_PYTHON=None):  # the environment is used, and what it lacks is said
            refused(bpy.ops.face_solve.check_solver, "incomplete", "No module named", "Install Solver")
        bpy.ops.face_solve.remove_solver()
        assert not python.exists()
        assert _preferences().interpreter == ""


def check_a_stopped_installation_leaves_the_preferences_alone():
    install = harness.module("runs.install")
    step = harness.module("worker.installer").Step
    with environment(XDG_DATA_HOME=str(harness.FOLDER / "stopped")):
        _preferences().interpreter = "/somewhere/python"
        refused(bpy.ops.face_solve.cancel_install, "No installation is running")
        install.start([step("Long", ["sleep", "60"], 1.0)], "cuda")
        install.running().poll()
        bpy.ops.face_solve.cancel_install()
        assert install.running() is None
        assert "stopped" in install.verdict()
        assert (_preferences().interpreter, _preferences().device) == ("/somewhere/python", "cpu")
        install.start([step("Wrong", ["false"], 1.0)], "cuda")
        with contextlib.suppress(harness.module("problem").FaceSolveProblem):
            install.run_to_end()
        assert "Wrong failed" in install.last_problem().message
        assert _preferences().interpreter == "/somewhere/python"
        _preferences().interpreter = ""


harness.run(globals())
