"""The plate's flow against the flow between renders.

It is right at the truth, whatever the network gets wrong in both alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.flow.dis import DisFlow
from solver_core.stages.catalogue import STAGES
from solver_core.stages.shared.gaps import gaps_of
from solver_core.stages.shared.interpolation import interpolated
from solver_core.stages.shared.tracking import follow, trackers

COUNT = 9  # frames of the shot in conftest.py
PAIRS = [(3, 4), (4, 3), (1, 5)]


class ShortSighted:
    """A network that sees half of every motion, both ways alike: nothing that it says contradicts itself."""

    name = "short-sighted"

    def __init__(self):
        self.whole, self.asked = DisFlow(shading=True), 0

    def __call__(self, first, second):
        self.asked += 1
        return 0.5 * self.whole(first, second)


@pytest.fixture
def context(context):
    """A context of its own: lights are estimated in it."""
    return replace(context)


def link(context, first, second, *, renders, flow=None):
    if flow is not None:
        context = replace(context, flow=flow)
    (tracker,) = trackers(context, renders=renders)
    return follow(context, tracker, context.pose, first, second).link


def apart(link, pose):
    """Plate pixels, weighed as the link weighs its points: how far flow and head are apart."""
    first, second = (pose[np.array([i])] for i in link.frames)
    weight = (link.root**2).sum((1, 2))
    return float((np.linalg.norm(link.difference((first, second)), axis=1) * weight).sum() / weight.sum())


@pytest.mark.parametrize("pair", PAIRS)
def test_at_the_truth_both_ways_agree_and_the_renders_are_nearer(context, pair):
    exact, rendered = (link(context, *pair, renders=renders) for renders in (False, True))
    assert apart(exact, context.pose) < 0.25
    assert apart(rendered, context.pose) < min(0.15, 1.05 * apart(exact, context.pose))
    assert np.median(np.linalg.norm(exact.end - rendered.end, axis=1)) < 0.15
    np.testing.assert_array_equal(exact.start, rendered.start)


def test_what_the_network_gets_wrong_in_both_cancels(context):
    exact, rendered = (link(context, 1, 5, renders=renders, flow=ShortSighted()) for renders in (False, True))
    assert apart(exact, context.pose) > 0.5
    assert apart(rendered, context.pose) < 0.13 * apart(exact, context.pose)


def test_from_another_pose_the_target_is_the_truth(context):
    """The second frame's head stands elsewhere.

    The plate's flow less the renders' leads its points back, to first order.
    """
    moved = replace(context, pose=context.pose.copy())
    moved.pose.translation[4] += [0.003, 0.0, -0.002]
    found = link(moved, 3, 4, renders=True)
    away, back = (apart(found, pose) for pose in (moved.pose, context.pose))
    assert away > 1.5
    assert back < 0.043 * away


def test_it_is_the_same_to_the_bit_and_its_light_is_estimated(context):
    context.look = replace(context.look, lights=(np.zeros((9, 3)),))
    first, second = (link(context, 3, 4, renders=True) for _ in range(2))
    np.testing.assert_array_equal(first.end, second.end)
    np.testing.assert_array_equal(first.root, second.root)
    assert context.look.lights[0][0].min() > 1


def test_a_frame_left_to_infill_says_nothing_of_the_light(context):
    lights = []
    for off in (0.1, 0.3):
        waiting = waiting_for(context, off)
        trackers(waiting, renders=True)
        lights.append(waiting.look.lights[0])
    np.testing.assert_array_equal(*lights)


def waiting_for(context, off=0.3):
    """Frames 3 and 4 are to be filled in; they stand somewhere else."""
    fill = np.isin(np.arange(COUNT), (3, 4))
    pose = context.pose.copy()
    pose.translation[fill] += off
    return replace(context, pose=pose, fill=fill, known=~fill, filled={})


def vertex_mm(context, pose):
    return (
        1e3 * np.linalg.norm(context.rig.world(pose) - context.rig.world(context.pose[np.array([3, 4])]), axis=2).mean()
    )


def test_infill_by_renders_finds_the_mouth(context):
    waiting = waiting_for(context)
    (gap,) = gaps_of(waiting.fill, waiting.known, waiting.cuts)
    alone = interpolated(waiting, gap)
    list(replace(STAGES["infill"][0], renders=True, rounds=2).run(waiting))
    assert vertex_mm(context, waiting.pose[gap.frames]) < 0.6 * vertex_mm(context, alone)


@pytest.mark.parametrize("renders", [False, True])
def test_refinement_asks_for_renders_only_when_it_should(context, renders):
    """Each pair of plates costs two calls of the network, each pair of renders two more."""
    settings = replace(context.shot.settings, refinement=0.5)
    known = np.ones(COUNT, bool)
    network, (step,) = ShortSighted(), STAGES["refinement"]
    here = replace(
        context,
        flow=network,
        shot=replace(context.shot, settings=settings),
        pose=context.pose.copy(),
        fill=~known,
        known=known,
        filled={},
    )
    assert not step.renders
    assert not STAGES["infill"][0].renders
    list(replace(step, sweeps=2, renders=renders).run(here))
    assert network.asked == (COUNT - 1) * (4 if renders else 2)
