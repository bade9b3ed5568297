"""The solved motion smoothed over time by splines, without the plate.

This is the classical remedy beside temporal refinement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Ints
from solver_core.optimise.spline import LEAST, smoothing_spline
from solver_core.stages.context import Context
from solver_core.stages.kinds.step import Cancelled, Step, never
from solver_core.stages.shared.gaps import stretches
from solver_core.stages.shared.interpolation import bridge_again
from solver_core.stages.shared.motion import NOTHING_TO_REFINE, followed_frames, refined_frames

PERIOD = 0.5  # seconds: at the full amount so long a swing keeps half of its size


@dataclass(frozen=True)
class Smooth(Step):
    """The solved motion by smoothing splines, without the plate.

    It is smoothed as strongly as the artist's amount of refinement says.
    """

    kind = "smooth"
    seconds = 0.001
    solves = False

    keys: tuple[str, ...] = ()
    head: bool = True  # whether the head's motion is smoothed

    @property
    def moves_head(self) -> bool:
        """As its setting says."""
        return self.head

    def frames(self, context: Context) -> Ints:
        """Those that are solved or filled."""
        return refined_frames(context)

    def prepare(self, context: Context, *, solving: bool) -> list[str]:
        """Say so where it has nothing to do."""
        del solving
        return [] if context.shot.settings.refinement else [NOTHING_TO_REFINE]

    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """Smooth the frames that refinement would change; context.pose changes, unless the amount is 0.

        Each parameter follows a smoothing spline, rotations as the turns from frame to frame add up: so no half turn is
        a seam. Frames that stay hold the spline where they are; nothing crosses a cut or a frame whose pose is not
        known.

        Yields:
            [b] all of them at once.
        """
        del cancelled
        moving = followed_frames(context)
        if not len(moving):
            return
        moves = np.isin(np.arange(len(context.pose)), moving)
        period = PERIOD * context.shot.fps * context.shot.settings.refinement
        free = context.free(self.keys, rotation=self.head, translation=self.head)
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
        yield self.frames(context)
