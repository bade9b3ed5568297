"""Dots, rings and lines over the plate as arrays for the graphics card.

No Blender, so that it can be tested anywhere.
"""

from __future__ import annotations

import math
from array import array
from typing import Dict, List, Sequence, Tuple

Color = Tuple[float, float, float, float]
DOT, RING, LINE = 2.0, 3.5, 0.75  # radius, outer radius, half width: screen pixels at an interface scale of 1
RING_WIDTH = 1.25

# By the solver's names (solver_core/networks/regions.py): neighbours on the face differ.
REGION_COLORS: Dict[str, Color] = {
    "forehead": (0.55, 0.75, 1.00, 1.0),
    "temples": (0.85, 0.65, 1.00, 1.0),
    "brows": (1.00, 0.55, 0.10, 1.0),
    "eyes": (0.20, 0.85, 1.00, 1.0),
    "irises": (0.25, 0.45, 1.00, 1.0),
    "nose": (1.00, 0.90, 0.25, 1.0),
    "cheeks": (0.45, 0.90, 0.45, 1.0),
    "lower_cheeks": (0.10, 0.70, 0.55, 1.0),
    "mouth_surround": (0.70, 0.55, 0.95, 1.0),
    "lips": (1.00, 0.30, 0.40, 1.0),
    "chin": (0.95, 0.60, 0.75, 1.0),
    "jaw_line": (0.60, 0.80, 0.20, 1.0),
}
NO_REGION: Color = (0.8, 0.8, 0.8, 1.0)


class Marks:
    """Four corners for each mark.

    A dot is a square, a line a rectangle, of which the shader keeps what is near enough to the middle.

    `place` [n,2] is the mark's point in plate pixels, `away` [n,2] how far the corner is from it in screen pixels (y
    up), `shape` [n,2] the mark's outer and inner radius in screen pixels, `color` [n,4] display-referred; `corners`
    [t,3] the triangles.
    """

    def __init__(self) -> None:
        self.place, self.away, self.shape, self.color = array("f"), array("f"), array("f"), array("f")
        self.corners = array("I")

    def __len__(self) -> int:
        return len(self.place) // 2

    def dot(self, x: float, y: float, radius: float, color: Color, hole: float = -1.0) -> None:
        """A disc, or with a hole a ring, at a point of the plate."""
        reach = radius + 1.0  # the soft edge
        self.place.extend((x, y, x, y, x, y, x, y))
        self.away.extend((-reach, -reach, reach, -reach, reach, reach, -reach, reach))
        self._finish(radius, hole, color)

    def line(self, x: float, y: float, to_x: float, to_y: float, half_width: float, color: Color) -> None:
        """A line between two points of the plate; none where they are the same."""
        length = math.hypot(to_x - x, to_y - y)
        if length == 0.0:
            return
        # The plate's y points down, the screen's up.
        scale = (half_width + 1.0) / length
        side, up = (to_y - y) * scale, (to_x - x) * scale
        self.place.extend((x, y, to_x, to_y, to_x, to_y, x, y))
        self.away.extend((-side, -up, -side, -up, side, up, side, up))
        self._finish(half_width, -1.0, color)

    def _finish(self, radius: float, hole: float, color: Color) -> None:
        first = len(self.shape) // 2
        self.shape.extend((radius, hole) * 4)
        self.color.extend(color * 4)
        self.corners.extend((first, first + 1, first + 2, first, first + 2, first + 3))


def landmark_marks(
    plate: Sequence[float],
    render: Sequence[float],
    colors: Tuple[Color, Color],
    line: Color,
    regions: List[Color],
    *,
    scale: float = 1.0,
    stretch: float = 1.0,
) -> Marks:
    """Landmarks of plate and render, with lines from one to the other.

    Args:
        plate: 2n numbers, plate pixels: drawn as dots.
        render: likewise: drawn as rings.
        colors: of dots and of rings.
        line: colour of the lines; with no alpha there are none.
        regions: n colours for dots and rings in place of `colors`; empty for those.
        scale: the interface's scale.
        stretch: how many times longer than they are the lines are drawn.
    """
    marks = Marks()
    points = list(zip(plate[0::2], plate[1::2], render[0::2], render[1::2], strict=True))
    if line[3] > 0.0:
        for x, y, to_x, to_y in points:
            marks.line(x, y, x + stretch * (to_x - x), y + stretch * (to_y - y), LINE * scale, line)
    for i, (x, y, to_x, to_y) in enumerate(points):
        dot, ring = (regions[i], regions[i]) if regions else colors
        marks.dot(to_x, to_y, RING * scale, ring, (RING - RING_WIDTH) * scale)
        marks.dot(x, y, DOT * scale, dot)
    return marks


def region_colors(index: Sequence[int], names: Sequence[str], count: int) -> List[Color]:
    """A colour for each landmark; grey where another network's regions are known."""
    if len(index) != count:
        return [NO_REGION] * count
    return [REGION_COLORS.get(names[i], NO_REGION) if i < len(names) else NO_REGION for i in index]
