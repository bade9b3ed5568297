"""Where a plate's pixels lie in a viewport that looks through its camera; plain arithmetic, no bpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

from ..scene.camera.camera_model import FrameFormat, Lens, frame_projection


@dataclass(frozen=True)
class Place:
    """A picture's axes in the region: the point (u, v) is drawn at `(x + u * x_unit, y + v * y_unit)`.

    Args:
        x, y: where the picture's origin is, region pixels from the region's lower left corner.
        x_unit, y_unit: what one unit of the picture is long there; y_unit is negative where v points down.
    """

    x: float
    y: float
    x_unit: float
    y_unit: float

    def at(self, u: float, v: float) -> Tuple[float, float]:
        """Region pixels of a point of the picture."""
        return self.x + u * self.x_unit, self.y + v * self.y_unit

    def clip(self, width: float, height: float) -> Tuple[float, float, float, float]:
        """The same to OpenGL's clip space (-1 to 1 over the region): scale x, scale y, offset x, offset y."""
        return (
            2.0 * self.x_unit / width,
            2.0 * self.y_unit / height,
            2.0 * self.x / width - 1.0,
            2.0 * self.y / height - 1.0,
        )


def place_plate(intrinsics: Sequence[float], window: Sequence[Sequence[float]], width: float, height: float) -> Place:
    """Where the pixels of a picture lie that a camera looks at.

    Args:
        intrinsics: [fx, fy, cx, cy]: a camera-space point (X, Y, Z) is seen at `u = cx + fx * X / -Z`, `v = cy - fy * Y
            / -Z`.
        window: the 4x4 projection of the region, from the camera's space to clip space.
        width: of the region in pixels.
        height: likewise.
    """
    fx, fy, cx, cy = intrinsics
    # The plane one unit before the camera; the projection has no roll, so u and v stay apart.
    depth = window[3][3] - window[3][2]

    def across(row: Sequence[float], axis: int, size: float) -> Tuple[float, float]:
        unit = 0.5 * size * row[axis] / depth
        return unit, 0.5 * size * (1.0 + (row[3] - row[2]) / depth)

    (x_unit, x), (y_unit, y) = across(window[0], 0, width), across(window[1], 1, height)
    return Place(x - x_unit * cx / fx, y + y_unit * cy / fy, x_unit / fx, -y_unit / fy)


def place_frame(
    lens: Lens, frame: FrameFormat, window: Sequence[Sequence[float]], width: float, height: float
) -> Place:
    """Where the camera's frame lies, as a picture that is 1 wide and 1 high with its origin at the lower left."""
    ax, ay, bx, by = frame_projection(lens, frame)
    return place_plate((ax, -ay, bx, by), window, width, height)
