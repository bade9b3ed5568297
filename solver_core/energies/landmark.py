"""The deep energy of Section 9.1.

It is W (N(F) - N(F*)), the same landmark network on the render and on the plate (equation 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from solver_core.common.arrays import Floats, Ints
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.footage.views import View
from solver_core.look.look import Look
from solver_core.look.synthesis import Picture, picture
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.render.renderer import Renderer
from solver_core.render.sampling import visible_points
from solver_core.render.shading import vertex_normals_jvp

Jacobian = Literal["material_point", "exact"]


@dataclass(frozen=True)
class LandmarkEnergy:
    """Landmarks of render and plate, one camera, B frames.

    The Jacobian has two providers. `exact` pushes tangents through renderer and network. `material_point` takes the
    surface point seen at each landmark and lets it move as the surface does: one forward pass, a quasi-Newton step on
    the same energy.
    """

    rig: Rig
    renderer: Renderer
    network: LandmarkNetwork
    view: View
    frames: Ints  # [B] indices of the shot's frames
    look: Look  # in this camera's light
    plates: Floats  # [B,S,S,3] the plate in the network's crops, display-referred
    root: Floats  # [B,L] square roots of the landmarks' weights W, 1/pixel
    jacobian: Jacobian = "material_point"

    def predict(self, pose: Pose, index: Ints) -> tuple[Floats, Picture]:
        """N(F): landmarks [b,L,2] of the render in crop pixels, and the render."""
        shown = self._picture(pose, index)
        points, _ = self.network(_tensor(shown.rendering.image))
        return points.cpu().double().numpy(), shown

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,2L]."""
        return self._residual(self.predict(pose, index)[0], index)

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,2L] and [b,2L,P]."""
        provider = self._material_point if self.jacobian == "material_point" else self._exact
        points, moving = provider(pose, index, free)
        in_plate = self._inverse(index)[:, None, :, :2] @ moving
        jacobian = in_plate * self.root[index][..., None, None]
        return self._residual(points, index), jacobian.reshape(len(index), -1, free.size)

    def _residual(self, points: Floats, index: Ints) -> Floats:
        inverse = self._inverse(index)
        placed = points @ inverse[:, :, :2].swapaxes(1, 2) + inverse[:, None, :, 2]
        difference = placed - self.view.points[self.frames[index]]
        return (difference * self.root[index][..., None]).reshape(len(index), -1)

    def _material_point(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """Landmarks [b,L,2] and their derivative [b,L,2,P], crop pixels."""
        points, shown = self.predict(pose, index)
        seen = visible_points(
            shown.rendering.fragments, shown.points, shown.depth, self.rig.triangles, points, radius=32.0
        )
        material = self.rig.sample(np.maximum(seen.triangle, 0), seen.barycentric)
        camera = self.view.camera[self.frames[index]]
        world = material.world(pose)
        matrices = self.view.matrices(self.frames[index], self.network.size)
        maps = matrices[:, None, :, :2] @ camera.derivative(world)
        maps = np.where((seen.triangle >= 0)[..., None, None], maps, 0.0)
        return points, material.derivative(pose, world, free, maps)

    def _exact(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """Landmarks [b,L,2] and their derivative [b,L,2,P], crop pixels.

        The derivative is dN/dF dF/dx dx/dp by the chain rule (Section 4).
        """
        frames, size = self.frames[index], self.network.size
        shown = self._picture(pose, index)
        everywhere = self.rig.every_vertex(len(index))
        world = everywhere.world(pose)
        d_world = everywhere.derivative(pose, world, free)  # [b,V,3,P]
        camera = self.view.camera[frames]
        matrices = self.view.matrices(frames, size)
        d_points = matrices[:, None, :, :2] @ (camera.derivative(world) @ d_world)
        d_depth = -np.einsum("bx,bvxp->bvp", camera.world_to_camera[:, 2, :3], d_world)
        _, d_normals = vertex_normals_jvp(world, self.rig.triangles, np.moveaxis(d_world, 3, 1))
        d_rotation = np.zeros((len(index), free.size, 3))
        d_rotation[:, range(3), range(3)] = 1.0
        rendering, d_image = self.renderer.render_jvp(
            shown.points,
            shown.depth,
            shown.normals,
            shown.look,
            shown.background,
            size,
            size,
            d_points=np.moveaxis(d_points, 3, 1),
            d_depth=np.moveaxis(d_depth, 2, 1),
            d_normals=d_normals,
            head_rotation=pose.rotation,
            d_rotation=d_rotation,
        )
        tangents = torch.from_numpy(d_image).permute(0, 1, 4, 2, 3)
        points, moving = self.network.jvp(_tensor(rendering.image), tangents)
        return points.cpu().double().numpy(), np.moveaxis(moving.cpu().double().numpy(), 1, 3)

    def _picture(self, pose: Pose, index: Ints) -> Picture:
        return picture(
            self.rig,
            self.renderer,
            self.view,
            pose,
            self.frames[index],
            self.network.size,
            self.look,
            self.plates[index],
        )

    def _inverse(self, index: Ints) -> Floats:
        """[b,2,3] crop pixels to plate pixels."""
        return self.view.inverses(self.frames[index], self.network.size)


def _tensor(images: Floats) -> torch.Tensor:
    """[b,S,S,3] as the network takes it."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
