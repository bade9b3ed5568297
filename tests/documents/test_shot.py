"""The documents: shot folder, journal and solution make the round trip, and damage is said instead of guessed over."""

from __future__ import annotations

import copy
import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from solver_core import protocol
from solver_core.common.errors import FaceSolveError
from solver_core.documents import journal as journals
from solver_core.documents.journal import Journal, journal_path, recover
from solver_core.documents.shot import Earlier, load_shot
from solver_core.documents.solution import Solution, empty_solution, load_solution
from solver_core.face.pose import Pose
from solver_core.fit_rig import FittedRig
from solver_core.service.listener import FrameResult, Progress, Silent

N, K = 3, 2


@pytest.fixture
def document(tmp_path) -> dict:
    """shot.json of three frames, beside the rig of a tetrahedron."""
    np.savez(
        tmp_path / "rig.npz",
        neutral=np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        triangles=np.int32([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
        names=np.array(["jawOpen", "smile"]),
        deltas=np.zeros((K, 4, 3), np.float32),
    )
    rng = np.random.default_rng(0)
    turns, towards = Rotation.random(2 * N, random_state=0).as_matrix().reshape(2, N, 3, 3)
    return {
        "schema": 1,
        "name": "talk",
        "frames": [1001, 1002, 1005],
        "fps": 25.0,
        "rig": "rig.npz",
        "stages": None,
        "cameras": [
            {
                "name": "A",
                "width": 720,
                "height": 540,
                "intrinsics": rng.random((N, 4)).tolist(),
                "world_to_camera": np.dstack([towards, rng.random((N, 3, 1))]).tolist(),
                "distortion": None,
                "plate": {"kind": "sequence", "path": "p/{frame}.png", "frames": [1, None, 5], "colorspace": "sRGB"},
            }
        ],
        "initial": {
            "rotation": turns.reshape(N, 9).tolist(),
            "translation": rng.random((N, 3)).tolist(),
            "weights": rng.random((N, K)).tolist(),
        },
        "locked": [
            {
                "frame": 1002,
                "rotation": np.eye(3).ravel().tolist(),
                "translation": [0.1, 0.2, 1 / 3],
                "weights": [0.7, 1.4],
            }
        ],
        "infill_ranges": [{"frame_start": 1001, "frame_end": 1002}],
        "settings": {"landmarks": "facemesh", "refinement": 0.5, "device": "cpu", "of a later version": 1},
    }


def load(folder, document):
    (folder / "shot.json").write_text(json.dumps(document), encoding="utf-8")
    return load_shot(folder)


def test_what_is_written_is_what_is_read(tmp_path, document):
    shot = load(tmp_path, document)
    assert (shot.name, shot.fps, shot.frames.tolist()) == ("talk", 25.0, [1001, 1002, 1005])
    camera, given_camera = shot.cameras[0], document["cameras"][0]
    np.testing.assert_array_equal(camera.intrinsics, given_camera["intrinsics"])
    np.testing.assert_array_equal(camera.world_to_camera, given_camera["world_to_camera"])
    assert camera.plate == given_camera["plate"]
    np.testing.assert_array_equal(shot.initial.rotation.reshape(N, 9), document["initial"]["rotation"])
    np.testing.assert_array_equal(shot.initial.weights, document["initial"]["weights"])
    assert shot.infill_ranges == ((1001, 1002),)
    assert (shot.settings.landmarks, shot.settings.refinement, shot.stages) == ("facemesh", 0.5, None)


def test_locked_frames_are_where_the_solve_starts(tmp_path, document):
    document["locked"].append({**document["locked"][0], "frame": 999})  # of another range
    shot = load(tmp_path, document)
    assert shot.locked_mask.tolist() == [False, True, False]
    start = shot.start()
    np.testing.assert_array_equal(start.translation[1], [0.1, 0.2, 1 / 3])
    np.testing.assert_array_equal(start.weights[1], [0.7, 1.4])
    np.testing.assert_array_equal(start.weights[[0, 2]], shot.initial.weights[[0, 2]])
    np.testing.assert_array_equal(shot.initial.weights[1], document["initial"]["weights"][1])


def test_what_the_last_solve_made_of_frames_may_be_said(tmp_path, document):
    assert load(tmp_path, document).earlier == {}
    document["earlier"] = [
        {"frame": 1002, "status": "interpolated", "reason": "dark"},
        {"frame": 1005, "status": "solved"},
    ]
    assert load(tmp_path, document).earlier == {1002: Earlier("interpolated", "dark"), 1005: Earlier("solved")}


def test_a_range_keeps_frames_cameras_and_locks_together(tmp_path, document):
    part = load(tmp_path, document).between(1002, 1100)
    assert part.frames.tolist() == [1002, 1005]
    assert part.cameras[0].plate["frames"] == [None, 5]
    np.testing.assert_array_equal(part.initial.weights, document["initial"]["weights"][1:])
    assert part.locked_mask.tolist() == [True, False]
    assert not part.between(1005, 1005).locked


def at(*keys):
    """Replaces the value at these keys, or takes it away where the value is `del`."""

    def change(document, value):
        for key in keys[:-1]:
            document = document[key]
        if value == "del":
            del document[keys[-1]]
        else:
            document[keys[-1]] = value

    return change


WRONG = {
    "another schema": (at("schema"), 99, "schema version 99"),
    "no schema": (at("schema"), "del", "schema version None"),
    "no frames": (at("frames"), [], "no frames"),
    "frames backwards": (at("frames"), [3, 2, 1], "ascend"),
    "a frame twice": (at("frames"), [1, 1, 2], "ascend"),
    "no frames key": (at("frames"), "del", "frames"),
    "no camera": (at("cameras"), [], "no camera"),
    "too few intrinsics": (at("cameras", 0, "intrinsics"), [[1, 1, 1, 1]], "intrinsics"),
    "NaN in a matrix": (at("cameras", 0, "world_to_camera", 0, 0, 0), float("nan"), "world_to_camera"),
    "infinite lens": (at("cameras", 0, "intrinsics", 1, 0), float("inf"), "intrinsics"),
    "no lens": (at("cameras", 0, "intrinsics", 1, 0), 0, "camera A: intrinsics has a focal length"),
    "a camera that is flat": (
        at("cameras", 0, "world_to_camera"),
        np.zeros((N, 3, 4)).tolist(),
        "camera A: world_to_camera",
    ),
    "a head that is flat": (at("initial", "rotation", 1), [0] * 9, "initial.rotation has a matrix that is no rotation"),
    "a head in the mirror": (
        at("initial", "rotation", 1),
        [-1, 0, 0, 0, 1, 0, 0, 0, 1],
        "initial.rotation has a matrix that mirrors",
    ),
    "half a frame": (at("frames"), [1, 1.5, 2], "frames has 1.5"),
    "a frame beyond all": (at("frames"), [1, 2, 10**30], "frames has 1000"),
    "half a plate frame": (at("cameras", 0, "plate", "frames", 2), 5.5, "plate.frames has 5.5"),
    "a plate frame in words": (at("cameras", 0, "plate", "frames", 2), "five", "plate.frames has 'five'"),
    "a range in words": (at("infill_ranges", 0, "frame_end"), "end", "infill_ranges.frame_end has 'end'"),
    "an endless range": (at("infill_ranges", 0, "frame_end"), float("inf"), "infill_ranges.frame_end has inf"),
    "a word for stages": (at("stages"), "rigid", "stages is 'rigid'"),
    "no plate": (at("cameras", 0, "plate"), "del", "plate"),
    "too few plate frames": (at("cameras", 0, "plate", "frames"), [1], "plate.frames"),
    "no start": (at("initial"), "del", "initial"),
    "weights of another rig": (at("initial", "weights"), [[0, 0, 0]] * N, "initial.weights"),
    "words for numbers": (at("initial", "translation", 0), ["a", "b", "c"], "malformed"),
    "NaN in a locked frame": (at("locked", 0, "weights", 0), float("nan"), "locked.weights"),
    "no rig": (at("rig"), "elsewhere.npz", "elsewhere.npz"),
    "a list for a camera": (at("cameras", 0), [1, 2], "malformed"),
    "a list for settings": (at("settings"), [1], "malformed"),
    "frames that are a word": (at("frames"), "all", "malformed"),
    "too much refinement": (at("settings", "refinement"), 7, "settings.refinement is 7"),
    "refinement below nothing": (at("settings", "refinement"), -0.1, "settings.refinement"),
    "refinement that is not a number": (at("settings", "refinement"), float("nan"), "settings.refinement"),
    "refinement in words": (at("settings", "refinement"), "strong", "settings.refinement"),
    "a switch for refinement": (at("settings", "refinement"), True, "settings.refinement"),
    "a number for a network": (at("settings", "landmarks"), 68, "settings.landmarks"),
    "a status that is none": (at("earlier"), [{"frame": 1001, "status": "fine"}], "earlier.status"),
    "time that stands": (at("fps"), 0, "fps"),
    "time that is not a number": (at("fps"), float("nan"), "fps"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_shot_is_refused_with_the_name_of_what_is_wrong(tmp_path, document, what):
    change, value, named = WRONG[what]
    change(document, value)
    with pytest.raises(FaceSolveError, match=named) as caught:
        load(tmp_path, document)
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"shot"', "\x00\xff"])
def test_a_file_that_is_no_shot_is_refused(tmp_path, text):
    (tmp_path / "shot.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(FaceSolveError, match=r"shot\.json"):
        load_shot(tmp_path)


# solutions


def a_solution(count=4, keys=K, seed=0) -> Solution:
    rng = np.random.default_rng(seed)
    pose = Pose(
        Rotation.random(count, random_state=seed).as_matrix(), rng.normal(size=(count, 3)), rng.random((count, keys))
    )
    status = list(rng.choice(protocol.FRAME_STATUSES, count))
    error = np.where([s == "failed" for s in status], np.nan, rng.random(count))
    return Solution(
        np.arange(count) + 1001,
        pose,
        tuple(f"Schlüssel {k}" for k in range(keys)),
        status,
        error,
        ["grün"] * count,
        {"a": [1]},
    )


def same(first: Solution, second: Solution) -> None:
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(first.pose, name), getattr(second.pose, name))
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.error_px, second.error_px)
    assert (first.names, first.status, first.reason) == (second.names, second.status, second.reason)


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 6), keys=st.integers(0, 5), seed=st.integers(0, 99))
def test_a_solution_makes_the_round_trip(tmp_path_factory, count, keys, seed):
    path = tmp_path_factory.mktemp("solution") / "deeper" / "SOLUTION.npz"
    solution = a_solution(count, keys, seed)
    solution.save(path)
    same(load_solution(path), solution)
    assert load_solution(path).settings == {"a": [1]}
    assert os.listdir(path.parent) == ["SOLUTION.npz"]


def test_errors_by_region_and_doubts_make_the_round_trip(tmp_path):
    solution = a_solution()
    rng = np.random.default_rng(5)
    solution.error[:] = rng.random(4)
    for values in solution.regions.values():
        values[:3] = rng.random(3)
    solution.doubt[2] = "die Lippen kreuzen sich"
    solution.save(tmp_path / "SOLUTION.npz")
    found = load_solution(tmp_path / "SOLUTION.npz")
    np.testing.assert_array_equal(found.error, solution.error)
    assert found.doubt == solution.doubt
    assert tuple(found.regions) == protocol.REGIONS
    for region in protocol.REGIONS:
        np.testing.assert_array_equal(found.regions[region], solution.regions[region])


def test_a_solution_of_before_has_no_errors_by_region(tmp_path):
    solution, path = a_solution(), tmp_path / "SOLUTION.npz"
    solution.save(path)
    with np.load(path) as data:
        old = {name: data[name] for name in data.files if name not in {"error", "regions", "error_regions", "doubt"}}
    np.savez(path, **old)
    found = load_solution(path)
    same(found, solution)
    assert np.isnan([found.error, *found.regions.values()]).all()
    assert found.doubt == [""] * 4


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("error", np.array([1.0, -1.0, 1.0, 1.0]), "error is not"),
        ("error_regions", np.zeros((4, 3)), "error_regions has the shape"),
        ("doubt", np.array(["", ""]), "doubt has 2 entries"),
    ],
)
def test_wrong_errors_by_region_are_refused(tmp_path, name, value, said):
    path = tmp_path / "SOLUTION.npz"
    a_solution().save(path)
    with np.load(path) as data:
        arrays = {**data, name: value}
    np.savez(path, **arrays)
    with pytest.raises(FaceSolveError, match=said):
        load_solution(path)


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_solution(tmp_path, monkeypatch):
    path = tmp_path / "SOLUTION.npz"
    old = a_solution(seed=1)
    old.save(path)
    fitted = FittedRig(("wide",), np.ones(1), ("A",), np.ones(1), np.ones((1, 2)), np.array([1]), (2.0, 1.0), {})
    fitted.save(tmp_path / "FITTED.npz")
    whole = (tmp_path / "FITTED.npz").read_bytes()
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(FaceSolveError, match="No space left") as caught:
        a_solution(seed=2).save(path)
    assert "space" in caught.value.remedy
    same(load_solution(path), old)
    with pytest.raises(FaceSolveError, match="No space left"):
        replace(fitted, weights=np.zeros(1)).save(tmp_path / "FITTED.npz")
    assert (tmp_path / "FITTED.npz").read_bytes() == whole
    assert sorted(os.listdir(tmp_path)) == ["FITTED.npz", "SOLUTION.npz"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FaceSolveError, match="cannot be written"):
        a_solution().save(tmp_path / "file" / "SOLUTION.npz")
    with pytest.raises(FaceSolveError, match="cannot be written"):
        Journal(tmp_path / "file" / "SOLUTION.npz", ("a",), Silent())


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "another npz", "unknown status"])
def test_a_damaged_solution_is_refused(tmp_path, damage):
    path = tmp_path / "SOLUTION.npz"
    solution = a_solution()
    if damage == "unknown status":
        solution.status[0] = "dreamt"
    solution.save(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("solution")
    elif damage == "another npz":
        np.savez(path, a=1)
    with pytest.raises(FaceSolveError, match=r"SOLUTION\.npz"):
        load_solution(path)


def test_an_absent_solution_is_refused(tmp_path):
    with pytest.raises(FaceSolveError, match="no solution"):
        load_solution(tmp_path / "SOLUTION.npz")


def test_nothing_is_solved_at_first():
    start = a_solution().pose
    nothing = empty_solution(np.arange(4), start, ("a", "b"))
    assert set(nothing.status) == {"failed"}
    assert np.isnan(nothing.error_px).all()
    nothing.pose.weights[:] = 9
    assert not (start.weights == 9).any()


# the journal


def result(frame, seed=0, status="solved", error=0.5) -> FrameResult:
    rng = np.random.default_rng(seed + 100 * frame)
    return FrameResult(
        frame,
        status,
        error,
        Rotation.random(random_state=frame).as_matrix(),
        rng.normal(size=3),
        rng.random(K),
        "rigid",
    )


def written(out, results):
    journal = Journal(out, ("a", "b"), Silent())
    for one in results:
        journal.frame(one)
    journal.close(remove=False)
    return journal_path(out)


def test_a_journal_gives_back_the_latest_of_every_frame(tmp_path):
    out = tmp_path / "deeper" / "SOLUTION.npz"
    first, second = result(7, 1), result(7, 2)
    written(out, [first, result(3), result(5, status="failed", error=np.nan), second])
    found = recover(out)
    assert found.frames.tolist() == [3, 5, 7]
    assert found.status == ["solved", "failed", "solved"]
    assert np.isnan(found.error_px[1])
    np.testing.assert_array_equal(found.pose.rotation[2], second.rotation)
    np.testing.assert_array_equal(found.pose.translation[2], second.translation)
    np.testing.assert_array_equal(found.pose.weights[2], second.weights)


def test_a_journal_holds_errors_by_region_and_one_of_before_none(tmp_path):
    told = replace(result(7), error=4.5, regions={"mouth": 6.0, "eyes": np.nan}, doubt="the lips cross")
    path = written(tmp_path / "new.npz", [told])
    found = recover(tmp_path / "new.npz")
    assert (found.error[0], found.regions["mouth"][0], found.doubt) == (4.5, 6.0, ["the lips cross"])
    assert np.isnan([found.regions[name][0] for name in ("eyes", "brows", "outline")]).all()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for name in ("error", "regions", "doubt"):
            line.pop(name, None)
    journal_path(tmp_path / "old.npz").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = recover(tmp_path / "old.npz")
    assert (found.error_px[0], found.doubt) == (0.5, [""])
    assert np.isnan(found.error[0])


def test_a_journal_cut_anywhere_gives_back_its_whole_lines(tmp_path):
    out = tmp_path / "SOLUTION.npz"
    path = written(out, [result(frame) for frame in range(1, 4)])
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for length in [*range(0, len(whole), 7), len(whole)]:
        path.write_bytes(whole[:length])
        lines = sum(end - 1 <= length for end in ends)  # a line that lacks only its end is whole
        found = recover(out)
        assert (0 if found is None else len(found.frames)) == max(lines - 1, 0)


def test_a_journal_with_a_torn_letter_is_read(tmp_path):
    """Cut in the middle of a letter of several bytes."""
    out = tmp_path / "SOLUTION.npz"
    path = written(out, [result(1)])
    path.write_bytes(path.read_bytes() + '{"frame": 2, "reason": "grü'.encode()[:-1])
    assert recover(out).frames.tolist() == [1]


def test_no_journal_is_nothing_to_recover(tmp_path):
    assert recover(tmp_path / "SOLUTION.npz") is None


def test_a_disk_that_fills_up_is_said_also_where_the_journal_is_closed_after_it(tmp_path):
    """What could not be written waits in the file, and closing tries once more."""
    resource = pytest.importorskip("resource")
    journal = Journal(tmp_path / "SOLUTION.npz", ("a", "b"), Silent())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(FaceSolveError, match="cannot be written"):
            journal.frame(result(1))
        journal.close(remove=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_frame_that_cannot_be_written_is_not_passed_on(tmp_path, monkeypatch):
    heard = []

    class Ear(Silent):
        def frame(self, result):
            heard.append(result.frame)

    journal = Journal(tmp_path / "SOLUTION.npz", ("a", "b"), Ear())
    journal.frame(result(1))
    monkeypatch.setattr(journals.os, "fsync", full_disk)
    with pytest.raises(FaceSolveError, match="No space left"):
        journal.frame(result(2))
    assert heard == [1]
    journal.close(remove=False)
    assert recover(tmp_path / "SOLUTION.npz").frames.tolist()[0] == 1


def test_time_left_follows_the_shares(tmp_path):
    """Half of the work done in 10 seconds leaves 10."""
    now, heard = [0.0], []

    class Ear(Silent):
        def progress(self, *step):
            heard.append(step)

    progress = Progress(Ear(), {"seeing": 1.0, "rigid": 1.0, "dense": 2.0}, lambda: now[0])
    progress.step("seeing", 0, 4)
    assert heard[-1][3:] == (0.0, -1.0)  # nothing can be said yet
    now[0] = 10.0
    progress.step("rigid", 4, 4)
    assert heard[-1][3:] == pytest.approx((0.5, 10.0))
    progress.step("dense", 0, 0)
    assert heard[-1][3] == pytest.approx(0.5)
    progress.step("dense", 3, 3)
    assert heard[-1][3:] == pytest.approx((1.0, 0.0))


def test_documents_are_not_changed_by_reading(tmp_path, document):
    before = copy.deepcopy(document)
    shot = load(tmp_path, document)
    shot.start().weights[:] = 5
    shot.between(1001, 1001).initial.weights[:] = 7
    np.testing.assert_array_equal(shot.initial.weights, before["initial"]["weights"])
