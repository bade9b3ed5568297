"""Runs in a real Blender 3.4 window.

The panel is drawn, a solve runs while the interface lives, Esc stops, undo takes it back. Pictures are saved.
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from window_tools import REPORT, click_tab, in_window, keyed, picture, press, show_sidebar, tell, wait


def _running():
    return harness.module("runs.current").running()


def _head():
    return bpy.data.objects["Head"]


def _set_up():
    scene = bpy.context.scene
    show_sidebar()
    yield
    click_tab()
    yield
    yield from picture("panel-empty")
    harness.make_face()
    harness.make_camera()
    scene.frame_start, scene.frame_end = 1, 12
    with in_window():
        bpy.ops.face_solve.setup_from_scene()
    yield
    yield from picture("panel-ready")
    bpy.ops.ed.undo_push(message="ready")


def _solved():
    os.environ["FACE_SOLVE_PACE"] = "0.25"
    with in_window():
        assert bpy.ops.face_solve.solve_shot() == {"FINISHED"}
    assert _running() is not None
    assert keyed(_head()) == 0  # it came back at once
    yield from wait(lambda: keyed(_head()) >= 4)
    with in_window():
        harness.refused(bpy.ops.face_solve.solve_shot, "running already")
    yield from picture("panel-running")
    yield from wait(lambda: _running() is None)
    yield from wait(lambda: True)
    yield from picture("panel-done")
    assert keyed(_head()) == 12, keyed(_head())
    REPORT["solves while the interface lives"] = ""


def _taken_back():
    bpy.ops.ed.undo()
    yield
    assert keyed(_head()) == 0, keyed(_head())
    assert bpy.context.scene.face_solve.written == ""
    bpy.ops.ed.redo()
    yield
    assert keyed(_head()) == 12
    REPORT["one undo step takes the solve back"] = ""


def _stopped():
    os.environ["FACE_SOLVE_PACE"] = "1.0"
    with in_window():
        bpy.ops.face_solve.expression()
    yield from wait(lambda: _running() is not None and _running().results)
    press("ESC")
    yield from wait(lambda: _running() is None)
    assert "Stopped at" in bpy.context.scene.face_solve.last_result, bpy.context.scene.face_solve.last_result
    REPORT["Esc stops and keeps what is done"] = ""


def _stopped_while_reading():
    solving, results = harness.module("operators.solve"), bpy.context.scene.face_solve.last_result
    shot_pieces = solving.shot_pieces

    def slow(*what, **how):
        for _ in range(4000):
            time.sleep(0.005)
            yield
        return (yield from shot_pieces(*what, **how))

    solving.shot_pieces = slow
    try:
        with in_window():
            bpy.ops.face_solve.solve_shot()
        yield from wait(lambda: "reading the scene" in _running().describe())
        press("H")  # nothing is hidden, nor changed otherwise
        yield
        press("ESC")
        yield from wait(lambda: _running() is None)
    finally:
        solving.shot_pieces = shot_pieces
    assert not _head().hide_get()
    assert bpy.context.scene.face_solve.last_result == results
    assert harness.module("runs.current").last_problem() is None
    REPORT["Esc stops the reading of the scene"] = ""


def _undone_meanwhile():
    os.environ["FACE_SOLVE_PACE"] = "0.25"
    bpy.context.scene.face_solve.written = ""
    _head().animation_data_clear()
    _head().data.shape_keys.animation_data_clear()
    bpy.ops.ed.undo_push(message="cleared")
    with in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: keyed(_head()) >= 3)
    bpy.context.scene.frame_current = 5
    bpy.ops.ed.undo_push(message="the artist works on")
    bpy.ops.ed.undo()
    yield from wait(lambda: _running() is None)
    assert keyed(_head()) == 12, keyed(_head())
    REPORT["an undo while solving loses no frame"] = ""


def _crashed():
    os.environ["FACE_SOLVE_FAULT"] = "crash"
    with in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: _running() is None)
    yield from wait(lambda: True)
    yield
    press("ESC")  # the report's popup
    yield
    yield
    yield from picture("panel-failed")
    assert "stopped unexpectedly" in harness.module("runs.current").last_problem().message
    REPORT["a crash is said in the panel"] = ""


def _face_deleted():
    os.environ["FACE_SOLVE_FAULT"] = ""
    with in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: _running() is not None and _running().results)
    pid = _running().job.process.pid
    bpy.data.objects.remove(_head())
    yield from wait(lambda: _running() is None)
    message = harness.module("runs.current").last_problem().message
    assert "is gone" in message, message
    yield from wait(lambda: not os.path.exists(f"/proc/{pid}"))
    REPORT["deleting the face ends the solve in words"] = ""


def story():
    for step in (
        _set_up,
        _solved,
        _taken_back,
        _stopped,
        _stopped_while_reading,
        _undone_meanwhile,
        _crashed,
        _face_deleted,
    ):
        yield from step()


tell(story)
