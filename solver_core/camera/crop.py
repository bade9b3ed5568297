"""The square window of the plate that a network sees: a similarity between plate pixels and crop pixels.

Both have their origin at the top left corner and pixel centres at +0.5, so a crop of output size S covers 0 to S.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from solver_core.common.arrays import Floats
from solver_core.common.errors import FaceSolveError

MARGIN = 1.5  # side of a face crop over the extent of the face in it: the rule that FaceMesh was trained with


@dataclass(frozen=True)
class Crop:
    """A square window of the plate, resampled to a square image.

    Attributes:
        centre: of the window, (x, y) in plate pixels.
        side: of the window, plate pixels.
        angle: of the window's x axis from the plate's, radians, turning x towards y (clockwise on the screen).
        size: of the image it is sampled to, pixels.
    """

    centre: tuple[float, float]
    side: float
    angle: float
    size: int

    def __post_init__(self) -> None:
        if not (all(math.isfinite(v) for v in (*self.centre, self.side, self.angle)) and self.side > 0 < self.size):
            raise ValueError(f"not a window of the plate: {self}")

    @property
    def scale(self) -> float:
        """Plate pixels per crop pixel."""
        return self.side / self.size

    def inverse(self) -> npt.NDArray[np.float64]:
        """The 2x3 matrix from crop pixels to plate pixels."""
        turn = _rotation(self.angle) * self.scale
        offset = np.asarray(self.centre) - turn @ np.full(2, self.size / 2)
        return np.column_stack([turn, offset])

    def matrix(self) -> npt.NDArray[np.float64]:
        """The 2x3 matrix from plate pixels to crop pixels."""
        turn = _rotation(-self.angle) / self.scale
        offset = np.full(2, self.size / 2) - turn @ np.asarray(self.centre)
        return np.column_stack([turn, offset])

    def to_crop(self, points: Floats) -> Floats:
        """Points [..., 2] from plate pixels to crop pixels."""
        matrix = self.matrix()
        return np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]

    def to_plate(self, points: Floats) -> Floats:
        """Points [..., 2] from crop pixels to plate pixels."""
        matrix = self.inverse()
        return np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]

    def sample(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The window's pixels.

        Each output pixel is the mean of bilinear samples at most one plate pixel apart, so shrinking does not alias.
        Beyond the plate's border the nearest pixel is repeated.

        Args:
            image: the plate [H, W, C], float32.

        Returns:
            [size, size, C] float32.

        Raises:
            FaceSolveError: where the plate holds pixels that are not numbers.
        """
        check_image(image)
        matrix = self.inverse()
        finer = max(1, math.ceil(self.scale - 1e-9))  # samples per output pixel and axis
        steps = (np.arange(self.size * finer) + 0.5) / finer
        u, v = np.meshgrid(steps, steps)
        xy = np.stack([u, v], axis=-1) @ matrix[:, :2].T + matrix[:, 2]
        height, width = image.shape[:2]
        grid = torch.from_numpy((xy * (2.0 / width, 2.0 / height) - 1.0).astype(np.float32))
        plate = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None]
        samples = F.grid_sample(plate, grid[None], mode="bilinear", padding_mode="border", align_corners=False)
        if finer > 1:
            samples = F.avg_pool2d(samples, finer)
        return np.ascontiguousarray(samples[0].permute(1, 2, 0).numpy())


def crop_from_box(
    box: tuple[float, float, float, float],
    angle: float,
    size: int,
    margin: float = MARGIN,
) -> Crop:
    """The square window around an upright box (x0, y0, x1, y1) in plate pixels, turned by `angle` radians."""
    x0, y0, x1, y1 = box
    return Crop(((x0 + x1) / 2, (y0 + y1) / 2), margin * max(x1 - x0, y1 - y0), angle, size)


def crop_from_landmarks(
    points: Floats,  # [N, 2] plate pixels
    right_eye: int,
    left_eye: int,
    size: int,
    margin: float = MARGIN,
) -> Crop:
    """The square window around landmarks, turned so that the line from one eye to the other is level.

    Args:
        points: the landmarks in plate pixels.
        right_eye: index of a landmark at the subject's right eye (the picture's left).
        left_eye: index of its mirror image.
        size: of the sampled image, pixels.
        margin: the window's side over the larger extent of the landmarks along its axes.
    """
    angle = eye_angle(points[right_eye], points[left_eye])
    turn = _rotation(angle)
    level = np.asarray(points, np.float64) @ turn  # coordinates along the window's axes
    low, high = level.min(axis=0), level.max(axis=0)
    centre = turn @ ((low + high) / 2)
    return Crop((float(centre[0]), float(centre[1])), margin * float((high - low).max()), angle, size)


def eye_angle(right_eye: Floats, left_eye: Floats) -> float:
    """Angle of the line from the subject's right eye (x, y) to the left one, radians from the plate's x axis."""
    dx, dy = np.asarray(left_eye) - np.asarray(right_eye)
    return math.atan2(float(dy), float(dx))


def check_image(image: npt.NDArray[np.float32]) -> None:
    """Refuses what is not a picture.

    Raises:
        FaceSolveError: where a pixel is NaN or infinite.
        ValueError: where the array is not [H, W, C].
    """
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"an image is [H, W, C], not {image.shape}")
    if not np.isfinite(image).all():
        raise FaceSolveError(
            "The plate holds pixels that are not numbers (NaN or infinite).",
            "Render or convert this frame of the plate again.",
        )


def _rotation(angle: float) -> npt.NDArray[np.float64]:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])
