"""Frames that nothing in the plate leads to: poses between those of the known frames beside them."""

from __future__ import annotations

import numpy as np

from solver_core import protocol
from solver_core.face.pose import Pose
from solver_core.stages.context import Context
from solver_core.stages.shared.gaps import Gap, gaps_of


def interpolated(context: Context, gap: Gap) -> Pose:
    """Poses between the anchors at the gap's frames, by scene time; one anchor is held."""
    frames, pose = context.shot.frames, context.pose
    ends = [pose[np.full(len(gap.frames), anchor)] for anchor in gap.anchors]
    if len(ends) == 1:
        return ends[0]
    left, right = (float(frames[anchor]) for anchor in gap.anchors)
    return ends[0].toward(ends[1], (frames[gap.frames] - left) / (right - left))


def bridge_again(context: Context) -> None:
    """Interpolate once more what only could be interpolated: the frames beside it have moved."""
    fill = np.zeros(len(context.pose), bool)
    fill[[i for i, filled in context.filled.items() if filled.status == protocol.INTERPOLATED]] = True
    infilled = np.zeros_like(fill)
    infilled[[i for i, filled in context.filled.items() if filled.status == protocol.INFILLED]] = True
    for gap in gaps_of(fill, context.known | infilled, context.cuts):
        context.pose.assign(gap.frames, interpolated(context, gap))
