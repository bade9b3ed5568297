"""What every landmark network offers, and how a face's landmarks are found in a plate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from solver_core.networks.detector import Detection, FaceDetector, as_float

if TYPE_CHECKING:
    from solver_core.camera.crop import Crop
    from solver_core.common.arrays import Floats
    from solver_core.networks.regions import Layout

PRESENCE = 0.5  # the least probability that a crop shows a face
CANDIDATES = 3  # detections that are shown to the landmark network before giving up


class LandmarkNetwork(Protocol):
    """Maps square crops to landmarks, differentiably; see `facemesh.FaceMesh` for shapes and units."""

    name: str
    size: int  # pixels along the crop's side
    count: int  # landmarks
    layout: Layout  # which landmark lies where

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, size, size] -> points [B, count, 2] in crop pixels, presence [B] from 0 to 1."""
        ...

    def differentiable(self, images: Tensor) -> Tensor:
        """[B, 3, size, size] -> points [B, count, 2] whose derivative torch can take backward."""
        ...

    def jvp(self, images: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """Images and tangents [B, P, 3, size, size] -> points [B, count, 2], their tangents [B, P, count, 2]."""
        ...

    def crop_from_detection(self, detection: Detection) -> Crop:
        """The window that shows the network a detected face."""
        ...

    def crop_from_landmarks(self, points: Floats) -> Crop:
        """The window that shows the network the face with these landmarks [count, 2], plate pixels."""
        ...


@dataclass(frozen=True)
class Found:
    """A face's landmarks.

    Attributes:
        points: [count, 2] plate pixels.
        crop: the window that the network saw them in.
        presence: the landmark network's probability that the window shows a face.
        score: the detector's.
        note: a sentence where something should be known (other faces in the picture), otherwise empty.
    """

    points: npt.NDArray[np.float64]
    crop: Crop
    presence: float
    score: float
    note: str = ""


@dataclass(frozen=True)
class NotFound:
    """No face's landmarks, and the reason as a sentence."""

    reason: str


def locate(
    image: npt.NDArray[Any],
    network: LandmarkNetwork,
    detector: FaceDetector,
) -> Found | NotFound:
    """Finds the landmarks of the clearest face in a plate.

    Landmarks are found twice: in the window that the detection asks for, and in the one that these first ones do.

    Args:
        image: the plate [H, W, 3], RGB for the display (sRGB-encoded), float 0 to 1 or uint8.
        network: the landmark network.
        detector: the face detector.

    Raises:
        FaceSolveError: where the plate holds pixels that are not numbers.
    """
    picture = as_float(image)
    detections = detector.detect(picture)
    if not detections:
        return NotFound("No face was found in the picture.")
    best = 0.0
    for detection in detections[:CANDIDATES]:
        _, presence, crop = _landmarks(picture, network, network.crop_from_detection(detection))
        if crop is not None:
            points, again, _ = _landmarks(picture, network, crop)
            presence = min(presence, again)
            if presence >= PRESENCE:
                return Found(points, crop, again, detection.score, _note(detections))
        best = max(best, presence)
    return NotFound(
        f"Something like a face was found, but the landmark network does not see a face there (probability {best:.2f})."
    )


def _landmarks(
    picture: npt.NDArray[np.float32], network: LandmarkNetwork, crop: Crop
) -> tuple[npt.NDArray[np.float64], float, Crop | None]:
    """Landmarks [count, 2] in plate pixels, presence, and the window they ask for; None where they have no extent."""
    image = torch.from_numpy(crop.sample(picture)).permute(2, 0, 1)[None]
    points, presence = network(image)
    placed = np.asarray(crop.to_plate(points[0].cpu().double().numpy()), np.float64)
    usable = np.isfinite(placed).all() and np.ptp(placed, axis=0).max() > 1e-3
    return placed, float(presence[0]), network.crop_from_landmarks(placed) if usable else None


def _note(detections: list[Detection]) -> str:
    others = len(detections) - 1
    if others <= 0:
        return ""
    return f"The picture shows {others + 1} faces; the clearest one was taken."
