"""The demo head's shape keys, named as ARKit names them: smooth displacements in `sculpt`'s millimetres.

Keys with `_L` act on the actor's left (x > 0); their `_R` twins are their mirror images through the mesh's mirror map.
"""

from __future__ import annotations

import numpy as np

from .sculpt import Floats
from .skin import CORNER, Lids, Skin, ease, positions, slit_loop

HINGE = np.array([0.0, 8.0, 8.0])  # the jaw's joint
JAW_DEGREES = 20.0
MOUTH_HEIGHT = -33.5


class Field:
    """Where on the face a vertex is: what the keys below weigh their movements by. Arrays have one entry a vertex."""

    def __init__(self, points: Floats, parts: dict[str, slice], skin: Skin) -> None:
        self.p = points
        self.x, self.f, self.z = points.T
        self.parts = parts
        self.skin = skin
        on_face = np.zeros(len(points))
        for name in ("skin", "lip_upper", "lid_upper_L", "lid_upper_R"):
            on_face[parts[name]] = 1
        self.flesh = on_face.copy()  # what muscles move: the skin in front of the ears, and the lips' inside
        self.flesh *= ease((self.f + 5) / 25)
        self.below = self._below_mouth()
        self.jaw = self._jaw()
        pocket = points[parts["mouth"]].reshape(6, -1, 3)
        self.pocket_fade = np.repeat([1.0, 0.9, 0.7, 0.4, 0.15, 0.0], pocket.shape[1])
        self.flesh[parts["mouth"]] = self.pocket_fade

    def _below_mouth(self) -> Floats:
        """1 on the lower lip and below, 0 on the upper lip and above.

        Across the slit it jumps, beyond its corners it eases.
        """
        skin, p = self.skin, self.p
        rows, columns = len(skin.rows), 2 * (len(skin.columns) - 1)
        theta = np.concatenate([skin.columns, skin.columns[-2:0:-1]])
        depth = np.concatenate([np.full(skin.mouth_row + 1, 1.0), np.full(rows - skin.mouth_row - 1, -1.0)])[:, None]
        z = p[self.parts["skin"]].reshape(rows, columns, 3)[..., 2]
        d = MOUTH_HEIGHT - z  # millimetres below the mouth's line
        beyond = np.maximum(theta - CORNER, 0)[None] * 90
        within = ease((CORNER - theta) * 90 / 19)[None]  # 0 at the corner, 1 towards the middle
        lower, upper = 0.5 + 0.5 * within, 0.5 - 0.5 * within
        ramp = 7 + 0.8 * beyond
        soft = 0.5 + 0.5 * np.clip(d / ramp, -1, 1) * (1.5 - 0.5 * np.clip(d / ramp, -1, 1) ** 2)
        low = lower + (1 - lower) * ease(d / 9)
        high = upper * (1 - ease(-d / 9))
        inside = (theta < CORNER - 1e-9)[None]
        grid = np.where(inside, np.where(depth > 0, low, high), soft)
        out = np.zeros(len(p))
        out[self.parts["skin"]] = grid.ravel()
        around = np.arange(-skin.corner, skin.corner + 1) % columns
        out[self.parts["lip_upper"]] = upper[0, around][1:-1]
        loop = slit_loop(grid[skin.mouth_row, around], np.concatenate([[0.5], upper[0, around][1:-1], [0.5]]))
        out[self.parts["mouth"]] = np.tile(loop, 6)
        return out

    def _jaw(self) -> Floats:
        """How far a vertex follows the jaw: 1 at the chin, 0 above the mouth, at the ears and on the neck."""
        w = self.below * ease((self.f + 6 + 0.35 * np.minimum(self.z + 40, 0)) / 42)
        w *= 1 - ease((np.maximum(np.abs(self.x) - 44, 0) + np.maximum(self.z + 40, 0) * 0.5) / 26) * 0.6
        w *= 1 - ease((-self.z - 86 - 0.35 * self.f) / 22)
        for name in ("teeth_lower", "tongue"):
            w[self.parts[name]] = 1
        for name in ("teeth_upper", "ear_L", "ear_R", "eyeball_L", "eyeball_R", "socket_L", "socket_R"):
            w[self.parts[name]] = 0
        back = np.repeat([1.0, 1.0, 1.0, 0.95, 0.8, 0.6], (self.parts["mouth"].stop - self.parts["mouth"].start) // 6)
        w[self.parts["mouth"]] = self.below[self.parts["mouth"]] * back
        return w

    def spot(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Floats:
        """A soft spot of flesh on the actor's left."""
        return np.exp(-(((self.p - centre) / radii) ** 2).sum(1)) * self.flesh

    def pair(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Floats:
        """The spot and its mirror image; where they meet, as strong as the stronger."""
        x, f, z = centre
        return np.maximum(self.spot(centre, radii), self.spot((-x, f, z), radii))

    @property
    def left(self) -> Floats:
        """1 on the left, 0 on the right, eased over the middle: the two sides add up to 1."""
        return ease((self.x + 9) / 18)

    def turn(self, weight: Floats, degrees: float, axis: int) -> Floats:
        """[V,3] displacement by a turn about the jaw's hinge.

        Positive opens (axis 0) or swings to the left (axis 2).
        """
        a = np.radians(degrees)
        q = self.p - HINGE
        c, s = np.cos(a), np.sin(a)
        if axis == 0:
            turned = np.stack([q[:, 0], c * q[:, 1] + s * q[:, 2], -s * q[:, 1] + c * q[:, 2]], 1)
        else:
            turned = np.stack([c * q[:, 0] + s * q[:, 1], -s * q[:, 0] + c * q[:, 1], q[:, 2]], 1)
        return weight[:, None] * (turned - q)


def keys(points: Floats, mirror: np.ndarray, parts: dict[str, slice], skin: Skin) -> dict[str, Floats]:
    """[V,3] displacements by name, in alphabetical order."""
    at = Field(points, parts, skin)
    out = _jaw_and_mouth(at)
    for name, delta in {**_mouth_sides(at), **_upper_face(at), **_lids(at)}.items():
        out[f"{name}_L"] = delta
        out[f"{name}_R"] = delta[mirror] * (-1, 1, 1)
    for name, delta in out.items():
        if not name.endswith(("_L", "_R")) and name not in {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}:
            out[name] = (delta + delta[mirror] * (-1, 1, 1)) / 2
    return {name: out[name] for name in sorted(out)}


def _move(weight: Floats, x: Floats | float, f: Floats | float, z: Floats | float) -> Floats:
    return np.stack([weight * x, weight * f, weight * z], 1)


def _lips(at: Field) -> Floats:
    """The flesh round the mouth: 1 at the lips."""
    return (
        np.exp(-((at.x / 34) ** 2 + ((at.z - MOUTH_HEIGHT) / 15) ** 2 + (np.minimum(at.f - 78, 0) / 20) ** 2))
        * at.flesh
    )


def _jaw_and_mouth(at: Field) -> dict[str, Floats]:
    lips, low, high = _lips(at), at.below, 1 - at.below
    drop = at.turn(at.jaw, JAW_DEGREES, 0)
    corner = at.pair((27, 88, -33), (10, 16, 12))
    jaw_open = (
        drop
        + _move(corner, -2.5 * np.sign(at.x), -2.0, 0)
        - _move(at.spot((0, 95, -24), (20, 16, 9)) * high, 0, 0, 1.0)
    )
    sideways = at.turn(at.jaw, 6.0, 2)
    side_lips = _move(lips, 9.0, 0, 0) + _move(lips, 0, -0.09 * np.abs(at.x), 0)
    red = np.exp(-(((at.z - MOUTH_HEIGHT) / 9.5) ** 2 + (at.x / 25) ** 2)) * at.flesh * ease((at.f - 60) / 20)
    round_ = -0.34 * at.x
    funnel = (
        _move(lips, round_, 5.5 - 0.004 * at.x**2, 0) + _move(red * high, 0, 2.0, 5.0) - _move(red * low, 0, -2.0, 5.5)
    )
    pucker = _move(lips, -0.42 * at.x, 8.0 - 0.006 * at.x**2, -0.12 * (at.z - MOUTH_HEIGHT))
    return {
        "jawOpen": jaw_open,
        "jawLeft": sideways,
        "jawRight": at.turn(at.jaw, -6.0, 2),
        "jawForward": _move(at.jaw, 0, 7.0, -1.0),
        "mouthLeft": side_lips,
        "mouthRight": side_lips * (-1, 1, 1),
        "mouthFunnel": funnel,
        "mouthPucker": pucker,
        "mouthRollUpper": _move(red * high, 0, -5.0, -3.0),
        "mouthRollLower": _move(red * low, 0, -5.0, 3.5),
    }


def _mouth_sides(at: Field) -> dict[str, Floats]:
    left, low, high = at.left, at.below, 1 - at.below
    corner = at.spot((27, 88, -33), (15, 22, 13))
    cheek = at.spot((42, 70, -8), (17, 24, 17))
    fold = at.spot((32, 82, -20), (9, 18, 13))
    lips = _lips(at)
    pull = lips * left * np.clip(at.x / 26, 0, 1)
    upper = at.spot((11, 95, -27), (12, 16, 10)) * high
    lower = at.spot((11, 93, -40), (13, 18, 11)) * low
    return {
        "mouthSmile": _move(corner, 7.0, -5.0, 8.5)
        + _move(pull, 1.8, -1.5, 1.0)
        + _move(cheek, 1.0, 3.5, 4.0)
        + _move(fold, 1.5, -0.8, 1.5),
        "mouthFrown": _move(corner, 0.5, -1.0, -7.5)
        + _move(pull, 0, 0, -1.5)
        + _move(at.spot((24, 84, -48), (12, 18, 10)), 0, 1.2, -1.5),
        "mouthStretch": _move(corner, 8.5, -6.0, -3.0)
        + _move(pull, 2.5, -1.5, -0.5)
        + _move(at.spot((30, 70, -58), (18, 26, 18)), 2.0, 0, -2.5),
        "mouthUpperUp": _move(upper, 0, 1.2, 6.0) + _move(at.spot((18, 92, -14), (10, 16, 9)) * high, 0.5, 1.2, 2.2),
        "mouthLowerDown": _move(lower, 0.8, 0.6, -6.0),
        "cheekPuff": _move(at.spot((42, 68, -30), (20, 28, 20)), 7.0, 7.0, 0) + _move(corner, 1.0, 1.0, 0),
        "cheekSquint": _move(at.spot((38, 74, 6), (17, 22, 12)), -0.3, 2.4, 5.0),
        "noseSneer": _move(at.spot((13, 98, -3), (8, 14, 9)), 0.8, 0.3, 4.5)
        + _move(at.spot((8, 92, 18), (7, 14, 12)), 0, 0.8, 2.0)
        + _move(at.spot((16, 92, -20), (12, 16, 9)) * high, 0.6, 0.8, 2.2),
    }


def _upper_face(at: Field) -> dict[str, Floats]:
    left = at.left
    above_eye = ease((at.z - 35.5) / 9)  # the lid stays where it is
    inner = at.spot((15, 88, 49), (15, 22, 15)) * above_eye * left
    outer = at.spot((43, 76, 50), (16, 24, 15)) * above_eye
    whole = at.spot((24, 86, 48), (24, 24, 12)) * above_eye * left
    forehead = at.spot((20, 84, 74), (26, 30, 18)) * left
    return {
        "browInnerUp": _move(inner, 0, -0.8, 8.0) + _move(forehead, 0, 0, 2.0),
        "browOuterUp": _move(outer, 0.3, -0.8, 8.0) + _move(forehead, 0, 0, 1.2),
        "browDown": _move(whole, -2.2, 1.0, -5.5) + _move(inner, -1.0, 1.0, -2.0),
    }


def _lids(at: Field) -> dict[str, Floats]:
    """Keys made by casting the skin again with the eyelids elsewhere: the lids slide on the eyeball."""
    rest = positions(Lids())
    sides = at.x[: len(rest)] > 0

    def recast(upper: float, lower: float, flat: float) -> Floats:
        delta = np.zeros_like(at.p)
        moved = (positions(Lids(upper, lower, flat)) - rest) * sides[:, None]
        delta[: len(rest)] = moved
        return delta

    default = Lids()
    closed = 0.62 * default.lower  # where the lids meet, below the line between the corners
    cheek = at.spot((36, 78, 16), (16, 20, 9)) * ease((25 - at.z) / 7)
    tug = at.spot((32, 84, 44), (18, 20, 6)) * ease((at.z - 37) / 6)
    return {
        "eyeBlink": recast(0.0, closed, -closed - 0.35) + _move(tug, 0, 0, -1.2),
        "eyeSquint": recast(default.upper - 0.9, default.lower - 2.4, 0.0) + _move(cheek, 0, 1.4, 2.2),
        "eyeWide": recast(default.upper + 2.0, default.lower + 0.7, 0.0) + _move(tug, 0, 0, 1.5),
    }
