"""Temporal refinement: the motion from frame to frame becomes the plate's own (Sections 8 and 9.5).

Each frame is tied to its neighbours by the plate's optical flow and by a steady motion, and to its own initial value as firmly as
its plate shows that value: what a frame sees clearly, a blink or lips that meet, stays; what it hardly sees, depth above all, gives way.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from solver_core import protocol
from solver_core.common.arrays import Bools, Ints
from solver_core.energies.link import LinkedFrames, Single
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.flow.dis import FlowNetwork
from solver_core.stages.catalogue import Refine
from solver_core.stages.context import CHUNK, Context
from solver_core.stages.deep import STIFFNESS
from solver_core.stages.infill import bridge_again, key_priors, smoothing, sweeps_of
from solver_core.stages.shared.tracking import FOLLOWED, Tracker, follow, surface_in, trackers

FLOW = 1.0  # weight of the plate's flow at the full amount, where a frame's own evidence has 1 too: more, and the errors of flow add up over frames
STEADY = 0.001  # of the head's radius: second difference of the motion over frames of film that costs one residual at the full amount


def refine(context: Context, step: Refine, flow: FlowNetwork) -> Iterator[Ints]:
    """Refine every frame that the solver has solved or infilled; context.pose changes, unless the amount is 0.

    Yields:
        [b] indices of frames whose plates have just been compared with their neighbours'.
    """
    amount = context.shot.settings.refinement
    moving = followed_frames(context)
    if not len(moving):
        return
    watching = trackers(context, flow, renders=step.flow and step.renders)
    linked = LinkedFrames(context.rig, context.pose, moving, context.free(step.keys))
    usable = context.known.copy()
    usable[moving] = True
    for start in range(0, len(moving), CHUNK):
        chunk = moving[start : start + CHUNK]
        for i in map(int, chunk):
            _hold(context, watching, linked, i)
            if step.flow:
                _follow_neighbours(context, watching, linked, i, usable, FLOW * amount)
        yield chunk
    for link in smoothing(context, set(map(int, moving)), STEADY * context.rig.radius / amount):
        linked.add(link)
    linked.move(sweeps_of(context, step.sweeps), parallel=step.parallel)
    bridge_again(context)
    yield np.setdiff1d(refined_frames(context), moving)


def refined_frames(context: Context) -> Ints:
    """Indices of the frames that refinement changes: solved now or filled in before, not given. None where the amount is 0."""
    if context.shot.settings.refinement <= 0:
        return np.array([], int)
    filled = [i for i, one in context.filled.items() if one.status != protocol.FRAME_FAILED]
    return np.union1d(context.solvable, np.array(filled, int))


def followed_frames(context: Context) -> Ints:
    """Indices of those among them that are more than interpolated between their neighbours."""
    frames = refined_frames(context)
    interpolated = [i for i, one in context.filled.items() if one.status == protocol.INTERPOLATED]
    return np.setdiff1d(frames, np.array(interpolated, int))


def _hold(context: Context, watching: list[Tracker], linked: LinkedFrames, i: int) -> None:
    """Section 8's prior: every visible point stays where it is in the plate, as firmly as the plate's detail there tells its place."""
    pose = context.pose[i : i + 1]
    for tracker in watching:
        if tracker.view.crops[i] is None:
            continue
        shown = surface_in(context, tracker, pose, i)
        if shown is not None:
            target, root = shown.pixels[None], shown.root_of(tracker.structure(i))[None]
            linked.add(Single(i, ReprojectionEnergy(shown.camera, shown.points, target, root)))
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
