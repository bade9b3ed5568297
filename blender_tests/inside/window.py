"""Runs in a real Blender 3.4 window: the panel is drawn, a solve runs while the interface lives, Esc stops, undo takes it back. Pictures are saved."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from window_tools import REPORT, click_tab, in_window, keyed, picture, press, show_sidebar, tell, wait


def story():
    running = harness.module("runs.current").running
    scene = bpy.context.scene
    show_sidebar()
    yield
    click_tab()
    yield
    yield from picture("panel-empty")
    face, _camera = harness.make_face(), harness.make_camera()
    scene.frame_start, scene.frame_end = 1, 12
    with in_window():
        bpy.ops.face_solve.setup_from_scene()
    yield
    yield from picture("panel-ready")
    bpy.ops.ed.undo_push(message="ready")

    os.environ["FACE_SOLVE_PACE"] = "0.25"
    with in_window():
        assert bpy.ops.face_solve.solve_shot() == {"FINISHED"}
    assert running() is not None
    assert keyed(face) == 0  # it came back at once
    yield from wait(lambda: keyed(face) >= 4)
    with in_window():
        harness.refused(bpy.ops.face_solve.solve_shot, "running already")
    yield from picture("panel-running")
    yield from wait(lambda: running() is None)
    yield from wait(lambda: True)
    yield from picture("panel-done")
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
    with in_window():
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
    with in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: keyed(bpy.data.objects["Head"]) >= 3)
    bpy.context.scene.frame_current = 5
    bpy.ops.ed.undo_push(message="the artist works on")
    bpy.ops.ed.undo()
    yield from wait(lambda: running() is None)
    assert keyed(bpy.data.objects["Head"]) == 12, keyed(bpy.data.objects["Head"])
    REPORT["an undo while solving loses no frame"] = ""

    os.environ["FACE_SOLVE_FAULT"] = "crash"
    with in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: running() is None)
    yield from wait(lambda: True)
    yield
    press("ESC")  # the report's popup
    yield
    yield
    yield from picture("panel-failed")
    assert "stopped unexpectedly" in harness.module("runs.current").last_problem().message
    REPORT["a crash is said in the panel"] = ""

    os.environ["FACE_SOLVE_FAULT"] = ""
    with in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: running() is not None and running().results)
    pid = running().job.process.pid
    bpy.data.objects.remove(bpy.data.objects["Head"])
    yield from wait(lambda: running() is None)
    assert "is gone" in harness.module("runs.current").last_problem().message, (
        harness.module("runs.current").last_problem().message
    )
    yield from wait(lambda: not os.path.exists(f"/proc/{pid}"))
    REPORT["deleting the face ends the solve in words"] = ""


tell(story)
