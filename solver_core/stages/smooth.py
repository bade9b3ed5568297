"""The solved motion smoothed over time by splines, without the plate: the classical remedy beside temporal refinement."""

from __future__ import annotations

import numpy as np

from solver_core.optimise.spline import LEAST, smoothing_spline
from solver_core.stages.catalogue import Smooth
from solver_core.stages.context import Context
from solver_core.stages.infill import bridge_again
from solver_core.stages.refine import followed_frames
from solver_core.stages.shared.gaps import stretches

PERIOD = 0.5  # seconds: at the full amount so long a swing keeps half of its size


def smooth(context: Context, step: Smooth) -> None:
    """Smooth the frames that refinement would change; context.pose changes, unless the amount is 0.

    Each parameter follows a smoothing spline, rotations as the turns from frame to frame add up: so no half turn is a seam. Frames
    that stay hold the spline where they are; nothing crosses a cut or a frame whose pose is not known.
    """
    moving = followed_frames(context)
    if not len(moving):
        return
    moves = np.isin(np.arange(len(context.pose)), moving)
    period = PERIOD * context.shot.fps * context.shot.settings.refinement
    free = context.free(step.keys, rotation=step.head, translation=step.head)
    freed, weights = free.of_whole(context.pose)[free.movable], free.keys
    for part in stretches(context.known | moves, context.cuts, LEAST):
        pose = context.pose[part]
        path = np.cumsum(pose[1:].step_from(pose[:-1]), axis=0)
        path = np.concatenate([np.zeros_like(path[:1]), path])
        change = np.zeros_like(path)
        time, give = context.shot.frames[part].astype(float), moves[part].astype(float)
        change[:, freed] = smoothing_spline(time, path[:, freed], period, give) - path[:, freed]
        calm = pose.stepped(change)
        calm.weights[:, weights] = np.clip(calm.weights, context.rig.minimum, context.rig.maximum)[:, weights]
        context.pose.assign(part[moves[part]], calm[moves[part]])
    bridge_again(context)
