"""Blender's camera and its background image as intrinsics in plate pixels; plain arithmetic, no bpy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ...problem import FaceSolveProblem

Row = List[float]


@dataclass(frozen=True)
class Lens:
    """A camera's lens at one frame: millimetres; shifts in units of the fitted sensor side."""

    focal: float
    sensor_width: float
    sensor_height: float
    sensor_fit: str = "AUTO"  # AUTO, HORIZONTAL, VERTICAL
    shift_x: float = 0.0
    shift_y: float = 0.0


@dataclass(frozen=True)
class FrameFormat:
    """The render format that shapes the camera's frame; the resolution percentage does not change it."""

    resolution_x: int
    resolution_y: int
    pixel_aspect_x: float = 1.0
    pixel_aspect_y: float = 1.0

    @property
    def aspect(self) -> float:
        """Width of the camera's frame over its height."""
        return (self.resolution_x * self.pixel_aspect_x) / (self.resolution_y * self.pixel_aspect_y)


@dataclass(frozen=True)
class Backdrop:
    """How the plate lies in the camera's frame: Blender's settings of a camera background image."""

    width: int  # plate pixels
    height: int
    frame_method: str = "FIT"  # STRETCH, FIT, CROP
    offset_x: float = 0.0
    offset_y: float = 0.0
    scale: float = 1.0
    flip_x: bool = False
    flip_y: bool = False
    rotation: float = 0.0  # radians
    pixel_aspect: float = 1.0  # the plate's own, width over height


def fits_width(lens: Lens, frame: FrameFormat) -> bool:
    """True where the sensor's fitted side is the frame's width."""
    if lens.sensor_fit == "AUTO":
        return frame.aspect >= 1.0
    return lens.sensor_fit == "HORIZONTAL"


def frame_projection(lens: Lens, frame: FrameFormat) -> Tuple[float, float, float, float]:
    """The projection onto the camera's frame as fractions of it.

    Returns:
        (ax, ay, bx, by): a camera-space point (X, Y, Z) stands at `x = bx + ax * X / -Z` from the left and
        `y = by + ay * Y / -Z` from the bottom, both 0 to 1 inside the frame.
    """
    if fits_width(lens, frame):
        ratio = lens.focal / lens.sensor_width
        return ratio, ratio * frame.aspect, 0.5 - lens.shift_x, 0.5 - lens.shift_y * frame.aspect
    # An automatic fit measures the sensor's width even where it spans the frame's height.
    ratio = lens.focal / (lens.sensor_height if lens.sensor_fit == "VERTICAL" else lens.sensor_width)
    return ratio / frame.aspect, ratio, 0.5 - lens.shift_x / frame.aspect, 0.5 - lens.shift_y


def plate_placement(lens: Lens, frame: FrameFormat, backdrop: Backdrop) -> Tuple[float, float, float, float]:
    """Where the plate lies in the camera's frame.

    Returns:
        (width, height, x, y): the plate's size as fractions of the frame's width and height, and its centre's distance
        from the frame's centre (right and up positive) in the same units.

    Raises:
        FaceSolveProblem: where the plate is rotated.
    """
    if abs(backdrop.rotation) > 1e-9:
        raise FaceSolveProblem(
            "The plate is rotated in the camera's background image settings.",
            "Set the background image's rotation to zero.",
        )
    cam_aspect = frame.aspect
    image_aspect = backdrop.width * backdrop.pixel_aspect / backdrop.height
    # Blender's units: the fitted side of the frame has length 1.
    cam_width, cam_height = (1.0, 1.0 / cam_aspect) if fits_width(lens, frame) else (cam_aspect, 1.0)
    wider = image_aspect > cam_aspect
    if backdrop.frame_method == "STRETCH":
        width, height = cam_width, cam_height
    elif wider == (backdrop.frame_method == "FIT"):
        width, height = cam_width, cam_width / image_aspect
    else:
        width, height = cam_height * image_aspect, cam_height
    x = backdrop.offset_x * min(1.0, cam_aspect)
    y = backdrop.offset_y / (max(1.0, cam_aspect) * (image_aspect / cam_aspect))
    return width * backdrop.scale / cam_width, height * backdrop.scale / cam_height, x / cam_width, y / cam_height


def intrinsics(lens: Lens, frame: FrameFormat, backdrop: Backdrop) -> Row:
    """[fx, fy, cx, cy] in plate pixels, origin at the top left corner of the plate.

    A camera-space point (X, Y, Z) is seen at `u = cx + fx * X / -Z`, `v = cy - fy * Y / -Z`. A flipped plate has a
    negative focal length.

    Raises:
        FaceSolveProblem: where the plate is rotated or has no size.
    """
    width, height, x, y = plate_placement(lens, frame, backdrop)
    if width <= 0.0 or height <= 0.0:
        raise FaceSolveProblem(
            "The plate has no size in the camera's frame.", "Set the background image's scale above zero."
        )
    ax, ay, bx, by = frame_projection(lens, frame)
    sign_x, sign_y = (-1.0 if backdrop.flip_x else 1.0), (-1.0 if backdrop.flip_y else 1.0)
    to_u, to_v = sign_x * backdrop.width / width, sign_y * backdrop.height / height
    return [
        to_u * ax,
        to_v * ay,
        0.5 * backdrop.width + to_u * (bx - 0.5 - x),
        0.5 * backdrop.height - to_v * (by - 0.5 - y),
    ]


def world_to_camera(matrix_world: Sequence[Sequence[float]]) -> List[Row]:
    """The 3x4 world-to-camera transform of a camera's 4x4 world matrix, its scale left out as Blender does.

    Raises:
        FaceSolveProblem: where the camera is sheared or has zero scale.
    """
    axes = []
    for column in range(3):
        axis = [float(matrix_world[row][column]) for row in range(3)]
        length = math.sqrt(sum(value * value for value in axis))
        if length < 1e-12:
            raise FaceSolveProblem("A camera has a scale of zero.", "Apply the camera's scale (Ctrl+A).")
        axes.append([value / length for value in axis])
    dots = [sum(p * q for p, q in zip(axes[a], axes[b], strict=True)) for a, b in ((0, 1), (0, 2), (1, 2))]
    if max(map(abs, dots)) > 1e-4:
        raise FaceSolveProblem(
            "A camera is sheared by its parents' scale.", "Clear the camera's parent and keep its transform (Alt+P)."
        )
    origin = [float(matrix_world[row][3]) for row in range(3)]
    return [[*axis, -sum(a * o for a, o in zip(axis, origin, strict=True))] for axis in axes]
