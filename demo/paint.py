"""The demo head's colours, linear albedo a vertex: skin with soft variation, lips, brows, short hair, eyes, teeth."""

from __future__ import annotations

import numpy as np

from .organs import EYE_RINGS, EYE_SEGMENTS, TEETH_COLUMNS, TEETH_PROFILE, TOOTH
from .sculpt import Floats

SKIN = np.array([0.50, 0.275, 0.195])
LIPS = np.array([0.36, 0.115, 0.105])
# The red of the lips: its borders from the middle of the mouth to the corner, millimetres.
LIP_X = (0, 2, 5, 13, 20, 26.5)
LIP_TOP = (-26.2, -25.9, -25.2, -27.4, -30.4, -33.2)
LIP_BOTTOM = (-43.2, -43.2, -42.9, -40.8, -37.2, -33.2)
HAIR = np.array([0.045, 0.028, 0.018])


def step(x: Floats, start: float, end: float) -> Floats:
    """[N,1] 0 at `start`, 1 at `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return (t * t * (3 - 2 * t))[:, None]


def spot(p: Floats, centre: tuple[float, ...], radii: tuple[float, ...]) -> Floats:
    """[N,1] a soft spot on both sides of the face."""
    q = np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1)
    return np.exp(-(((q - centre) / radii) ** 2).sum(1))[:, None]


def mix(color: Floats, other: Floats, amount: Floats) -> Floats:
    """`color` towards `other`."""
    return color * (1 - amount) + other * amount


def hair(p: Floats) -> Floats:
    """[N,1] short hair: above a hairline over the forehead, down the temples, and round the ears to the nape."""
    x = np.abs(p[:, 0])
    line = np.interp(p[:, 1], [-95, -40, -14, 4, 22, 32, 52, 64, 82, 92], [-42, -38, -2, 44, 26, 24, 70, 92, 101, 104])
    line -= 7 * step(x, 12, 42)[:, 0] * step(p[:, 1], 50, 75)[:, 0]
    return step(p[:, 2] - line, -7, 7)


def colors(points: Floats, parts: dict[str, slice], skin) -> Floats:
    """[V,3] linear Rec.709 albedo."""
    rng = np.random.default_rng(7)
    p = points
    out = np.tile(SKIN, (len(p), 1))
    mottle = np.zeros((len(p), 1))
    for frequency in (0.04, 0.07, 0.11, 0.16, 0.22, 0.3):
        waves = [np.sin(p @ (d / np.linalg.norm(d)) * frequency + rng.uniform(0, 6.3)) for d in rng.normal(size=(3, 3))]
        mottle[:, 0] += rng.uniform(0.05, 0.09) * np.prod(waves, 0)
    out *= 1 + mottle * np.array([1.0, 1.25, 1.4])
    red = (
        0.5 * spot(p, (42, 66, -8), (20, 30, 18))
        + 0.55 * spot(p, (0, 116, -3), (14, 12, 10))
        + 0.35 * spot(p, (0, 92, -66), (22, 14, 14))
    )
    out = mix(out, SKIN * (1.06, 0.78, 0.74), np.clip(red, 0, 1))
    out = mix(out, SKIN * (0.82, 0.74, 0.76), 0.55 * spot(p, (30, 80, 18), (14, 16, 6)))  # under the eyes
    front = step(p[:, 1], 20, 50)
    beard = (
        step(-p[:, 2], 12, 34)
        * step(p[:, 2], -100, -82)
        * step(p[:, 1], 0, 36)
        * (1 - 0.6 * spot(p, (30, 80, -16), (18, 26, 12)))
    )
    out = mix(out, SKIN * (0.72, 0.76, 0.82), 0.42 * beard)

    x, z = np.abs(p[:, 0]), p[:, 2]
    upper = np.interp(x, LIP_X, LIP_TOP) - z
    lower = z - np.interp(x, LIP_X, LIP_BOTTOM)
    out = mix(out, LIPS, step(np.minimum(upper, lower), -0.8, 1.2) * (1 - step(x, 25.0, 28.0)) * front)
    skin_part = parts["skin"]
    # Brows: a band that rises from the nose and falls at the temple.
    centre = np.interp(x, [8, 14, 36, 46, 54], [48.4, 49.2, 52.2, 51.6, 47.6])
    half = np.interp(x, [8, 14, 32, 54], [2.0, 3.1, 2.8, 0.8])
    brow = (
        (1 - step(np.abs(z - centre) / half, 0.5, 1.5)) * step(x, 7, 11) * (1 - step(x, 50, 56)) * step(p[:, 1], 40, 55)
    )
    out = mix(out, HAIR, 0.82 * brow)
    scalp = hair(p)
    out = mix(out, HAIR * (1 + 3.0 * np.clip(mottle, -0.2, 0.2)), 0.88 * scalp)

    half_rows, columns = len(skin.rows), 2 * (len(skin.columns) - 1)
    grid = out[skin_part].reshape(half_rows, columns, 3)
    eye = np.concatenate([np.arange(skin.inner, skin.outer + 1), -np.arange(skin.inner, skin.outer + 1)])
    grid[skin.eye_row, eye] *= 0.62  # lower lid's margin
    around = np.arange(-skin.corner + 1, skin.corner)
    grid[skin.mouth_row, around] *= 0.6
    out[skin_part] = grid.reshape(-1, 3)
    for name in ("lid_upper_L", "lid_upper_R"):
        out[parts[name]] = HAIR * 0.8  # lashes
    out[parts["lip_upper"]] *= 0.6
    inside = np.linspace(0.34, 0.12, 6)[:, None] * np.array([1.0, 0.34, 0.31])
    out[parts["mouth"]] = np.repeat(inside, len(out[parts["mouth"]]) // 6, 0)
    for side in "LR":
        socket = out[parts[f"socket_{side}"]]
        socket[:] = (0.42, 0.19, 0.15)
        n = len(socket) // 4
        socket[1 : n // 2] = HAIR
        out[parts[f"eyeball_{side}"]] = _eyeball()
        ear = out[parts[f"ear_{side}"]]
        ear[:] = mix(ear, SKIN * (1.02, 0.8, 0.76), np.full((len(ear), 1), 0.7))
        ear[: 1 + 36 * 3] *= 0.72
    out[parts["teeth_upper"]] = _teeth()
    out[parts["teeth_lower"]] = _teeth() * 0.93
    out[parts["tongue"]] = (0.40, 0.13, 0.12)
    # Nostrils.
    out *= 1 - 0.85 * spot(p, (6.6, 101.0, -9.0), (3.4, 6.5, 3.6))
    return np.clip(out, 0.008, 0.92)


def _eyeball() -> Floats:
    ring = np.array([0.0, *EYE_RINGS, 180.0])
    white, iris, pupil = np.array([0.74, 0.70, 0.67]), np.array([0.12, 0.075, 0.035]), np.array([0.006, 0.006, 0.006])
    shade = np.where(
        ring[:, None] < 10, pupil, np.where(ring[:, None] < 26, iris * (0.75 + 0.5 * (ring[:, None] < 20)), white)
    )
    shade[(ring > 24) & (ring < 27)] = iris * 0.35  # the dark rim
    counts = [1, *[EYE_SEGMENTS] * len(EYE_RINGS), 1]
    return np.repeat(shade, counts, 0)


def _teeth() -> Floats:
    enamel, gum = np.array([0.74, 0.68, 0.57]), np.array([0.44, 0.16, 0.14])
    profile = np.array([gum, gum, enamel, enamel, enamel, enamel * 0.9, enamel * 0.6, gum * 0.7])
    between = (np.arange(TEETH_COLUMNS + 1) % TOOTH == 0)[:, None, None]
    crown = (np.arange(TEETH_PROFILE) >= 2)[None, :, None]
    grid = np.tile(profile, (TEETH_COLUMNS + 1, 1, 1))
    return np.where(between & crown, grid * 0.45, grid).reshape(-1, 3)
