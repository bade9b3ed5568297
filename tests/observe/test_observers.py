"""What a frame says where the render shows nothing: no flow, and no crash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.documents.overlay import Overlay
from solver_core.stages.catalogue import LANDMARKS_AND_FLOW
from solver_core.stages.judging import judge_of
from solver_core.stages.key_names import ALL
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.observing import observe

ASTRAY = 4  # the frame whose head is not where it should be


@pytest.mark.parametrize("away", [(0.6, 0.0, 0.0), (0.0, -2.0, 0.0)], ids=["beside the crop", "behind the camera"])
def test_a_head_out_of_its_crop_has_no_flow_and_the_others_are_solved(context, away):
    astray = replace(context, pose=context.pose.copy(), known=context.seen)
    astray.pose.translation[ASTRAY] += away
    before = astray.pose.copy()
    step = Deep(rounds=1, keys=(ALL,), observers=LANDMARKS_AND_FLOW)
    assert np.concatenate(list(step.run(astray))).tolist() == list(range(len(astray.pose)))
    others = np.arange(len(astray.pose)) != ASTRAY
    assert astray.pose.differs(before)[others].all()
    assert np.abs(astray.pose.translation - before.translation)[others].max() < 0.00095
    astray.pose.assign(np.array([ASTRAY]), before[np.array([ASTRAY])])
    estimate_lights(astray)
    light, index = astray.look.lights[0], np.array([ASTRAY])
    (observed,) = observe(astray, astray.views[0], light, index, LANDMARKS_AND_FLOW)
    assert observed["landmarks"].correspondences is not None
    assert observed["flow"].correspondences is None
    assert observed["flow"].layers() == {}
    (verdict,) = judge_of(astray).verdicts(astray, index, Overlay(), ("flow",))
    assert np.isfinite([verdict.error_px, verdict.error, *verdict.regions.values()]).all()
