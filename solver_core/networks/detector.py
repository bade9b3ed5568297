"""What every face detector offers, and the parts that they share: detections, merging of overlapping ones, tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from solver_core.camera.crop import check_image

if TYPE_CHECKING:
    from collections.abc import Iterator

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detection:
    """A face in a picture.

    Attributes:
        box: (x0, y0, x1, y1) around brows to chin, plate pixels.
        score: how sure the detector is, 0 to 1.
        keypoints: [6, 2] plate pixels: the subject's right eye, left eye, nose tip, mouth, right ear, left ear; or None
            where the detector has none.
    """

    box: Box
    score: float
    keypoints: npt.NDArray[np.float64] | None = None


class FaceDetector(Protocol):
    """Finds faces."""

    name: str

    def detect(self, image: npt.NDArray[Any], *, everywhere: bool = False) -> list[Detection]:
        """The faces in a picture, the surest first.

        Args:
            image: [H, W, 3] RGB for the display (sRGB-encoded), float 0 to 1 or uint8.
            everywhere: look for small faces too although large ones are seen.

        Raises:
            FaceSolveError: where the picture holds pixels that are not numbers.
        """
        ...


def as_float(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A picture [H, W, 3] as float32 from 0 to 1; raises as `FaceDetector.detect` does."""
    scaled = image.astype(np.float32)
    if image.dtype == np.uint8:
        scaled /= 255.0
    check_image(scaled)
    return scaled


def overlap(a: Box, b: Box) -> float:
    """Area that two boxes share over the area that they cover together."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def merge(detections: list[Detection], threshold: float) -> list[Detection]:
    """One detection for each group that overlaps its surest member by more than `threshold`.

    Positions are means weighted by score, which moves less from frame to frame than the surest one alone.
    """
    rest = sorted(detections, key=lambda d: -d.score)
    merged = []
    while rest:
        best = rest[0]
        group = [d for d in rest if d is best or overlap(best.box, d.box) > threshold]
        rest = [d for d in rest if not any(d is member for member in group)]
        scores = np.array([d.score for d in group])
        box = np.average([d.box for d in group], axis=0, weights=scores)
        keypoints = None
        if best.keypoints is not None:
            keypoints = np.average([d.keypoints for d in group if d.keypoints is not None], axis=0, weights=scores)
        merged.append(Detection((float(box[0]), float(box[1]), float(box[2]), float(box[3])), best.score, keypoints))
    return merged


def tiles(width: int, height: int, side: int) -> Iterator[tuple[int, int]]:
    """Top left corners (x, y) of squares of `side` pixels that cover a picture, each overlapping the next by half."""
    for y in _starts(height, side):
        for x in _starts(width, side):
            yield x, y


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = -(-(length - side) // max(side // 2, 1)) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]
