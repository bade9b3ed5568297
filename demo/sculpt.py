"""The demo head's surface: a smooth sum of ellipsoids and bars, and the rays that find it.

Everything here is in millimetres with axes (x to the actor's left, f forward, z up); the head is
symmetric in x. Sizes are common anthropometric proportions of an adult head.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EYE = np.array([31.5, 68.5, 30.0])  # centre of the left eyeball
EYE_RADIUS = 12.4
LID = 1.5  # a lid's thickness
CENTRE = np.array([0.0, 0.0, 30.0])  # where the rays of the face start


def blend(a: Floats, b: Floats, width: float) -> Floats:
    """Union of two distance fields whose seam is a fillet about `width` wide."""
    overlap = np.maximum(width - np.abs(a - b), 0.0) / width
    return np.minimum(a, b) - overlap * overlap * width / 4


def carve(a: Floats, b: Floats, width: float) -> Floats:
    """What of `a` is outside `b`, with a rounded edge."""
    return -blend(-a, b, width)


def ellipsoid(points: Floats, centre: tuple[float, ...], radii: tuple[float, ...]) -> Floats:
    """Distance to an ellipsoid, exact at its surface."""
    unit = (points - np.asarray(centre)) / np.asarray(radii)
    length = np.linalg.norm(unit, axis=1)
    slope = np.linalg.norm(unit / np.asarray(radii), axis=1)
    return length * (length - 1.0) / np.maximum(slope, 1e-9)


def bar(points: Floats, start: tuple[float, ...], end: tuple[float, ...], radius: float, end_radius: float) -> Floats:
    """Distance to a round bar between two points, tapered from one radius to the other."""
    first = np.asarray(start, float)
    along = np.asarray(end, float) - first
    offset = points - first
    share = np.clip(offset @ along / (along @ along), 0.0, 1.0)
    return np.linalg.norm(offset - share[:, None] * along, axis=1) - (radius + share * (end_radius - radius))


def both(shape, points: Floats, *args, width: float) -> Floats:
    """A shape and its mirror image in x, joined."""
    mirrored = points * np.array([-1.0, 1.0, 1.0])
    return blend(shape(points, *args), shape(mirrored, *args), width)


def skull(p: Floats) -> Floats:
    """Cranium, jaw, cheeks and neck: what is left when every feature is rubbed away."""
    d = ellipsoid(p, (0, -9, 70), (77, 93, 77))
    d = blend(d, ellipsoid(p, (0, 30, 68), (62, 61, 58)), 30)  # forehead
    d = blend(d, ellipsoid(p, (0, 28, 2), (61, 62, 84)), 30)
    d = blend(d, ellipsoid(p, (0, 36, -42), (45, 50, 40)), 22)
    d = blend(d, both(bar, p, (42, 10, -46), (11, 68, -68), 13, 14, width=12), 22)  # body of the jaw
    d = blend(d, both(bar, p, (42, 6, -42), (55, 0, 8), 13, 13, width=12), 20)  # its ramus
    d = blend(d, ellipsoid(p, (0, 74, -68), (19, 18, 15)), 16)  # chin
    d = blend(d, both(bar, p, (38, 63, 4), (57, 26, 10), 12, 9, width=10), 26)  # cheekbone
    d = blend(d, both(ellipsoid, p, (36, 56, -22), (20, 22, 26), width=10), 20)  # cheek
    neck = blend(bar(p, (0, -14, -30), (0, -34, -230), 53, 60), bar(p, (0, 20, -100), (0, 8, -200), 20, 22), 30)
    return blend(d, neck, 20)


def face(p: Floats) -> Floats:
    """The skull with brow, eye sockets, nose and muzzle."""
    d = skull(p)
    d = blend(d, both(bar, p, (9, 83.5, 46), (33, 79, 51), 8.5, 7, width=16), 18)  # brow
    d = blend(d, both(bar, p, (33, 79, 51), (53, 52, 42), 7, 8, width=8), 18)
    d = carve(d, both(ellipsoid, p, (33, 93, 27), (20, 14, 13), width=1), 18)  # eye socket
    d = carve(d, both(ellipsoid, p, (17, 96, 26), (6, 10, 12), width=1), 12)  # beside the bridge
    d = blend(d, ellipsoid(p, (0, 68, -32), (31, 22, 26)), 22)  # muzzle
    d = carve(d, bar(p, (-8, 103, -52), (8, 103, -52), 8, 8), 14)  # between lip and chin
    return d


def nose(p: Floats, d: Floats) -> Floats:
    """`d` with a nose."""
    d = blend(d, bar(p, (0, 83, 36), (0, 103, 0), 6, 7.5), 12)
    d = blend(d, both(bar, p, (4, 84, 22), (8, 93, -3), 6, 6, width=8), 10)
    d = blend(d, ellipsoid(p, (0, 106.5, -3), (10, 10, 8.5)), 8)
    d = blend(d, both(ellipsoid, p, (12, 95, -5), (6.5, 9.5, 7), width=2), 5)  # alae
    d = blend(d, bar(p, (0, 107, -8), (0, 94, -13), 3.5, 4), 6)
    d = carve(d, both(ellipsoid, p, (6.6, 101.5, -12.0), (3.2, 5.5, 4.0), width=0.1), 4)  # nostrils
    return carve(d, bar(p, (0, 99, -15), (0, 99.5, -23), 2.2, 3), 5)  # philtrum


# Points (x, f, z, radius) from the middle of the mouth to its corner.
UPPER_LIP = (
    (0, 94.2, -29.6, 4.0),
    (5, 94.6, -28.8, 4.1),
    (13, 92.4, -30.2, 3.7),
    (20, 90.0, -31.8, 2.7),
    (26, 87.8, -33.1, 1.4),
)
LOWER_LIP = (
    (0, 92.5, -38.4, 5.0),
    (8, 91.8, -38.1, 4.9),
    (16, 89.6, -36.6, 4.0),
    (22, 88.4, -34.8, 2.6),
    (26, 87.8, -33.4, 1.4),
)


def lip(p: Floats, curve: tuple[tuple[float, ...], ...]) -> Floats:
    """A tapered roll along a curve from the middle to the corner of the mouth, and its mirror image."""
    d = np.full(len(p), np.inf)
    for side in (1.0, -1.0):
        q = p * np.array([side, 1.0, 1.0])
        for a, b in itertools.pairwise(curve):
            d = np.minimum(d, bar(q, a[:3], b[:3], a[3], b[3]))
    return d


def distance(p: Floats) -> Floats:  # [N,3]
    """[N] millimetres outside the head's skin (negative inside)."""
    d = nose(p, face(p))
    d = blend(d, lip(p, UPPER_LIP), 5)
    d = blend(d, lip(p, LOWER_LIP), 3)
    lids = both(lambda q: np.linalg.norm(q - EYE, axis=1) - EYE_RADIUS - LID, p, width=0.1)
    return blend(d, lids, 6)


def cast(origin: Floats, direction: Floats) -> Floats:  # [N,3], [N,3]
    """[N,3] where the skin is along each ray, seen from outside: the crossing farthest from the origin."""
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    reach = np.full(len(unit), 210.0)
    moving = np.arange(len(unit))
    for _ in range(150):
        gap = distance(origin[moving] + reach[moving, None] * unit[moving])
        reach[moving] = np.maximum(reach[moving] - 0.75 * gap, 5.0)
        moving = moving[np.abs(gap) > 1e-3]
        if not len(moving):
            break
    return origin + reach[:, None] * unit
