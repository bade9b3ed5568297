"""Runs inside Blender: what the overlays read of a mesh at every change of the frame is read fast."""

import os
import sys
import time
from array import array

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness

SIDE = 100


def make_grid():
    mesh = bpy.data.meshes.new("Grid")
    faces = [
        (first, first + 1, first + SIDE + 1, first + SIDE) for first in range(SIDE * (SIDE - 1)) if (first + 1) % SIDE
    ]
    mesh.from_pydata([(i % SIDE, i // SIDE, 0) for i in range(SIDE * SIDE)], [], faces)
    mesh.calc_loop_triangles()
    return mesh


def check_indices_are_read_into_what_blender_itself_holds():
    """Into an array of another type Blender converts number by number, which takes several times as long."""
    mesh, indices = make_grid(), harness.module("overlay.head_mesh").indices

    def best(rows, values):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            rows.foreach_get("vertices", values)
            times.append(time.perf_counter() - start)
        return min(times)

    for rows, width in ((mesh.loop_triangles, 3), (mesh.edges, 2)):
        count = width * len(rows)
        ours, converted = indices(count), array("i", bytes(4 * count))
        fast, slow = (best(rows, values) for values in (ours, converted))
        assert list(ours) == list(converted)
        assert fast < 0.6 * slow, (fast, slow)


def solve_with_overlays(scene, face, value):
    """Import the known motion with an overlay file whose landmarks all have one value."""
    npz = harness.module("scene.shot.npz")
    path = harness.FOLDER / "SOLUTION.npz"
    npz.write_npz(path, harness.solution_arrays(face))
    landmarks = npz.Array(array("f", [value] * 12), (2, 3, 2))
    npz.write_npz(harness.FOLDER / "SOLUTION.overlay.npz", {"landmarks/Cam/3": landmarks})
    bpy.ops.face_solve.import_solution(filepath=str(path))


def drawn(scene):
    sidecar = harness.module("overlay.plate_overlay").sidecar_of(scene.face_solve)
    return None if sidecar is None else sidecar.landmarks("Cam", 3)[0][0]


def check_what_is_drawn_is_of_what_plays():
    """After an undo, another take, a Save As, and both together."""
    scene, face, _camera = harness.ready_scene(saved="drawn")
    overlays = scene.face_solve.overlays
    assert drawn(scene) is None
    solve_with_overlays(scene, face, 1.0)
    before = (overlays.file, overlays.file_there)
    solve_with_overlays(scene, face, 2.0)
    assert drawn(scene) == 2.0
    bpy.ops.face_solve.swap_takes()
    assert drawn(scene) == 1.0
    bpy.ops.face_solve.swap_takes()
    after = (overlays.file, overlays.file_there)
    overlays.file, overlays.file_there = before  # as an undo leaves them
    assert drawn(scene) == 1.0
    overlays.file, overlays.file_there = after
    other = harness.FOLDER / "elsewhere" / "shot_v2.blend"
    other.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    scene = bpy.context.scene
    assert drawn(scene) == 2.0
    solve_with_overlays(scene, bpy.data.objects["Head"], 3.0)  # into the new file's folder, with the frames of before
    assert drawn(scene) == 3.0
    assert other.parent in harness.module("scene.results.overlays").overlay_file(scene).parents
    bpy.ops.face_solve.swap_takes()
    assert drawn(scene) == 2.0


def check_overlay_files_do_not_pile_up():
    scene, face, _camera = harness.ready_scene(saved="piled")
    for number in range(30):
        solve_with_overlays(scene, face, float(number))
    folder = harness.module("scene.results.overlays").overlay_file(scene).parent
    takes = harness.module("scene.takes.takes").KEPT_TAKES
    files = [one for one in folder.iterdir() if one.name.startswith("overlay_")]
    assert takes <= len(files) <= takes + 13, len(files)
    assert drawn(scene) == 29.0
    for take in list(scene.face_solve.takes):
        bpy.ops.face_solve.play_take(take=take.name)
        assert drawn(scene) is not None


def check_a_head_that_is_seen_through_can_be_selected():
    scene, face, _camera = harness.ready_scene()
    overlays = scene.face_solve.overlays
    overlays.show = overlays.see_through = True
    assert (face.display_type, face.visible_get()) == ("WIRE", True)
    overlays.see_through, overlays.hide_head = False, True
    assert (face.display_type, face.hide_get()) == ("TEXTURED", True)
    overlays.show = False  # a hidden head would leave nothing to be seen
    assert not face.hide_get()


harness.run(globals())
