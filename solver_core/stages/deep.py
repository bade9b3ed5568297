"""Rounds of the deep energies: render, ask the networks about render and plate, move the head's material points, again.

Within a round the networks' outputs are taken to move as the surface points that they were found on: a quasi-Newton step on
||N(F*) - N(F)||, whose stationary point is the same (docs/method.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.arrays import Floats, Ints
from solver_core.energies.energy import Energy, FaceProblem, Free
from solver_core.energies.prior import WeightPrior, jaw_prior
from solver_core.flow import FlowNetwork
from solver_core.optimise.dogleg import Options, Quadratic, dogleg
from solver_core.pose import Pose
from solver_core.stages.catalog import Deep
from solver_core.stages.context import CHUNK, Context
from solver_core.stages.evidence import Evidence, Testimony, measure
from solver_core.stages.few_keys import Kept, few_keys
from solver_core.stages.light import estimate_lights
from solver_core.stages.skin import bake
from solver_core.views import View

Witness = Callable[[View, int, Testimony], None]

STIFFNESS = 250.0  # squared reference pixels, times as many points as all evidence weighs, for a weight of 1
REWEIGHTINGS = 3


def deep_round(context: Context, step: Deep, flow: FlowNetwork) -> Iterator[Ints]:
    """One round over all frames: the light anew, then every frame moved; context.pose changes.

    Yields:
        [b] indices of the frames that have just been moved.
    """
    estimate_lights(context)
    context.renderer.albedo = bake(context) if step.skin else context.appearance.albedo
    before = context.pose.copy()
    free = context.free(step.keys, rotation=step.head, translation=step.head)
    frames = context.solvable
    strength = step.stiffness * STIFFNESS / context.rig.strength**2
    models: dict[int, Kept] = {}
    for start in range(0, len(frames), CHUNK):
        chunk = frames[start : start + CHUNK]
        heard: dict[int, list[Evidence]] = {int(i): [] for i in chunk}
        for view, light in zip(context.views, context.appearance.lights, strict=True):
            visible = chunk[view.seen[chunk]]
            if len(visible):
                testimonies = measure(context, view, light, visible, flow if step.flow else None)
                for i, testimony in zip(visible, testimonies, strict=True):
                    heard[int(i)].extend(testimony.evidence)
        for i, evidence in heard.items():
            improve(context, i, evidence, free, strength)
            if step.sparse:
                models[i] = Kept.of(said(context, i, evidence, free))
        yield chunk
    if models:
        few_keys(context, models, free, strength)
    if step.skin and not context.shot.locked_mask.any():
        hold_mean(context, before)


def hold_mean(context: Context, before: Pose) -> None:
    """Take back what all frames moved in common since `before`, seen from the head: context.pose changes.

    Baked colours make the frames agree with each other; where they all are together is no longer seen (skin.py).
    """
    frames = context.solvable
    old, new = before[frames], context.pose[frames]
    turn = Rotation.from_matrix(old.rotation.swapaxes(1, 2) @ new.rotation).as_rotvec()
    shift = np.einsum("bji,bj->bi", old.rotation, new.translation - old.translation)
    back = Rotation.from_rotvec(-np.median(turn, 0)).as_matrix()
    new.translation -= np.einsum("bij,j->bi", old.rotation, np.median(shift, 0))
    new.rotation = new.rotation @ back
    context.pose.assign(frames, new)


def improve(context: Context, index: int, evidence: list[Evidence], free: Free, strength: Floats) -> None:
    """Move one frame's head towards what its cameras measured, keys held at zero by strength [K]; context.pose changes."""
    frame = np.array([index])
    pose = context.pose[frame]
    priors: list[Energy] = [
        WeightPrior(np.zeros((1, len(strength))), strength[None]),
        *jaw_prior(context.rig, STIFFNESS),
    ]
    for _ in range(REWEIGHTINGS):
        energies: list[Energy] = [*priors, *(item.energy(pose) for item in evidence)]
        dogleg(FaceProblem(energies, context.rig, free), pose, 1, Options(iterations=5))
    context.pose.assign(frame, pose)


def said(context: Context, index: int, evidence: list[Evidence], free: Free) -> Quadratic:
    """What one frame's evidence says around its pose, [1,P] and [1,P,P], keys not held by anything."""
    pose, rig = context.pose[np.array([index])], context.rig
    energies: list[Energy] = [*jaw_prior(rig, STIFFNESS), *(item.energy(pose) for item in evidence)]
    return FaceProblem(energies, rig, free).quadratic(pose, np.array([0]))


def landmark_error(
    context: Context, index: Ints, flow: FlowNetwork | None = None, witness: Witness | None = None
) -> Floats:
    """[b] RMS distance between the plate's and the render's landmarks, plate pixels, over the cameras that see the face.

    Args:
        context: the solve.
        index: [b] frames.
        flow: what measures flow too, for the witness.
        witness: told what each camera saw of each frame.
    """
    total, count = np.zeros(len(index)), np.zeros(len(index))
    for view, light in zip(context.views, context.appearance.lights, strict=True):
        seen = np.flatnonzero(view.seen[index])
        if len(seen):
            for b, testimony in zip(seen, measure(context, view, light, index[seen], flow), strict=True):
                if witness is not None:
                    witness(view, int(index[b]), testimony)
                total[b] += testimony.error_px**2
                count[b] += 1
    return np.sqrt(total / np.maximum(count, 1))
