"""Pins in a real Blender 3.4 window, with the real solver.

Clicks put them, the head follows the mouse, and each can be moved, put back, undone, deleted and copied on.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
import heads
import window_tools
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
from window_tools import REPORT, click, count, in_window, picture, pixels, press, region, viewport, wait, window

NEAR = 1.5  # pixels of the screen


def _settings():
    return bpy.context.scene.face_solve


def _head():
    return bpy.data.objects["Head"]


def _handle(index):
    """Where a pin's handle is on the screen."""
    pin = _settings().pins[index]
    with in_window(), bpy.context.temp_override(region=region()):
        place = harness.module("overlay.view").view_of(bpy.context).plate(tuple(pin.size))
    x, y = place.at(*pin.place)
    return Vector((region().x + x, region().y + y))


def _held(index):
    """Where the place of the mesh that a pin holds is on the screen."""
    pin = _settings().pins[index]
    graph = bpy.context.evaluated_depsgraph_get()
    shown = _head().evaluated_get(graph)
    local = sum((shown.data.vertices[v].co * b for v, b in zip(pin.vertices, pin.barycentric, strict=True)), Vector())
    with in_window(), bpy.context.temp_override(region=region()):
        at = location_3d_to_region_2d(region(), viewport().spaces.active.region_3d, shown.matrix_world @ local)
    return Vector((region().x + at.x, region().y + at.y))


def _on_head(x, y):
    """A place of the screen, from the middle of the head, in pixels."""
    with in_window(), bpy.context.temp_override(region=region()):
        at = location_3d_to_region_2d(region(), viewport().spaces.active.region_3d, _head().matrix_world.translation)
    return region().x + at.x + x, region().y + at.y + y


def _mouse(kind, value, place, **keys):
    window().event_simulate(type=kind, value=value, x=round(place[0]), y=round(place[1]), **keys)


def _answered():
    drag = harness.module("runs.drag")
    return wait(lambda: not drag.waiting(), 120.0)


def _drag(start, end, *, release=True, **keys):
    """Press, move in steps as a hand does, and let go."""
    _mouse("MOUSEMOVE", "NOTHING", start)
    yield
    _mouse("LEFTMOUSE", "PRESS", start, **keys)
    yield
    for step in (0.3, 0.7, 1.0):
        _mouse("MOUSEMOVE", "NOTHING", [a + step * (b - a) for a, b in zip(start, end, strict=True)])
        yield
    yield from _answered()
    yield
    if release:
        _mouse("LEFTMOUSE", "RELEASE", end)
        yield
        yield


def _keys_at(frame):
    curve = harness.module("compat").find_curve(_head(), "location", 0)
    return curve is not None and any(round(point.co.x) == frame for point in curve.keyframe_points)


def _pose():
    return (
        tuple(_head().location),
        tuple(_head().rotation_euler),
        tuple(k.value for k in _head().data.shape_keys.key_blocks),
    )


def _same(one, other, within=1e-6):
    return all(abs(a - b) < within for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


def _set_up():
    for one in list(bpy.data.objects):  # of Blender's own start
        bpy.data.objects.remove(one)
    heads.make_head()
    scene = bpy.context.scene
    scene.camera = harness.make_camera()
    scene.frame_start, scene.frame_end = 1, 12
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    with in_window():
        bpy.ops.face_solve.setup_from_scene()
    viewport().spaces.active.shading.type = "SOLID"
    viewport().spaces.active.region_3d.view_perspective = "CAMERA"
    scene.frame_set(3)
    bpy.ops.ed.undo_push(message="ready")
    yield
    with in_window(), bpy.context.temp_override(region=region()):
        assert bpy.ops.face_solve.pin("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    yield


def _one():
    before = _pose()
    start = _on_head(20, 15)
    yield from _drag(start, (start[0] + 40, start[1] - 25))
    pins = _settings().pins
    assert len(pins) == 1, len(pins)
    assert (_held(0) - Vector((start[0] + 40, start[1] - 25))).length < NEAR, (_held(0), start)
    assert (_held(0) - _handle(0)).length < NEAR
    after = _pose()
    assert _same(before[1:], after[1:]), (before, after)  # it moves, and does not turn
    assert _keys_at(3)
    REPORT["one pin moves the head under the mouse"] = ""


def _two():
    before = _pose()
    start = _on_head(-25, 10)
    yield from _drag(start, (start[0] - 10, start[1] + 12))
    assert len(_settings().pins) == 2
    assert all((_held(i) - _handle(i)).length < NEAR for i in range(2))
    after = _pose()
    assert not _same(before[1:2], after[1:2], 0.01)
    assert _same(before[2:], after[2:])
    REPORT["two pins turn it and change its distance"] = ""


def _more():
    for x, y in ((0, -28), (-14, 30)):
        start = _on_head(x, y)
        yield from _drag(start, (start[0] + 4, start[1] + 3))
    assert len(_settings().pins) == 4, len(_settings().pins)
    assert all((_held(i) - _handle(i)).length < 2 * NEAR for i in range(4))
    yield from picture("pins")
    orange = pixels("pins", (_handle(0).x - 8, _handle(0).y - 8, 16, 16))
    assert count(orange, (1.0, 0.62, 0.05)) > 10, "no handle is drawn"
    REPORT["three and more give the full pose, and handles are drawn"] = ""


def _expression():
    before, start = _pose(), _handle(3)
    yield from _drag(start, (start[0], start[1] + 6), shift=True)
    after = _pose()
    assert _same(before[:2], after[:2]), (before, after)
    assert not _same(before[2:], after[2:], 1e-3), (before, after)
    REPORT["with Shift the expression alone follows"] = ""


def _put_back():
    for key in ("ESC", "Z"):
        before, place, start = _pose(), tuple(_settings().pins[0].place), _handle(0)
        yield from _drag(start, (start[0] + 30, start[1] + 30), release=False)
        assert not _same(before, _pose(), 1e-4)
        _mouse(key, "PRESS", (start[0] + 30, start[1] + 30), ctrl=key == "Z")
        _mouse(key, "RELEASE", (start[0] + 30, start[1] + 30))
        yield
        _mouse("LEFTMOUSE", "RELEASE", (start[0] + 30, start[1] + 30))
        yield
        assert _same(before, _pose(), 1e-5), (key, before, _pose())
        assert tuple(_settings().pins[0].place) == place
        assert len(_settings().pins) == 4
    REPORT["Esc and an undo in the middle of a drag put it back"] = ""


def _undone():
    before, start = _pose(), _handle(0)
    yield from _drag(start, (start[0] + 10, start[1]))
    moved = tuple(_settings().pins[0].place)
    after = _pose()
    bpy.ops.ed.undo()
    yield
    assert _same(before, _pose(), 1e-5)
    assert tuple(_settings().pins[0].place) != moved
    bpy.ops.ed.redo()
    yield
    assert _same(after, _pose(), 1e-5)
    assert tuple(_settings().pins[0].place) == moved
    REPORT["one undo step takes a drag back, and redo brings it"] = ""


def _off_the_picture():
    start = _handle(0)
    frame = region()
    yield from _drag(start, (frame.x + frame.width - 2, start[1]), release=False)
    pin = _settings().pins[0]
    assert 0.0 <= pin.place[0] <= pin.size[0], tuple(pin.place)
    press("ESC")
    yield
    _mouse("LEFTMOUSE", "RELEASE", start)
    yield
    beside = (region().x + region().width * 0.5, region().y + region().height - 60)
    before = len(_settings().pins)
    click(*beside)
    yield
    assert len(_settings().pins) == before
    REPORT["a pin stays in the picture, and a click beside the head is Blender's"] = ""


def _deleted_and_copied():
    _mouse("MOUSEMOVE", "NOTHING", _handle(1))
    yield
    _mouse("X", "PRESS", _handle(1))
    _mouse("X", "RELEASE", _handle(1))
    yield
    assert len(_settings().pins) == 3
    at = _handle(0)
    _mouse("C", "PRESS", at)
    _mouse("C", "RELEASE", at)
    yield
    yield
    assert bpy.context.scene.frame_current == 4
    assert sorted(pin.frame for pin in _settings().pins) == [3, 3, 3, 4, 4, 4]
    REPORT["X deletes a pin, and C copies the frame's on"] = ""


def _kept():
    press("ESC")
    yield
    yield
    assert not harness.module("overlay.pin_handles").active()
    path = str(harness.FOLDER / "shot_v001.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    places = [tuple(pin.place) for pin in _settings().pins]
    bpy.ops.wm.save_as_mainfile(filepath=path.replace("v001", "v002"))
    bpy.ops.wm.open_mainfile(filepath=path.replace("v001", "v002"))
    yield
    assert [tuple(pin.place) for pin in _settings().pins] == places
    REPORT["pins are in the file, and in its next version"] = ""


def story():
    for step in (
        _set_up,
        _one,
        _two,
        _more,
        _expression,
        _put_back,
        _undone,
        _off_the_picture,
        _deleted_and_copied,
        _kept,
    ):
        yield from step()


window_tools.tell(story)
