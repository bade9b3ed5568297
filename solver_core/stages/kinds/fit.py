"""Landmarks of the plate against fixed places on the rig: where every solve starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.energies.edge import EdgeEnergy, Edges
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.prior import WeightPrior, joint_priors
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints
from solver_core.footage.views import View
from solver_core.networks.regions import Layout
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.optimise.spline import LEAST, smoothing_spline
from solver_core.stages.context import Context, blocks_of
from solver_core.stages.kinds.step import Cancelled, Step, never
from solver_core.stages.shared.contact import contact_energies
from solver_core.stages.shared.gaps import stretches
from solver_core.stages.shared.pinned import pins_of
from solver_core.stages.shared.priors import near_the_start
from solver_core.stages.shared.regions import check_regions

# In squared pixels of the reference crop, over a mean of squared landmark distances: a weight of 1 costs as much as all
# landmarks off by sqrt(10) pixels. The paper's lambda = 1e2 stands against a sum over 68 landmarks of a crop of this
# size, 1.5 a landmark.
STIFFNESS = 10.0
CONTACT = 1.0  # lips that pass by a pixel of the reference crop cost as much as all landmarks off by one
PART = 16  # frames solved together: of all frames the Jacobians would be gigabytes


@dataclass(frozen=True)
class Fit(Step):
    """Landmarks of the plate against their fixed places on the rig: no render, so it converges from far away."""

    kind = "fit"
    seconds = 0.05

    iterations: int
    rotation: bool = True
    keys: tuple[str, ...] = ()  # shape-key groups or names, or ALL
    # weights of landmark regions
    regions: Mapping[str, float] = field(default_factory=dict, metadata={"example": "{ jaw = 0.0, mouth = 3.0 }"})
    elsewhere: float = 1.0  # weight of the other landmarks
    edges: float = 0.0  # weight of the edge-preserving energy, beside the landmarks' 1 (Section 9.1)
    near: float = 0.0  # how hard the head is held where the stage began, beside the landmarks' 1 (Section 6)
    smooth: float = 0.0  # frames: the plate's landmarks are smoothed over time first; a swing of this period is halved

    def free(self, context: Context) -> FreeParameters:
        """The head's place, and its turn unless that is held."""
        return context.free(self.keys, rotation=self.rotation)

    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """Solve all frames; context.pose and context.error_px change.

        Args:
            context: the solve.
            cancelled: asked between parts; true stops, and frames that were not reached stay.

        Yields:
            [b] all of them at once.
        """
        period = self.smooth * context.shot.pace
        places = [_smoothed(context, view, period) for view in context.views] if period else None
        frames = context.solvable
        parts = blocks_of(frames, PART)
        rms = np.full(len(context.pose), np.nan)
        for at, (pose, found) in context.over(_fit_part, parts, self, places):
            context.pose.assign(parts[at], pose)
            rms[parts[at]] = found
            if cancelled():
                break
        rest = frames[np.isnan(rms[frames])]  # that a stop has left where they were
        rms[rest] = _rms_pixels(context, rest, self.weights(context) > 0) if len(rest) else rms[rest]
        context.error_px = rms
        yield frames

    def weights(self, context: Context) -> Floats:
        """[L] of the landmarks."""
        return context.landmark_weights(dict(self.regions), self.elsewhere)

    def check(self, layout: Layout) -> None:
        """Refuse regions that are unknown or contradict each other, and weights that leave no landmark."""
        check_regions(layout, self.regions, self.elsewhere)


def _fit_part(context: Context, step: Fit, places: list[Floats] | None, part: Ints) -> tuple[Pose, Floats]:
    """The poses of b frames, and their landmark distances in plate pixels."""
    weights = step.weights(context)
    _fit(context, step, part, [view.points for view in context.views] if places is None else places, weights)
    return context.pose[part], _rms_pixels(context, part, weights > 0)


def _embedded(context: Context, count: int) -> SurfacePoints:
    """[count,L] the landmarks' places on the rig."""
    shape = (count, context.network.count)
    embedding = context.embedding
    return context.rig.sample(
        np.broadcast_to(embedding.triangle, shape), np.broadcast_to(embedding.barycentric, (*shape, 3))
    )


def _fit(
    context: Context,
    step: Fit,
    frames: Ints,
    places: list[Floats],
    weights: Floats,
) -> None:
    """Solve b frames.

    Args:
        context: the solve; its pose changes.
        step: what is free.
        frames: [b] indices.
        places: of each camera [N,L,2] the landmarks in the plate, pixels.
        weights: [L].
    """
    rig, points = context.rig, _embedded(context, len(frames))
    free = step.free(context)
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
            shown = np.where(view.seen[frames, None], root, 0.0)
            energies.append(EdgeEnergy(landmarks, Edges(first, second, shown)))
    strength = np.broadcast_to(STIFFNESS / rig.strength**2, (len(frames), len(rig.names)))
    energies += [WeightPrior(np.zeros_like(strength), strength), *joint_priors(rig, STIFFNESS)]
    if free.size > RIGID:
        energies += contact_energies(context, len(frames), CONTACT)
    pose = context.pose[frames]
    energies += pins_of(context, frames, pose, total=1.0)  # all landmarks together weigh 1
    if step.near:
        energies.append(near_the_start(context, frames, step.near))
    options = Options(iterations=step.iterations)
    outcome = dogleg(FaceProblem(energies, rig, free), pose, len(frames), options)
    context.pose.assign(frames, outcome.state)


def _smoothed(context: Context, view: View, period: float) -> Floats:
    """[N,L,2] the plate's landmarks, pixels, along smoothing splines of a period in frames.

    The splines are separate where no face is seen or the plate cuts.
    """
    places = view.points.copy()
    for part in stretches(view.seen, view.cuts, LEAST):
        flat = places[part].reshape(len(part), -1)
        smooth = smoothing_spline(context.shot.frames[part].astype(float), flat, period)
        places[part] = smooth.reshape(places[part].shape)
    return places


def _rms_pixels(context: Context, frames: Ints, used: Bools) -> Floats:
    """[b] RMS landmark distance of b frames over their cameras, plate pixels."""
    pose, points = context.pose[frames], _embedded(context, len(frames))
    squares = [
        ((view.camera[frames].project(points.world(pose))[0] - view.points[frames])[:, used] ** 2).sum(2)
        for view in context.views
    ]
    rms: Floats = np.sqrt(np.nanmean(np.concatenate(squares, 1), 1))
    return rms
