"""Several frames solved together.

Solved are what they share, identity weights and focal lengths, and each frame's own pose and weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.prior import WeightPrior, joint_priors
from solver_core.energies.shared import Shared, SharedProblem, Sight, Together
from solver_core.face.rig import Rig
from solver_core.observe.correspondences import Correspondences
from solver_core.observe.landmarks import embedded_landmarks
from solver_core.observe.registry import default_weights
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.stages.context import Context
from solver_core.stages.key_names import ALL
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.observing import observe
from solver_core.stages.shared.priors import STIFFNESS

ZOOM_SIGMA = 0.35  # of the focal length's logarithm: a lens guessed by eye
SIZE_SIGMA = 0.01  # of the face's size over the rig's own
TYPICAL = 0.5  # of the slider's longer side: how much a key's weight differs from actor to actor
REWEIGHTINGS, ITERATIONS = 2, 8


@dataclass(frozen=True)
class Observed:
    """What was observed of one frame in one camera."""

    frame: int
    camera: int
    correspondences: Correspondences


def observe_landmarks(context: Context) -> list[Observed]:
    """The plate's landmarks against their fixed places on the rig, every frame in every camera."""
    return [
        Observed(int(i), camera, embedded_landmarks(context.rig, context.embedding, context.layout, view, int(i)))
        for camera, view in enumerate(context.views)
        for i in np.flatnonzero(view.seen)
    ]


def observe_render(context: Context) -> list[Observed]:
    """What landmarks and flow say of render and plate, every frame in every camera; the light is estimated anew."""
    estimate_lights(context)
    observed = []
    for camera, view in enumerate(context.views):
        index = np.flatnonzero(view.seen)
        light, observers = context.look.lights[camera], default_weights("landmarks", "flow")
        for i, one in zip(index, observe(context, view, light, index, observers) if len(index) else (), strict=True):
            found = [observation.correspondences for observation in one.values()]
            observed += [Observed(int(i), camera, item) for item in found if item is not None]
    return observed


def solve_shared(context: Context, observed: list[Observed], zoom: Floats, hold: float, *, focal: bool) -> Floats:
    """Solve all of the context's frames and what they share; context.pose and the views' cameras change.

    Args:
        context: whose frames have the same weights on the identity keys.
        observed: the correspondences.
        zoom: [C] natural logarithms of what the focal lengths have been multiplied by so far.
        hold: what one typical size of an identity key costs, in squared reference pixels times points.
        focal: whether focal lengths may change.

    Returns:
        [C] the logarithms as they are now.
    """
    rig = context.rig
    keys = rig.fittable
    stiffness = np.tile(np.where(rig.solved, STIFFNESS / rig.strength**2, 0.0), (len(context.pose), 1))
    priors: list[Energy] = [WeightPrior(np.zeros_like(stiffness), stiffness), *joint_priors(rig, STIFFNESS)]
    own = FaceProblem(priors, rig, context.free((ALL,)))
    root = np.sqrt(hold) * _held(context, keys)
    for _ in range(REWEIGHTINGS):
        shared = Shared(keys, at_rest(rig), root, -zoom, float(np.sqrt(hold)) / ZOOM_SIGMA, focal)
        sights = [
            Sight(one.frame, one.camera, one.correspondences.energy(context.pose[np.array([one.frame])]))
            for one in observed
        ]
        state = Together(context.pose.copy(), np.zeros(len(zoom)))
        dogleg(SharedProblem(sights, own, rig, shared), state, 1, Options(iterations=ITERATIONS))
        context.pose.assign(np.arange(len(context.pose)), state.pose)
        factors = np.exp(state.zoom)
        observed = [_zoomed(one, float(factors[one.camera])) for one in observed]
        for view, factor in zip(context.views, factors, strict=True):
            view.camera = view.camera.zoomed(float(factor))
        zoom = zoom + state.zoom
    return zoom


def _zoomed(one: Observed, factor: float) -> Observed:
    """The same seen with `factor` times the focal length."""
    camera = one.correspondences.camera.zoomed(factor)
    return replace(one, correspondences=replace(one.correspondences, camera=camera))


def at_rest(rig: Rig) -> Floats:
    """[q] the identity keys' weights nearest to zero that their sliders allow."""
    return np.clip(0.0, rig.minimum[rig.fittable], rig.maximum[rig.fittable])


def _held(context: Context, keys: Ints) -> Floats:
    """[q+1,q] rows that hold each key by its typical size, and the face's size by SIZE_SIGMA.

    A larger head farther away looks the same to one camera, and where the focal length is unknown so does a longer lens
    from farther away. The picture says nothing of the size, so that small errors of everything else would decide it.
    """
    rig = context.rig
    typical = TYPICAL * np.maximum(np.abs(rig.minimum[keys]), np.abs(rig.maximum[keys])) * rig.strength[keys]
    points = (rig.neutral * rig.scale)[context.embedding.face]
    points = points - points.mean(0)
    growth = np.einsum("vx,kvx->k", points, rig.key_shapes(keys)[:, context.embedding.face]) / (points**2).sum()
    return np.concatenate([np.diag(1 / typical), growth[None] / SIZE_SIGMA])
