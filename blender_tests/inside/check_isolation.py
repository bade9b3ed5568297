"""A .blend that comes with Python modules and programs beside it.

None of them runs, however the solver's processes are started.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(1, str(Path(__file__).parents[2]))
import bpy
import harness
from harness import FOLDER, environment, ready_scene, refused

from tests.delivered import deliver, ran

MARKER = FOLDER / "ran.txt"
HERE = FOLDER / "delivered"  # where the .blend lies


@contextlib.contextmanager
def _opened_there(**variables):
    """Blender as a double click on the .blend starts it, with an environment that looks into the working directory."""
    before = os.getcwd()
    os.chdir(HERE)
    looks = {"PATH": f":.:{os.environ['PATH']}", "PYTHONPATH": f":.:{HERE}", "PYTHONSAFEPATH": None}
    try:
        with environment(**{**looks, **variables}):
            yield
    finally:
        os.chdir(before)
        found = ran(MARKER)
        MARKER.unlink(missing_ok=True)
        assert not found, found


def _delivered():
    """The scene, with everything beside the .blend and in the folders around it.

    These are face_solve, the folder of the solve, and those of the shot and of the plates.
    """
    scene, face, _camera = ready_scene(saved="delivered")
    work, _where = harness.module("scene.shot.folders").work_folder(scene)
    assert work.parent == HERE / "face_solve", work
    shot = HERE / "exported"
    bpy.ops.face_solve.export_shot(filepath=str(shot))
    for folder in (HERE, work.parent, work, shot, FOLDER / "plates" / "A"):
        deliver(folder, MARKER)
    return scene, face


def check_every_solve():
    scene, _face = _delivered()
    with _opened_there():
        bpy.ops.face_solve.solve_shot()
        assert "12 of 12" in scene.face_solve.runs["Solve Shot"].text
        bpy.ops.face_solve.solve_range(frame_start=2, frame_end=3)
        for name, *_others in harness.module("operators.solve").STAGES:
            getattr(bpy.ops.face_solve, name)()


def check_fit_rig():
    harness.empty_scene()
    harness.make_face(keys=("jawOpen", "identity_nose"))
    harness.make_camera()
    bpy.ops.wm.save_as_mainfile(filepath=str(HERE / "shot.blend"))
    bpy.ops.face_solve.setup_from_scene()
    with _opened_there():
        bpy.ops.face_solve.fit_rig()


def check_questions_to_the_solver():
    _delivered()
    with _opened_there():
        bpy.ops.face_solve.check_solver()
        bpy.ops.face_solve.list_weights()
        if bpy.app.version >= (4, 2, 0):
            bpy.context.preferences.system.use_online_access = True
        bpy.ops.face_solve.fetch_weights(name="dlib_cnn")


def check_a_python_without_the_solver():
    """It does not start, and is then asked for its version."""
    _delivered()
    bare = FOLDER / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{_a_python()}" -S "$@"\n')
    bare.chmod(0o755)
    with _opened_there(FACE_SOLVE_PYTHON=str(bare)):
        refused(bpy.ops.face_solve.check_solver, "is not installed in")
        refused(bpy.ops.face_solve.solve_shot, "is not installed in")


def check_the_real_solver():
    """It imports NumPy, torch, Numba and the rest, and solves its own tiny shot."""
    _delivered()
    real = {"FACE_SOLVE_PYTHON": os.environ["REAL_SOLVER_PYTHON"], "FACE_SOLVE_CACHE": os.environ["REAL_SOLVER_CACHE"]}
    with _opened_there(**real):
        bpy.ops.face_solve.check_solver()
        said = " ".join(harness.module("solver_report").lines())
        assert "PyTorch" in said, said
        with contextlib.suppress(RuntimeError):  # there is no face in grey plates
            bpy.ops.face_solve.solve_shot()
        problem = harness.module("runs.current").last_problem()
        assert problem is None or "instal" not in problem.message, problem


def check_an_installation():
    """Each step, those that need the network as far as they come."""
    _delivered()
    if bpy.app.version >= (4, 2, 0):
        bpy.context.preferences.system.use_online_access = True
    install = harness.module("runs.install")
    preferences = harness.module("solver_choice").preferences(bpy.context)
    offline = {"PIP_NO_INDEX": "1", "PIP_RETRIES": "0", "XDG_DATA_HOME": str(FOLDER / "data")}
    with _opened_there(**offline):
        steps = install.plan("", "cpu", "", ["fan"])
        assert str(HERE) not in steps[0].command[0], steps[0].command
        for index, step in enumerate(steps):
            install.start([step], "cpu")
            with contextlib.suppress(harness.module("problem").FaceSolveProblem):
                install.run_to_end()
            assert index > 1 or install.last_problem() is None, install.last_problem()
        assert len(install.plan("", "cpu", "")) == 4  # the environment was looked at, and is taken
    preferences.interpreter = ""


def check_a_python_named_from_the_blend_is_written_out():
    """What Blender's file browser gives is the artist's choice once, not a name that every .blend fills anew."""
    _delivered()
    preferences = harness.module("solver_choice").preferences(bpy.context)
    with _opened_there(FACE_SOLVE_PYTHON=None):
        for name in ("interpreter", "install_with"):
            setattr(preferences, name, "//../elsewhere/python3")
            assert getattr(preferences, name) == str(FOLDER / "elsewhere" / "python3"), getattr(preferences, name)
            setattr(preferences, name, "")
        preferences.interpreter = "python3"
        refused(bpy.ops.face_solve.check_solver, "not the full path")
        preferences.interpreter = ""
    with _opened_there(FACE_SOLVE_PYTHON="./python3"):
        refused(bpy.ops.face_solve.check_solver, "not the full path")


def check_where_the_solver_starts():
    """In a folder of the user's own with nothing in it, and in another where something was put there."""
    folders = harness.module("scene.shot.folders")
    _delivered()
    with environment(XDG_DATA_HOME=str(FOLDER / "own")):
        own = folders.solver_folder()
        assert own == FOLDER / "own" / "face_solve" / "empty"
        assert own == folders.solver_folder()
        (own / "json.py").write_text("")
        other = folders.solver_folder()
        assert other != own
        assert not os.listdir(other)
        (own / "json.py").unlink()
        own.chmod(0o777)
        assert folders.solver_folder() == other
        own.chmod(0o700)
        running = harness.start_without_waiting()
        if sys.platform == "linux":
            assert os.readlink(f"/proc/{running.job.process.pid}/cwd") == str(own)
        deadline = time.monotonic() + 60.0
        while harness.module("runs.current").running() is not None:
            assert time.monotonic() < deadline
            harness.module("runs.current").tick()
    with environment(XDG_DATA_HOME="here"):
        assert folders.user_data() == Path.home() / ".local" / "share" / "face_solve"


def check_a_link_in_the_solves_folder_is_not_written_through():
    scene, _face, _camera = ready_scene(saved="linked")
    work, _where = harness.module("scene.shot.folders").work_folder(scene)
    others = FOLDER / "others.txt"
    others.write_text("another file of the user")
    (work / "solver.log").symlink_to(others)
    bpy.ops.face_solve.solve_shot()
    assert "12 of 12" in scene.face_solve.runs["Solve Shot"].text
    assert others.read_text() == "another file of the user"
    assert "cache" in harness.module("scene.shot.folders").work_folder(scene)[1]


def _a_python():
    """A Python program of the machine, by its full path."""
    installer, interpreter = harness.module("worker.installer"), harness.module("worker.interpreter")
    return installer.find_python("", sys.executable, interpreter.solver_environment(os.environ))


harness.run(globals())
