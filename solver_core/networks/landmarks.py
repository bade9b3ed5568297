"""What every landmark network offers, and how faces' landmarks are found in a plate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from solver_core.networks.detector import Box, Detection, FaceDetector, as_float, overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from solver_core.camera.crop import Crop
    from solver_core.common.arrays import Floats
    from solver_core.networks.regions import Layout

PRESENCE = 0.5  # the least probability that a window shows a face
CANDIDATES = 3  # detections that are shown to the landmark network before giving up
MOST_FACES = 8  # in one picture: of a crowd, those that the detector is surest of, and those that are known already
PASSES = 6  # windows that are tried for one face: the detector's may be twice too large for a small one
SETTLED = 0.12  # change of a window's side and place, as a share of its side, below which it has settled
SAME = 0.3  # overlap of two faces' windows above which they are one face


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
        score: the detector's; 0 where the face was followed from the frame before.
    """

    points: npt.NDArray[np.float64]
    crop: Crop
    presence: float
    score: float


@dataclass(frozen=True)
class NotFound:
    """No face's landmarks, and the reason as a sentence."""

    reason: str


def locate(
    image: npt.NDArray[Any],
    network: LandmarkNetwork,
    detector: FaceDetector,
) -> Found | NotFound:
    """Finds the landmarks of the clearest face in a picture.

    Args:
        image: the picture [H, W, 3], RGB for the display (sRGB-encoded), float 0 to 1 or uint8.
        network: the landmark network.
        detector: the face detector.

    Raises:
        FaceSolveError: where the picture holds pixels that are not numbers.
    """
    picture = as_float(image)
    found, refused = _settled_faces(picture, network, detector.detect(picture)[:CANDIDATES], first=True)
    return found[0] if found else _refusal(refused)


def faces_in(
    image: npt.NDArray[Any],
    network: LandmarkNetwork,
    detector: FaceDetector,
    known: Sequence[Found] = (),
    *,
    everywhere: bool = False,
) -> list[Found] | NotFound:
    """Finds the landmarks of every face in a plate.

    Args:
        image: as in `locate`.
        network: the landmark network.
        detector: the face detector.
        known: faces of the frame before; those that the detector does not see again are looked for where they were.
        everywhere: look for small faces although a large one is seen.

    Raises:
        FaceSolveError: where the plate holds pixels that are not numbers.
    """
    picture = as_float(image)
    found, refused = _settled_faces(picture, network, detector.detect(picture, everywhere=everywhere)[:MOST_FACES])
    for face in known:
        window = network.crop_from_landmarks(face.points)
        if not any(_same(window, other.crop) for other in found):
            # nobody has detected a face there: that the network sees none is no refusal
            again, _ = _settle(picture, network, window, 0.0)
            if again is not None and not any(_same(again.crop, other.crop) for other in found):
                found.append(again)
    return found or _refusal(refused)


def _settled_faces(
    picture: npt.NDArray[np.float32],
    network: LandmarkNetwork,
    detections: Sequence[Detection],
    *,
    first: bool = False,
) -> tuple[list[Found], float]:
    """The detected faces that convince the landmark network (or the first), and the best presence of the others.

    That is below zero where nothing was detected.
    """
    found: list[Found] = []
    refused = -1.0
    for detection in detections:
        face, presence = _settle(picture, network, network.crop_from_detection(detection), detection.score)
        if face is None:
            refused = max(refused, presence)
        elif not any(_same(face.crop, other.crop) for other in found):
            found.append(face)
            if first:
                break
    return found, refused


def _settle(
    picture: npt.NDArray[np.float32], network: LandmarkNetwork, window: Crop, score: float
) -> tuple[Found | None, float]:
    """A face's landmarks, seen in the window that they ask for themselves, and the last window's presence.

    The window follows the landmarks until it keeps still: at least one step, and `PASSES` at most.
    """
    _, presence, following = _landmarks(picture, network, window)
    for _ in range(PASSES - 1):
        if following is None:
            return None, presence
        window = following
        points, presence, following = _landmarks(picture, network, window)
        if presence >= PRESENCE and following is not None and _moved(window, following) < SETTLED:
            break
    return (Found(points, window, presence, score), presence) if presence >= PRESENCE else (None, presence)


def _landmarks(
    picture: npt.NDArray[np.float32], network: LandmarkNetwork, crop: Crop
) -> tuple[npt.NDArray[np.float64], float, Crop | None]:
    """Landmarks [count, 2] in plate pixels, presence, and the window they ask for; None where they have no extent."""
    image = torch.from_numpy(crop.sample(picture)).permute(2, 0, 1)[None]
    points, presence = network(image)
    placed = np.asarray(crop.to_plate(points[0].cpu().double().numpy()), np.float64)
    usable = np.isfinite(placed).all() and np.ptp(placed, axis=0).max() > 1e-3
    return placed, float(presence[0]), network.crop_from_landmarks(placed) if usable else None


def _moved(window: Crop, following: Crop) -> float:
    """How far the window moved or changed its size, as a share of its side."""
    steps = [abs(a - b) for a, b in zip(window.centre, following.centre, strict=True)]
    return max(*steps, abs(window.side - following.side)) / window.side


def _same(first: Crop, second: Crop) -> bool:
    return overlap(_box(first), _box(second)) > SAME


def _box(window: Crop) -> Box:
    x, y, half = *window.centre, window.side / 2
    return x - half, y - half, x + half, y + half


def _refusal(presence: float) -> NotFound:
    if presence < 0:
        return NotFound("No face was found in the picture.")
    return NotFound(
        "Something like a face was found, but the landmark network does not see a face there "
        f"(probability {presence:.2f})."
    )
