"""Pins in a solve: evidence in every kind of step, and anchors where the plate shows nothing."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from little_shot import START, changed

from solver_core import protocol
from solver_core.documents.shot import load_shot
from solver_core.face.pins import Pin, pinned_points
from solver_core.service.listener import Silent
from solver_core.solve import prepare_context, solve
from solver_core.stages.catalogue import STAGES
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.kinds.refine import Refine

COVERED = 3  # the frame of the little shot in which nobody is
TRIANGLES = (120, 700, 1500, 2200, 2900, 3300, 60, 1900, 2500, 900)
OFF = np.array([9.0, -6.0])  # plate pixels that the artist pulls the head aside in a frame that is seen


def pins_at(little, index, off=(0.0, 0.0)):
    """Pins at true places of a frame, pulled aside."""
    rig, view, frame = little.rig, little.cameras[0], np.array([index])
    corners = [tuple(int(v) for v in rig.triangles[t % len(rig.triangles)]) for t in TRIANGLES]
    pins = [Pin(START + index, "A", corner, (0.5, 0.25, 0.25), (0.0, 0.0)) for corner in corners]
    places, _ = view[frame].project(pinned_points(rig, [pins]).world(little.truth[frame]))
    return tuple(replace(pin, place=(float(u), float(v))) for pin, (u, v) in zip(pins, places[0] + off, strict=True))


def off_by(little, pins, pose, index):
    """Pixels from the pins' places to where the head is seen, on average over the pins."""
    frame = np.array([index])
    seen, _ = little.cameras[0][frame].project(pinned_points(little.rig, [pins]).world(pose[frame]))
    return float(np.linalg.norm((seen[0] - [pin.place for pin in pins]).mean(0)))


@pytest.fixture(scope="module")
def fitted(little_shot, tmp_path_factory):
    """The shot after rigid alignment, with pins at its second frame and without."""
    shot = load_shot(changed(little_shot, tmp_path_factory.mktemp("pins")))
    pins = pins_at(little_shot, 1, OFF)
    with contextlib.closing(prepare_context(shot, lambda _done, _total: True)) as context:
        context.known = context.seen
        yield context, replace(context, shot=replace(shot, pins=pins)), pins


def run(context, *steps):
    here = replace(context, pose=context.pose.copy(), observers=dict(context.observers))
    for step in steps:
        list(step.run(here))
    return here


def test_every_kind_of_step_holds_the_pins(fitted, little_shot):
    plain, pinned, pins = fitted
    apart = float(np.linalg.norm(OFF))
    after, held = run(plain, *STAGES["rigid"]), run(pinned, *STAGES["rigid"])
    assert off_by(little_shot, pins, after.pose, 1) > 0.6 * apart
    assert off_by(little_shot, pins, held.pose, 1) < 0.15 * apart
    np.testing.assert_array_equal(held.pose.translation[[0, 2]], after.pose.translation[[0, 2]])  # other frames
    away = replace(held, pose=after.pose)
    deep = run(away, Deep(rounds=1, keys=("*",)))
    assert off_by(little_shot, pins, deep.pose, 1) < 0.15 * apart
    refined = replace(away, shot=replace(away.shot, settings=replace(away.shot.settings, refinement=0.5)))
    refined = run(refined, Refine(sweeps=20, flow=False))
    assert off_by(little_shot, pins, refined.pose, 1) < 0.5 * apart


def test_a_covered_frame_is_posed_by_its_pins_and_is_an_anchor(little_shot, tmp_path):
    shot = load_shot(changed(little_shot, tmp_path / "shot", stages=["rigid"]))
    pins = pins_at(little_shot, COVERED)
    held = solve(replace(shot, pins=pins), Silent())
    assert held.status[COVERED] == protocol.INFILLED
    assert held.reason[COVERED] == ""
    assert off_by(little_shot, pins, held.pose, COVERED) < 0.5
    filled = replace(shot, stages=("rigid", "infill"), infill_ranges=((START + COVERED, START + COVERED),))
    through = solve(replace(filled, pins=pins), Silent())
    assert through.status[COVERED] == protocol.INFILLED
    assert off_by(little_shot, pins, through.pose, COVERED) < 0.5
    beside = through.pose[np.array([COVERED - 1])].toward(through.pose[np.array([COVERED + 1])], np.array([0.5]))
    assert off_by(little_shot, pins, _in_frame(through.pose, beside), COVERED) > 1.0


def _in_frame(pose, other):
    """The poses with another one in the covered frame."""
    found = pose.copy()
    found.assign(np.array([COVERED]), other)
    return found


def test_pins_of_frames_that_stay_and_pins_without_strength_do_not_count(little_shot, tmp_path):
    truth = little_shot.truth
    lock = {
        "frame": START + 1,
        "rotation": truth.rotation[1].ravel().tolist(),
        "translation": truth.translation[1].tolist(),
        "weights": truth.weights[1].tolist(),
    }
    shot = load_shot(changed(little_shot, tmp_path / "shot", locked=[lock], neighbours=[START + 2]))
    pins = [*pins_at(little_shot, 1), *pins_at(little_shot, 2), *pins_at(little_shot, 0)[:2]]
    pins += [replace(pin, strength=0.0) for pin in pins_at(little_shot, 4)]
    shot = replace(shot, pins=tuple(pins))
    assert np.flatnonzero(shot.pinned_mask()).tolist() == [0]
    assert np.flatnonzero(shot.posed_mask).tolist() == [1]  # two pins are not a pose
    assert len(shot.at(np.array([0, 4])).pins) == 2 + len(TRIANGLES)
