"""The overlays in a real Blender 3.4 window.

Each is drawn where its data is, a switch takes it away, and redraws rebuild nothing.
"""

import os
import sys
from array import array
from math import cos, pi, sin

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
import window_tools
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
from window_tools import REPORT, count, in_window, picture, pixels, show_only, viewport

WIDTH, HEIGHT = 320, 240
SPOTS = [(60, 40), (250, 60), (80, 200), (160, 120), (270, 190)]  # plate pixels with a blue square around them
PLATE, RENDER, LINE, WIRE, FLOW = (0, 1, 0), (1, 0.3, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1)
GREY, BLUE = 110, (0, 0, 255)
BEHIND = (GREY / 255,) * 3  # the plate, where nothing is drawn over it


def round_head():
    """A ball of 400 vertices with a shape key that moves its right side."""
    rings, around, radius = 20, 20, 0.12
    places = [
        (
            radius * sin(pi * (i + 0.5) / rings) * cos(2 * pi * k / around),
            radius * sin(pi * (i + 0.5) / rings) * sin(2 * pi * k / around),
            radius * cos(pi * (i + 0.5) / rings),
        )
        for i in range(rings)
        for k in range(around)
    ]
    faces = [
        (i * around + k, (i + 1) * around + k, (i + 1) * around + (k + 1) % around, i * around + (k + 1) % around)
        for i in range(rings - 1)
        for k in range(around)
    ]
    mesh = bpy.data.meshes.new("Head")
    mesh.from_pydata(places, [], faces)
    mesh.update()
    face = bpy.data.objects.new("Head", mesh)
    bpy.context.scene.collection.objects.link(face)
    face.shape_key_add(name="Basis")
    key = face.shape_key_add(name="jawOpen", from_mix=False)
    for point, place in zip(key.data, places, strict=True):
        point.co.x += 0.05 if place[0] > 0 else 0.0
    return face


def plated_camera():
    """A camera before the head, with a plate that has squares at SPOTS."""
    camera = bpy.data.objects.new("Cam", bpy.data.cameras.new("Cam"))
    bpy.context.scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0.02, -1.0, 0.01), (1.56, 0.03, 0.02)
    bpy.context.scene.camera = camera
    for number in (1, 2):
        harness.write_png(
            harness.FOLDER / "spots" / f"p_{number:04d}.png", WIDTH, HEIGHT, GREY, [(x, y, BLUE) for x, y in SPOTS]
        )
    entry = camera.data.background_images.new()
    entry.image = bpy.data.images.load(str(harness.FOLDER / "spots" / "p_0001.png"))
    entry.image.source = "SEQUENCE"
    entry.alpha, entry.display_depth = 1.0, "BACK"
    entry.image_user.frame_start, entry.image_user.frame_duration = 1, 2
    entry.image_user.use_auto_refresh = True
    camera.data.show_background_images = True
    return camera


def write_sidecar(path):
    """Landmarks at SPOTS, the render's 12 pixels to the right of the plate's, for frame 1 alone.

    Flow over a square of 40 pixels.
    """
    npz = harness.module("scene.shot.npz")
    on_plate = array("f", [value for x, y in SPOTS for value in (x + 0.5, y + 0.5)])
    on_render = array("f", [value for x, y in SPOTS for value in (x + 12.5, y + 0.5)])
    side, pixel = 8, bytes(round(255 * value) for value in (*FLOW, 1))
    arrays = {
        "regions": npz.Array(["brows", "lips"], (2,)),
        "region": npz.Array(array("B", [0, 0, 1, 1, 1]), (5,)),
        "size/Cam": npz.Array(array("i", [WIDTH, HEIGHT]), (2,)),
        "landmarks/Cam/1": npz.Array(on_plate + on_render, (2, 5, 2)),
        "flow/Cam/1": npz.Array(array("B", pixel * side * side), (side, side, 4)),
        "crop/Cam/1": npz.Array(array("d", [5, 0, 180, 0, 5, 40]), (2, 3)),
    }
    npz.write_npz(path, arrays)


def region():
    return next(one for one in viewport().regions if one.type == "WINDOW")


def seen():
    """The viewport as the overlays see it."""
    with in_window(), bpy.context.temp_override(region=region()):
        return harness.module("overlay.view").view_of(bpy.context)


def on_screen(u, v):
    """Where a plate pixel (continuous) is in the window."""
    x, y = seen().plate((WIDTH, HEIGHT)).at(u, v)
    return region().x + x, region().y + y


def around(name, u, v, reach):
    """Pixels of a picture around a place of the plate."""
    x, y = on_screen(u, v)
    return pixels(name, (x - reach, y - reach, 2 * reach, 2 * reach))


def whole(name):
    """Pixels of the viewport in a picture."""
    frame = region()
    return pixels(name, (frame.x, frame.y, frame.width, frame.height - 40))


def only(overlays, *layers):
    for layer in ("shaded", "wireframe", "landmarks", "flow", "wipe", "regions"):
        setattr(overlays, layer, layer in layers)


def shot(name):
    """A picture of the window as it is now."""
    viewport().tag_redraw()
    bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
    with in_window():
        bpy.ops.screen.screenshot(filepath=str(window_tools.PICTURES / f"{name}.png"))


def redraw(times=1):
    """Draw the viewport alone."""
    with in_window(), bpy.context.temp_override(region=region()):
        bpy.ops.wm.redraw_timer(type="DRAW", iterations=times)


def check_places():
    """A plate pixel is where Blender shows the 3D points that the camera sees there.

    For every lens, format and zoom of the view.
    """
    scene, camera = bpy.context.scene, bpy.data.objects["Cam"]
    sampling, plates = harness.module("scene.shot.sampling"), harness.module("scene.camera.plate")
    model = harness.module("scene.camera.camera_model")
    space, data, render = viewport().spaces.active, camera.data, scene.render
    cases = [
        ("AUTO", 320, 240, 1.0, 0.0, 0.0, "FIT"),
        ("HORIZONTAL", 300, 400, 1.0, 0.1, -0.2, "FIT"),
        ("VERTICAL", 400, 200, 1.5, -0.15, 0.1, "CROP"),
        ("AUTO", 200, 400, 1.0, 0.2, 0.05, "STRETCH"),
        ("AUTO", 400, 300, 2.0, 0.0, 0.3, "FIT"),
    ]
    for fit, wide, high, aspect, right, up, method in cases:
        data.sensor_fit, data.shift_x, data.shift_y = fit, right, up
        render.resolution_x, render.resolution_y, render.pixel_aspect_y = wide, high, aspect
        data.background_images[0].frame_method = method
        for zoom, offset in ((0.0, (0.0, 0.0)), (12.0, (0.07, -0.04)))[: 2 if fit == "AUTO" else 1]:
            space.region_3d.view_camera_zoom, space.region_3d.view_camera_offset = zoom, offset
            redraw()
            view = seen()
            lens = model.intrinsics(
                sampling.read_lens(data), sampling.read_format(scene), plates.backdrop(camera, (WIDTH, HEIGHT))
            )
            for place in (Vector((0.1, 0.2, 0.05)), Vector((-0.2, 1.0, -0.1)), Vector((0.0, 3.0, 0.3))):
                x, y, z = view.to_camera @ place
                u, v = lens[2] + lens[0] * x / -z, lens[3] - lens[1] * y / -z
                expected = location_3d_to_region_2d(region(), space.region_3d, place)
                harness.close(view.plate((WIDTH, HEIGHT)).at(u, v), expected, 0.02)
    data.sensor_fit, data.shift_x, data.shift_y = "AUTO", 0.0, 0.0
    render.resolution_x, render.resolution_y, render.pixel_aspect_y = WIDTH, HEIGHT, 1.0
    data.background_images[0].frame_method = "FIT"
    space.region_3d.view_camera_zoom, space.region_3d.view_camera_offset = 10.0, (0.0, 0.0)


def _overlays():
    return bpy.context.scene.face_solve.overlays


def _box_of_the_head():
    """(x, y, width, height) in the window of what holds the head."""
    face = bpy.data.objects["Head"]
    corners = [
        location_3d_to_region_2d(region(), viewport().spaces.active.region_3d, face.matrix_world @ Vector(corner))
        for corner in face.bound_box
    ]
    low = [min(corner[axis] for corner in corners) for axis in (0, 1)]
    high = [max(corner[axis] for corner in corners) for axis in (0, 1)]
    return (region().x + low[0] - 1, region().y + low[1] - 1, high[0] - low[0] + 2, high[1] - low[1] + 2)


def _set_up():
    window_tools.show_sidebar()
    yield
    window_tools.click_tab()
    yield
    show_only("FACE_SOLVE_PT_overlays")
    scene = bpy.context.scene
    for one in list(bpy.data.objects):
        bpy.data.objects.remove(one)
    face = round_head()
    plated_camera()
    scene.frame_start, scene.frame_end = 1, 2
    scene.frame_set(1)
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    with in_window():
        bpy.ops.face_solve.setup_from_scene()
    overlays = _overlays()
    write_sidecar(harness.FOLDER / "overlay.npz")
    overlays.file = str(harness.FOLDER / "overlay.npz")
    overlays.plate_color, overlays.render_color = (*PLATE, 1), (*RENDER, 1)
    overlays.residual_color, overlays.wire_color = (*LINE, 1), (*WIRE, 1)
    overlays.opacity, overlays.shaded_color = 1.0, (0.9, 0.1, 0.1, 1)
    overlays.hide_head = True
    assert face.hide_get()


def _look_through_the_camera():
    bpy.ops.object.select_all(action="DESELECT")  # the selected camera's frame is orange
    bpy.context.view_layer.objects.active = None
    viewport().spaces.active.region_3d.view_perspective = "CAMERA"
    viewport().spaces.active.region_3d.view_perspective = "CAMERA"
    yield from picture("overlay-panel")
    with in_window():
        bpy.ops.screen.screen_full_area(use_hide_panels=True)  # less to draw
    yield
    yield
    space = viewport().spaces.active
    space.show_region_ui = False
    space.overlay.show_floor = space.overlay.show_cursor = space.show_gizmo = space.show_region_toolbar = False
    yield
    redraw(2)
    check_places()
    REPORT["a plate's pixel is where Blender shows what the camera sees there"] = ""


def _switched_off():
    """What the viewport shows without overlays; then they are switched on."""
    shot("overlay-off")
    plain = whole("overlay-off")
    for color in (PLATE, RENDER, LINE, WIRE, FLOW):
        assert count(plain, color) == 0, color
    for x, y in SPOTS:  # the plate itself is where its pixels are said to be
        assert count(around("overlay-off", x + 0.5, y + 0.5, 4), (0, 0, 1)) > 40
    _overlays().show = True
    return plain


def _landmarks():
    overlays = _overlays()
    only(overlays, "landmarks")
    shot("overlay-landmarks")
    for x, y in SPOTS:
        assert count(around("overlay-landmarks", x + 0.5, y + 0.5, 2), PLATE) >= 6, (x, y)
        assert count(around("overlay-landmarks", x + 12.5, y + 0.5, 4), RENDER) >= 6, (x, y)
        assert count(around("overlay-landmarks", x + 6.5, y + 0.5, 3), LINE, 0.35) >= 4, (x, y)
        assert count(around("overlay-landmarks", x - 6.5, y + 0.5, 3), LINE, 0.35) == 0, (x, y)
    overlays.regions = True
    shot("overlay-regions")
    colors = harness.module("overlay.marks").REGION_COLORS
    for (x, y), name in zip(SPOTS, ("brows", "brows", "lips", "lips", "lips"), strict=True):
        assert count(around("overlay-regions", x + 0.5, y + 0.5, 2), colors[name]) >= 6, name
    REPORT["landmarks are drawn at their plate pixels"] = ""


def _flow():
    overlays = _overlays()
    only(overlays, "flow")
    shot("overlay-flow")
    inside = around("overlay-flow", 200, 60, 12)
    assert count(inside, FLOW) == len(inside)
    assert count(around("overlay-flow", 172, 60, 4), FLOW) == 0
    assert count(around("overlay-flow", 228, 60, 4), FLOW) == 0
    overlays.opacity = 0.5
    shot("overlay-flow-half")
    mixed = around("overlay-flow-half", 200, 60, 4)
    print("HALF", mixed[0])
    assert count(mixed, (0.5 + 0.5 * GREY / 255, 0.5 * GREY / 255, 0.5 + 0.5 * GREY / 255)) == len(mixed), mixed[0]
    overlays.opacity = 1.0
    REPORT["flow is drawn on its crop, as strong as the opacity says"] = ""


def _head():
    overlays = _overlays()
    only(overlays, "wireframe")
    shot("overlay-wireframe")
    box = _box_of_the_head()
    wires = count(pixels("overlay-wireframe", box), WIRE, 0.4)
    assert wires > 300, wires
    assert count(whole("overlay-wireframe"), WIRE, 0.4) == wires
    only(overlays, "shaded")
    shot("overlay-shaded")
    middle = pixels("overlay-shaded", (box[0] + 0.4 * box[2], box[1] + 0.4 * box[3], 0.2 * box[2], 0.2 * box[3]))
    assert count(middle, BEHIND, 0.05) == 0
    corner = pixels("overlay-shaded", (box[0], box[1], 0.1 * box[2], 0.1 * box[3]))  # the ball does not reach there
    assert count(corner, BEHIND, 0.05) == len(corner)
    REPORT["head and wireframe are drawn where the head is"] = ""


def _wipe():
    overlays, box = _overlays(), _box_of_the_head()
    only(overlays, "shaded", "wireframe", "flow", "wipe")
    overlays.wipe_position = 0.5
    shot("overlay-wipe")
    x, _y = on_screen(WIDTH / 2, 0)
    left = pixels("overlay-wipe", (box[0], box[1], x - 5 - box[0], box[3]))
    right = pixels("overlay-wipe", (x + 5, box[1] + 0.4 * box[3], 20, 0.2 * box[3]))
    assert count(left, BEHIND, 0.05) + count(left, (0, 0, 1)) > 0.97 * len(left)
    assert count(right, BEHIND, 0.05) == 0
    assert count(around("overlay-wipe", 200, 60, 4), FLOW) == 64
    line = pixels("overlay-wipe", (x - 1, box[1] - 20, 2, 10))
    assert count(line, (1, 1, 1), 0.3) >= 10, line[:4]
    overlays.wipe_position = 0.7
    shot("overlay-wipe-right")
    assert count(around("overlay-wipe-right", 200, 60, 4), FLOW) == 0
    assert overlays.wipe
    REPORT["the wipe splits plate and render"] = ""


def _wipe_is_dragged():
    overlays = _overlays()
    for last, expected in ((("LEFTMOUSE", "PRESS"), 0.25), (("ESC", "PRESS"), 0.7)):
        overlays.wipe_position = 0.7
        with in_window(), bpy.context.temp_override(region=region()):
            bpy.ops.face_solve.drag_wipe("INVOKE_DEFAULT")
        x, y = map(round, on_screen(0.25 * WIDTH, HEIGHT / 2))
        window_tools.window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
        yield
        yield
        harness.close(overlays.wipe_position, 0.25, 0.01)
        window_tools.window().event_simulate(type=last[0], value=last[1], x=x, y=y)
        yield
        yield
        harness.close(overlays.wipe_position, expected, 0.01)
    window_tools.window().event_simulate(type="LEFTMOUSE", value="RELEASE", x=x, y=y)
    REPORT["the wipe's line is dragged, and put back"] = ""


def _nothing_is_rebuilt():
    overlay, overlays, scene = harness.module("overlay.plate_overlay"), _overlays(), bpy.context.scene
    face, camera = bpy.data.objects["Head"], bpy.data.objects["Cam"]
    only(overlays, "shaded", "wireframe", "landmarks", "flow", "wipe")
    redraw()
    before = overlay.builds()
    redraw(5)
    assert overlay.builds() == before
    camera.data.shift_x = 0.1  # another view of the same head: drawn anew, not read anew
    redraw(2)
    after = overlay.builds()
    assert after["head"] == before["head"] + 1
    assert {**after, "head": 0} == {**before, "head": 0}
    camera.data.shift_x = 0.0
    face.location.x = 0.01
    redraw(2)
    assert overlay.builds()["mesh"] == before["mesh"]
    face.location.x = 0.0
    redraw(2)
    before = overlay.builds()
    face.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    redraw(3)
    after = overlay.builds()
    assert (after["mesh"], after["head"]) == (before["mesh"] + 1, before["head"] + 1), (before, after)
    assert (after["landmarks"], after["flow"]) == (before["landmarks"], before["flow"])
    scene.frame_set(2)
    redraw(3)
    now = overlay.builds()
    assert (now["landmarks"], now["flow"]) == (before["landmarks"] + 1, before["flow"] + 1)
    REPORT["nothing is rebuilt when nothing changed"] = ""


def _nothing_is_left(plain):
    overlays, scene = _overlays(), bpy.context.scene
    only(overlays, "landmarks", "flow")
    shot("overlay-no-data")
    assert count(whole("overlay-no-data"), PLATE) == count(whole("overlay-no-data"), FLOW) == 0
    scene.frame_set(1)
    only(overlays, "shaded", "wireframe", "landmarks", "flow")
    overlays.show = False  # which shows a hidden head again
    overlays.hide_head = True
    shot("overlay-off-again")
    assert whole("overlay-off-again") == plain
    overlays.show = True
    viewport().spaces.active.region_3d.view_perspective = "PERSP"
    shot("overlay-not-through-the-camera")
    for color in (PLATE, RENDER, WIRE, FLOW):
        assert count(whole("overlay-not-through-the-camera"), color) == 0, color
    viewport().spaces.active.region_3d.view_perspective = "CAMERA"
    REPORT["switched off, or not through the camera, nothing is left"] = ""


def _another_scene():
    scene = bpy.context.scene
    second = bpy.data.scenes.new("Second")
    window_tools.window().scene = second
    yield
    shot("overlay-second-scene")
    window_tools.window().scene = scene
    yield
    redraw()
    bpy.data.scenes.remove(second)
    viewport().spaces.active.region_3d.view_perspective = "CAMERA"  # a scene without a camera had ended it
    only(_overlays(), "wireframe")
    shot("overlay-first-scene")
    assert count(whole("overlay-first-scene"), WIRE, 0.4) > 300
    REPORT["another scene and back"] = ""


def _without_its_head():
    bpy.ops.ed.undo_push(message="before")
    _overlays().hide_head = False
    bpy.ops.ed.undo_push(message="after")
    with in_window():
        bpy.ops.ed.undo()
    redraw(2)
    bpy.data.objects.remove(bpy.data.objects["Head"])
    only(_overlays(), "shaded", "wireframe", "landmarks")
    shot("overlay-no-head")
    where_it_was = around("overlay-no-head", 140, 100, 8)
    assert count(where_it_was, BEHIND, 0.05) == len(where_it_was)
    assert count(whole("overlay-no-head"), PLATE) > 20
    REPORT["without its head the rest is drawn"] = ""


def story():
    yield from _set_up()
    yield from _look_through_the_camera()
    plain = _switched_off()
    _landmarks()
    _flow()
    _head()
    _wipe()
    yield from _wipe_is_dragged()
    _nothing_is_rebuilt()
    _nothing_is_left(plain)
    yield from _another_scene()
    _without_its_head()


window_tools.tell(story)
