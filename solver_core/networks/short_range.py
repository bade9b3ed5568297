"""The BlazeFace short-range detector.

It sees faces larger than about a fifth of the picture, so it also looks at tiles.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from solver_core.networks import weights
from solver_core.networks.detector import Detection, as_float, merge, overlap, tiles

INPUT = 128  # pixels
GRIDS = ((16, 2), (8, 6))  # cells along a side, anchors in each cell
OVERLAP = 0.3  # above which two detections are the same face
TILE_SIDES = (0.6, 0.3)  # of the picture's shorter side, in the order in which they are tried
SMALLEST_TILE = 96  # pixels
BATCH = 32


class ShortRangeDetector:
    """Implements `detector.FaceDetector`.

    Args:
        threshold: the least score of a face, 0 to 1.

    Raises:
        FaceSolveError: where the weights are absent or altered.
    """

    name = "short_range"

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold
        self._graph = weights.load(self.name)
        self._anchors = _anchors()

    def detect(self, image: npt.NDArray[Any], *, everywhere: bool = False) -> list[Detection]:
        """The faces in a picture: see `detector.FaceDetector.detect`.

        The whole picture is looked at first. Smaller and smaller squares of it are tried where it shows no face, and
        where faces are looked for everywhere.
        """
        picture = as_float(image)
        height, width = picture.shape[:2]
        side = max(width, height)
        found = merge(self._in_squares(picture, side, [((width - side) // 2, (height - side) // 2)]), OVERLAP)
        for fraction in TILE_SIDES:
            side = round(fraction * min(width, height))
            if (found and not everywhere) or side < SMALLEST_TILE:
                break
            more = merge(self._in_squares(picture, side, list(tiles(width, height, side))), OVERLAP)
            # a face stays as it was seen in the larger square, which shows all of it
            found += [face for face in more if all(overlap(face.box, other.box) <= OVERLAP for other in found)]
        return sorted(found, key=lambda face: -face.score)

    def _in_squares(
        self, picture: npt.NDArray[np.float32], side: int, corners: list[tuple[int, int]]
    ) -> list[Detection]:
        """Unmerged detections in squares of `side` pixels; what of a square lies outside the picture is black."""
        found = []
        for start in range(0, len(corners), BATCH):
            part = corners[start : start + BATCH]
            squares = np.stack([_square(picture, side, corner) for corner in part])
            with torch.inference_mode():
                inputs = torch.from_numpy(squares).permute(0, 3, 1, 2) * 2.0 - 1.0
                positions, logits = self._graph(inputs)
            scores = torch.sigmoid(logits[..., 0]).numpy()
            for corner, values, score in zip(part, positions.numpy(), scores, strict=True):
                keep = score >= self.threshold
                found += self._decode(values[keep], self._anchors[keep], score[keep], side, corner)
        return found

    @staticmethod
    def _decode(
        values: npt.NDArray[np.float32],  # [N, 16] x, y, width, height, six key points; pixels, from the anchor
        anchors: npt.NDArray[np.float64],  # [N, 2] pixels of the input
        scores: npt.NDArray[np.float32],  # [N]
        side: int,
        corner: tuple[int, int],
    ) -> list[Detection]:
        scale = side / INPUT
        points = values.reshape(-1, 8, 2).astype(np.float64)
        half = points[:, 1] / 2 * scale
        places = (np.delete(points, 1, axis=1) + anchors[:, None]) * scale + corner  # centre, then key points
        low, high = places[:, 0] - half, places[:, 0] + half
        return [
            Detection((float(a[0]), float(a[1]), float(b[0]), float(b[1])), float(score), keypoints)
            for a, b, score, keypoints in zip(low, high, scores, places[:, 1:], strict=True)
        ]


def _anchors() -> npt.NDArray[np.float64]:
    """Where each of the network's 896 guesses is measured from: [896, 2] pixels of the input."""
    grids = []
    for cells, repeats in GRIDS:
        centres = (np.arange(cells) + 0.5) * (INPUT / cells)
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(grids)


def _square(picture: npt.NDArray[np.float32], side: int, corner: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The square of the picture at a corner (x, y), shrunk or enlarged to the network's input."""
    x, y = corner
    inside = picture[max(y, 0) : y + side, max(x, 0) : x + side]
    left, top = max(-x, 0), max(-y, 0)
    if inside.shape[:2] != (side, side):
        below, right = side - top - inside.shape[0], side - left - inside.shape[1]
        inside = cv2.copyMakeBorder(inside, top, below, left, right, cv2.BORDER_CONSTANT, value=(0.0, 0.0, 0.0))
    method = cv2.INTER_AREA if side > INPUT else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (INPUT, INPUT), interpolation=method), np.float32)
