"""Infill: frames without a solve of their own are carried over from known ones by the plate's optical flow (Sections 7 and 9.3).

Every frame of a gap is linked with its neighbours, and with the known frames at both ends, so that no error adds up along the way.
All links together are one energy: it is swept forward from the left end and backward from the right until nothing moves, and
joins both ends without a seam. Where the plate shows nothing of the face, poses are interpolated.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from solver_core import protocol
from solver_core.common.arrays import Floats, Ints, spread
from solver_core.energies.energy import Energy
from solver_core.energies.link import Link, LinkedFrames, Single
from solver_core.energies.prior import WeightPrior, joint_priors
from solver_core.energies.smoothing import SmoothLink
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints
from solver_core.flow.dis import FlowNetwork
from solver_core.stages.catalogue import Fill
from solver_core.stages.context import Context, Filled
from solver_core.stages.deep import STIFFNESS
from solver_core.stages.shared.gaps import Gap, gaps_of
from solver_core.stages.shared.sparsity import relevance
from solver_core.stages.shared.tracking import FOLLOWED, Tracker, follow, trackers

REACH = 24  # frames of film, a second: flow over a longer time follows a face no more
FAR = 0.3  # weight of flow from an anchor that is not a neighbour: surer in the mean, coarser in itself
SMOOTH = 0.002  # of the head's radius: second difference of its motion over frames of film, an acceleration, that costs one residual
SAMPLES = 200  # points of the surface whose motion is smoothed
SWEEPS = 100  # at most, of film; each costs a thousandth of the flow


def infill(
    context: Context, step: Fill, flow: FlowNetwork, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Ints]:
    """Fill every gap of the context; its pose and `filled` change. Stopped by `cancelled`, it leaves the gap that it was at.

    Yields:
        [b] indices of the frames that have just been filled.
    """
    watching = trackers(context, flow, renders=step.renders)
    for gap in gaps_of(context.fill, context.known, context.cuts):
        before = context.pose[gap.frames]
        found = _fill(context, step, watching, gap, cancelled)
        if cancelled():
            context.pose.assign(gap.frames, before)
            return
        context.filled.update(found)
        yield gap.frames


def interpolated(context: Context, gap: Gap) -> Pose:
    """Poses between the anchors at the gap's frames, by scene time; one anchor is held."""
    frames, pose = context.shot.frames, context.pose
    ends = [pose[np.full(len(gap.frames), anchor)] for anchor in gap.anchors]
    if len(ends) == 1:
        return ends[0]
    left, right = (float(frames[anchor]) for anchor in gap.anchors)
    return ends[0].toward(ends[1], (frames[gap.frames] - left) / (right - left))


def _fill(
    context: Context, step: Fill, watching: list[Tracker], gap: Gap, cancelled: Callable[[], bool]
) -> dict[int, Filled]:
    if not gap.anchors:
        reason = "no frame beside the range is known, so there is nothing to fill it from"
        return {int(i): Filled(protocol.FRAME_FAILED, reason) for i in gap.frames}
    start = interpolated(context, gap)
    context.pose.assign(gap.frames, start)
    free = context.free(step.keys)
    strength = STIFFNESS / context.rig.strength[None] ** 2 * relevance(context.pose.weights[context.trusted])
    reached: set[int] = set()
    for _ in range(step.rounds):
        linked = LinkedFrames(context.rig, context.pose, gap.frames, free)
        reached = _reached(gap, _follow_all(context, watching, gap, linked, cancelled))
        if not reached or cancelled():
            break
        for at, i in enumerate(map(int, gap.frames)):
            for prior in key_priors(context, start[at : at + 1], strength):
                linked.add(Single(i, prior))
        for link in smoothing(context, reached, SMOOTH * context.rig.radius):
            linked.add(link)
        linked.move(sweeps_of(context, SWEEPS), only=reached)
    return _bridge(context, gap, reached)


def key_priors(context: Context, pose: Pose, strength: Floats) -> list[Energy]:  # one frame, [1,K]
    """Shape keys and the joints near a pose's values."""
    return [WeightPrior(pose.weights, strength), *joint_priors(context.rig, STIFFNESS, pose.joints)]


def _follow_all(
    context: Context, watching: list[Tracker], gap: Gap, linked: LinkedFrames, cancelled: Callable[[], bool]
) -> list[tuple[int, int]]:
    """Add the flow of all pairs of plates that can be followed; answers these pairs."""
    ends = [*gap.anchors[: gap.left is not None], *map(int, gap.frames), *gap.anchors[gap.left is not None :]]
    pairs = dict.fromkeys(itertools.pairwise(ends), 1.0)
    for anchor in gap.anchors:
        for i in map(int, gap.frames):
            if 1 < abs(i - anchor) <= REACH * context.shot.pace:
                pairs[anchor, i] = FAR
    followed = []
    for (first, second), weight in pairs.items():
        for tracker in watching if not cancelled() else []:
            pair = follow(context, tracker, context.pose, first, second, weight)
            if pair is not None and pair.share >= FOLLOWED:
                linked.add(pair.link)
                followed.append((first, second))
    return followed


def _reached(gap: Gap, followed: list[tuple[int, int]]) -> set[int]:
    """The frames that a chain of pairs ties to an anchor."""
    reached = set(gap.anchors)
    while grew := {b if a in reached else a for a, b in followed if (a in reached) != (b in reached)}:
        reached |= grew
    return reached - set(gap.anchors)


def smoothing(context: Context, moving: set[int], sigma: float) -> list[Link]:
    """The moving frames go on as the head moved before, over their ends too; frames that stand for nothing do not count.

    Args:
        context: the solve.
        moving: indices of the frames.
        sigma: metres, the second difference over frames of film that costs one residual. Over the shorter frames of a quicker shot the same
            acceleration is less, by the square. A slower shot keeps it: over its longer frames flow is coarser, and needs as much help.
    """
    points = sample_points(context)
    sigma = sigma / max(context.shot.pace, 1.0) ** 2
    usable = context.known.copy()
    usable[list(moving)] = True
    links: list[Link] = []
    for middle in range(1, len(context.pose) - 1):
        three = (middle - 1, middle, middle + 1)
        if moving & set(three) and usable[list(three)].all() and not context.cuts[middle - 1 : middle + 1].any():
            links.append(SmoothLink(three, points, sigma))
    return links


def sweeps_of(context: Context, sweeps: int) -> int:
    """How many sweeps do at this shot's rate what so many do at film's: in each, a change goes from frame to frame, as heat does."""
    return round(sweeps * max(context.shot.pace, 1.0) ** 2)


def sample_points(context: Context) -> SurfacePoints:
    """[1,SAMPLES] points of the head, evenly over its triangles."""
    triangles = np.flatnonzero(context.face_triangles)
    chosen = spread(triangles, SAMPLES)
    return context.rig.sample(chosen[None], np.full((1, len(chosen), 3), 1 / 3))


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


def bridge_again(context: Context) -> None:
    """Interpolate once more what only could be interpolated: the frames beside it have moved."""
    fill = np.zeros(len(context.pose), bool)
    fill[[i for i, filled in context.filled.items() if filled.status == protocol.INTERPOLATED]] = True
    infilled = np.zeros_like(fill)
    infilled[[i for i, filled in context.filled.items() if filled.status == protocol.INFILLED]] = True
    for gap in gaps_of(fill, context.known | infilled, context.cuts):
        context.pose.assign(gap.frames, interpolated(context, gap))


def _why(context: Context, i: int) -> str:
    reasons = [view.reasons[i] for view in context.views if view.reasons[i]]
    return (
        f"the plate does not show the face well enough to follow it ({reasons[0]})"
        if reasons
        else "the face could not be followed to this frame by flow"
    )
