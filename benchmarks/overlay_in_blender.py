"""Runs inside a Blender window: times what the overlays add to a redraw; benchmarks/overlay.py starts it."""

import json
import random
import sys
import time
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blender_tests" / "inside"))
import bpy
import gpu
import harness
import window_tools
from head_scene import make_head
from mathutils import Vector
from window_tools import in_window, viewport

HEAD, OUT = map(Path, sys.argv[-2:])
FRAMES, STILL, WIDTH, HEIGHT = 6, 21, 1920, 1080
SOLVED = 240  # frames in the overlay file: a shot's
LANDMARKS, SIDE = 468, 107
CASES = {
    "switched off": None,
    "wireframe": ("wireframe",),
    "shaded head": ("shaded",),
    "landmarks, residuals": ("landmarks",),
    "flow": ("flow",),
    "everything": ("shaded", "wireframe", "landmarks", "flow", "wipe"),
}
TIMES = []
REPEAT = [1]


def finish():
    """Wait until everything that was asked of the graphics card is drawn."""
    gpu.state.active_framebuffer_get().read_color(0, 0, 1, 1, 4, 0, "UBYTE")


def timed_draw():
    """The add-on's draw handler, timed as often as asked for within one of Blender's own redraws."""
    for _ in range(REPEAT[0]):
        time_once()


def time_once():
    """What the overlays take, the graphics card included."""
    finish()
    start = time.perf_counter()
    harness.module("overlay.plate_overlay").draw()
    finish()
    TIMES.append(1e3 * (time.perf_counter() - start))


def redraw(times=1):
    region = next(one for one in viewport().regions if one.type == "WINDOW")
    with in_window(), bpy.context.temp_override(region=region):
        bpy.ops.wm.redraw_timer(type="DRAW", iterations=times)
    return region


def median():
    found = sorted(TIMES)[len(TIMES) // 2]
    TIMES.clear()
    return found


def write_sidecar(path):
    npz = harness.module("scene.shot.npz")
    rng = random.Random(1)
    arrays = {
        "regions": npz.Array(["brows", "lips"], (2,)),
        "region": npz.Array(array("B", [i % 2 for i in range(LANDMARKS)]), (LANDMARKS,)),
        "size/Camera": npz.Array(array("i", [WIDTH, HEIGHT]), (2,)),
    }
    for frame in range(1, SOLVED + 1):
        points = array("f", [rng.uniform(300, 800) for _ in range(4 * LANDMARKS)])
        arrays[f"landmarks/Camera/{frame}"] = npz.Array(points, (2, LANDMARKS, 2))
        arrays[f"flow/Camera/{frame}"] = npz.Array(array("B", [200] * (4 * SIDE * SIDE)), (SIDE, SIDE, 4))
        arrays[f"crop/Camera/{frame}"] = npz.Array(array("d", [5, 0.5, 600, -0.5, 5, 250]), (2, 3))
    npz.write_npz(path, arrays)


def make_scene():
    for one in list(bpy.data.objects):
        bpy.data.objects.remove(one)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    head = make_head(HEAD)
    rng = random.Random(2)
    for block in list(head.data.shape_keys.key_blocks)[1:]:
        for frame in range(1, FRAMES + 1):
            block.value = rng.uniform(0.0, 0.3)
            block.keyframe_insert("value", frame=frame)
    corners = [Vector(corner) for corner in head.bound_box]
    low, high = (Vector(map(pick, zip(*corners, strict=True))) for pick in (min, max))
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.location = 0.5 * (low + high) + Vector((0.0, -2.6 * (high.z - low.z), 0.0))
    camera.rotation_euler = (1.5708, 0.0, 0.0)
    harness.write_png(harness.FOLDER / "plate.png", WIDTH, HEIGHT)
    camera.data.background_images.new().image = bpy.data.images.load(str(harness.FOLDER / "plate.png"))
    camera.data.show_background_images = True
    return scene, head


def story():
    scene, head = make_scene()
    settings = scene.face_solve
    settings.face = head
    settings.cameras.add().camera = scene.camera
    write_sidecar(harness.FOLDER / "overlay.npz")
    overlays = settings.overlays
    overlays.file = str(harness.FOLDER / "overlay.npz")
    overlays.hide_head = True
    viewport().spaces.active.shading.type = "WIREFRAME"
    with in_window():
        bpy.ops.screen.screen_full_area(use_hide_panels=True)
    yield
    yield
    space = viewport().spaces.active
    space.show_region_ui = space.show_gizmo = False
    space.region_3d.view_perspective = "CAMERA"
    overlay = harness.module("overlay.plate_overlay")
    overlay.unregister()  # its handler is timed in its place
    handle = bpy.types.SpaceView3D.draw_handler_add(timed_draw, (), "WINDOW", "POST_PIXEL")
    for name, handler in overlay._HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)
    print("scene made", flush=True)
    region = redraw()
    results = {"vertices": len(head.data.vertices), "region": [region.width, region.height], "cases": {}}
    for name, layers in CASES.items():
        overlays.show = layers is not None
        for layer in ("shaded", "wireframe", "landmarks", "flow", "wipe"):
            setattr(overlays, layer, layer in (layers or ()))
        scene.frame_set(1)
        redraw()
        median()
        before = overlay.builds()
        REPEAT[0] = STILL
        redraw()
        REPEAT[0] = 1
        case = {"still": median(), "rebuilt": overlay.builds() != before}
        for frame in range(2, FRAMES + 1):
            scene.frame_set(frame)
            redraw()
        case["frame"] = median()
        results["cases"][name] = case
        print(name, case, flush=True)
        yield
    bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
    OUT.write_text(json.dumps(results))


window_tools.tell(story)
