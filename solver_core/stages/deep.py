"""Rounds of the deep energies: render, ask the networks about render and plate, move the head's material points, again.

Within a round the networks' outputs are taken to move as the surface points that they were found on: a quasi-Newton step on
||N(F*) - N(F)||: a pose where that is zero stays; where a residual remains, the resting pose can differ from the exact minimum's (docs/method.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Floats, Ints, spread
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.prior import WeightPrior, joint_priors
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.flow.dis import FlowNetwork
from solver_core.footage.views import View
from solver_core.observe.evidence import Evidence, Testimony, measure
from solver_core.optimise.dogleg import Options, Quadratic, dogleg
from solver_core.stages.catalogue import Deep
from solver_core.stages.context import CHUNK, Context
from solver_core.stages.shared.bundle import Bundle
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.skin import LEAST, bake
from solver_core.stages.shared.sparsity import Kept, few_keys, relevance

Witness = Callable[[View, int, Testimony], None]

STIFFNESS = 250.0  # squared reference pixels, times as many points as all evidence weighs, for a weight of 1
FIRM = 0.4  # stiffness below which no key is held where no shot of many frames says which keys move
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
    # of few frames nothing is known of the keys' activity, and nothing of the skin's detail
    stiffness = step.stiffness if context.trusted.sum() >= LEAST else max(step.stiffness, FIRM)
    strength = stiffness * STIFFNESS / context.rig.strength**2
    models: dict[int, Kept] = {}
    bundle = _bundle(context, free, strength) if step.bundle else None
    if bundle is not None:
        # where detail lies on the head is best seen in frames that the artist has locked
        for i in map(int, spread(np.flatnonzero(context.shot.locked_mask & context.seen), LEAST)):
            bundle.add_fixed(i, _heard(context, np.array([i]), flow)[i])
            yield frames[:0]
    for start in range(0, len(frames), CHUNK):
        chunk = frames[start : start + CHUNK]
        for i, evidence in _heard(context, chunk, flow if step.flow else None).items():
            improve(context, i, evidence, free, strength)
            if step.sparse:
                model = said(context, i, evidence, free)
                models[i] = Kept.of(model)
                if bundle is not None:
                    bundle.add(i, evidence, model)
        yield chunk
    if bundle is not None:
        for i, change in bundle.solve(before).items():
            models[i] = replace(models[i], gradient=models[i].gradient + change)
    if models:
        few_keys(context, models, free, strength)
    if step.skin and bundle is None and not context.shot.locked_mask.any():
        hold_mean(context, before)


def _heard(context: Context, index: Ints, flow: FlowNetwork | None) -> dict[int, list[Evidence]]:
    """By frame, the evidence of all cameras."""
    heard: dict[int, list[Evidence]] = {int(i): [] for i in index}
    for view, light in zip(context.views, context.appearance.lights, strict=True):
        visible = index[view.seen[index]]
        if len(visible):
            for i, testimony in zip(visible, measure(context, view, light, visible, flow), strict=True):
                heard[int(i)].extend(testimony.evidence)
    return heard


def _bundle(context: Context, free: FreeParameters, strength: Floats) -> Bundle | None:
    """None where the rig's own colours say where the detail lies, or where frames that are not solved here carry most of it."""
    others = context.trusted & ~context.shot.locked_mask
    others[context.solvable] = False
    if context.rig.colors is not None or others.any() or len(context.solvable) < LEAST:
        return None
    return Bundle(context, free, strength * relevance(context.pose.weights[context.trusted]))


def hold_mean(context: Context, before: Pose) -> None:
    """Take back what all frames moved in common since `before`, seen from the head: context.pose changes.

    Baked colours make the frames agree with each other; where they all are together is no longer seen (skin.py).
    """
    frames = context.solvable
    old, new = before[frames], context.pose[frames]
    turn = Rotation.from_matrix(old.rotation.swapaxes(1, 2) @ new.rotation).as_rotvec()
    shift = np.einsum("bji,bj->bi", old.rotation, new.translation - old.translation)
    back = Rotation.from_rotvec(-np.median(turn, 0)).as_matrix()
    new.head.translation -= np.einsum("bij,j->bi", old.rotation, np.median(shift, 0))
    new.head.rotation = new.rotation @ back
    context.pose.assign(frames, new)


def improve(context: Context, index: int, evidence: list[Evidence], free: FreeParameters, strength: Floats) -> None:
    """Move one frame's head towards what its cameras measured, keys held at zero by strength [K]; context.pose changes."""
    frame = np.array([index])
    pose = context.pose[frame]
    priors: list[Energy] = [
        WeightPrior(np.zeros((1, len(strength))), strength[None]),
        *joint_priors(context.rig, STIFFNESS),
    ]
    for _ in range(REWEIGHTINGS):
        energies: list[Energy] = [*priors, *(item.energy(pose) for item in evidence)]
        dogleg(FaceProblem(energies, context.rig, free), pose, 1, Options(iterations=5))
    context.pose.assign(frame, pose)


def said(context: Context, index: int, evidence: list[Evidence], free: FreeParameters) -> Quadratic:
    """What one frame's evidence says around its pose, [1,P] and [1,P,P], keys not held by anything."""
    pose, rig = context.pose[np.array([index])], context.rig
    energies: list[Energy] = [*joint_priors(rig, STIFFNESS), *(item.energy(pose) for item in evidence)]
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
