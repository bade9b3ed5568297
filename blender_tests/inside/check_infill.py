"""Infill ranges: found ones and the artist's own, mended, solved alone or together.

And which frames are the artist's.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import environment, known_motion, ready_scene, refused


def _listed(settings):
    return [(one.frame_start, one.frame_end, one.found, one.enabled) for one in settings.infill_ranges]


def _own(settings, start, end, enabled=True):
    item = settings.infill_ranges.add()
    item.frame_start, item.frame_end, item.enabled = start, end, enabled
    return item


def _shot(scene):
    folder, _where = harness.module("scene.shot.folders").work_folder(scene)
    return json.loads((folder / "shot.json").read_text())


def _values(face):
    record = harness.module("scene.keys.record")
    curves = [one.find() for one in [*record.pose_channels(face), *record.weight_channels(face).values()]]
    return [{round(point.co.x): point.co.y for point in curve.keyframe_points} for curve in curves if curve]


def check_ranges_are_found_after_a_solve_and_replaced_after_the_next():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    refused(bpy.ops.face_solve.find_infill_ranges, "Nothing has been solved")
    _own(settings, 6, 6, enabled=False)
    with environment(FACE_SOLVE_FAULT="bad_frames"):  # 2, 6, 10 fail; 3, 7, 11 have a large error
        bpy.ops.face_solve.solve_shot()
    assert _listed(settings) == [
        (2, 3, True, True),
        (6, 6, False, False),
        (7, 7, True, True),
        (10, 11, True, True),
    ], _listed(settings)
    assert harness.module("scene.infill").state_of(settings, 0) == "1 solved, 1 failed"
    settings.infill_ranges[0].frame_end = 4  # changed: it is the artist's now
    settings.infill_ranges[3].enabled = False  # and so is one that was switched off
    scene.frame_set(12)
    bpy.ops.face_solve.mark_frame(mark="BAD")
    scene.frame_set(7)
    bpy.ops.face_solve.mark_frame(mark="GOOD")
    bpy.ops.face_solve.find_infill_ranges()
    assert _listed(settings) == [
        (2, 4, False, True),
        (6, 6, False, False),
        (10, 11, False, False),
        (12, 12, True, True),
    ], _listed(settings)
    bpy.ops.face_solve.solve_shot()  # nothing is bad any more
    assert _listed(settings) == [(2, 4, False, True), (6, 6, False, False), (10, 11, False, False)], _listed(settings)
    assert _shot(scene)["infill_ranges"] == [
        {"frame_start": 2, "frame_end": 4}
    ]  # what is switched on, and the artist's
    with environment(FACE_SOLVE_FAULT="all_failed"):
        refused(bpy.ops.face_solve.solve_shot, "No frame could be solved")
    assert not any(one.found for one in settings.infill_ranges)  # nothing to bridge from


def check_one_range_or_all_are_solved_and_nothing_else_moves():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    results = {item.frame: (item.status, item.error_px) for item in settings.results}
    before = _values(face)
    with environment(FACE_SOLVE_FAULT="spin"):  # another motion, so that whatever is written shows
        bpy.ops.face_solve.infill(index=1)
    shot = _shot(scene)
    assert shot["stages"] == ["infill"]
    assert shot["infill_ranges"] == [{"frame_start": 6, "frame_end": 7}]
    assert shot["neighbours"] == [1, 3, 4, 5, 8, 9, 11, 12]  # 2 and 10 failed: no pose to bridge from
    assert [(one["frame"], one["status"]) for one in shot["earlier"]] == [
        (frame, results[frame][0]) for frame in sorted({6, 7, *shot["neighbours"]})
    ]
    after = _values(face)
    assert any(a.get(6) != b.get(6) or a[7] != b[7] for a, b in zip(before, after, strict=True))
    for was, now in zip(before, after, strict=True):
        assert {f: v for f, v in now.items() if f not in (6, 7)} == {f: v for f, v in was.items() if f not in (6, 7)}
    for item in settings.results:
        assert item.frame in (6, 7) or (item.status, item.error_px) == results[item.frame], item.frame
    assert settings.last_result.startswith("Solved 2 of 2 frames"), settings.last_result
    with environment(FACE_SOLVE_FAULT="spin"):
        bpy.ops.face_solve.infill()
    assert _shot(scene)["infill_ranges"] == [{"frame_start": 2, "frame_end": 3}, {"frame_start": 10, "frame_end": 11}]
    refused(bpy.ops.face_solve.infill, "no infill range 9", index=9)
    settings.infill_ranges.clear()
    _own(settings, 4, 5, enabled=False)
    refused(bpy.ops.face_solve.infill, "No infill range is switched on")
    bpy.ops.face_solve.infill(index=0)  # its own button solves it all the same
    assert _shot(scene)["infill_ranges"] == [{"frame_start": 4, "frame_end": 5}]


def check_broken_ranges_are_said_before_work_starts_and_mended():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    infill, prechecks = harness.module("scene.infill"), harness.module("scene.setup.prechecks").prechecks
    for start, end, word, mended in (
        (9, 4, "ends before", [(4, 9)]),
        (-3, 2, "reaches out", [(1, 2)]),
        (11, 40, "reaches out", [(11, 12)]),
        (20, 22, "outside", []),
        (30, -5, "ends before", [(1, 12)]),
    ):
        settings.infill_ranges.clear()
        _own(settings, start, end)
        assert word in str(infill.problem_of(settings, 0)), (start, end)
        refused(bpy.ops.face_solve.infill, word)
        assert [problem.mend for problem in prechecks(settings)] == ["face_solve.mend_infill_range"]
        bpy.ops.face_solve.mend_infill_range(index=0)
        assert [row[:2] for row in _listed(settings)] == mended, (start, end, _listed(settings))
        assert prechecks(settings) == []
    settings.infill_ranges.clear()
    for start, end, enabled in ((2, 5, True), (5, 8, True), (7, 7, False), (8, 10, True)):
        _own(settings, start, end, enabled)
    assert [bool(infill.problem_of(settings, row)) for row in range(4)] == [True, True, False, True]
    refused(bpy.ops.face_solve.infill, "overlaps 5-8")
    bpy.ops.face_solve.mend_infill_range()
    assert not infill.problems(settings)
    assert any(row[:2] == (2, 10) and row[3] for row in _listed(settings)), _listed(settings)
    settings.infill_ranges.clear()
    _own(settings, 9, 4)
    refused(bpy.ops.face_solve.solve_shot, "ends before")
    refused(bpy.ops.face_solve.mend_infill_range, "no infill range 4", index=4)


def check_ranges_come_from_the_timeline():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    add = bpy.ops.face_solve.add_infill_range
    refused(add, "No key of Head is selected", source="SELECTED")
    refused(add, "no preview range", source="PREVIEW")
    bpy.ops.face_solve.solve_shot()
    refused(add, "No key of Head is selected", source="SELECTED")  # what a solve writes is not selected
    curve = harness.module("compat").find_curve(face, "location", 1)
    for point in curve.keyframe_points:
        point.select_control_point = point.co.x in (4.0, 6.0)
    add(source="SELECTED")
    scene.frame_set(9)
    add(source="CURRENT")
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 11, 12
    add(source="PREVIEW")
    assert [row[:3] for row in _listed(settings)] == [(4, 6, False), (9, 9, False), (11, 12, False)], _listed(settings)
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    assert [row[:3] for row in _listed(settings) if row[2]] == [(2, 3, True), (7, 7, True), (10, 10, True)]
    # The artist's own takes the place of the found one inside it, and grows with its neighbour.
    add(frame_start=2, frame_end=4)
    assert _listed(settings)[0] == (2, 6, False, True), _listed(settings)


def check_a_frame_changed_after_the_solve_is_an_anchor_whole():
    scene, face, _camera = ready_scene(saved="fixes")
    settings = scene.face_solve
    fixes, results = harness.module("scene.keys.fixes"), harness.module("scene.results.verdicts")
    face.location.x = 0.7
    face.keyframe_insert("location", frame=5)  # a rough placement, before anything was solved
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    assert fixes.fixed_frames(settings) == set(), "a rough placement is no anchor"
    assert _shot(scene)["locked"] == []
    # One channel of a solved frame, and one of a frame that failed.
    scene.frame_set(7)
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.875
    face.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=7)
    scene.frame_set(10)
    face.location.z = 0.25
    face.keyframe_insert("location", index=2, frame=10)
    bpy.context.view_layer.update()
    assert fixes.fixed_frames(settings) == {7, 10}, fixes.fixed_frames(settings)
    assert results.bad_frames(settings) == [2, 3, 6, 11]
    scene.frame_set(10)
    there = list(face.matrix_world.translation), [one.value for one in face.data.shape_keys.key_blocks[1:]]
    before = _values(face)
    with environment(FACE_SOLVE_FAULT="spin"):
        bpy.ops.face_solve.solve_shot()
    locked = {one["frame"]: one for one in _shot(scene)["locked"]}
    assert sorted(locked) == [7, 10]
    harness.close(locked[7]["weights"][0], 0.875, 1e-6)
    harness.close(locked[7]["translation"], known_motion(7)[1], 1e-6)
    harness.close(locked[10]["translation"], there[0], 1e-6)
    harness.close(locked[10]["weights"], there[1], 1e-6)
    for was, now in zip(before, _values(face), strict=True):
        assert was[7] == now[7]
        assert was.get(10) == now.get(10)
    # It outlasts a reload, and giving a key its old value back gives the frame back.
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene, face = bpy.context.scene, bpy.data.objects["Head"]
    settings = scene.face_solve
    assert fixes.fixed_frames(settings) == {7, 10}
    face.keyframe_delete("location", index=2, frame=10)
    bpy.context.view_layer.update()
    assert fixes.fixed_frames(settings) == {7}
    face.location.x = 0.71
    face.keyframe_insert("location", index=0, frame=5)  # the rough placement, now changed on purpose
    bpy.context.view_layer.update()
    assert fixes.fixed_frames(settings) == {5, 7}


def check_a_key_that_is_not_solved_makes_no_anchor():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    next(group for group in settings.shape_groups if group.name == "jaw").enabled = False
    bpy.ops.face_solve.solve_shot()
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.4
    face.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=4)
    bpy.context.view_layer.update()
    assert harness.module("scene.keys.fixes").fixed_frames(settings) == set()


def check_an_imported_solution_keeps_a_fixed_frame_whole():
    scene, face, _camera = ready_scene()
    with environment(FACE_SOLVE_FAULT="spin"):
        bpy.ops.face_solve.solve_shot()
    block = face.data.shape_keys.key_blocks["jawOpen"]
    block.value = 0.875
    block.keyframe_insert("value", frame=7)
    before = _values(face)
    path = harness.FOLDER / "fixed" / "SOLUTION.npz"
    path.parent.mkdir(exist_ok=True)
    harness.module("scene.shot.npz").write_npz(path, harness.solution_arrays(face))
    bpy.ops.face_solve.import_solution(filepath=str(path))
    for was, now in zip(before, _values(face), strict=True):
        assert was[7] == now[7]
    scene.frame_set(6)
    harness.close(face.matrix_world.translation, known_motion(6)[1], 1e-6)


def check_a_part_is_solved_beside_its_neighbours():
    scene, face, _camera = ready_scene()
    bpy.ops.face_solve.solve_range(frame_start=1, frame_end=8)
    assert _shot(scene)["frames"] == list(range(1, 9))  # nothing beside them has a pose yet
    with environment(FACE_SOLVE_FAULT="spin"):
        bpy.ops.face_solve.solve_range(frame_start=5, frame_end=6)
    shot = _shot(scene)
    assert shot["frames"] == list(range(1, 9))
    assert shot["neighbours"] == [1, 2, 3, 4, 7, 8]
    harness.close(shot["initial"]["translation"][3], known_motion(4)[1], 1e-6)
    scene.frame_set(7)
    harness.close(face.matrix_world.translation, known_motion(7)[1], 1e-6)


harness.run(globals())
