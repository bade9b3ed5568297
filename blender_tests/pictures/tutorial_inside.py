"""Inside a Blender window: makes the pictures of docs/tutorial.md, with the real solver on the demo's shot."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "inside"))
import bpy
import harness
import window_tools
from window_tools import in_window, picture, show_only, viewport, wait

PATIENCE = 1800.0  # seconds for a solve on a busy machine


def _press(operator, **arguments):
    with in_window():
        getattr(bpy.ops.face_solve, operator)(**arguments)


def _look_through_the_camera():
    space = viewport().spaces.active
    space.region_3d.view_perspective = "CAMERA"
    space.region_3d.view_camera_zoom = 24.0
    space.show_gizmo = False
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = False
    space.shading.type = "SOLID"
    space.shading.light, space.shading.color_type = "STUDIO", "VERTEX"
    space.show_region_toolbar = False


def _panels(*names):
    show_only(*(f"FACE_SOLVE_PT_{name}" for name in names))


def _preferences(current):
    _press("preferences")
    yield
    window = next(one for one in bpy.context.window_manager.windows if one.screen.areas[0].type == "PREFERENCES")
    with in_window():
        bpy.ops.face_solve.check_solver()
    yield from wait(lambda: current.running() is None, PATIENCE)
    os.environ.pop("FACE_SOLVE_PYTHON")  # a path of this machine, which the page would show
    area = window.screen.areas[0]
    for _ in range(9):
        window.event_simulate(type="WHEELDOWNMOUSE", value="PRESS", x=area.width * 3 // 4, y=area.height // 2)
        yield
    yield from picture("preferences-check", window)


def story():
    current = harness.module("runs.current")
    with in_window():
        bpy.ops.wm.open_mainfile(filepath=os.environ["FACE_SOLVE_SCENE"], load_ui=False)
    yield
    scene = bpy.context.scene
    _panels("main")  # before the sidebar is drawn: Blender would remember the others folded
    window_tools.show_sidebar()
    _look_through_the_camera()
    yield
    yield from picture("tutorial-open")

    _press("setup_from_scene")
    settings = scene.face_solve
    settings.shape_group_index = 1
    _panels("main", "setup", "shapes")
    yield from picture("tutorial-setup")

    _panels("main")
    _press("solve_shot")
    yield from wait(lambda: current.running() is None or current.running().job.progress.fraction > 0.45, PATIENCE)
    scene.frame_set(scene.frame_start + 20)
    yield from picture("tutorial-solving")
    yield from wait(lambda: current.running() is None, PATIENCE)
    assert current.last_problem() is None, current.last_problem()
    settings.overlays.show = True
    settings.overlays.wireframe = True
    scene.frame_set(scene.frame_start + 30)
    _panels("main", "overlays")
    yield from picture("tutorial-solved")

    settings.overlays.show = False
    settings.review = True
    _press("next_bad_frame")
    _panels("main", "review")
    yield from picture("tutorial-review")

    bad = scene.frame_current
    settings.face.data.shape_keys.key_blocks["jawOpen"].value += 0.05
    settings.face.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=bad)
    _press("lock_frame")
    yield from picture("tutorial-locked")
    _press("solve_range", frame_start=bad - 3, frame_end=bad + 3)
    yield from wait(lambda: current.running() is None, PATIENCE)
    assert current.last_problem() is None, current.last_problem()
    _panels("main", "review", "solve")
    yield from picture("tutorial-fixed")
    bpy.ops.wm.save_as_mainfile(filepath=str(harness.FOLDER / "solved.blend"))
    yield from _preferences(current)


window_tools.tell(story)
