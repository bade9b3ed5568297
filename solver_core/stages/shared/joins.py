"""Joins solved frames to those that stay as they are: the artist's, and the neighbours of a part that is solved again.

The solver's own answer at such an anchor differs from what stands there, so without a join the motion jumps beside it.
That difference is carried into the frames around it and fades out over a few of them (docs/method.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.pose import Pose
from solver_core.stages.context import Context
from solver_core.stages.key_names import EYELIDS
from solver_core.stages.kinds.step import Cancelled, Step, never

REACH = 0.25  # seconds over which a difference fades out


def join(context: Context, steps: Sequence[Step], cancelled: Cancelled = never) -> Ints:
    """Let the solved frames lead smoothly to the anchors beside them.

    `context.pose` changes, at the anchors not by a bit.

    Args:
        context: after its stages.
        steps: what the frames were solved with; the one that answers at the anchors (`widest`) says what may be
            changed.
        cancelled: asked while the anchors are; true stops, and nothing moves.

    Returns:
        Indices of the frames that were moved.
    """
    last = widest(context, steps)
    pinned = context.shot.posed_mask & ~context.held
    solved = np.zeros(len(context.pose), bool)
    solved[context.solvable] = True
    solved &= ~pinned
    anchors = beside(context.shot.frames, context.held | pinned, solved)
    anchors = anchors[context.seen[anchors]]
    if not len(anchors) or last is None:
        return anchors[:0]
    own = answers(context, anchors, solved, last, cancelled)
    if cancelled():
        return anchors[:0]
    change = context.pose[anchors].step_from(own)
    change = limited(change, departure(context.shot.frames, context.pose, anchors, solved))
    free = last.free(context)
    wanted = np.isin(np.arange(change.shape[1]), free.of_whole(context.pose)[free.movable])
    # a blink is there or it is not: an anchor's lids say nothing of the frames beside it
    lids = context.free((EYELIDS,))
    wanted[lids.of_whole(context.pose)[lids.weights]] = False
    change[:, ~wanted] = 0.0
    step = faded(context.shot.frames, anchors, change, solved, reach_of(context.shot.fps))
    moved = np.flatnonzero(np.any(step != 0.0, axis=1))
    pose = context.pose[moved].stepped(step[moved])
    keys = free.keys
    pose.weights[:, keys] = np.clip(pose.weights[:, keys], context.rig.minimum[keys], context.rig.maximum[keys])
    context.pose.assign(moved, pose)
    return moved


def widest(context: Context, steps: Sequence[Step]) -> Step | None:
    """The step that can say the most of an anchor: the last of those that free most parameters, the head's among them.

    It is None where there is no such step.

    A step for a few keys alone, the eyelids' say, leaves everything else where it is asked to begin: at the neighbour's
    pose, which is no answer.
    """
    moving = [step for step in steps if step.solves and step.moves_head]
    return max(reversed(moving), key=lambda step: step.free(context).count, default=None)


def beside(frames: Ints, held: Bools, solved: Bools) -> Ints:  # [N] each
    """Indices of the held frames that have a solved frame right before or after them."""
    near = np.diff(frames) == 1
    left = np.r_[False, near & solved[:-1]]
    right = np.r_[near & solved[1:], False]
    return np.flatnonzero(held & (left | right))


def answers(context: Context, anchors: Ints, solved: Bools, last: Step, cancelled: Cancelled) -> Pose:
    """[A] what the solver itself would say at the anchors, beginning where the solved frame beside each is."""
    neighbours = [i + 1 if i + 1 < len(solved) and solved[i + 1] else i - 1 for i in anchors]
    without_pins = replace(context.shot, pins=())
    asked = replace(context, shot=without_pins, pose=context.pose.copy(), asked=anchors)
    asked.pose.assign(anchors, context.pose[np.array(neighbours)])
    last.solve_anchors(asked, cancelled)
    return asked.pose[anchors]


def departure(frames: Ints, pose: Pose, anchors: Ints, solved: Bools) -> Floats:
    """[A,P] steps from where the solved neighbours say that an anchor should be to where it is.

    Between two neighbours that is their middle; beside one the straight line through it and the next.
    """

    def is_solved(i: int, anchor: int) -> bool:
        return 0 <= i < len(frames) and bool(solved[i]) and frames[i] - frames[anchor] == i - anchor

    steps = []
    for anchor in anchors:
        sides = [side for side in (-1, 1) if is_solved(anchor + side, anchor)]
        here = pose[np.array([anchor])]
        away = [here.step_from(pose[np.array([anchor + side])]) for side in sides]
        if len(sides) == 1 and is_solved(anchor + 2 * sides[0], anchor):
            near, far = anchor + sides[0], anchor + 2 * sides[0]
            away[0] -= pose[np.array([near])].step_from(pose[np.array([far])])
        steps.append(np.mean(away, axis=0)[0])
    return np.stack(steps)


def limited(change: Floats, jump: Floats) -> Floats:
    """The smaller of two changes where they agree in sign, and none where they do not (the minmod of flux limiters).

    The solver may be wrong at the anchor alone, a blurred frame say, while its neighbours are right: then there is no
    jump to them, and nothing to carry over. And a quick motion of the actor's is a jump that the solver sees as well:
    then there is no difference.
    """
    agree = np.sign(change) == np.sign(jump)
    return np.where(agree, np.sign(change) * np.minimum(np.abs(change), np.abs(jump)), 0.0)


def reach_of(fps: float) -> int:
    """How many frames a difference fades out over: six of film, at least one."""
    return max(1, round(REACH * fps))


def faded(frames: Ints, anchors: Ints, change: Floats, solved: Bools, reach: int) -> Floats:
    """[N,P] each anchor's change at the solved frames on both its sides.

    It falls to nothing over some frames or before the next anchor.

    Args:
        frames: [N] scene frames.
        anchors: [A] indices.
        change: [A,P].
        solved: [N] frames that may be moved; a change ends at the first frame that may not.
        reach: frames.
    """
    step = np.zeros((len(frames), change.shape[1]))
    for anchor, own in zip(anchors, change, strict=True):
        for side in (-1, 1):
            run = [anchor]
            while len(run) <= reach + 1 and _goes_on(frames, solved, run[-1], side):
                run.append(run[-1] + side)
            ends = len(run) <= reach + 1  # something that stays, or the shot's end, comes before the change has faded
            stays = ends and 0 <= run[-1] + side < len(frames)
            length = len(run) if stays else reach + 1
            for distance, i in enumerate(run[1:], 1):
                step[i] += _ease(1.0 - distance / length) * own
    return step


def _goes_on(frames: Ints, solved: Bools, i: int, side: int) -> bool:
    return 0 <= i + side < len(frames) and bool(solved[i + side]) and abs(int(frames[i + side] - frames[i])) == 1


def _ease(share: float) -> float:
    """Smoothstep, 0 at 0 and below, 1 at 1: no kink at either end."""
    share = min(1.0, max(0.0, share))
    return share * share * (3.0 - 2.0 * share)
