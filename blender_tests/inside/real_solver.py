"""The built add-on and the real solver together, on four frames of the demo's shot.

A solve, a fix that stays, and a cancel.
"""

import math
import os
import sys
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(1, str(Path(__file__).parents[2]))
import bpy
import harness
import numpy as np
from harness import FOLDER, keys_to_the_bit, refused, start_without_waiting, until, values_at
from mathutils import Matrix

from demo import shot, solve_in_blender

FIRST, LAST, FIXED = 1004, 1007, 1006


def _scene():
    """The artist's scene, cut to four frames."""
    path = FOLDER / "scene.blend"
    shot.artists_scene(path)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = FIRST, LAST
    bpy.ops.wm.save_mainfile()
    return path


def _told(scene):
    return {item.frame: (item.status, item.reason, item.error_px) for item in scene.face_solve.results}


def check_a_solve_is_on_the_timeline():
    solve_in_blender.solve(SCENE, FOLDER / "solved.blend", FOLDER / "trace.npz", FOLDER / "shot")
    scene = bpy.context.scene
    told = _told(scene)
    assert sorted(told) == list(range(FIRST, LAST + 1)), told
    assert all(status == "solved" and 0.0 <= error < 4.3 for status, _reason, error in told.values()), told
    assert "Solved 4 of 4 frames" in scene.face_solve.runs["Solve Shot"].text
    keys = keys_to_the_bit(scene.face_solve.face)
    assert all(sorted(points) == sorted(told) for points in keys.values()), keys


def check_a_locked_frame_is_kept_to_the_bit():
    scene = bpy.context.scene
    face = scene.face_solve.face
    scene.frame_set(FIXED)
    face.location.x += 0.003
    face.keyframe_insert("location", frame=FIXED)
    block = face.data.shape_keys.key_blocks["jawOpen"]
    block.value += 0.15
    block.keyframe_insert("value", frame=FIXED)
    bpy.ops.face_solve.lock_frame()
    before = keys_to_the_bit(face)
    bpy.ops.face_solve.solve_range(frame_start=FIRST, frame_end=LAST)
    after, told = keys_to_the_bit(face), _told(scene)
    assert values_at(before, FIXED) == values_at(after, FIXED)
    assert all(told[frame][0] == "solved" for frame in told if frame != FIXED), told
    others = [frame for frame in told if frame != FIXED]
    assert all(values_at(before, frame) != values_at(after, frame) for frame in others)  # solved with the fix in mind
    scene.frame_set(FIXED)
    assert bpy.ops.face_solve.unlock_frame() == {"FINISHED"}


def check_a_solve_cancelled_while_it_looks_for_faces_changes_no_key_and_no_status():
    scene = bpy.context.scene
    settings = scene.face_solve
    scene.frame_end = settings.frame_end = shot.START + shot.FRAMES - 1  # time enough to be stopped in
    before, told = keys_to_the_bit(settings.face), _told(scene)
    running, current = start_without_waiting(), harness.module("runs.current")

    def looking():
        current.tick()
        assert current.running() is not None, current.last_problem()
        return running.job.progress.stage == "detection"

    until(looking, 60.0)
    bpy.ops.face_solve.cancel()
    until(lambda: current.tick() is None)
    assert current.last_problem() is None, current.last_problem()
    assert "Stopped at" in settings.last_result, settings.last_result
    assert keys_to_the_bit(settings.face) == before
    assert {frame: _told(scene)[frame] for frame in told} == told
    refused(bpy.ops.face_solve.cancel, "No solve is running")


def check_a_head_without_shape_keys_is_placed_and_set_up_again_keeps_it():
    bpy.ops.wm.open_mainfile(filepath=str(SCENE))
    scene = bpy.context.scene
    settings, face = scene.face_solve, scene.objects["Actor"]
    face.shape_key_clear()
    bpy.context.view_layer.objects.active = face
    bpy.ops.face_solve.setup_from_scene()
    assert (settings.face, len(settings.shape_groups)) == (face, 0)
    bpy.ops.face_solve.solve_shot()
    told, keys = _told(scene), keys_to_the_bit(face)
    assert "Solved 4 of 4 frames" in settings.runs["Solve Shot"].text
    assert all(status == "solved" and 0.0 <= error < 10.8 for status, _reason, error in told.values()), told
    assert len(keys) == 6
    assert all(sorted(points) == list(range(FIRST, LAST + 1)) for points in keys.values()), keys
    truth = np.load(shot.SHOT / "truth.npz")  # the actor speaks: bounds are 1.5 times what was measured
    for frame in told:
        scene.frame_set(frame)
        row = frame - shot.START
        away = np.linalg.norm(np.array(face.matrix_world.translation) - truth["translation"][row])
        turned = face.matrix_world.to_quaternion().rotation_difference(Matrix(truth["rotation"][row]).to_quaternion())
        assert away < 0.0057, (frame, away)
        assert math.degrees(turned.angle) < 1.95, (frame, turned.angle)
    # What else is in the scene, with shape keys or active, does not become the face.
    harness.make_face("Prop")
    bpy.context.view_layer.objects.active = scene.camera
    bpy.ops.face_solve.setup_from_scene()
    assert settings.face == face
    assert (_told(scene), keys_to_the_bit(face)) == (told, keys)
    bpy.context.view_layer.update()
    assert harness.module("scene.keys.fixes").fixed_frames(settings) == set()
    bpy.ops.face_solve.solve_range(frame_start=FIRST, frame_end=FIRST)
    assert "Solved 1 of 1 frames" in settings.runs["Solve Range"].text
    after = keys_to_the_bit(face)
    assert all(values_at(after, frame) == values_at(keys, frame) for frame in told if frame != FIRST)


SCENE = _scene()
harness.run(globals())
