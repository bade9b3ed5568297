"""Runs in a real Blender 3.4 window: the panel is drawn, a solve runs while the interface lives, Esc stops, undo takes it back. Pictures are saved."""

import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
import json

import bpy
import harness

PICTURES = Path(os.environ["FACE_SOLVE_PICTURES"])
REPORT = {}


def window():
    return bpy.context.window_manager.windows[0]


def viewport():
    return max(
        (area for area in window().screen.areas if area.type == "VIEW_3D"), key=lambda area: area.width * area.height
    )


def show_sidebar():
    viewport().spaces.active.show_region_ui = True
    viewport().spaces.active.shading.type = "WIREFRAME"  # this screen is drawn by the processor
    for panel in bpy.types.Panel.__subclasses__():  # other tabs would push ours about
        place = (getattr(panel, "bl_space_type", ""), getattr(panel, "bl_region_type", ""))
        if (
            place == ("VIEW_3D", "UI")
            and getattr(panel, "bl_category", "Face Solve") != "Face Solve"
            and panel.is_registered
        ):
            bpy.utils.unregister_class(panel)


def click_tab():
    """Click the second tab of the sidebar: the first, Item, is Blender's own."""
    region = next(region for region in viewport().regions if region.type == "UI")
    x, y = region.x + region.width - 10, region.y + region.height - 88
    for kind, value in (("MOUSEMOVE", "NOTHING"), ("LEFTMOUSE", "PRESS"), ("LEFTMOUSE", "RELEASE")):
        window().event_simulate(type=kind, value=value, x=x, y=y)


def picture(name):
    bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=2)
    path = PICTURES / f"{name}.png"
    with bpy.context.temp_override(window=window(), area=viewport(), screen=window().screen):
        bpy.ops.screen.screenshot(filepath=str(path))
    REPORT[f"picture {name}"] = "" if path.exists() and path.stat().st_size > 1000 else "no picture"


def keyed(face):
    curve = harness.module("compat").find_curve(face, "location", 0)
    return len(curve.keyframe_points) if curve else 0


def wait(condition, seconds=20.0):
    """Give Blender its loop back until the condition holds (a generator's yield)."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        yield


def solve_in_window():
    return bpy.context.temp_override(window=window(), area=viewport(), screen=window().screen)


def press(key):
    """A real key press through Blender's own event queue."""
    x, y = window().width // 2, window().height // 2
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    window().event_simulate(type=key, value="PRESS", x=x, y=y)
    window().event_simulate(type=key, value="RELEASE", x=x, y=y)


def story():
    running = harness.module("session").running
    scene = bpy.context.scene
    show_sidebar()
    yield
    click_tab()
    yield
    picture("panel-empty")
    face, _camera = harness.make_face(), harness.make_camera()
    scene.frame_start, scene.frame_end = 1, 12
    with solve_in_window():
        bpy.ops.face_solve.setup_from_scene()
    yield
    picture("panel-ready")
    bpy.ops.ed.undo_push(message="ready")

    os.environ["FACE_SOLVE_PACE"] = "0.25"
    with solve_in_window():
        assert bpy.ops.face_solve.solve_shot() == {"FINISHED"}
    assert running() is not None
    assert keyed(face) == 0  # it came back at once
    yield from wait(lambda: keyed(face) >= 4)
    picture("panel-running")
    with solve_in_window():
        harness.refused(bpy.ops.face_solve.solve_shot, "running already")
    yield from wait(lambda: running() is None)
    yield from wait(lambda: True)
    picture("panel-done")
    assert keyed(face) == 12, keyed(face)
    REPORT["solves while the interface lives"] = ""

    bpy.ops.ed.undo()
    yield
    assert keyed(bpy.data.objects["Head"]) == 0, keyed(bpy.data.objects["Head"])
    assert bpy.context.scene.face_solve.written == ""
    bpy.ops.ed.redo()
    yield
    assert keyed(bpy.data.objects["Head"]) == 12
    REPORT["one undo step takes the solve back"] = ""

    os.environ["FACE_SOLVE_PACE"] = "1.0"
    with solve_in_window():
        bpy.ops.face_solve.expression()
    yield from wait(lambda: running() is not None and running().results)
    press("ESC")
    yield from wait(lambda: running() is None)
    assert "Stopped after" in bpy.context.scene.face_solve.last_result, bpy.context.scene.face_solve.last_result
    REPORT["Esc stops and keeps what is done"] = ""

    os.environ["FACE_SOLVE_PACE"] = "0.25"
    bpy.context.scene.face_solve.written = ""
    bpy.data.objects["Head"].animation_data_clear()
    bpy.data.objects["Head"].data.shape_keys.animation_data_clear()
    bpy.ops.ed.undo_push(message="cleared")
    with solve_in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: keyed(bpy.data.objects["Head"]) >= 3)
    bpy.context.scene.frame_current = 5
    bpy.ops.ed.undo_push(message="the artist works on")
    bpy.ops.ed.undo()
    yield from wait(lambda: running() is None)
    assert keyed(bpy.data.objects["Head"]) == 12, keyed(bpy.data.objects["Head"])
    REPORT["an undo while solving loses no frame"] = ""

    os.environ["FACE_SOLVE_FAULT"] = "crash"
    with solve_in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: running() is None)
    yield from wait(lambda: True)
    yield
    press("ESC")  # the report's popup
    yield
    yield
    picture("panel-failed")
    assert "stopped unexpectedly" in harness.module("session").last_problem().message
    REPORT["a crash is said in the panel"] = ""

    os.environ["FACE_SOLVE_FAULT"] = ""
    with solve_in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: running() is not None and running().results)
    pid = running().job.process.pid
    bpy.data.objects.remove(bpy.data.objects["Head"])
    yield from wait(lambda: running() is None)
    assert "is gone" in harness.module("session").last_problem().message, (
        harness.module("session").last_problem().message
    )
    yield from wait(lambda: not os.path.exists(f"/proc/{pid}"))
    REPORT["deleting the face ends the solve in words"] = ""


def advance(steps):
    def tick():
        try:
            next(steps)
        except StopIteration:
            REPORT["finished"] = ""
        except Exception:  # noqa: BLE001 -- the report carries it to pytest
            REPORT["story"] = traceback.format_exc()
        else:
            return 0.1
        Path(harness.REPORT).write_text(json.dumps(REPORT))
        os._exit(0)

    return tick


harness.install()
bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(advance(story()), first_interval=1.0, persistent=True)
