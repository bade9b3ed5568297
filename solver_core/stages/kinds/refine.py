"""Temporal refinement: the motion from frame to frame becomes the plate's own (Sections 8 and 9.5).

Each frame is linked with its neighbours by the plate's optical flow and by a steady motion, and to its own initial
value as firmly as its plate shows that value: what a frame sees clearly, a blink or lips that meet, stays; what it
hardly sees, depth above all, gives way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Bools, Ints
from solver_core.energies.link import LinkedFrames, Single
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.optimise.chain import ChainQuadratic
from solver_core.stages.context import Context, blocks_of
from solver_core.stages.kinds.step import Cancelled, Step, never
from solver_core.stages.shared.interpolation import bridge_again
from solver_core.stages.shared.motion import NOTHING_TO_REFINE, followed_frames, refined_frames, smoothing, sweeps_of
from solver_core.stages.shared.pinned import pins_of
from solver_core.stages.shared.priors import STIFFNESS, key_priors
from solver_core.stages.shared.tracking import FOLLOWED, TOTAL, Tracker, follow, surface_in, trackers

# Weight of the plate's flow at the full amount, where a frame's own plate has 1 too: more, and the errors of flow add
# up over frames.
FLOW = 1.0
# Of the head's radius: second difference of the motion over frames of film that costs one residual at the full amount.
STEADY = 0.001


@dataclass(frozen=True)
class Refine(Step):
    """The motion over time against the plate (Section 8), as strongly as the artist's amount says."""

    kind = "refine"
    seconds = 0.3
    solves = False

    sweeps: int
    keys: tuple[str, ...] = ()
    flow: bool = True  # the plate's flow between frames; without it frames are smoothed alone
    renders: bool = False  # as in Fill
    picture: bool = False  # the steady motion is that in the picture (Section 8), instead of in the world
    parallel: bool = False  # each sweep from the last one's values (Jacobi), instead of the newest (Gauss-Seidel)

    def frames(self, context: Context) -> Ints:
        """Those that are solved or filled."""
        return refined_frames(context)

    def prepare(self, context: Context, *, solving: bool) -> list[str]:
        """Say so where it has nothing to do."""
        del solving
        return [] if context.shot.settings.refinement else [NOTHING_TO_REFINE]

    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """Refine every frame that the solver has solved or infilled; context.pose changes, unless the amount is 0.

        Yields:
            [b] indices of frames whose plates have just been compared with their neighbours'.
        """
        del cancelled
        amount = context.shot.settings.refinement
        moving = followed_frames(context)
        if not len(moving):
            return
        watching = trackers(context, renders=self.flow and self.renders)
        linked = LinkedFrames(context.rig, context.pose, moving, self.free(context))
        usable = context.known.copy()
        usable[moving] = True
        chunks, found = blocks_of(moving), dict[int, ChainQuadratic]()
        for at, model in context.over(_measured, chunks, self, watching, moving, usable):
            found[at] = model
            yield chunks[at]
        for at, model in sorted(found.items()):  # sums are taken in the frames' order, whichever came first
            linked.take(_around(chunks[at], moving), model)
        steady = STEADY * context.rig.radius / amount
        for link in smoothing(context, set(map(int, moving)), steady, picture=self.picture):
            linked.add(link)
        linked.move(sweeps_of(context, self.sweeps), parallel=self.parallel)
        bridge_again(context)
        yield np.setdiff1d(refined_frames(context), moving)


def _around(chunk: Ints, moving: Ints) -> Ints:
    """The moving frames that the plates of a chunk and their neighbours' say something of."""
    return moving[(moving >= chunk[0] - 1) & (moving <= chunk[-1] + 1)]


def _measured(
    context: Context, step: Refine, watching: list[Tracker], moving: Ints, usable: Bools, chunk: Ints
) -> ChainQuadratic:
    """What the plates say of the frames of a chunk, and of the motion to their neighbours."""
    around = LinkedFrames(context.rig, context.pose, _around(chunk, moving), step.free(context))
    weight = FLOW * context.shot.settings.refinement
    for i in map(int, chunk):
        _hold(context, watching, around, i)
        if step.flow:
            _follow_neighbours(context, watching, around, i, usable, weight)
    return around.model


def _hold(context: Context, watching: list[Tracker], linked: LinkedFrames, i: int) -> None:
    """Section 8's prior: every visible point stays where it is in the plate.

    It is held as firmly as the plate's detail there tells its place.
    """
    pose = context.pose[i : i + 1]
    for tracker in watching:
        if tracker.view.crops[i] is None:
            continue
        shown = surface_in(context, tracker, pose, i)
        if shown is not None:
            target, root = shown.pixels[None], shown.root_of(tracker.structure(i))[None]
            linked.add(Single(i, ReprojectionEnergy(shown.camera, shown.points, target, root)))
    for pins in pins_of(context, np.array([i]), pose, TOTAL):
        linked.add(Single(i, pins))
    strength = STIFFNESS / context.rig.strength[None] ** 2
    for prior in key_priors(context, pose, strength):
        linked.add(Single(i, prior))


def _follow_neighbours(
    context: Context, watching: list[Tracker], linked: LinkedFrames, i: int, usable: Bools, weight: float
) -> None:
    """The plate's flow to the next frame, and from the one before where that does not move itself."""
    pairs = [(i, i + 1)] if i + 1 < len(usable) else []
    pairs += [(i - 1, i)] if i > 0 and not linked.moves(i - 1) else []
    for first, second in pairs:
        for tracker in watching if usable[first] and usable[second] else []:
            pair = follow(context, tracker, context.pose, first, second, weight)
            if pair is not None and pair.share >= FOLLOWED:
                linked.add(pair.link)
