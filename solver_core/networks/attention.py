"""FaceMesh with attention: 478 landmarks.

Lips, eyes and irises among them are looked at again in windows of their own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.regions import ATTENTION

# the network's outputs, in its own order
MESH, LIPS, RIGHT_EYE, LEFT_EYE, RIGHT_IRIS, LEFT_IRIS, PRESENCE = range(7)


class AttentionMesh(FaceMesh):
    """Implements `landmarks.LandmarkNetwork`; crops, shapes and units are FaceMesh's, with ten landmarks more.

    A first pass places FaceMesh's 468 landmarks. Windows around lips and eyes are then cut out of a finer layer, and
    the landmarks in them (eyelids and brows among them) and the irises are placed again.
    """

    name = "attention"
    count = 478
    layout = ATTENTION

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        # each window's outputs are the landmarks that it was laid around, in that order
        lips, right, left = (step["points"] for step in self._graph.steps if step["op"] == "window_matrix")
        self._places = [
            (LIPS, lips),
            (RIGHT_EYE, right),
            (LEFT_EYE, left),
            (RIGHT_IRIS, list(range(468, 473))),
            (LEFT_IRIS, list(range(473, 478))),
        ]

    def points3d(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As a call, with the network's relative depth: [B, 478, 3] crop pixels, and [B].

        An iris is as deep as its eye's first landmark.
        """
        with torch.no_grad():
            outputs = self._graph(images.to(self.device))
        depth = outputs[MESH].reshape(len(images), 468, 3)[..., 2]
        irises = depth[:, [33] * 5 + [263] * 5]
        points = torch.cat([self._assemble(outputs), torch.cat([depth, irises], 1)[..., None]], -1)
        return points, torch.sigmoid(outputs[PRESENCE].flatten())

    def differentiable(self, images: Tensor) -> Tensor:
        """The points of a call, with their derivative by the images."""
        return self._assemble(self._graph(images.to(self.device)))

    def jvp(self, images: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """See `FaceMesh.jvp`: [B, 478, 2] crop pixels and [B, P, 478, 2] crop pixels per unit of parameter.

        The windows move with the first pass's landmarks, and the derivative follows them.
        """
        wanted = [MESH, LIPS, RIGHT_EYE, LEFT_EYE, RIGHT_IRIS, LEFT_IRIS]
        with torch.no_grad():
            outputs, linearised = self._graph.linearise(images.to(self.device))
            moved = linearised.several(tangents.to(self.device), wanted)
        flat = self._assemble([one.flatten(0, 1) for one in moved])
        return self._assemble(outputs), flat.reshape(*tangents.shape[:2], self.count, 2)

    def _assemble(self, outputs: list[Tensor]) -> Tensor:
        """[B, 478, 2] from the network's outputs."""
        count = len(outputs[MESH])
        points = outputs[MESH].new_empty(count, self.count, 2)
        points[:, :468] = outputs[MESH].reshape(count, 468, 3)[..., :2]
        for output, places in self._places:
            points[:, places] = outputs[output].reshape(count, len(places), 2)
        return points
