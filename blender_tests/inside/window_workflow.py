"""The work after a solve in a real Blender 3.4 window.

Fixes and ranges in their colours, what the mouse is over, and what an artist does meanwhile.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
import window_tools
from window_tools import REPORT, count, in_window, keyed, move, picture, pixels, press, region, wait

FRAMES = 40


def _solve(operator=None, **environment):
    os.environ.update({"FACE_SOLVE_FAULT": "", "FACE_SOLVE_PACE": "0", **environment})
    with in_window():
        (operator or bpy.ops.face_solve.solve_shot)()
    # the shot is written first, bit by bit
    running = harness.module("runs.current").running
    yield from wait(lambda: running() is None or hasattr(running(), "job"))


def _ended(current):
    yield from wait(lambda: current.running() is None)
    yield from wait(lambda: True)


def _timeline():
    """The properties' place: the timeline's own is too low on this small screen to show anything."""
    area = max(
        (one for one in window_tools.window().screen.areas if one.type in ("PROPERTIES", "DOPESHEET_EDITOR")),
        key=lambda one: one.height,
    )
    area.ui_type = "TIMELINE"
    return area


def _look(current, curve, colors):
    """Every status and both kinds of range in their colours, in the viewport and in the timeline."""
    scene = bpy.context.scene
    settings = scene.face_solve
    yield from _solve(FACE_SOLVE_FAULT="bad_frames")
    yield from _ended(current)
    face = bpy.data.objects["Head"]
    for item, status in ((settings.results[12], "infilled"), (settings.results[13], "interpolated")):
        item.status = status  # the test's solver has no such stage
    face.location.z += 0.1
    face.keyframe_insert("location", index=2, frame=20)
    with in_window():
        scene.frame_set(24)
        bpy.ops.face_solve.lock_frame()
        bpy.ops.face_solve.add_infill_range(frame_start=28, frame_end=32)
    settings.review = True
    scene.frame_set(9)
    yield
    with bpy.context.temp_override(area=_timeline(), region=_timeline().regions[-1]):
        bpy.ops.action.view_all()
    yield from picture("workflow")
    with in_window(), bpy.context.temp_override(region=region()):
        place = curve.strip(bpy.context, curve.read_bars(settings))
    left, bottom = region().x, region().y
    for frame, status in (
        (1, "solved"),
        (2, "failed"),
        (13, "infilled"),
        (14, "interpolated"),
        (20, "fixed"),
        (24, "locked"),
    ):
        x, width = place.column(frame)
        row = pixels("workflow", (left + x + 2, bottom + place.y + 1, width - 4, 3))
        assert count(row, colors[status], 0.1) > 0.8 * len(row), (frame, row[0], colors[status])
    below = bottom + place.y - 4
    own = pixels("workflow", (left + place.column(28)[0] + 2, below, 5 * place.pitch - 4, 2))
    none = pixels("workflow", (left + place.column(24)[0] + 2, below, 2 * place.pitch - 4, 2))
    blue = (0.36, 0.62, 0.90)
    assert count(own, blue, 0.1) > 0.8 * len(own), own[0]
    assert count(none, blue, 0.1) == 0
    area = next(one for one in _timeline().regions if one.type == "WINDOW")
    x = area.x + area.view2d.view_to_region(20, 0, clip=False)[0]
    found = pixels("workflow", (x - 2, area.y + 10, 4, area.height - 12))
    assert count(found, colors["fixed"], 0.1) >= 4, "the timeline has no strip"
    REPORT["statuses and ranges have their colours in viewport and timeline"] = ""
    for frame in (20, 33):
        x, width = place.column(frame)
        move(left + x + 0.5 * width, bottom + place.y + 30.0)
        yield from wait(lambda frame=frame: curve.hovered_frame() == frame)
    x, width = place.column(20)
    move(left + x + 0.5 * width, bottom + place.y + 30.0)
    yield from picture("workflow-hover")
    box = (left + x - 40, bottom + place.y + place.height - 16, 90, 12)
    assert count(pixels("workflow-hover", box), (1, 1, 1), 0.3) > 20 > count(pixels("workflow", box), (1, 1, 1), 0.3)
    assert scene.frame_current == 9
    move(left + x, bottom + place.y + place.height + 120.0)
    yield from wait(lambda: curve.hovered_frame() is None)
    REPORT["the frame under the mouse is named, and nothing else happens"] = ""


def _meanwhile(current):
    """Frame changes, another scene, saving, undo and redo while a solve runs."""
    first = bpy.context.scene
    yield from _solve(FACE_SOLVE_PACE="0.2")
    yield from wait(lambda: current.running().results)
    while current.running() is not None and len(current.running().results) < FRAMES // 4:
        first.frame_set(1 + first.frame_current % FRAMES)
        yield
    assert current.running() is not None
    other = bpy.data.scenes.new("Other")
    window_tools.window().scene = other
    with in_window():
        harness.refused(bpy.ops.face_solve.solve_shot, "running already")
    path = os.path.join(tempfile.mkdtemp(dir=harness.FOLDER), "meanwhile.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    assert current.running() is not None
    yield from picture("workflow-other-scene")
    yield from _ended(current)
    assert bpy.context.scene == other
    assert keyed(bpy.data.objects["Head"]) == FRAMES, keyed(bpy.data.objects["Head"])
    assert not other.face_solve.results
    assert first.face_solve.last_result.startswith(f"Solved {FRAMES - 2} of {FRAMES - 2}"), first.face_solve.last_result
    window_tools.window().scene = first
    yield
    REPORT["another scene and a save while solving"] = ""


def _stopped(current):
    """Esc ends a slow solve and keeps what is done; Cancel ends a solver that does not listen.

    How fast: benchmarks/live.py.
    """
    scene = bpy.context.scene
    yield from _solve(FACE_SOLVE_PACE="1.0")
    yield from wait(lambda: len(current.running().results) >= 2)
    pid = current.running().job.process.pid
    with in_window():
        bpy.ops.screen.animation_play()
    yield from wait(lambda: window_tools.window().screen.is_animation_playing)
    press("ESC")  # stops what is played, as everywhere in Blender
    yield from wait(lambda: not window_tools.window().screen.is_animation_playing)
    assert current.running().job.state.name == "RUNNING", current.running().job.state
    press("ESC")
    yield from wait(lambda: current.running() is None)
    done = {item.frame for item in scene.face_solve.results if item.error_px == 0.5}
    assert "Stopped at" in scene.face_solve.last_result, scene.face_solve.last_result
    assert {1, 2} <= done
    share = int(scene.face_solve.last_result.partition("% of the work")[0].split()[-1])
    assert 0 < share < 100, scene.face_solve.last_result
    yield from wait(lambda: not os.path.exists(f"/proc/{pid}"))
    yield from _solve(FACE_SOLVE_FAULT="hang")
    yield from wait(lambda: len(current.running().results) >= FRAMES // 2 - 3)
    pid = current.running().job.process.pid
    with in_window():
        bpy.ops.face_solve.cancel()
    yield from wait(lambda: current.running() is None)
    yield from wait(lambda: not os.path.exists(f"/proc/{pid}"))
    assert "Stopped at" in scene.face_solve.last_result, scene.face_solve.last_result
    REPORT["Esc and Cancel stop a solve"] = ""


def _ended_by_others(current):
    """A defect in Blender's own timer, and another file, end the solve and its solver; the next solve runs."""

    def broken(*_arguments):
        raise ZeroDivisionError("nobody thought of it")

    bpy.ops.wm.save_mainfile()
    solving = harness.module("runs.solve")
    write_frames, solving.write_frames = solving.write_frames, broken
    yield from _solve(FACE_SOLVE_PACE="1.0")
    pid = current.running().job.process.pid
    yield from _ended(current)
    solving.write_frames = write_frames
    assert "nobody thought of it" in current.last_problem().message
    yield from wait(lambda: not os.path.exists(f"/proc/{pid}"))
    press("ESC")  # the report's popup
    for _ in range(3):  # before Esc could stop the next solve
        yield
    yield from _solve(FACE_SOLVE_PACE="1.0")
    yield from wait(lambda: current.running().results)
    pid = current.running().job.process.pid
    with in_window():
        bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath, load_ui=False)
    yield
    assert current.running() is None
    yield from wait(lambda: not os.path.exists(f"/proc/{pid}"))
    yield from _solve()
    yield from _ended(current)
    assert current.last_problem() is None, current.last_problem()
    assert "Solved" in bpy.context.scene.face_solve.last_result
    REPORT["a defect and another file end a solve, and the next one runs"] = ""


def story():
    current, curve = harness.module("runs.current"), harness.module("overlay.error_curve")
    colors = harness.module("overlay.curve_layout").COLORS
    window_tools.show_sidebar()
    window_tools.show_only("FACE_SOLVE_PT_infill")
    _timeline()
    yield
    window_tools.click_tab()
    yield
    harness.make_face()
    harness.make_camera(duration=FRAMES)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, FRAMES
    with in_window():
        bpy.ops.face_solve.setup_from_scene()
    yield from _look(current, curve, colors)
    yield from _meanwhile(current)
    yield from _stopped(current)
    yield from _ended_by_others(current)


window_tools.tell(story)
