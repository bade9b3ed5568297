"""An artist's session in a real Blender 3.4 window.

Every panel, the error curve, its keys and clicks, a fix, a range solved again, undo and reload.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
import window_tools
from window_tools import (
    REPORT,
    click,
    count,
    in_window,
    keyed,
    picture,
    pixels,
    press,
    region,
    show_only,
    viewport,
    wait,
)


def _place():
    """Where the curve is drawn in the viewport."""
    curve = harness.module("overlay.error_curve")
    with in_window(), bpy.context.temp_override(region=region()):
        return curve.strip(bpy.context, curve.read_bars(bpy.context.scene.face_solve))


def _locations():
    """Keyed values of the head's first location channel, by frame."""
    found = harness.module("compat").find_curve(bpy.data.objects["Head"], "location", 0)
    return {round(point.co.x): point.co.y for point in found.keyframe_points}


def _set_up():
    window_tools.show_sidebar()
    yield
    window_tools.click_tab()
    yield
    show_only("FACE_SOLVE_PT_main")
    yield from picture("panel-nothing")
    harness.make_face()
    harness.make_camera()
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 12
    with in_window():
        bpy.ops.face_solve.setup_from_scene()
        bpy.ops.face_solve.add_infill_range(frame_start=4, frame_end=6)
        bpy.ops.face_solve.add_infill_range(frame_start=9, frame_end=9)
    show_only("FACE_SOLVE_PT_setup", "FACE_SOLVE_PT_shapes")
    yield from picture("panel-setup")
    REPORT["setup is drawn"] = ""


def _stages():
    current = harness.module("runs.current")
    os.environ["FACE_SOLVE_FAULT"] = "bad_frames"
    with in_window():
        bpy.ops.face_solve.solve_shot()
    yield from wait(lambda: current.running() is None)
    yield from wait(lambda: True)
    show_only("FACE_SOLVE_PT_rigid", "FACE_SOLVE_PT_expression")
    yield from picture("panel-stages")
    show_only("FACE_SOLVE_PT_infill", "FACE_SOLVE_PT_solve")
    yield from picture("panel-infill")
    REPORT["stages are drawn"] = ""


def _step_through_bad_frames():
    # Without the review N is Blender's own: it hides the sidebar.
    scene = bpy.context.scene
    scene.frame_set(1)
    press("N")
    yield from wait(lambda: not viewport().spaces.active.show_region_ui)
    assert scene.frame_current == 1
    viewport().spaces.active.show_region_ui = True
    yield
    scene.face_solve.review = True
    show_only("FACE_SOLVE_PT_review")
    yield
    seen = []
    for _ in range(2):
        before = scene.frame_current
        press("N")
        yield from wait(lambda before=before: scene.frame_current != before)
        seen.append(scene.frame_current)
    press("N", shift=True)
    yield from wait(lambda: scene.frame_current == 2)
    assert seen == [2, 3], seen
    assert viewport().spaces.active.show_region_ui
    REPORT["N and Shift N step through the bad frames, and only in review"] = ""


def _click_a_bar():
    scene, place = bpy.context.scene, _place()
    x, width = place.column(7)
    click(region().x + x + 0.5 * width, region().y + place.y + 20.0)
    yield from wait(lambda: scene.frame_current == 7)
    click(region().x + place.x + 10.0, region().y + place.y + place.height + 60.0)  # beside it a click is Blender's
    yield
    yield
    assert scene.frame_current == 7
    REPORT["a click on a bar goes to its frame"] = ""


def _curve_is_drawn():
    curve, place = harness.module("overlay.error_curve"), _place()
    colors = harness.module("overlay.curve_layout").COLORS
    yield from picture("review")
    builds = curve.builds()
    for _ in range(3):
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        yield
    assert curve.builds() == builds, "rebuilt though nothing changed"
    left, bottom = region().x, region().y
    for frame, status in ((1, "solved"), (2, "failed"), (5, "solved"), (6, "failed")):
        x, width = place.column(frame)
        row = pixels("review", (left + x + 2, bottom + place.y + 1, width - 4, 3))
        other = "failed" if status == "solved" else "solved"
        assert count(row, colors[status]) > 0.8 * len(row), (frame, row[0], colors[status])
        assert count(row, colors[other]) == 0, (frame, other)
    high = (left + place.column(2)[0] + 2, bottom + place.y + place.height - 8, place.column(2)[1] - 4, 4)
    assert count(pixels("review", high), colors["failed"]) > 10  # a failed frame is a full bar
    low = (left + place.column(1)[0] + 2, high[1], high[2], 4)
    assert count(pixels("review", low), colors["solved"]) == 0  # and a good one is not
    REPORT["the curve is drawn where the data is"] = ""


def _fix_and_solve_again():
    current = harness.module("runs.current")
    scene = bpy.context.scene
    # Fix the worst frame by hand, lock another, solve the range again.
    face = bpy.data.objects["Head"]
    settings = scene.face_solve
    settings.result_index = harness.module("scene.results.verdicts").worst_first(settings)[-1]
    fixed = scene.frame_current
    assert fixed in (3, 7, 11), fixed
    face.location = (0.5, 0.25, 0.125)
    face.keyframe_insert("location", frame=fixed)
    with in_window():
        scene.frame_set(5)
        bpy.ops.face_solve.lock_frame()
    bpy.ops.ed.undo_push(message="fixed")
    before = _locations()
    os.environ["FACE_SOLVE_FAULT"] = "spin"
    with in_window():
        bpy.ops.face_solve.solve_range(frame_start=2, frame_end=fixed)
    yield from wait(lambda: current.running() is None)
    yield from wait(lambda: True)
    after = _locations()
    assert after[fixed] == 0.5
    assert after[5] == before[5]
    assert after[4] == 0.0 != before[4]  # the test's other motion stays at the origin
    assert all(after[frame] == value for frame, value in before.items() if not 2 <= frame <= fixed)
    scene.frame_set(5)
    yield from picture("review-fixed")
    REPORT["a fix and a locked frame outlast a range solved again"] = ""
    return before


def _undo_and_reload(before):
    after = _locations()
    with in_window():
        bpy.ops.ed.undo()
    yield
    assert _locations() == before
    with in_window():
        bpy.ops.ed.redo()
    yield
    assert _locations() == after
    path = os.path.join(tempfile.mkdtemp(dir=harness.FOLDER), "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    with in_window():
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False)
    yield
    assert _locations() == after
    assert keyed(bpy.data.objects["Head"]) == len(after)
    assert [item.frame for item in bpy.context.scene.face_solve.locked_frames] == [5]
    REPORT["undo, redo, save and reload"] = ""


def _installation():
    os.environ.pop("FACE_SOLVE_PYTHON", None)
    with in_window():
        bpy.ops.face_solve.preferences()
    yield
    preferences = next(one for one in bpy.context.window_manager.windows if one.screen.areas[0].type == "PREFERENCES")
    step = harness.module("worker.installer").Step
    install = harness.module("runs.install")
    os.environ["XDG_DATA_HOME"] = str(harness.FOLDER)
    chatter = "import time\nfor i in range(25): print('Collecting package', i, flush=True)\ntime.sleep(30)"
    install.start([step("Installing what the solver needs", ["python3", "-c", chatter], 1.0, online=True)], "cpu")
    install.run_in_timer()
    yield from wait(lambda: install.running().fraction > 0.5)
    yield from picture("preferences-installing", preferences)
    with in_window():
        bpy.ops.face_solve.cancel_install()
    yield from wait(lambda: not bpy.app.timers.is_registered(install.tick))
    yield from picture("preferences", preferences)
    assert "stopped" in install.verdict()
    REPORT["the installation runs in the background and is stopped"] = ""


def story():
    for step in (_set_up, _stages, _step_through_bad_frames, _click_a_bar, _curve_is_drawn):
        yield from step()
    before = yield from _fix_and_solve_again()
    yield from _undo_and_reload(before)
    yield from _installation()


window_tools.tell(story)
