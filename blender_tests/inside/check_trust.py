"""What a stranger's files may do: nothing is keyed of a bad one, and a good one heals what a bad one did."""

import os
import sys
import time
import zipfile
from array import array

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import ready_scene, refused, world_matches

FARTHEST = 1_048_574
NAN, INF = float("nan"), float("inf")


def spoil(arrays, name, index, value):
    """The arrays with one value of one of them changed."""
    block = arrays[name]
    values = block.values[:] if isinstance(block.values, list) else array(block.values.typecode, block.values)
    values[index] = value
    return {**arrays, name: type(block)(values, block.shape)}


def write(arrays):
    path = harness.FOLDER / "SOLUTION.npz"
    harness.module("scene.shot.npz").write_npz(path, arrays)
    return str(path)


BAD = (
    ("rotation", 9 * 3, NAN, "rotation holds something that is not a number at frame 4"),
    ("rotation", 0, 3.0, "rotation"),
    ("rotation", 0, 0.5, "rotation is no rotation at frame 1"),
    ("translation", 4, INF, "translation"),
    ("translation", 4, 1e12, "translation has a value beyond"),
    ("weights", 5, NAN, "weights"),
    ("weights", 5, 1e30, "weights has a value beyond"),
    ("status", 2, "dreamt", "unknown status 'dreamt' at frame 3"),
    ("error_px", 2, INF, "error_px"),
    ("error_px", 2, -1.0, "error_px is below 0"),
    ("frames", 2, 2_000_000, "frame is no whole number from"),
    ("frames", 2, 2, "frame 2 is in it twice"),
)


def check_bad_solutions_are_refused_and_nothing_is_written():
    scene, face, _camera = ready_scene()
    good = harness.solution_arrays(face)
    for name, index, value, words in BAD:
        refused(
            bpy.ops.face_solve.import_solution,
            "is damaged",
            words,
            "Nothing was keyed",
            filepath=write(spoil(good, name, index, value)),
        )
    mirrored = good
    for index in range(0, 9, 3):
        mirrored = spoil(mirrored, "rotation", index, -good["rotation"].values[index])
    refused(bpy.ops.face_solve.import_solution, "mirrors", filepath=write(mirrored))
    assert face.animation_data is None or face.animation_data.action is None
    assert face.data.shape_keys.animation_data is None
    assert not scene.face_solve.results
    bpy.ops.face_solve.import_solution(filepath=write(good))
    world_matches(scene, face)
    before = harness.keys_to_the_bit(face)
    for name, index, value, words in BAD:
        refused(bpy.ops.face_solve.import_solution, words, filepath=write(spoil(good, name, index, value)))
    assert harness.keys_to_the_bit(face) == before


def check_a_good_import_heals_keys_that_are_no_numbers():
    """As version 0.1.0 wrote them: they are in the record of what the solver wrote, too."""
    scene, face, _camera = ready_scene()
    path = write(harness.solution_arrays(face))
    bpy.ops.face_solve.import_solution(filepath=path)
    record = harness.module("scene.keys.record")
    written = record.load_written(scene.face_solve)
    for channel in [*record.pose_channels(face), *record.weight_channels(face).values()]:
        points = channel.find().keyframe_points
        values = array("f", bytes(8 * len(points)))
        points.foreach_get("co", values)
        values[2 * 3 + 1], values[2 * 7 + 1] = NAN, INF
        points.foreach_set("co", values)
        written[channel.name].update({4: NAN, 8: INF})
    record.store_written(scene.face_solve, written)
    assert harness.module("scene.keys.fixes").artists_frames(scene.face_solve) == set()
    bpy.ops.face_solve.import_solution(filepath=path)
    world_matches(scene, face)
    assert harness.module("scene.keys.fixes").artists_frames(scene.face_solve) == set()


def check_files_that_declare_more_than_they_have_are_refused_at_once():
    ready_scene()
    path = harness.FOLDER / "bomb.npz"
    for shape, kind, body in (
        ("(999999999,)", "<U1", b""),
        ("(99999999999999,)", "<U0", b""),
        ("(30000000000,)", "<f8", b"\0" * 8),
        ("(1,)", "|O", b"\0" * 8),
        ("(" * 90, "<f8", b""),
    ):
        header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("names.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body)
        began = time.monotonic()
        refused(bpy.ops.face_solve.import_solution, "cannot be read", filepath=str(path))
        assert time.monotonic() - began < 1.0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("names.npy", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    began = time.monotonic()
    refused(bpy.ops.face_solve.import_solution, "unpacks to", filepath=str(path))
    assert time.monotonic() - began < 1.0


harness.run(globals())
