"""The deep energy of Section 9.1.

It is W (N(F) - N(F*)), the same landmark network on the render and on the plate (equation 2), and beside it the same
landmarks' places to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Floats, Ints
from solver_core.energies.edge import Edges
from solver_core.energies.windows import Looking, Windows
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.look.look import Look
from solver_core.look.synthesis import projected
from solver_core.networks.backward import backward
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.render.renderer import Renderer, Rendering
from solver_core.render.sampling import visible_points
from solver_core.render.shading import vertex_normals_jvp

Jacobian = Literal["exact", "material", "backward"]


@dataclass(frozen=True)
class LandmarkEnergy:
    """Landmarks of render and plate, one camera, B frames.

    The Jacobian is dN/dF dF/dx dx/dp by the chain rule (Section 4). `exact` pushes the parameters' tangents through
    renderer and network. `backward` is the paper's own way and gives the same: one backward pass through the network
    for each landmark coordinate. `material` takes the surface point seen at each landmark and lets it move as the
    surface does: one forward pass, a quasi-Newton step on the same energy.

    What stands behind the head is held still, in the residual as in the derivative.
    """

    rig: Rig
    renderer: Renderer
    network: LandmarkNetwork
    camera: Camera  # B frames
    target: Floats  # [B,L,2] N(F*): the plate's landmarks, plate pixels
    looking: Looking
    look: Look  # in this camera's light
    root: Floats  # [B,L] square roots of the landmarks' weights W, 1/pixel
    edges: Edges | None = None  # the edge-preserving energy of Section 9.1, of the same landmarks
    jacobian: Jacobian = "exact"

    def predict(self, pose: Pose, index: Ints) -> Floats:
        """N(F): landmarks [b,L,2] of the render, plate pixels; NaN where the render shows no face."""
        windows = self.looking(pose, index)
        points, _, _ = self._seen(pose, index, windows)
        return _in_plate(points, windows)

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,2L], or [b,2L+2E] with edges."""
        return self._rows(self.predict(pose, index) - self.target[index], index)

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,M] as `residual`, and [b,M,P]."""
        windows = self.looking(pose, index)
        provider = self._material if self.jacobian == "material" else self._pushed
        points, moving = provider(pose, index, windows, free)
        in_plate = windows.inverses[:, None, :, :2] @ moving
        difference = _in_plate(points, windows) - self.target[index]
        return self._rows(difference, index), self._rows(in_plate, index).reshape(len(index), -1, free.size)

    def _rows(self, values: Floats, index: Ints) -> Floats:
        """[b,M,...] weighed, of values at the landmarks [b,L,2,...]; those of weight 0 take no part."""
        root = self.root[index].astype(values.dtype)
        parts: list[Floats] = [values * root.reshape(*root.shape, *(1,) * (values.ndim - 2))]
        if self.edges is not None:
            parts.append(self.edges.along(values, index))
        rows = np.concatenate(parts, 1)
        return rows.reshape(len(index), -1, *rows.shape[3:])

    def _seen(self, pose: Pose, index: Ints, windows: Windows) -> tuple[Floats, Rendering, tuple[Floats, Floats]]:
        """Landmarks [b,L,2] in window pixels, the render, and the vertices there [b,V,2] with their depths [b,V]."""
        _, points, depth, normals = projected(self.rig, self.camera[index], windows.matrices, pose)
        size = self.network.size
        rendering = self.renderer.render(
            points, depth, normals, self.look, windows.background, size, size, head_rotation=pose.rotation
        )
        landmarks, _ = self.network(_tensor(rendering.image))
        return landmarks.cpu().double().numpy(), rendering, (points, depth)

    def _material(self, pose: Pose, index: Ints, windows: Windows, free: FreeParameters) -> tuple[Floats, Floats]:
        """Landmarks [b,L,2] and their derivative [b,L,2,P], window pixels."""
        landmarks, rendering, (points, depth) = self._seen(pose, index, windows)
        radius = self.network.size / 6
        seen = visible_points(rendering.fragments, points, depth, self.rig.triangles, landmarks, radius=radius)
        material = self.rig.sample(np.maximum(seen.triangle, 0), seen.barycentric)
        world = material.world(pose)
        maps = windows.matrices[:, None, :, :2] @ self.camera[index].derivative(world)
        maps = np.where((seen.triangle >= 0)[..., None, None], maps, 0.0)
        return landmarks, material.derivative(pose, world, free, maps)

    def _pushed(self, pose: Pose, index: Ints, windows: Windows, free: FreeParameters) -> tuple[Floats, Floats]:
        """As `_material`, through renderer and network."""
        size, camera = self.network.size, self.camera[index]
        world, points, depth, normals = projected(self.rig, camera, windows.matrices, pose)
        everywhere = self.rig.every_vertex(len(index))
        d_world = everywhere.derivative(pose, world, free)  # [b,V,3,P]
        d_points = windows.matrices[:, None, :, :2] @ (camera.derivative(world) @ d_world)
        d_depth = -np.einsum("bx,bvxp->bvp", camera.world_to_camera[:, 2, :3], d_world)
        _, d_normals = vertex_normals_jvp(world, self.rig.triangles, np.moveaxis(d_world, 3, 1))
        d_rotation = np.zeros((len(index), free.size, 3))
        d_rotation[:, range(3), range(3)] = 1.0
        rendering, d_image = self.renderer.render_jvp(
            points,
            depth,
            normals,
            self.look,
            windows.background,
            size,
            size,
            d_points=np.moveaxis(d_points, 3, 1),
            d_depth=np.moveaxis(d_depth, 2, 1),
            d_normals=d_normals,
            head_rotation=pose.rotation,
            d_rotation=d_rotation,
        )
        push: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = self.network.jvp
        if self.jacobian == "backward":
            push = partial(backward, self.network.differentiable)
        landmarks, moving = push(_tensor(rendering.image), torch.from_numpy(d_image).permute(0, 1, 4, 2, 3))
        return landmarks.cpu().double().numpy(), np.moveaxis(moving.cpu().double().numpy(), 1, 3)


def _in_plate(points: Floats, windows: Windows) -> Floats:
    """[b,L,2] window pixels in plate pixels: equation 3's C^-1(S^-1(m)); NaN where there is no face."""
    placed = points @ windows.inverses[:, :, :2].swapaxes(1, 2) + windows.inverses[:, None, :, 2]
    return np.where(windows.found[:, None, None], placed, np.nan)


def _tensor(images: Floats) -> Tensor:
    """[b,S,S,3] as the network takes it."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
