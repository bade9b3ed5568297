"""Runs inside a Blender window: shows the demo's solved shot with its overlays, and takes the documents' pictures."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "inside"))
import bpy
import harness
import head_scene
import window_tools
from window_tools import in_window, picture, show_only, viewport

SHOT, HEAD, PLATES = map(Path, sys.argv[-3:])
LAYERS = ("shaded", "wireframe", "landmarks", "flow", "wipe", "regions")


def show(overlays, *layers, **values):
    for layer in LAYERS:
        setattr(overlays, layer, layer in layers)
    for name, value in values.items():
        setattr(overlays, name, value)


def fill(space, covered=0):
    """Look through the camera, its frame as large as the region's free part.

    `covered` pixels on the right are not free.
    """
    region = next(one for one in viewport().regions if one.type == "WINDOW")
    view, view_of = space.region_3d, harness.module("overlay.view").view_of
    view.view_perspective = "CAMERA"
    for zoom in range(30, -20, -1):
        view.view_camera_zoom, view.view_camera_offset = zoom, (0.0, 0.0)
        with in_window(), bpy.context.temp_override(region=region):
            bpy.ops.wm.redraw_timer(type="DRAW", iterations=1)
            place = view_of(bpy.context).frame()
        if place.x_unit <= region.width - covered and place.y_unit <= region.height:
            break
    view.view_camera_offset = (0.5 * covered / region.width / 1.0, 0.0)


def story():
    document = json.loads((SHOT / "shot.json").read_text())
    window_tools.show_sidebar()
    yield
    window_tools.click_tab()
    yield
    for one in list(bpy.data.objects):
        bpy.data.objects.remove(one)
    scene = bpy.context.scene
    plates = sorted(PLATES.glob("*.jpg"))
    camera = head_scene.make_camera(document["cameras"][0], plates[0], int(plates[0].stem), len(plates))
    head_scene.make_head(HEAD, "Actor")
    scene.frame_start, scene.frame_end = document["frames"][0], document["frames"][-1]
    with in_window():
        bpy.ops.face_solve.setup_from_scene()
        bpy.ops.face_solve.import_solution(filepath=str(SHOT / "SOLUTION.npz"))
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = None
    space = viewport().spaces.active
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = space.overlay.show_cursor = False
    space.show_gizmo = space.show_region_toolbar = space.overlay.show_text = False
    solved = sorted(item.frame for item in scene.face_solve.results if item.status == "solved")
    scene.frame_set(solved[len(solved) // 2])
    camera.data.passepartout_alpha = 1.0
    overlays = scene.face_solve.overlays
    overlays.show = overlays.hide_head = True
    if os.environ.get("FACE_SOLVE_SMALL"):
        with in_window():
            bpy.ops.screen.screen_full_area(use_hide_panels=True)
        yield
        yield
        space = viewport().spaces.active
        space.show_gizmo = space.overlay.show_text = space.show_region_toolbar = space.show_region_ui = False
        fill(space)
        show(overlays, "wireframe", "landmarks")
        yield from picture("overlay-landmarks")
        show(overlays, "landmarks", "regions", residual_stretch=8.0)
        yield from picture("overlay-regions")
        show(overlays, "flow", opacity=0.7)
        yield from picture("overlay-flow")
        show(overlays, "shaded", "wireframe", "wipe", opacity=1.0)
        yield from picture("overlay-wipe")
    else:
        show_only("FACE_SOLVE_PT_overlays")
        scene.face_solve.review = True
        yield
        fill(space, next(one for one in viewport().regions if one.type == "UI").width)
        show(overlays, "shaded", "wireframe", "landmarks", "wipe", opacity=0.9)
        yield from picture("overlay-tool")


window_tools.tell(story)
