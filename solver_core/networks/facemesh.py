"""FaceMesh: 468 landmarks of one face from a square crop, with exact derivatives pushed through the layers."""

from __future__ import annotations

import torch
from torch import Tensor

from solver_core.camera.crop import Crop, crop_from_box, crop_from_landmarks, eye_angle
from solver_core.common.arrays import Floats
from solver_core.networks import weights
from solver_core.networks.detector import Detection
from solver_core.networks.regions import FACEMESH

RIGHT_EYE, LEFT_EYE = 33, 263  # outer corners, of the subject's right and left eye


class FaceMesh:
    """Implements `landmarks.LandmarkNetwork`.

    Args:
        device: where it runs and its results lie, as torch names it; images are brought there.

    Raises:
        FaceSolveError: where the weights are absent or altered.
    """

    name = "facemesh"
    size = 192
    count = 468
    layout = FACEMESH

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self._graph = weights.load(self.name).to(self.device)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks of the face in each image.

        Args:
            images: [B, 3, 192, 192] RGB for the display (sRGB-encoded), 0 to 1.

        Returns:
            (points, presence): [B, 468, 2] crop pixels, and the probability [B] that the crop shows a face.
        """
        points, presence = self.points3d(images)
        return points[..., :2], presence

    def points3d(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As a call, with the network's relative depth: [B, 468, 3] crop pixels, larger is farther away; and [B]."""
        with torch.no_grad():
            values, logits = self._graph(images.to(self.device))
        return _points(values), torch.sigmoid(logits.flatten())

    def differentiable(self, images: Tensor) -> Tensor:
        """The points of a call, with their derivative by the images."""
        return _points(self._graph(images.to(self.device))[0])[..., :2]

    def jvp(self, images: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks, and how they move when the images change (the paper's dN/dF dF/dtheta).

        The network is piecewise linear: the derivative is exact within the piece that each image lies in.

        Args:
            images: [B, 3, 192, 192] as in a call.
            tangents: [B, P, 3, 192, 192], for each image the derivative by each of P parameters.

        Returns:
            (points, d_points): [B, 468, 2] crop pixels and [B, P, 468, 2] crop pixels per unit of parameter.
        """
        with torch.no_grad():
            (values, _), linearised = self._graph.linearise(images.to(self.device))
            moved = linearised(tangents.to(self.device))
        return _points(values)[..., :2], moved.reshape(*tangents.shape[:2], self.count, 3)[..., :2]

    def crop_from_detection(self, detection: Detection) -> Crop:
        """The window that shows the network a detected face, in plate pixels."""
        angle = 0.0 if detection.keypoints is None else eye_angle(detection.keypoints[0], detection.keypoints[1])
        return crop_from_box(detection.box, angle, self.size)

    def crop_from_landmarks(self, points: Floats) -> Crop:
        """The window that shows the network the face with these landmarks [468, 2], plate pixels."""
        return crop_from_landmarks(points, RIGHT_EYE, LEFT_EYE, self.size)


def _points(values: Tensor) -> Tensor:
    """[B, 1404, 1, 1] -> [B, 468, 3] crop pixels."""
    return values.reshape(values.shape[0], FaceMesh.count, 3)
