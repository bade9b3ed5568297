"""The performance goes out as Live Link Face's table and comes back; the head's turn is that seen by the camera."""

import math
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, known_motion, ready_scene, refused
from mathutils import Euler, Matrix


def weight(face, frame, name="jawOpen"):
    record = harness.module("scene.keys.record")
    return record.weight_channels(face)[name].find().evaluate(frame)


def check_out_and_in_again():
    scene, face, _camera = ready_scene()
    bpy.ops.face_solve.solve_shot()
    path = str(harness.FOLDER / "performance.csv")
    bpy.ops.face_solve.export_performance(filepath=path)
    solved = {frame: weight(face, frame) for frame in range(1, 13)}
    for channel in harness.module("scene.keys.record").weight_channels(face).values():
        harness.module("compat").remove_curve(channel.owner, channel.find())
    bpy.ops.face_solve.import_performance(filepath=path, at_frame=1)
    close([weight(face, frame) for frame in solved], [min(1.0, max(0.0, one)) for one in solved.values()], 2e-6)
    close(weight(face, 6, "mouthSmile_L"), known_motion(6)[2], 2e-6)
    close(weight(face, 6, 'odd "name" AU12'), known_motion(6)[2], 2e-6)
    assert not harness.module("scene.keys.fixes").fixed_frames(scene.face_solve)  # a start: a solve may change it
    assert scene.face_solve.take == "Import performance 1"


def check_bad_tables_are_said():
    _scene, _face, _camera = ready_scene()
    path = harness.FOLDER / "bad.csv"
    for text, words in (("", "no Live Link Face table"), ("Timecode,Zebra\n00:00:00:00,1\n", "None of the table's")):
        path.write_text(text)
        refused(bpy.ops.face_solve.import_performance, words, filepath=str(path))
    path.write_bytes(b"\xff\xfe\x00bad")
    refused(bpy.ops.face_solve.import_performance, "cannot be read", filepath=str(path))
    refused(bpy.ops.face_solve.import_performance, "cannot be read", filepath=str(path) + "x")
    refused(bpy.ops.face_solve.export_performance, "cannot be written", filepath="/nowhere/at/all.csv")


def check_the_turn_of_the_head_is_that_seen_by_the_camera():
    head_turn = harness.module("scene.performance.exchange").head_turn
    facing = Euler((math.pi / 2, 0.0, 0.0)).to_matrix().to_4x4()  # a camera before the head: it looks along +Y
    close(head_turn(Matrix.Identity(4), facing), (0, 0, 0), 1e-6)
    yaw = Matrix.Rotation(0.3, 4, "Z")  # the nose goes from -Y towards +X: the head's own left
    close(head_turn(yaw, facing), (0.3, 0, 0), 1e-6)
    pitch = Matrix.Rotation(-0.2, 4, "X")  # the nose goes up
    close(head_turn(pitch, facing), (0, 0.2, 0), 1e-6)
    roll = Matrix.Rotation(-0.1, 4, "Y")  # the top goes towards -X: the head's own right
    close(head_turn(roll, facing), (0, 0, 0.1), 1e-6)
    moved = Euler((0.4, 0.7, -1.1)).to_matrix().to_4x4()
    close(head_turn(moved @ yaw @ pitch @ roll, moved @ facing), (0.3, 0.2, 0.1), 1e-5)


harness.run(globals())
