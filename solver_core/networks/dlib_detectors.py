"""dlib's face detectors: the CNN that the paper uses (Section 5), and the older one on histograms of gradients."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from solver_core.common.errors import FaceSolveError
from solver_core.networks import weights
from solver_core.networks.detector import Box, Detection, as_float

LOOKS = (720, 1440)  # pixels along the picture's longer side; the second is tried where the first shows no face


class DlibDetector(ABC):
    """What both have in common: they find faces of 80 pixels and more in a picture of bytes.

    The picture is first looked at in a size where that is a ninth of its longer side, then, if nothing was found, in
    twice that size.

    Raises:
        FaceSolveError: where dlib is not installed.
    """

    name: str

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise FaceSolveError(
                "dlib is not installed.",
                "In Blender tick dlib beside Install Solver and press it; "
                "elsewhere run: pip install 'face-solve[dlib]'",
            ) from error
        self._dlib: ModuleType = dlib

    def detect(self, image: npt.NDArray[Any], *, everywhere: bool = False) -> list[Detection]:
        """The faces in a picture, without key points: see `detector.FaceDetector.detect`."""
        picture = np.round(np.clip(as_float(image), 0, 1) * 255).astype(np.uint8)
        longer = max(picture.shape[:2])
        for look in LOOKS[-1:] if everywhere else LOOKS:
            scale = look / longer
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            sized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method)
            found = self._find(np.ascontiguousarray(sized))
            if found:
                return [
                    Detection((box[0] / scale, box[1] / scale, box[2] / scale, box[3] / scale), score)
                    for box, score in sorted(found, key=lambda face: -face[1])
                ]
        return []

    @abstractmethod
    def _find(self, picture: npt.NDArray[np.uint8]) -> list[tuple[Box, float]]:
        """Boxes and scores from 0 to 1 in a picture [H, W, 3]."""


class HogDetector(DlibDetector):
    """Implements `detector.FaceDetector`: fast, upright faces seen from the front. Nothing to download."""

    name = "dlib_hog"

    def __init__(self) -> None:
        super().__init__()
        self._detector = self._dlib.get_frontal_face_detector()

    def _find(self, picture: npt.NDArray[np.uint8]) -> list[tuple[Box, float]]:
        rectangles, margins, _ = self._detector.run(picture, 0, 0.0)
        scores = [1 / (1 + math.exp(-margin)) for margin in margins]  # distances from the decision, without a bound
        return [(_box(r), score) for r, score in zip(rectangles, scores, strict=True)]


class CnnDetector(DlibDetector):
    """Implements `detector.FaceDetector`: slower, sees turned faces.

    Raises:
        FaceSolveError: also where the weights are absent or altered.
    """

    name = "dlib_cnn"

    def __init__(self) -> None:
        super().__init__()
        self._detector = self._dlib.cnn_face_detection_model_v1(str(weights.path(self.name)))

    def _find(self, picture: npt.NDArray[np.uint8]) -> list[tuple[Box, float]]:
        return [(_box(face.rect), min(float(face.confidence), 1.0)) for face in self._detector(picture, 0)]


def _box(rectangle: Any) -> Box:
    """A rectangle of dlib, which names its last pixels, as the box around them."""
    return (
        float(rectangle.left()),
        float(rectangle.top()),
        float(rectangle.right() + 1),
        float(rectangle.bottom() + 1),
    )
