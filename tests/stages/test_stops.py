"""Steps that are stopped: what they have not finished stays as it was.

Also, the landmark fit in parts is the fit of all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.stages.catalogue import STAGES
from solver_core.stages.kinds import fit as fitting
from solver_core.stages.kinds.fit import Fit
from solver_core.stages.kinds.step import never
from solver_core.stages.shared.joins import join

STEP = Fit(iterations=20)


def aside(context):
    """The same context with its heads moved."""
    moved = replace(context, pose=context.pose.copy(), known=context.seen, filled={})
    moved.pose.head.translation += [0.01, 0.0, -0.01]
    return moved


def error_of(context, cancelled=never):
    """The landmark distances that STEP leaves."""
    list(STEP.run(context, cancelled))
    return context.error_px


def after(count):
    """Says stop from its so many-th question on."""
    asked = iter(range(10**6))
    return lambda: next(asked) >= count


def test_a_fit_in_parts_is_the_fit_of_all(context, monkeypatch):
    whole, parts = aside(context), aside(context)
    error = error_of(whole)
    monkeypatch.setattr(fitting, "PART", 2)
    np.testing.assert_allclose(error_of(parts), error, atol=1e-3)
    np.testing.assert_allclose(parts.pose.translation, whole.pose.translation, atol=1e-5)


def test_a_stopped_fit_leaves_the_frames_that_it_has_not_reached(context, monkeypatch):
    monkeypatch.setattr(fitting, "PART", 3)
    before, stopped = aside(context), aside(context)
    error = error_of(stopped, after(0))
    moved = stopped.pose.differs(before.pose)
    assert moved[:3].all()
    assert not moved[3:].any()
    assert np.isfinite(error).all()


@pytest.mark.parametrize("questions", [0, 3])
def test_a_stopped_infill_leaves_its_gap(context, questions):
    gap = aside(context)
    gap.fill = np.isin(np.arange(len(gap.pose)), [3, 4])
    gap.known = ~gap.fill
    before = gap.pose.copy()
    assert list(STAGES["infill"][0].run(gap, after(questions))) == []
    assert not gap.pose.differs(before).any()
    assert gap.filled == {}


def test_a_stopped_join_moves_nothing(context):
    joined = aside(context)
    joined.shot = replace(joined.shot, neighbours=(int(joined.shot.frames[0]),))
    joined.pose.translation[0] += 0.02
    before = joined.pose.copy()
    assert not len(join(joined, [STEP], after(0)))
    assert not joined.pose.differs(before).any()
    assert len(join(joined, [STEP]))
