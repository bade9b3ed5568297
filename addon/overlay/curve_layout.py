"""Where the bars of the error curve lie and what they look like; no Blender, so that it can be tested anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from .. import protocol
from ..scene.results.status import FIXED

Color = Tuple[float, float, float, float]
Rect = Tuple[float, float, float, float]  # x, y, width, height in region pixels, origin at the bottom left

COLORS = {
    protocol.SOLVED: (0.35, 0.72, 0.42, 0.95),
    protocol.INFILLED: (0.36, 0.62, 0.90, 0.95),
    protocol.INTERPOLATED: (0.55, 0.55, 0.85, 0.95),
    protocol.LOCKED: (0.95, 0.80, 0.30, 0.95),
    FIXED: (0.93, 0.45, 0.75, 0.95),
    protocol.FRAME_FAILED: (0.85, 0.25, 0.25, 0.95),
}
BAD = (0.95, 0.55, 0.25, 0.95)
RANGE_OWN, RANGE_FOUND, RANGE_OFF = (0.36, 0.62, 0.90, 0.95), (0.36, 0.62, 0.90, 0.55), (0.6, 0.6, 0.6, 0.45)
STATUS_HEIGHT = 5.0
RANGE_HEIGHT = 4.0
HEIGHT = 70.0
MARGIN = 12.0


@dataclass(frozen=True)
class Bar:
    """One solved frame; `error` is in thousandths of the face's size, below zero where unknown."""

    frame: int
    status: str
    error: float
    bad: bool


@dataclass(frozen=True)
class Range:
    """An infill range; its ends may lie anywhere."""

    first: int
    last: int
    found: bool
    enabled: bool

    @property
    def color(self) -> Color:
        """How it is drawn."""
        return (RANGE_FOUND if self.found else RANGE_OWN) if self.enabled else RANGE_OFF


@dataclass(frozen=True)
class Layout:
    """The strip that the curve is drawn in.

    Args:
        x, y: its lower left corner in region pixels.
        width, height: its size.
        first, last: the frames at its ends, inclusive.
        top: the error at its upper edge.
    """

    x: float
    y: float
    width: float
    height: float
    first: int
    last: int
    top: float

    @property
    def pitch(self) -> float:
        """Pixels a frame."""
        return self.width / (self.last - self.first + 1)

    def frame_at(self, x: float, y: float) -> Optional[int]:
        """The frame under a point of the region; None beside the strip."""
        if not (self.x <= x < self.x + self.width and self.y <= y <= self.y + self.height):
            return None
        return min(self.last, self.first + int((x - self.x) / self.pitch))

    def height_of(self, error: float) -> float:
        """How high above the status row an error is drawn."""
        room = self.height - STATUS_HEIGHT
        return room * min(1.0, max(0.0, error) / self.top)

    def column(self, frame: int) -> Tuple[float, float]:
        """Left edge and width of a frame's column; neighbours are apart where there is room."""
        gap = 1.0 if self.pitch > 3.0 else 0.0
        return self.x + (frame - self.first) * self.pitch, max(1.0, self.pitch - gap)


def layout(bars: Sequence[Bar], limit: float, left: float, right: float, bottom: float, scale: float) -> Layout:
    """The strip between two edges of the region, along its bottom.

    Args:
        bars: at least one.
        limit: errors above it are bad; always inside the strip.
        left: where the free part of the region begins, in its pixels.
        right: where it ends.
        bottom: its lower edge.
        scale: the interface's scale.
    """
    margin = MARGIN * scale
    errors = sorted(bar.error for bar in bars if bar.status != protocol.FRAME_FAILED)
    # One wild frame must not flatten all the others: higher than three limits and the typical is cut at the top.
    typical = errors[math.ceil(0.95 * (len(errors) - 1))] if errors else 0.0
    frames = [bar.frame for bar in bars]
    return Layout(
        left + margin,
        bottom + margin,
        max(1.0, right - left - 2.0 * margin),
        HEIGHT * scale,
        min(frames),
        max(frames),
        max(1.5 * limit, 1.1 * min(typical, 10.0 * limit), 1e-6),
    )


def rectangles(bars: Sequence[Bar], strip: Layout) -> List[Tuple[Rect, Color]]:
    """Every bar and its status below it, as filled rectangles."""
    filled: List[Tuple[Rect, Color]] = []
    for bar in bars:
        x, width = strip.column(bar.frame)
        color = COLORS[bar.status]
        filled.append(((x, strip.y, width, STATUS_HEIGHT), color))
        failed = bar.status == protocol.FRAME_FAILED
        error = strip.top if failed else bar.error  # a failed frame has no error: its bar is full
        if error > 0.0:
            shown = BAD if bar.bad and not failed else color
            filled.append(((x, strip.y + STATUS_HEIGHT, width, max(1.0, strip.height_of(error))), shown))
    return filled


def range_rectangles(ranges: Sequence[Range], strip: Layout) -> List[Tuple[Rect, Color]]:
    """The infill ranges below the status row, as far as they lie in the strip."""
    filled: List[Tuple[Rect, Color]] = []
    for one in ranges:
        first, last = max(one.first, strip.first), min(one.last, strip.last)
        if first <= last:
            x, (end, width) = strip.column(first)[0], strip.column(last)
            filled.append(((x, strip.y - RANGE_HEIGHT - 1.0, end + width - x, RANGE_HEIGHT), one.color))
    return filled
