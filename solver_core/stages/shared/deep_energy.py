"""Equation 2 minimised itself: networks on the render at every evaluation, Sections 5, 6, 9.1 and 9.2 as published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.energies.edge import Edges
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.landmark import Jacobian, LandmarkEnergy
from solver_core.energies.prior import WeightPrior, joint_priors
from solver_core.energies.windows import Looking, PlateWindows, RenderWindows
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.footage.views import View
from solver_core.look.synthesis import backdrop, geometry_of
from solver_core.observe.landmarks import carried
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.stages.context import Context
from solver_core.stages.shared.priors import near_the_start


@dataclass(frozen=True)
class DeepEnergy:
    """Its terms, in squared pixels of the reference crop: E1, beside it both E2 and Section 6's prior."""

    total: float  # what all landmarks of weight 1 weigh together, as a number of landmarks
    regions: Mapping[str, float]  # W of landmark regions
    elsewhere: float  # and of the other landmarks
    edges: float  # weight of the edge-preserving energy, beside the landmarks' 1
    near: float  # how hard the head is held where the stage began, beside the landmarks' 1
    lambda_: float  # times |w|^2: squared pixels for a weight of 1
    crop: str  # "plate" or "render"
    jacobian: Jacobian
    iterations: int

    def minimise(self, context: Context, free: FreeParameters, index: int) -> None:
        """Solve one frame by the cameras that see it; context.pose changes.

        A frame in whose first render the detector finds no face stays as it is.
        """
        frame = np.array([index])
        pose, rig = context.pose[frame], context.rig
        strength = self.lambda_ / rig.strength[None] ** 2
        energies: list[Energy] = [
            *(
                self._landmarks(context, view, light, pose, frame)
                for view, light in zip(context.views, context.look.lights, strict=True)
                if view.seen[index]
            ),
            WeightPrior(np.zeros_like(strength), strength),
            *joint_priors(rig, self.lambda_),
        ]
        if self.near:
            energies.append(near_the_start(context, frame, self.near * self.total))
        dogleg(FaceProblem(energies, rig, free), pose, 1, Options(iterations=self.iterations))
        context.pose.assign(frame, pose)

    def _landmarks(self, context: Context, view: View, light: Floats, pose: Pose, frame: Ints) -> LandmarkEnergy:
        """E1 and the edge-preserving E2 of one frame in one camera."""
        network, camera = context.network, view.camera[frame]
        unit = float(view.unit(frame)[0])
        each = self.total / carried(context.layout).sum() / unit**2
        weights = context.landmark_weights(dict(self.regions), self.elsewhere)
        edges = None
        if self.edges:
            first, second = np.array(context.layout.edges).T
            along = self.edges * self.total / len(first) / unit**2 * np.sqrt(weights[first] * weights[second])
            edges = Edges(first, second, np.sqrt(along)[None])
        look = context.look.under(light)
        looking: Looking
        if self.crop == "render":
            looking = RenderWindows(context.rig, context.renderer, network, context.detector, camera, look)
        else:
            size = network.size
            _, points, depth, _ = geometry_of(context.rig, view, pose, frame, size)
            crop = view.crop(int(frame[0]), size)
            # beside a render that stands elsewhere the filmed face would be what the network sees
            filmed = crop.to_crop(view.points[frame])
            behind = backdrop(context.renderer, points, depth, view.images(frame, size), filmed)
            looking = PlateWindows([crop], behind)
        root = np.sqrt(weights * each)[None]
        return LandmarkEnergy(
            context.rig,
            context.renderer,
            network,
            camera,
            view.points[frame],
            looking,
            look,
            root,
            edges,
            self.jacobian,
        )
