"""Infill: frames without a solve of their own, carried over from known ones (Sections 7 and 9.3).

They are carried over by the plate's optical flow.

Every frame of a gap is linked with its neighbours, and with the known frames at both ends, so that no error adds up
along the way. All links together are one energy: it is swept forward from the left end and backward from the right
until nothing moves, and joins both ends without a seam. Where the plate shows nothing of the face, poses are
interpolated.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solver_core import protocol
from solver_core.common.arrays import Floats, Ints
from solver_core.energies.link import LinkedFrames, Single
from solver_core.energies.prior import PosePrior
from solver_core.face.parameters import FreeParameters
from solver_core.optimise.chain import ChainQuadratic
from solver_core.stages.context import Context, Filled
from solver_core.stages.kinds.step import Cancelled, Step, never
from solver_core.stages.shared.gaps import Gap, choose_fill, gaps_of
from solver_core.stages.shared.interpolation import interpolated
from solver_core.stages.shared.motion import smoothing, sweeps_of
from solver_core.stages.shared.pinned import pins_of
from solver_core.stages.shared.priors import STIFFNESS, key_priors
from solver_core.stages.shared.sparsity import relevance
from solver_core.stages.shared.tracking import FOLLOWED, Tracker, follow, trackers

REACH = 24  # frames of film, a second: flow over a longer time follows a face no more
FAR = 0.3  # weight of flow from an anchor that is not a neighbour: surer in the mean, coarser in itself
# Of the head's radius: second difference of its motion over frames of film, an acceleration, that costs one residual.
SMOOTH = 0.002
ALONE = 1.0  # radians, and head radii: how softly a frame that nothing but pins ties to anything stays where it was
PIN_ROUNDS = 4  # of frames with pins: their places are not linear in the head's turn
# What one pin weighs there, a third of it: as a hand puts it, some half a pixel off, beside an even motion. More, and a
# trembling hand decides on the distance.
PINNED_TOTAL = 4.0
SWEEPS = 100  # at most, of film; each costs a thousandth of the flow


@dataclass(frozen=True)
class Fill(Step):
    """Frames of the infill ranges, carried over from known ones by the plate's flow (Section 7).

    Flow is read anew in each round.
    """

    kind = "fill"
    seconds = 0.9
    solves = False
    only_fills = True

    rounds: int
    keys: tuple[str, ...] = ()
    renders: bool = False  # the plate's flow against the flow between renders, instead of the mesh's exact motion

    def frames(self, context: Context) -> Ints:
        """Those of the infill ranges; without ranges, those where no face is seen."""
        return np.flatnonzero(context.fill)

    def prepare(self, context: Context, *, solving: bool) -> list[str]:
        """Choose the frames to fill; what an earlier run has filled is filled anew."""
        choice = choose_fill(context.shot, context.seen, context.cuts, solving=solving)
        context.fill, context.known, context.filled = choice.fill, choice.known, {}
        return choice.notes

    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """Fill every gap of the context; its pose and `filled` change.

        Stopped by `cancelled`, it leaves the gap that it was at.

        Yields:
            [b] indices of the frames that have just been filled.
        """
        pinned = pose_pinned(context, self.free(context))
        if len(pinned):
            context.filled.update({int(i): Filled(protocol.INFILLED, "") for i in pinned})
            yield pinned
        known, fill = context.known.copy(), context.fill.copy()
        known[pinned], fill[pinned] = True, False
        watching = trackers(context, renders=self.renders) if fill.any() else []
        for gap in gaps_of(fill, known, context.cuts):
            before = context.pose[gap.frames]
            found = _fill(context, self, watching, gap, cancelled)
            if cancelled():
                context.pose.assign(gap.frames, before)
                return
            context.filled.update(found)
            yield gap.frames


def pose_pinned(context: Context, free: FreeParameters) -> Ints:
    """Pose the frames of the gaps that have pins: anchors of the others from then on. context.pose changes.

    Each gap's frames move on evenly through its ends and the pins, their keys near those between the ends.

    Returns:
        Indices of the frames with pins.
    """
    pinned = context.fill & context.shot.pinned_mask()
    for gap in gaps_of(context.fill, context.known, context.cuts) if pinned.any() else []:
        if not pinned[gap.frames].any():
            continue
        start = interpolated(context, gap) if gap.anchors else context.pose[gap.frames]
        context.pose.assign(gap.frames, start)
        ends = [*gap.anchors, *gap.frames[pinned[gap.frames]]]
        moving = {int(i) for i in gap.frames if min(ends) <= i <= max(ends)}
        strength = _strength(context)
        for _ in range(PIN_ROUNDS):
            linked = LinkedFrames(context.rig, context.pose, gap.frames, free)
            for at, i in enumerate(map(int, gap.frames)):
                here, was = context.pose[gap.frames[at : at + 1]], start[at : at + 1]
                near = [PosePrior(was, ALONE, ALONE * context.rig.radius), *key_priors(context, was, strength)]
                for one in [*near, *pins_of(context, gap.frames[at : at + 1], here, PINNED_TOTAL)]:
                    linked.add(Single(i, one))
            for link in smoothing(context, moving, SMOOTH * context.rig.radius):
                linked.add(link)
            linked.move(sweeps_of(context, SWEEPS), only=moving)
    return np.flatnonzero(pinned)


def _strength(context: Context) -> Floats:
    """[1,K] how firmly keys are held near the values between the known frames: by how much each moves elsewhere."""
    kept: Floats = STIFFNESS / context.rig.strength[None] ** 2 * relevance(context.pose.weights[context.trusted])
    return kept


def _fill(context: Context, step: Fill, watching: list[Tracker], gap: Gap, cancelled: Cancelled) -> dict[int, Filled]:
    if not gap.anchors:
        reason = "no frame beside the range is known, so there is nothing to fill it from"
        return {int(i): Filled(protocol.FRAME_FAILED, reason) for i in gap.frames}
    start = interpolated(context, gap)
    context.pose.assign(gap.frames, start)
    free = step.free(context)
    strength = _strength(context)
    reached: set[int] = set()
    for _ in range(step.rounds):
        linked = LinkedFrames(context.rig, context.pose, gap.frames, free)
        reached = _reached(gap, _follow_all(context, step, watching, gap, linked, cancelled))
        if not reached or cancelled():
            break
        for at, i in enumerate(map(int, gap.frames)):
            for prior in key_priors(context, start[at : at + 1], strength):
                linked.add(Single(i, prior))
        for link in smoothing(context, reached, SMOOTH * context.rig.radius):
            linked.add(link)
        linked.move(sweeps_of(context, SWEEPS), only=reached)
    return _bridge(context, gap, reached)


def _follow_all(
    context: Context, step: Fill, watching: list[Tracker], gap: Gap, linked: LinkedFrames, cancelled: Cancelled
) -> list[tuple[int, int]]:
    """Add the flow of all pairs of plates that can be followed; answers these pairs."""
    ends = [*gap.anchors[: gap.left is not None], *map(int, gap.frames), *gap.anchors[gap.left is not None :]]
    pairs = dict.fromkeys(itertools.pairwise(ends), 1.0)
    for anchor in gap.anchors:
        for i in map(int, gap.frames):
            if 1 < abs(i - anchor) <= REACH * context.shot.pace:
                pairs[anchor, i] = FAR
    # where no face is seen the plate shows what covers it: flow from a frame that pins alone pose would follow that
    blind = {i for i in gap.anchors if context.fill[i] and not context.seen[i]}
    blocks = [
        (first, second, weight) for (first, second), weight in sorted(pairs.items()) if not blind & {first, second}
    ]
    found = dict[int, ChainQuadratic]()
    for at, model in context.over(_followed, blocks, step, watching, gap.frames):
        if model is not None:
            found[at] = model
        if cancelled():
            break
    for at, model in sorted(found.items()):  # sums are taken in the frames' order, whichever came first
        linked.take(_moving(gap.frames, blocks[at]), model)
    return [blocks[at][:2] for at in sorted(found)]


def _moving(frames: Ints, pair: tuple[int, int, float]) -> Ints:
    return frames[np.isin(frames, pair[:2])]


def _followed(
    context: Context, step: Fill, watching: list[Tracker], frames: Ints, pair: tuple[int, int, float]
) -> ChainQuadratic | None:
    """What the flow of a pair of plates, with a weight, says of those of its frames that move; None: nothing."""
    linked = LinkedFrames(context.rig, context.pose, _moving(frames, pair), step.free(context))
    followed = [follow(context, tracker, context.pose, *pair) for tracker in watching]
    links = [one.link for one in followed if one is not None and one.share >= FOLLOWED]
    for link in links:
        linked.add(link)
    return linked.model if links else None


def _reached(gap: Gap, followed: list[tuple[int, int]]) -> set[int]:
    """The frames that a chain of pairs ties to an anchor."""
    reached = set(gap.anchors)
    while grew := {b if a in reached else a for a, b in followed if (a in reached) != (b in reached)}:
        reached |= grew
    return reached - set(gap.anchors)


def _bridge(context: Context, gap: Gap, reached: set[int]) -> dict[int, Filled]:
    """Interpolate the frames that no flow reaches, between those that it does."""
    filled = {i: Filled(protocol.INFILLED, "") for i in reached}
    fill = np.zeros(len(context.pose), bool)
    fill[[int(i) for i in gap.frames if int(i) not in reached]] = True
    known = np.zeros_like(fill)
    known[[*reached, *gap.anchors]] = True
    for part in gaps_of(fill, known, context.cuts):
        context.pose.assign(part.frames, interpolated(context, part))
        for i in map(int, part.frames):
            filled[i] = Filled(protocol.INTERPOLATED, _why(context, i))
    return filled


def _why(context: Context, i: int) -> str:
    reasons = [view.reasons[i] for view in context.views if view.reasons[i]]
    return (
        f"the plate does not show the face well enough to follow it ({reasons[0]})"
        if reasons
        else "the face could not be followed to this frame by flow"
    )
