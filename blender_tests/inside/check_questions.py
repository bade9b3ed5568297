"""Questions to the solver inside Blender.

Its check, the list of weights, downloads, and choices whose networks are not there.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import environment, ready_scene, refused


def _state():
    return harness.module("solver_report")


def _online(value):
    if bpy.app.version >= (4, 2, 0):
        bpy.context.preferences.system.use_online_access = value


def check_what_the_solver_says_is_kept_for_the_panel():
    state = _state()
    state.forget()
    assert state.weights() == []
    bpy.ops.face_solve.check_solver()
    assert state.lines() == ["The test worker answers.", "It is quick."]
    assert [one.name for one in state.weights()] == ["facemesh", "short_range", "fan", "raft_large", "dlib_cnn"]
    assert state.find("facemesh").ready
    assert not state.find("short_range").ready
    state.forget()
    bpy.ops.face_solve.list_weights()
    assert state.lines() == []
    assert "ask their owners" in state.find("fan").licence


def check_a_download_through_the_solver():
    state = _state()
    _online(True)
    bpy.ops.face_solve.list_weights()
    assert state.find("dlib_cnn").state == "missing"
    bpy.ops.face_solve.fetch_weights(name="dlib_cnn")
    assert state.find("dlib_cnn").state == "intact"
    refused(bpy.ops.face_solve.fetch_weights, "No network is named")
    refused(bpy.ops.face_solve.fetch_weights, "needs the Python package face_alignment", "Install Solver", name="fan")
    refused(bpy.ops.face_solve.fetch_weights, "not fetched by the solver", "Bring it", name="raft_large")
    if bpy.app.version >= (4, 2, 0):
        _online(False)
        refused(bpy.ops.face_solve.fetch_weights, "not allowed to go online", name="dlib_cnn")


def check_choices_whose_networks_are_known_not_to_be_there():
    scene, _face, _camera = ready_scene()
    state, settings = _state(), scene.face_solve
    problems = harness.module("panels.main").problems_before_a_solve
    state.forget()
    settings.landmarks = "FAN"
    assert problems(bpy.context) == []  # nobody has asked yet
    bpy.ops.face_solve.list_weights()
    said = {str(problem) for problem in problems(bpy.context)}
    assert any("3D-FAN needs the Python package face_alignment" in one for one in said), said
    assert any("The weights of BlazeFace are altered" in one for one in said), said
    settings.landmarks, settings.detector = "FACEMESH", "DLIB_CNN"
    (problem,) = problems(bpy.context)
    assert "weights of dlib's CNN are missing" in problem.message
    assert problem.mend == "face_solve.preferences"
    settings.detector = "DLIB_HOG"
    assert problems(bpy.context) == []  # it needs no weights, and dlib is there
    settings.flow = "RAFT_LARGE"
    (problem,) = problems(bpy.context)
    assert problem.remedy == "Bring it."
    settings.flow = "DIS"
    with environment(FACE_SOLVE_FAULT="no_weights"):  # and where nobody asked, the solver says it
        refused(bpy.ops.face_solve.solve_shot, "weights are not there")


def check_extras_of_the_installation():
    preferences = harness.module("solver_choice").preferences(bpy.context)
    install = harness.module("runs.install")
    _online(True)
    assert preferences.extras == []
    preferences.install_fan = preferences.install_dlib = True
    with environment(XDG_DATA_HOME=str(harness.FOLDER / "data")):
        steps = install.plan("", "cpu", "", preferences.extras)
    assert [step.title for step in steps if step.online] == [
        "Installing what the solver needs",
        "Installing 3D-FAN",
        "Fetching the networks' weights",
    ]
    preferences.install_fan = preferences.install_dlib = False


harness.run(globals())
