"""Infill on a little shot whose answer is known.

It is better than interpolation, leaves no seam, touches nothing that is known, and is honest in the dark.
"""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from little_shot import START, changed

from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import load_shot
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, solve_folder
from solver_core.stages.catalogue import STAGES
from solver_core.stages.kinds import fill as module
from solver_core.stages.shared.gaps import gaps_of
from solver_core.stages.shared.interpolation import interpolated
from solver_core.stages.shared.motion import smoothing

COUNT = 9  # frames of the shot in conftest.py
GAP = np.array([2, 3, 4, 5])


class Said(Silent):
    """Writes down frames and warnings."""

    def __init__(self):
        self.frames, self.warnings = [], []

    def frame(self, result):
        self.frames.append(result)

    def warning(self, message):
        self.warnings.append(message)


def gap_in(context, fill=GAP, **changes):
    """The same context with frames to fill, at useless poses."""
    wanted = np.isin(np.arange(COUNT), fill)
    pose = context.pose.copy()
    pose.translation[wanted] += 0.3
    return replace(context, pose=pose, fill=wanted, known=~wanted, filled={}, **changes)


def run(context):
    list(STAGES["infill"][0].run(context))
    return context


@pytest.fixture(scope="module")
def filled(context):
    return run(gap_in(context))


def vertex_mm(shot, pose, index):
    """[b] mean distance from the truth."""
    apart = shot.rig.world(pose[index]) - shot.rig.world(shot.truth[index])
    return 1e3 * np.linalg.norm(apart, axis=2).mean(1)


def between(context, fill=GAP):
    waiting = gap_in(context, fill)
    (gap,) = gaps_of(waiting.fill, waiting.known, waiting.cuts)
    return interpolated(waiting, gap)


def test_it_knows_more_than_interpolation(shot, context, filled):
    pose = context.pose.copy()
    pose.assign(GAP, between(context))
    alone, flown = vertex_mm(shot, pose, GAP), vertex_mm(shot, filled.pose, GAP)
    assert alone.mean() > 0.8  # the mouth
    assert flown.mean() < 0.3 * alone.mean()
    assert all(filled.filled[i].status == "infilled" for i in GAP)
    jaw = shot.rig.names.index("jawOpen")
    np.testing.assert_allclose(filled.pose.weights[GAP, jaw], shot.truth.weights[GAP, jaw], atol=0.01)


def test_it_joins_both_ends_without_a_seam(shot, filled):
    """Over the ends the head moves on as smoothly as it does in truth."""

    def bend(pose):
        return np.linalg.norm(np.diff(shot.rig.world(pose), 2, axis=0), axis=2).mean(1)

    ends = [0, 1, 4, 5]  # second differences that reach over an end
    assert np.abs(bend(filled.pose) - bend(shot.truth))[ends].max() < 3.4e-4


def test_known_frames_are_untouched_to_the_bit(context, filled):
    others = np.setdiff1d(np.arange(COUNT), GAP)
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(filled.pose, name)[others], getattr(context.pose, name)[others])


def test_it_does_not_depend_on_what_stood_there_and_is_equal_to_the_bit(context, filled):
    again = gap_in(context)
    again.pose.translation[GAP] -= 1.0
    run(again)
    np.testing.assert_array_equal(again.pose.translation, filled.pose.translation)
    np.testing.assert_array_equal(again.pose.weights, filled.pose.weights)


def test_one_anchor_is_enough(shot, context):
    end = np.arange(5, COUNT)
    flown = run(gap_in(context, end))
    held = context.pose.copy()
    held.assign(end, between(context, end))
    np.testing.assert_array_equal(held.translation[end], np.broadcast_to(context.pose.translation[4], (len(end), 3)))
    assert vertex_mm(shot, flown.pose, end).max() < 0.21 * vertex_mm(shot, held, end).max()


def darkened(context, frames, value=0.3):
    """Plates of one colour in these frames, where then no face is seen."""
    view = context.views[0]
    crops = [None if i in frames else crop for i, crop in enumerate(view.crops)]
    reasons = ["nobody" if i in frames else "" for i in range(COUNT)]
    shown = view.plate

    class Covered:
        size = shown.size

        def read_display(self, number):
            image = shown.read_display(number)
            return np.full_like(image, value) if number - START in frames else image

        read = read_display

    return replace(context, views=[replace(view.at(np.arange(COUNT)), plate=Covered(), crops=crops, reasons=reasons)])


def test_where_the_plate_shows_nothing_it_interpolates_and_says_so(context):
    dark = darkened(context, {3, 4})
    found = run(gap_in(dark, np.array([3, 4])))
    expected = between(dark, np.array([3, 4]))
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(found.pose[np.array([3, 4])], name), getattr(expected, name))
    assert [found.filled[i].status for i in (3, 4)] == ["interpolated"] * 2
    assert "nobody" in found.filled[3].reason


def test_frames_beside_the_dark_are_still_followed(shot, context):
    dark = darkened(context, {4})
    found = run(gap_in(dark))
    assert [found.filled[i].status for i in GAP] == ["infilled", "infilled", "interpolated", "infilled"]
    assert vertex_mm(shot, found.pose, [2, 3, 5]).max() < 0.9


@pytest.mark.parametrize(("rate", "sigma", "farthest"), [(24.0, 1.0, 3), (48.0, 0.25, 6), (12.0, 1.0, 1)])
def test_how_far_flow_reaches_and_how_steady_the_motion_is_are_times(context, monkeypatch, rate, sigma, farthest):
    """Over half as long frames the same acceleration is a quarter of the second difference.

    Over longer ones it is held as before.
    """
    monkeypatch.setattr(module, "REACH", 3)
    asked = []
    monkeypatch.setattr(module, "follow", lambda _context, _tracker, _pose, *pair: asked.append(pair[:2]))
    at_rate = gap_in(context, np.arange(1, COUNT), shot=replace(context.shot, fps=rate))
    run(at_rate)
    assert max(abs(a - b) for a, b in asked) == farthest
    assert {link.sigma for link in smoothing(at_rate, set(range(1, COUNT)), 1.0)} == {sigma}


def test_flow_does_not_cross_a_cut(shot, context):
    """With a cut in the gap each side has its own anchor, and what is beyond the cut does not matter."""
    cuts = np.zeros(COUNT - 1, bool)
    cuts[3] = True
    cut = replace(context, views=[replace(context.views[0], cuts=cuts)])
    found = run(gap_in(cut))
    elsewhere = gap_in(cut)
    elsewhere.pose.translation[6:] += 0.5
    run(elsewhere)
    np.testing.assert_array_equal(found.pose.translation[[2, 3]], elsewhere.pose.translation[[2, 3]])
    assert not np.allclose(found.pose.translation[[4, 5]], elsewhere.pose.translation[[4, 5]])
    assert vertex_mm(shot, found.pose, GAP).max() < 1.0


def test_a_run_of_its_own_tells_of_its_frames_alone(shot, tmp_path):
    """The others stand as the artist has them, to the bit, and are not written again.

    Twins in the plate stand still.
    """
    document = json.loads((shot.folder / "shot.json").read_text())
    document["cameras"][0]["plate"]["frames"][4] = START + 3  # a frame printed twice
    folder = changed(
        replace(shot, folder=shot.folder.parent),
        tmp_path / "own",
        cameras=document["cameras"],
        initial=document["initial"],
        stages=["infill"],
        infill_ranges=[{"frame_start": START + 3, "frame_end": START + 4}],
    )
    said = Said()
    solution = solve_folder(folder, tmp_path / "out.npz", said)
    assert {result.frame for result in said.frames} == {START + 3, START + 4}
    assert not said.warnings
    assert solution.status == ["solved"] * 3 + ["infilled"] * 2 + ["solved"] * 4
    assert np.isfinite(solution.error_px[[3, 4]]).all()
    start = load_shot(folder).initial
    others = [0, 1, 2, 5, 6, 7, 8]
    np.testing.assert_array_equal(solution.pose.translation[others], start.translation[others])
    step = np.linalg.norm(np.diff(shot.rig.world(solution.pose), axis=0), axis=2).mean(1)
    assert step[3] < 0.31 * step[2]


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_shots(shot, tmp_path, frames):
    """One frame, and a range over everything: nothing to fill from."""
    document = json.loads((shot.folder / "shot.json").read_text())
    part = replace(shot, folder=shot.folder.parent)
    folder = changed(
        part,
        tmp_path / "short",
        initial=document["initial"],
        stages=["infill"],
        infill_ranges=[{"frame_start": START, "frame_end": START + 9}],
    )
    with pytest.raises(FaceSolveError, match="no frame to fill from"):
        solve_folder(folder, tmp_path / "out.npz", Silent(), Overrides(frames=(START, START + frames - 1)))


def test_plates_that_change_size_are_interpolated(shot, tmp_path):
    """A file of another size cannot be read as this plate: its frame has no picture."""
    document = json.loads((shot.folder / "shot.json").read_text())
    plates = tmp_path / "plates"
    plates.mkdir()
    for i in range(COUNT):
        image = cv2.imread(document["cameras"][0]["plate"]["path"].format(frame=START + i))
        cv2.imwrite(str(plates / f"{START + i}.png"), image[::2, ::2] if i == 3 else image)
    document["cameras"][0]["plate"]["path"] = str(plates / "{frame:04d}.png")
    folder = changed(
        replace(shot, folder=shot.folder.parent),
        tmp_path / "own",
        cameras=document["cameras"],
        initial=document["initial"],
        stages=["infill"],
    )
    solution = solve_folder(folder, tmp_path / "out.npz", Silent())
    assert solution.status[3] == "interpolated"
    assert "pixels" in solution.reason[3]
