"""The gaze alone: eyeballs turned until irises of render and plate agree, and kept while the lids are shut.

Nothing else moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.observe.irises import IrisObserver
from solver_core.observe.observer import SIZE
from solver_core.stages.context import Context, blocks_of
from solver_core.stages.key_names import GAZE
from solver_core.stages.kinds.deep import solve_frame
from solver_core.stages.kinds.step import Cancelled, Step, never
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.observing import correspondences
from solver_core.stages.shared.opposites import without_opposites
from solver_core.stages.shared.priors import STIFFNESS

STIFF = 0.02  # how hard what turns the eyes is held, of what a dense round begins with: the irises alone decide


def _irises_and_flow() -> dict[str, float]:
    return {"irises": 20.0, "flow": 400.0}


@dataclass(frozen=True)
class Gaze(Step):
    """What turns the eyeballs, by the irises alone.

    A frame whose eyes are shut looks between where the frames beside it look.
    """

    kind = "gaze"
    seconds = 0.1

    rounds: int = 2
    keys: tuple[str, ...] = (GAZE,)
    observers: Mapping[str, float] = field(default_factory=_irises_and_flow)

    @property
    def passes(self) -> int:
        """One a round."""
        return self.rounds

    @property
    def moves_head(self) -> bool:
        """Never."""
        return False

    def frames(self, context: Context) -> Ints:
        """All that are solved, where something turns the eyeballs."""
        turns = context.eyes is not None and context.eyes.turn
        return context.solvable if turns else np.zeros(0, int)

    def free(self, context: Context) -> FreeParameters:
        """What turns the eyeballs."""
        return context.free(self.keys, rotation=False, translation=False)

    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """All rounds; context.pose changes in what turns the eyeballs alone.

        Yields:
            [b] indices of the frames that have just been moved.
        """
        del cancelled
        if not context.look.lights:
            estimate_lights(context)
        free, frames = self.free(context), self.frames(context)
        strength = STIFF * STIFFNESS / context.rig.strength**2
        seen = np.zeros(len(context.pose), bool)
        for _ in range(self.rounds):
            chunks = blocks_of(frames)
            for at, (pose, open_eyed) in context.over(_looking, chunks, self, free, strength):
                context.pose.assign(chunks[at], pose)
                seen[chunks[at]] = open_eyed
                yield chunks[at]
        look_between(context, free, frames, seen)


def _looking(context: Context, step: Gaze, free: FreeParameters, strength: Floats, frames: Ints) -> tuple[Pose, Bools]:
    """The poses of b frames, and [b] whether their gaze is seen."""
    seen = np.zeros(len(frames), bool)
    for b, (i, found) in enumerate(correspondences(context, frames, step.observers).items()):
        seen[b] = sees_gaze(context, i)
        if seen[b]:
            solve_frame(context, i, found, free, strength)
    pose = context.pose[frames]
    if context.eyes is not None and context.eyes.balls:
        balls = np.concatenate([ball.vertices for ball in context.eyes.balls])
        pose.weights[:] = without_opposites(context, pose.weights, free.keys, balls)
    return pose, seen


def sees_gaze(context: Context, index: int) -> bool:
    """Whether any camera shows an open eye in a frame."""
    observer = context.observer(IrisObserver.name)
    assert isinstance(observer, IrisObserver)
    for view in context.views:
        if view.seen[index]:
            frame = np.array([index])
            if observer.plate_irises(view, frame, view.images(frame, SIZE)).seen.any():
                return True
    return False


def look_between(context: Context, free: FreeParameters, frames: Ints, seen: Bools) -> None:
    """Frames whose eyes are not seen look between the frames on either side that are.

    `context.pose` changes. Nothing crosses a cut.
    """
    known = seen | (context.trusted & context.held)
    pose, shot = context.pose, context.shot.frames
    scene = np.concatenate([[0], np.cumsum(context.cuts)])
    for i in frames[~seen[frames]]:
        same = known & (scene == scene[i])
        before, after = np.flatnonzero(same[:i]), i + 1 + np.flatnonzero(same[i + 1 :])
        ends = [*before[-1:], *after[:1]]
        if not ends:
            continue
        first, last = pose[np.array([ends[0]])], pose[np.array([ends[-1]])]
        span = float(shot[ends[-1]] - shot[ends[0]])
        share = np.array([(shot[i] - shot[ends[0]]) / span if span else 0.0])
        between = first.toward(last, share)
        pose.weights[i, free.keys] = between.weights[0, free.keys]
        for name in free.joints:
            pose.joints[name].assign(np.array([i]), between.joints[name])
