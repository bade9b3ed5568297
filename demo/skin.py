"""The demo head's skin: one grid cast onto `sculpt`'s surface.

Columns are angles around the head, rows angles of elevation.

Eyes and mouth are slits in that grid: along them the row is there twice, and behind them a pocket goes inwards.
Millimetres, (x, f, z) as in `sculpt`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from . import paint, sculpt
from .sculpt import EYE, EYE_RADIUS, Floats

Ints = npt.NDArray[np.int64]

INNER, OUTER, CORNER = np.radians((12.4, 35.4, 16.6))  # the eye's and the mouth's corners, as angles around the head
MOUTH_ROW, EYE_ROW = np.radians((-34.8, 0.0))
UPPER_REACH, LOWER_REACH = np.radians((11.0, 10.0))  # how far from the slit an eyelid moves the skin


@dataclass
class Draft:
    """A mesh under construction, in millimetres and (x, f, z); one entry a vertex in every array."""

    points: list[Floats] = field(default_factory=list)
    mirror: list[Ints] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    parts: dict[str, slice] = field(default_factory=dict)
    count: int = 0

    def add(self, part: str, points: Floats, mirror: Ints) -> Ints:
        """New vertices' indices; `mirror` counts within this part."""
        ids = np.arange(self.count, self.count + len(points))
        self.points.append(points)
        self.mirror.append(mirror + self.count)
        self.parts[part] = slice(self.count, self.count + len(points))
        self.count += len(points)
        return ids

    def add_pair(self, part: str, points: Floats, faces: list[tuple[int, ...]]) -> None:
        """A part on the actor's left, and its mirror image."""
        n = len(points)
        for name, side, other in ((f"{part}_L", 1.0, n), (f"{part}_R", -1.0, -n)):
            start = self.add(name, points * (side, 1, 1), np.arange(n) + other)[0]
            self.faces += [tuple(int(start + i) for i in (f if side > 0 else f[::-1])) for f in faces]


def angles(*legs: tuple[float, float, int]) -> Floats:
    """Radians: `n` steps from one angle in degrees to the next, leg after leg."""
    return np.radians(np.concatenate([[legs[0][0]], *(np.linspace(a, b, n + 1)[1:] for a, b, n in legs)]))


def ease(x: Floats | float) -> Floats:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(x, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _degrees(*values: float) -> list[float]:
    return [float(np.degrees(v)) for v in values]


@dataclass(frozen=True)
class Lids:
    """Where the eyelids' margins stand, millimetres above and below the line between the eye's corners."""

    upper: float = 5.5
    lower: float = 4.0
    upper_flat: float = 0.0  # a rise of the whole margin, for a lid that follows the other's curve


class Skin:
    """The grid: R rows from the neck to the crown, C columns around the half head from front to back."""

    def __init__(self) -> None:
        inner, outer, corner = _degrees(INNER, OUTER, CORNER)
        self.columns = np.concatenate(
            [
                angles((0, inner, 10), (inner, corner, 4), (corner, outer, 15)),
                np.radians(outer + (180 - outer) * np.linspace(0, 1, 37)[1:] ** 1.45),
            ]
        )
        self.columns[-1] = np.pi
        mouth, eye = _degrees(MOUTH_ROW, EYE_ROW)
        rows = angles(
            (-68, -48, 9),
            (-48, mouth, 17),
            (mouth, -23, 15),
            (-23, -10, 14),
            (-10, eye, 10),
            (eye, 18, 18),
            (18, 30, 6),
            (30, 87, 18),
        )
        below = np.linspace(0, 1, 15)[:-1]
        neck_heights = np.interp(below, [0, 0.45, 0.75, 1], [-215, -120, -60, 30])
        self.heights = np.concatenate([neck_heights, np.full(len(rows), sculpt.CENTRE[2])])
        self.rows = np.concatenate([np.radians(np.interp(below, [0, 0.3, 0.75, 1], [0, -12, -52, -68])), rows])
        self.mouth_row, self.eye_row = (len(below) + int(np.argmin(np.abs(rows - at))) for at in (MOUTH_ROW, EYE_ROW))
        self.corner = int(np.argmin(np.abs(self.columns - CORNER)))
        self.inner, self.outer = (int(np.argmin(np.abs(self.columns - a))) for a in (INNER, OUTER))
        self.mouth_line = self._slit(MOUTH_ROW, -33.7, -33.2, 0.0, CORNER)
        self.eye_line = self._slit(EYE_ROW, 28.4, 31.0, INNER, OUTER)
        self._cache: tuple[Floats, Floats] | None = None

    def _cast(self, theta: Floats, phi: Floats, height: Floats) -> Floats:
        flat = np.cos(phi)
        direction = np.stack([np.sin(theta) * flat, np.cos(theta) * flat, np.sin(phi)], -1).reshape(-1, 3)
        origin = np.stack([0 * height, np.minimum(0, (height + 40) * 0.12), height], -1).reshape(-1, 3)
        return sculpt.cast(origin, direction).reshape(*theta.shape, 3)

    def _slit(self, row: float, start: float, end: float, first: float, last: float) -> Floats:
        """[C] elevation at which the skin is at the slit's height, held constant beyond its ends."""
        theta = np.clip(self.columns, first, last)
        goal = start + (end - start) * (theta - first) / (last - first)
        phi = np.full(len(theta), row)
        for _ in range(12):
            phi += 0.8 * (goal - self._cast(theta, phi, np.full(len(theta), sculpt.CENTRE[2]))[:, 2]) / 95.0
        return phi

    def elevations(self, lids: Lids) -> tuple[Floats, Floats]:
        """[R,C] twice: each row's elevation, and that of the upper copy on the slits' rows."""
        row, theta = np.broadcast_arrays(self.rows[:, None], self.columns[None])
        on_face = (self.heights == sculpt.CENTRE[2])[:, None]
        base = row.copy()
        for line, at, fade, reach in ((self.mouth_line, MOUTH_ROW, CORNER, 0.2), (self.eye_line, EYE_ROW, OUTER, 0.17)):
            away = on_face * ease(1 - np.abs(row - at) / reach) * (1 - ease((theta - fade) / 0.5))
            base += (line - at)[None] * away
        along = np.clip((theta - INNER) / (OUTER - INNER), 0, 1)
        arch = np.sin(np.pi * along**0.9) ** 0.75
        droop = np.sin(np.pi * along**1.15) ** 0.85
        distance = row - EYE_ROW
        rise = (lids.upper * arch + lids.upper_flat * droop) / 80.0
        fall = lids.lower * droop / 80.0
        up = np.where(on_face & (distance >= 0) & (distance < UPPER_REACH), rise * (1 - distance / UPPER_REACH), 0.0)
        down = np.where(
            on_face & (distance <= 0) & (-distance < LOWER_REACH), -fall * (1 + distance / LOWER_REACH), 0.0
        )
        inside = distance != 0
        # rows rise from the jaw to the nape
        lean = 1 - 0.42 * ease((theta - np.radians(40)) / np.radians(110)) * (row < 0)
        return (base + np.where(inside, up + down, down)) * lean, (base + up) * lean

    def points(self, lids: Lids) -> tuple[Floats, Floats]:
        """[R,C,3] skin, and [2,C,3] the upper copies of the mouth's and the eye's rows; half head, x >= 0."""
        lower, upper = self.elevations(lids)
        theta = np.broadcast_to(self.columns[None], lower.shape)
        height = np.broadcast_to(self.heights[:, None], lower.shape)
        both_rows = [self.mouth_row, self.eye_row]
        elevation = np.concatenate([lower, upper[both_rows]])
        theta = np.concatenate([theta, theta[both_rows]])
        height = np.concatenate([height, height[both_rows]])
        if self._cache is None:
            points = self._cast(theta, elevation, height)
            self._cache = (elevation, points)
        else:
            points = self._cache[1].copy()
            moved = np.abs(elevation - self._cache[0]) > 1e-9
            points[moved] = self._cast(theta[moved], elevation[moved], height[moved])
        points = points.copy()
        points[:, 0, 0] = points[:, -1, 0] = 0.0
        return self._details(points[:-2]), points[-2:]

    def _details(self, points: Floats) -> Floats:
        """What belongs to the skin's material: the fold above the upper lid, and the hair's thickness."""
        row, theta = self.rows[:, None] - EYE_ROW, self.columns[None]
        on_face = self.heights[:, None] == sculpt.CENTRE[2]
        along = ease((theta - INNER + 0.05) / 0.12) * (1 - ease((theta - OUTER) / 0.12))
        fold = np.exp(-(((row - np.radians(3.3)) / np.radians(1.1)) ** 2)) * along * on_face
        inward = points - sculpt.CENTRE
        out = (3.5 * paint.hair(points.reshape(-1, 3)).reshape(fold.shape) * np.ones_like(fold) - 1.2 * fold)[..., None]
        return points + out * inward / np.linalg.norm(inward, axis=-1, keepdims=True)


@lru_cache(maxsize=1)
def the_skin() -> Skin:
    return Skin()


def _ring_faces(outer: Ints, inner: Ints) -> list[tuple[int, ...]]:
    """Quads between two closed loops of equal length, seen from the side on which `outer` runs clockwise."""
    a, b = np.roll(outer, -1), np.roll(inner, -1)
    return [tuple(map(int, q)) for q in zip(outer, inner, b, a, strict=True)]


def _cap(loop: Ints) -> list[tuple[int, ...]]:
    """Faces that close a loop of even length by strips across it, between its first and its middle vertex."""
    n = len(loop)
    faces: list[tuple[int, ...]] = [(int(loop[0]), int(loop[-1]), int(loop[1]))]
    faces += [tuple(int(loop[i]) for i in (k, n - k, n - k - 1, k + 1)) for k in range(1, n // 2 - 1)]
    return [*faces, (int(loop[n // 2 - 1]), int(loop[n // 2 + 1]), int(loop[n // 2]))]


def _full(half: Floats) -> Floats:
    """[R,2n,3] the whole head's columns from [R,n+1,3] of the left half; column -c mirrors column c."""
    right = half[:, -2:0:-1] * (-1, 1, 1)
    return np.concatenate([half, right], 1)


def _mouth_pocket(slit: Floats, side: Floats) -> Floats:  # [L,3], [L] +1 above, -1 below, 0 at the corners
    """[6,L,3] loops from the lips to the back of the mouth."""
    width = np.abs(slit[:, 0]).max()
    open_ = side * np.sqrt(np.clip(1 - (slit[:, 0] / width) ** 2, 0, 1))
    #        x scale, back, up
    shape = (
        (1.0, 2.5, 0.3),
        (0.98, 5.5, 2.5),
        (0.96, 7.5, 9.0),
        (0.92, 12.0, 15.0),
        (0.85, 28.0, 16.0),
        (0.55, 48.0, 12.0),
    )
    return np.stack(
        [np.stack([slit[:, 0] * s, slit[:, 1] - back, slit[:, 2] + up * open_], 1) for s, back, up in shape]
    )


def _eye_pocket(slit: Floats, resting: Floats) -> Floats:  # [L,3] the lids' margin now, and when open
    """[4,L,3] loops from the lids' margin around the eyeball to its back; only the first follows the lids."""

    def at(points: Floats, radius: Floats | float, polar: Floats | None) -> Floats:
        arm = points - EYE
        if polar is None:
            return EYE + arm / np.linalg.norm(arm, axis=1, keepdims=True) * np.asarray(radius)[:, None]
        turn = np.arctan2(arm[:, 2], arm[:, 0])
        return EYE + np.stack([np.cos(turn) * np.sin(polar), np.cos(polar), np.sin(turn) * np.sin(polar)], 1) * radius

    length = np.linalg.norm(slit - EYE, axis=1)
    polar = np.arccos(np.clip((resting - EYE)[:, 1] / np.linalg.norm(resting - EYE, axis=1), -1, 1))
    margin = EYE_RADIUS + 0.4 + 0.5 * np.maximum(length - EYE_RADIUS - sculpt.LID, 0)
    behind = [at(resting, EYE_RADIUS + 0.7, np.maximum(polar, 0) * (1 - k) + 2.4 * k) for k in (0.2, 0.5, 0.9)]
    return np.stack([at(slit, margin, None), *behind])


def slit_loop(lower: Ints | Floats, upper: Ints | Floats):
    """One closed loop along a slit: its first corner, the upper margin, the other corner, the lower margin back."""
    return np.concatenate([lower[:1], upper[1:-1], lower[-1:], lower[-2:0:-1]])


def positions(lids: Lids, draft: Draft | None = None) -> Floats:
    """[N,3] skin, upper margins and pockets for these eyelids; the topology goes into `draft` where one is given."""
    skin = the_skin()
    half, copies = skin.points(lids)
    resting_half, resting_copies = skin.points(Lids())
    grid = _full(half)
    columns = grid.shape[1]
    out = [grid.reshape(-1, 3)]

    around = np.arange(-skin.corner, skin.corner + 1) % columns  # the mouth, from right to left
    mouth_upper = _full(copies[:1])[0][around][1:-1]
    eye = np.arange(skin.inner, skin.outer + 1)
    eye_upper = copies[1][eye][1:-1]
    out += [mouth_upper, eye_upper, eye_upper * (-1, 1, 1)]

    mouth_lower = grid[skin.mouth_row][around]
    mouth_loop = slit_loop(mouth_lower, np.concatenate([mouth_lower[:1], mouth_upper, mouth_lower[-1:]]))
    n = len(mouth_upper)
    side = np.concatenate([[0.0], np.ones(n), [0.0], -np.ones(n)])
    out.append(_mouth_pocket(mouth_loop, side).reshape(-1, 3))
    margins = [slit_loop(h[skin.eye_row][eye], c[1][eye]) for h, c in ((half, copies), (resting_half, resting_copies))]
    eye_rings = _eye_pocket(*margins)
    out += [eye_rings.reshape(-1, 3), eye_rings.reshape(-1, 3) * (-1, 1, 1)]
    if draft is not None:
        _skin_topology(draft, skin, out, around, eye)
    return np.concatenate(out)


def _skin_topology(draft: Draft, skin: Skin, out: list[Floats], around: Ints, eye: Ints) -> None:
    """Adds the skin's parts and faces to the draft; `out` are the parts' points in order."""
    rows, columns = len(skin.rows), 2 * (len(skin.columns) - 1)
    flip = (-np.arange(columns)) % columns
    ids = draft.add("skin", out[0], (np.arange(rows)[:, None] * columns + flip[None]).ravel()).reshape(rows, columns)
    mouth = draft.add("lip_upper", out[1], np.arange(len(out[1]))[::-1])
    n = len(out[2])
    lids = {
        "L": draft.add("lid_upper_L", out[2], np.arange(n) + n),
        "R": draft.add("lid_upper_R", out[3], np.arange(n) - n),
    }
    upper = ids.copy()  # the copies that the faces above a slit use
    upper[skin.mouth_row, around[1:-1]] = mouth
    upper[skin.eye_row, eye[1:-1]] = lids["L"]
    upper[skin.eye_row, flip[eye[1:-1]]] = lids["R"]
    nxt = np.roll(np.arange(columns), -1)
    for r in range(rows - 1):
        a, b = upper[r], ids[r + 1]
        draft.faces += [(int(a[c]), int(a[nxt[c]]), int(b[nxt[c]]), int(b[c])) for c in range(columns)]
    draft.faces += _cap(ids[-1][::-1])
    draft.faces += _cap(ids[0])

    loop = slit_loop(ids[skin.mouth_row, around], upper[skin.mouth_row, around])
    length = len(loop)
    turn = (length // 2 - np.arange(length)) % length
    ring = draft.add("mouth", out[4], (np.arange(6)[:, None] * length + turn[None]).ravel()).reshape(6, length)
    for a, b in zip((loop, *ring[:-1]), ring, strict=True):
        draft.faces += _ring_faces(a, b)
    draft.faces += _cap(ring[-1])

    for name, sign, points in (("L", 1, out[5]), ("R", -1, out[6])):
        row = eye if name == "L" else flip[eye]
        loop = slit_loop(ids[skin.eye_row, row], upper[skin.eye_row, row])
        rings = draft.add(f"socket_{name}", points, np.arange(len(points)) + sign * len(points)).reshape(4, -1)
        faces = [f for a, b in zip((loop, *rings[:-1]), rings, strict=True) for f in _ring_faces(a, b)] + _cap(
            rings[-1]
        )
        draft.faces += faces if name == "L" else [f[::-1] for f in faces]
