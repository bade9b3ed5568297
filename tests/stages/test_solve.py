"""A whole solve of a shot whose answer is known: accuracy, honesty about what failed, locked frames, repeatability."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from little_shot import START, Rotation, camera, changed, performance, write_shot

from demo import head as heads
from solver_core import solve as solving
from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import journal_path
from solver_core.documents.overlay import overlay_path
from solver_core.documents.shot import load_shot
from solver_core.documents.solution import load_solution
from solver_core.footage.plates.footage import Footage
from solver_core.networks.regions import PARTITION
from solver_core.protocol import REGIONS
from solver_core.report.compare import Face, measure
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, solve_folder
from solver_core.stages.context import CHUNK
from solver_core.stages.kinds.fit import Fit

LANDMARKS = ("rigid", "expression")


class Notes(Silent):
    """Writes down all it hears; says stop once it has heard `until` progress messages of a stage."""

    def __init__(self, journal=None, stop: tuple[str, int] | None = None) -> None:
        self.steps, self.frames, self.warnings, self.journalled = [], [], [], []
        self._journal, self._stop = journal, stop

    def progress(self, stage, done, total, fraction, seconds_left):
        self.steps.append((stage, done, total, fraction, seconds_left))

    def frame(self, result):
        self.frames.append(result)
        if self._journal:
            self.journalled.append(json.loads(self._journal.read_text().splitlines()[-1])["frame"])

    def warning(self, message):
        self.warnings.append(message)

    def cancelled(self):
        return bool(self._stop) and any(s[0] == self._stop[0] and s[1] >= self._stop[1] for s in self.steps)


def errors(shot, solution, indices):
    """The demo's measures of some frames."""
    face = Face(shot.rig, heads.build().front)
    return measure(solution.pose[indices], shot.truth[indices], face, shot.cameras[0].position[indices])


def regions_at(solution, i):
    """The errors of a frame's regions, none where none is known."""
    return [solution.regions[name][i] for name in REGIONS if np.isfinite(solution.regions[name][i])]


SEEN = [0, 1, 2, 4]


@pytest.fixture(scope="module")
def solved(little_shot, tmp_path_factory):
    """Everything that Solve Shot does, once."""
    out = tmp_path_factory.mktemp("solved") / "SOLUTION.npz"
    notes = Notes(journal_path(out))
    return solve_folder(little_shot.folder, out, notes), notes, out


def test_the_performance_is_found(little_shot, solved):
    """It starts 7 degrees and 40 mm away, from a head at rest.

    Bounds are 1.5 times what one thread or two reach, whichever is more.
    """
    found = errors(little_shot, solved[0], SEEN)
    assert found["rotation_deg"].max() < 0.51
    assert found["lateral_mm"].max() < 0.47
    assert found["depth_mm"].max() < 1.3
    assert found["vertex_mm"].max() < 1.35
    assert found["shape_mm"].max() < 0.115
    weights = solved[0].pose.weights[:, little_shot.rig.names.index("jawOpen")]
    np.testing.assert_allclose(
        weights[SEEN], little_shot.truth.weights[SEEN, little_shot.rig.names.index("jawOpen")], atol=0.0105
    )


def test_the_frame_without_a_face_says_so_and_stays_where_it_started(little_shot, solved):
    solution = solved[0]
    assert solution.status == ["solved"] * 3 + ["failed"] + ["solved"]
    assert "face" in solution.reason[3].lower()
    assert "camera A" in solution.reason[3]
    assert np.isnan(solution.error_px[3])
    start = load_shot(little_shot.folder).initial
    np.testing.assert_array_equal(solution.pose.translation[3], start.translation[3])
    np.testing.assert_array_equal(solution.pose.rotation[3], start.rotation[3])


def test_what_is_found_is_allowed(little_shot, solved):
    pose = solved[0].pose
    np.testing.assert_allclose(
        pose.rotation @ pose.rotation.swapaxes(1, 2), np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-9
    )
    assert np.all(np.linalg.det(pose.rotation) > 0)
    assert np.all((pose.weights >= little_shot.rig.minimum) & (pose.weights <= little_shot.rig.maximum))
    assert solved[0].error_px[SEEN].max() < 3.5
    assert solved[0].doubt == [""] * 5


def test_the_file_holds_what_was_returned(solved):
    solution, _, out = solved
    read = load_solution(out)
    for name in ("frames", "error_px", "error"):
        np.testing.assert_array_equal(getattr(read, name), getattr(solution, name))
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(read.pose, name), getattr(solution.pose, name))
    assert (read.names, read.status, read.reason) == (solution.names, solution.status, solution.reason)
    assert read.doubt == solution.doubt
    for region in REGIONS:
        np.testing.assert_array_equal(read.regions[region], solution.regions[region])
        assert np.isfinite(read.regions[region][SEEN]).all()
    assert read.settings["landmarks"] == "facemesh"
    assert not journal_path(out).exists()


def test_the_overlay_file_shows_landmarks_and_flow(little_shot, solved):
    """Landmarks of plate and last render, which lie near each other; flow where the face is, and nowhere else."""
    solution, _, out = solved
    camera = little_shot.cameras[0]
    with np.load(overlay_path(out)) as shown:
        assert set(shown["regions"]) == set(PARTITION)
        np.testing.assert_array_equal(shown[f"size/{camera.name}"], [camera.width, camera.height])
        for i in SEEN:
            frame = solution.frames[i]
            views = [name for name in shown.files if name.startswith("landmarks/") and name.endswith(f"/{frame}")]
            squares = [((shown[name][0] - shown[name][1]) ** 2).sum(1).mean() for name in views]
            assert 0 < np.sqrt(np.mean(squares)) < 1.3
            picture, crop = shown[f"flow/{camera.name}/{frame}"], shown[f"crop/{camera.name}/{frame}"]
            rows, columns = np.nonzero(picture[..., 3])
            assert 0.1 < len(rows) / picture[..., 3].size < 0.8
            covered = np.column_stack([columns, rows]) @ crop[:, :2].T + crop[:, 2]
            landmarks = shown[f"landmarks/{camera.name}/{frame}"][0]
            assert np.all(np.abs(covered.mean(0) - landmarks.mean(0)) < 0.5 * np.ptp(landmarks, axis=0))
            solid = picture[..., :3][picture[..., 3] > 250]
            assert solid.max(1).mean() > 200  # near white: render and plate agree
            assert solid.mean() > 150
        assert not [name for name in shown.files if name.endswith(f"/{solution.frames[3]}")]


def test_the_listener_hears_it_all(solved):
    solution, notes, _ = solved
    fractions = [step[3] for step in notes.steps]
    assert np.all(np.diff(fractions) >= -1e-12)
    assert fractions[-1] == pytest.approx(1.0)
    assert all(0 <= done <= total for _, done, total, _, _ in notes.steps)
    assert {"detection", *LANDMARKS, "dense", "judging"} == {step[0] for step in notes.steps}
    for i, frame in enumerate(solution.frames):
        last = [result for result in notes.frames if result.frame == frame][-1]
        np.testing.assert_array_equal(last.rotation, solution.pose.rotation[i])
        np.testing.assert_array_equal(last.weights, solution.pose.weights[i])
        assert last.status == solution.status[i]
        np.testing.assert_equal([last.error, *last.regions.values()], [solution.error[i], *regions_at(solution, i)])


def test_every_frame_is_on_disk_before_it_is_heard_of(solved):
    notes = solved[1]
    assert notes.journalled == [result.frame for result in notes.frames]


def test_two_solves_are_equal_to_the_bit(little_shot, tmp_path):
    first, second = (
        solve_folder(little_shot.folder, tmp_path / f"{i}.npz", Silent(), Overrides(frames=(START, START)))
        for i in range(2)
    )
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(first.pose, name), getattr(second.pose, name))
    np.testing.assert_array_equal(first.error_px, second.error_px)


def test_locked_frames_are_kept_to_the_bit(little_shot, tmp_path):
    """Also values that no slider and no solve would give, and where there is no face.

    Their neighbours, led to them, are solved.
    """
    keys, truth = len(little_shot.rig.names), little_shot.truth
    off = Rotation.from_rotvec([0.001, 0.002, -0.003]).as_matrix()
    posed = [
        {
            "frame": START + i,
            "rotation": (off @ truth.rotation[i]).ravel().tolist(),
            "translation": (truth.translation[i] + [0.001 / 3, i / 7000, 1e-17]).tolist(),
            "weights": np.random.default_rng(i).normal(size=keys).tolist(),
        }
        for i in (1, 3)
    ]
    folder = changed(little_shot, tmp_path / "locked", locked=posed)
    solution = solve_folder(folder, tmp_path / "out.npz", Silent(), Overrides(stages=LANDMARKS))
    assert solution.status == ["solved", "locked", "solved", "locked", "solved"]
    for entry in posed:
        i = entry["frame"] - START
        np.testing.assert_array_equal(solution.pose.rotation[i].ravel(), entry["rotation"])
        np.testing.assert_array_equal(solution.pose.translation[i], entry["translation"])
        np.testing.assert_array_equal(solution.pose.weights[i], entry["weights"])
    assert errors(little_shot, solution, [0, 2])["rotation_deg"].max() < 3.4


def test_keys_that_the_artist_excluded_keep_their_values(little_shot, tmp_path):
    arrays = dict(np.load(little_shot.folder / "rig.npz"))
    out = little_shot.rig.names.index("mouthSmile_L")
    arrays["solved"][out] = False
    np.savez(tmp_path / "rig.npz", **arrays)
    initial = json.loads((little_shot.folder / "shot.json").read_text())["initial"]
    initial["weights"] = [[0.25 if k == out else 0.0 for k in range(len(row))] for row in initial["weights"]]
    folder = changed(little_shot, tmp_path / "shot", rig=str(tmp_path / "rig.npz"), initial=initial)
    solution = solve_folder(folder, tmp_path / "out.npz", Silent(), Overrides(stages=LANDMARKS, frames=(START, START)))
    np.testing.assert_array_equal(solution.pose.weights[:, out], 0.25)
    assert solution.pose.weights[0, little_shot.rig.names.index("mouthSmile_R")] > 0.05


def test_two_cameras_see_depth(demo_rig, tmp_path):
    """A second camera from the side: landmarks alone now place the head in depth; and one camera may miss it."""
    count = 2
    front, side = camera("A", count, (0.1, -0.95, 0.02)), camera("B", count, (0.7, -0.75, 0.05))
    truth = performance(demo_rig, 5)[np.array([0, 4])]
    shot = write_shot(tmp_path / "two", demo_rig, truth, (front, side))
    both = solve_folder(shot.folder, tmp_path / "two.npz", Silent(), Overrides(stages=LANDMARKS))
    document = json.loads((shot.folder / "shot.json").read_text())
    alone = changed(shot, tmp_path / "one", cameras=document["cameras"][:1])
    one = solve_folder(alone, tmp_path / "one.npz", Silent(), Overrides(stages=LANDMARKS))
    with_two, with_one = errors(shot, both, [0, 1]), errors(shot, one, [0, 1])
    assert with_two["depth_mm"].max() < 3.7
    assert with_two["vertex_mm"].mean() < with_one["vertex_mm"].mean()
    alone_frames = list(document["cameras"][0]["plate"]["frames"])
    document["cameras"][0]["plate"]["frames"][0] = None
    halved = changed(shot, tmp_path / "half", cameras=document["cameras"])
    half = solve_folder(halved, tmp_path / "half.npz", Silent(), Overrides(stages=("rigid",)))
    assert half.status == ["solved", "solved"]
    document["cameras"][1]["plate"]["frames"] = [None] * count  # a camera that did not run in this range
    document["cameras"][0]["plate"]["frames"] = alone_frames
    unfilmed = changed(shot, tmp_path / "unfilmed", cameras=document["cameras"])
    assert (
        solve_folder(unfilmed, tmp_path / "unfilmed.npz", Silent(), Overrides(stages=("rigid",))).status == half.status
    )


@pytest.mark.parametrize("stop", [("detection", 2), ("rigid", 1)])
def test_a_cancelled_solve_keeps_what_is_done(little_shot, tmp_path, stop):
    notes = Notes(stop=stop)
    solution = solve_folder(
        little_shot.folder, tmp_path / "out.npz", notes, Overrides(stages=LANDMARKS, frames=(START, START + 2))
    )
    assert "expression" not in {step[0] for step in notes.steps}
    read = load_solution(tmp_path / "out.npz")
    np.testing.assert_array_equal(read.frames, little_shot.frames[:3])
    if stop[0] == "detection":  # an earlier solve of these frames stands
        assert notes.frames == []
        assert solution.reason == ["not reached"] * 3
    else:
        assert solution.status[0] == "solved"


class Impatient(Silent):
    """Says stop when it is asked for the given time after a stage has begun, and counts the questions from then on."""

    def __init__(self, stage, after):
        self.stage, self.left, self.heard, self.asked = stage, after, [], 0

    def progress(self, stage, done, total, fraction, seconds_left):
        self.heard.append((stage, done))

    def frame(self, result):
        self.heard.append((result.stage, result.frame))

    def cancelled(self):
        if self.stage in {stage for stage, _ in self.heard}:
            self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("cameras", [1, 2])
def test_nothing_more_is_looked_at_after_a_stop(little_shot, tmp_path, monkeypatch, cameras):
    """Neither another plate nor the head's shadows, and nothing is rendered to judge what was not solved."""
    monkeypatch.setattr(solving, "shadow_transfer", lambda *_: pytest.fail("began the shadows"))
    monkeypatch.setattr(solving, "estimate_lights", lambda *_: pytest.fail("began to judge"))
    (one,) = json.loads((little_shot.folder / "shot.json").read_text())["cameras"]
    named = [{**one, "name": name} for name in "AB"[:cameras]]
    ear = Impatient("detection", 1)
    solution = solve_folder(changed(little_shot, tmp_path / "shot", cameras=named), tmp_path / "out.npz", ear)
    assert solution.reason == ["not reached"] * 5
    assert max(done for _, done in ear.heard) <= 2
    assert (tmp_path / "out.npz").exists()


def test_a_stop_while_judging_leaves_the_rest_of_it(little_shot, tmp_path):
    """Frames that are not judged keep the error of their last stage."""
    ear = Impatient("judging", 0)
    solution = solve_folder(little_shot.folder, tmp_path / "out.npz", ear, Overrides(stages=LANDMARKS))
    assert len([stage for stage, _ in ear.heard if stage == "judging"]) == CHUNK + 1
    assert solution.status.count("solved") == 4
    assert np.isfinite(solution.error_px[SEEN]).all()


def test_of_a_stage_that_was_stopped_only_what_it_moved_is_told(little_shot, tmp_path, monkeypatch):
    ear = Impatient("moved", 0)

    def moves_one(_step, context, _cancelled):
        context.pose.translation[1] += 0.01
        context.error_px[:] = 3.0
        ear.heard.append(("moved", 0))
        yield np.array([1])

    monkeypatch.setattr(Fit, "run", moves_one)
    solution = solve_folder(little_shot.folder, tmp_path / "out.npz", ear, Overrides(stages=LANDMARKS))
    assert solution.status == ["failed", "solved", "failed", "failed", "failed"]
    assert {frame for stage, frame in ear.heard if stage in LANDMARKS and frame > 5} == {START + 1}


def test_a_plate_without_any_face_is_refused(little_shot, tmp_path):
    with pytest.raises(FaceSolveError, match="No frame of the plate shows a face"):
        solve_folder(little_shot.folder, tmp_path / "out.npz", Silent(), Overrides(frames=(START + 3, START + 3)))
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("frame", [START, START + 3])
def test_plates_are_closed_however_a_solve_ends(little_shot, tmp_path, monkeypatch, frame):
    """Where a face was found, and where none was."""
    closed = []
    monkeypatch.setattr(Footage, "close", lambda footage: closed.append(footage))
    with contextlib.suppress(FaceSolveError):
        solve_folder(
            little_shot.folder, tmp_path / "out.npz", Silent(), Overrides(stages=("rigid",), frames=(frame, frame))
        )
    assert len(closed) == 1


def test_an_absent_plate_fails_its_frame_alone(little_shot, tmp_path):
    document = json.loads((little_shot.folder / "shot.json").read_text())
    document["cameras"][0]["plate"]["frames"][1] = 4711
    folder = changed(little_shot, tmp_path / "shot", cameras=document["cameras"])
    solution = solve_folder(
        folder, tmp_path / "out.npz", Silent(), Overrides(stages=("rigid",), frames=(START, START + 1))
    )
    assert solution.status == ["solved", "failed"]
    assert "4711" in solution.reason[1]
    # and the rigid stage leaves the weights alone
    np.testing.assert_array_equal(solution.pose.weights, 0)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (Overrides(stages=("rigid", "hair")), "no stage hair"),
        (Overrides(stages=("rigid", "expression", "rigid")), "rigid is named twice"),
        (Overrides(frames=(1, 2)), "not from 1 to 2"),
        (Overrides(landmarks="eyes_only"), "eyes_only"),
    ],
)
def test_what_cannot_be_done_is_refused(little_shot, tmp_path, overrides, words):
    notes = Notes()
    with pytest.raises(FaceSolveError, match=words) as caught:
        solve_folder(little_shot.folder, tmp_path / "out.npz", notes, overrides)
    assert caught.value.remedy
    assert not notes.steps
