"""Landmarks of the plate against fixed places on the rig: where every solve starts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.energies.edge import EdgeEnergy
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.prior import PosePrior, WeightPrior, joint_priors
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.rig import SurfacePoints
from solver_core.footage.views import REFERENCE_CROP, View
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.optimise.spline import LEAST, smoothing_spline
from solver_core.stages.catalogue import Fit
from solver_core.stages.context import Context
from solver_core.stages.shared.gaps import stretches

# In squared pixels of the reference crop, over a mean of squared landmark distances: a weight of 1 costs as much as all landmarks off by
# sqrt(10) pixels. The paper's lambda = 1e2 stands against a sum over 68 landmarks of a crop of this size, 1.5 a landmark.
STIFFNESS = 10.0
# The head's radius is about half a crop: moving or turning it this much moves its landmarks by a pixel of the reference crop.
PIXEL = 2 / REFERENCE_CROP  # radii, and radians


PART = 64  # frames solved together: a thousand frames' Jacobians are gigabytes


def fit(context: Context, step: Fit, cancelled: Callable[[], bool] = lambda: False) -> Floats:
    """Run one step on all frames; context.pose changes.

    Args:
        context: the solve.
        step: what is free, and by which landmarks.
        cancelled: asked between iterations; true stops, and frames that were not reached stay.

    Returns:
        [N] RMS landmark distance in plate pixels, NaN where nothing was solved.
    """
    weights = context.landmark_weights(dict(step.regions), step.elsewhere)
    period = step.smooth * context.shot.pace
    places = [_smoothed(context, view, period) if period else view.points for view in context.views]
    frames = context.solvable
    rms = np.full(len(context.pose), np.nan)
    for start in range(0, len(frames), PART):
        part = frames[start : start + PART]
        points = _tied(context, len(part))
        if not cancelled():
            _fit(context, step, part, points, places, weights, cancelled)
        rms[part] = _rms_pixels(context, part, points, weights > 0)
    return rms


def _tied(context: Context, count: int) -> SurfacePoints:
    """[count,L] the landmarks' places on the rig."""
    shape = (count, context.network.count)
    tie = context.tie
    return context.rig.sample(np.broadcast_to(tie.triangle, shape), np.broadcast_to(tie.barycentric, (*shape, 3)))


def _fit(
    context: Context,
    step: Fit,
    frames: Ints,
    points: SurfacePoints,
    places: list[Floats],
    weights: Floats,
    cancelled: Callable[[], bool],
) -> None:
    """Solve b frames.

    Args:
        context: the solve; its pose changes.
        step: what is free.
        frames: [b] indices.
        points: [b,L] the landmarks on the rig.
        places: of each camera [N,L,2] the landmarks in the plate, pixels.
        weights: [L].
        cancelled: asked between iterations.
    """
    rig = context.rig
    free = context.free(step.keys, rotation=step.rotation)
    share = weights / weights.sum()
    energies: list[Energy] = []
    first, second = np.array(context.layout.edges).T
    edges = np.sqrt(weights[first] * weights[second])
    for view, seen_at in zip(context.views, places, strict=True):
        unit = view.unit(frames)
        weight = np.where(view.seen[frames, None], share / np.nan_to_num(unit, nan=1.0)[:, None] ** 2, 0.0)
        landmarks = ReprojectionEnergy(view.camera[frames], points, seen_at[frames], isotropic(weight))
        energies.append(landmarks)
        if step.edges and edges.any():
            root = np.sqrt(step.edges * edges / edges.sum()) / unit[:, None]
            energies.append(EdgeEnergy(landmarks, first, second, np.where(view.seen[frames, None], root, 0.0)))
    strength = np.broadcast_to(STIFFNESS / rig.strength**2, (len(frames), len(rig.names)))
    energies += [WeightPrior(np.zeros_like(strength), strength), *joint_priors(rig, STIFFNESS)]
    pose = context.pose[frames]
    if step.near:
        pixel = PIXEL / np.sqrt(step.near)
        start = pose if context.begun is None else context.begun[frames]
        energies.append(PosePrior(start.copy(), pixel, pixel * rig.radius))
    options = Options(iterations=step.iterations)
    outcome = dogleg(FaceProblem(energies, rig, free), pose, len(frames), options, cancelled)
    context.pose.assign(frames, outcome.state)


def _smoothed(context: Context, view: View, period: float) -> Floats:
    """[N,L,2] the plate's landmarks, pixels, along smoothing splines of a period in frames; separate where no face is seen or the plate cuts."""
    places = view.points.copy()
    for part in stretches(view.seen, view.cuts, LEAST):
        flat = places[part].reshape(len(part), -1)
        smooth = smoothing_spline(context.shot.frames[part].astype(float), flat, period)
        places[part] = smooth.reshape(places[part].shape)
    return places


def _rms_pixels(context: Context, frames: Ints, points: SurfacePoints, used: Bools) -> Floats:
    """[b] RMS landmark distance of b frames over their cameras, plate pixels."""
    pose = context.pose[frames]
    squares = [
        ((view.camera[frames].project(points.world(pose))[0] - view.points[frames])[:, used] ** 2).sum(2)
        for view in context.views
    ]
    rms: Floats = np.sqrt(np.nanmean(np.concatenate(squares, 1), 1))
    return rms
