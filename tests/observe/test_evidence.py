"""What a frame says where the render shows nothing: no evidence of flow, and no crash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.flow.dis import DisFlow
from solver_core.observe.evidence import measure
from solver_core.stages.catalogue import ALL, Deep
from solver_core.stages.deep import deep_round, landmark_error
from solver_core.stages.shared.light import estimate_lights

ASTRAY = 4  # the frame whose head is not where it should be


@pytest.mark.parametrize("away", [(0.6, 0.0, 0.0), (0.0, -2.0, 0.0)], ids=["beside the crop", "behind the camera"])
def test_a_head_out_of_its_crop_has_no_flow_and_the_others_are_solved(context, away):
    astray = replace(context, pose=context.pose.copy(), known=context.seen)
    astray.pose.translation[ASTRAY] += away
    before = astray.pose.copy()
    step = Deep(rounds=1, keys=(ALL,), flow=True)
    assert np.concatenate(list(deep_round(astray, step, DisFlow()))).tolist() == list(range(len(astray.pose)))
    others = np.arange(len(astray.pose)) != ASTRAY
    assert astray.pose.differs(before)[others].all()
    assert np.abs(astray.pose.translation - before.translation)[others].max() < 0.02
    astray.pose.assign(np.array([ASTRAY]), before[np.array([ASTRAY])])
    estimate_lights(astray)
    (said,) = measure(astray, astray.views[0], astray.look.lights[0], np.array([ASTRAY]), DisFlow())
    assert len(said.evidence) == 1
    assert said.flow is None
    assert np.isfinite(landmark_error(astray, np.array([ASTRAY]), DisFlow())).all()
