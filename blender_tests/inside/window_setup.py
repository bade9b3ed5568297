"""What surrounds the solve, in a real Blender 3.4 window.

The menu of presets, the shape keys' search, weights with their licence, and the check.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
import window_tools
from window_tools import REPORT, in_window, picture, press, show_only, wait

KEYS = ("jawOpen", "mouthSmile_L", "mouthSmile_R", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight")


def _preferences():
    return next(one for one in bpy.context.window_manager.windows if one.screen.areas[0].type == "PREFERENCES")


def _accept():
    """Return, where the mouse is: moved away, it would close a menu."""
    region = next(region for region in window_tools.viewport().regions if region.type == "UI")
    place = {"x": region.x + region.width - 10, "y": region.y + region.height - 88}
    for value in ("PRESS", "RELEASE"):
        window_tools.window().event_simulate(type="RET", value=value, **place)


def _set_up():
    os.environ["XDG_DATA_HOME"] = str(harness.FOLDER / "data")
    show_only()
    window_tools.show_sidebar()
    yield
    window_tools.click_tab()
    yield
    harness.make_face(keys=KEYS)
    harness.make_camera()
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 12
    with in_window():
        bpy.ops.face_solve.setup_from_scene()


def _preset_menu():
    settings = bpy.context.scene.face_solve
    # A preset saved into the offered folder is the menu's first entry; Return chooses it.
    settings.shape_groups["jaw"].strength = 0.25
    folder = harness.module("scene.shot.folders").preset_folder()
    with in_window():
        bpy.ops.face_solve.save_preset(filepath=str(folder / "Calm jaw.json"))
    settings.shape_groups["jaw"].strength = 1.0
    with in_window():
        bpy.ops.wm.call_menu(name="FACE_SOLVE_MT_presets")
    yield from picture("preset-menu")
    _accept()
    yield from wait(lambda: settings.shape_groups["jaw"].strength == 0.25)
    REPORT["a preset is chosen from the menu"] = ""


def _key_menu():
    settings = bpy.context.scene.face_solve
    settings.key_of_group, settings.key_search = False, "left"
    settings.shape_groups["brows"].keys.add().name = "jawOpen"
    settings.key_index = 5
    show_only("FACE_SOLVE_PT_setup", "FACE_SOLVE_PT_shapes")
    yield from picture("shape-keys")
    with in_window():
        bpy.ops.wm.call_menu(name="FACE_SOLVE_MT_move_key")
    yield
    yield
    _accept()  # the first group is the jaw's
    yield from wait(lambda: "eyeBlinkLeft" in settings.shape_groups["jaw"].keys)
    assert "eyeBlinkRight" in settings.shape_groups["jaw"].keys
    REPORT["a shape key is moved from the menu, with its other side"] = ""


def _check():
    current, state = harness.module("runs.current"), harness.module("solver_report")
    with in_window():
        bpy.ops.face_solve.preferences()
    yield
    with in_window():
        bpy.ops.face_solve.check_solver()
    yield from wait(lambda: current.running() is None)
    assert state.lines()
    page = _preferences().screen.areas[0]
    for _ in range(9):  # down to the check and the weights
        at = {"x": page.width * 3 // 4, "y": page.height // 2}
        _preferences().event_simulate(type="WHEELDOWNMOUSE", value="PRESS", **at)
        yield
    yield from picture("preferences-weights", _preferences())


def _fetch():
    current, state = harness.module("runs.current"), harness.module("solver_report")
    os.environ["FACE_SOLVE_PACE"] = "0.4"
    with in_window():
        bpy.ops.face_solve.fetch_weights("INVOKE_DEFAULT", name="dlib_cnn")
    yield from picture("licence")
    assert current.running() is None  # nothing is fetched before the licence has been seen
    _accept()
    yield from wait(lambda: current.running() is not None and current.running().job.progress.fraction > 0.3)
    yield from wait(lambda: current.running() is None)
    assert state.find("dlib_cnn").ready
    REPORT["weights are fetched after their licence has been shown"] = ""


def _stop_fetching():
    current, state = harness.module("runs.current"), harness.module("solver_report")
    with in_window():
        bpy.ops.face_solve.fetch_weights(name="short_range")
    yield from wait(lambda: current.running() is not None and current.running().job.progress.fraction > 0.1)
    press("ESC")
    yield from wait(lambda: current.running() is None)
    assert current.last_problem() is None
    assert not state.find("short_range").ready
    REPORT["Esc stops a download"] = ""


def story():
    for step in (_set_up, _preset_menu, _key_menu, _check, _fetch, _stop_fetching):
        yield from step()


window_tools.tell(story)
