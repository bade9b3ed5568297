"""Random textures, and layers of them that move.

For backgrounds, for things before a face, and as a subject of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Generator = np.random.Generator


@dataclass(frozen=True)
class Layer:
    """Something that moves between two pictures of S pixels a side."""

    first: np.ndarray  # [S,S,3] display values
    second: np.ndarray
    cover_first: np.ndarray  # [S,S] 0 to 1
    cover_second: np.ndarray
    forward: np.ndarray  # [S,S,2] pixels: where first's pixels are in second
    backward: np.ndarray


def pixels(size):
    """[S,S,2] x and y of every pixel; whether these are centres or corners does not matter to a flow."""
    return np.stack(np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32)), -1)


def noise(rng: Generator, size: int) -> np.ndarray:
    """[S,S,3] display values: noise on many scales, coloured, sometimes with flat patches that have edges."""
    out = np.zeros((size, size, 3), np.float32)
    falloff = rng.uniform(0.35, 1.1)
    for octave in range(int(np.log2(size))):
        cells = 2 ** (octave + 1)
        grain = rng.normal(size=(cells + 3, cells + 3, 3)).astype(np.float32)
        grain = rng.uniform(0.3, 1) * grain.mean(-1, keepdims=True) + rng.uniform(0, 0.6) * grain
        grown = cv2.resize(grain, (size + 3 * size // cells, size + 3 * size // cells), interpolation=cv2.INTER_CUBIC)
        out += grown[:size, :size] * cells**-falloff
    out = (out - out.mean()) / max(float(out.std()), 1e-6)
    if rng.random() < 0.5:
        out = 0.4 * out + 1.2 * _patches(rng, size)
    contrast, level = rng.uniform(0.03, 0.22), rng.uniform(0.2, 0.75, 3)
    return np.clip(level + contrast * out, 0, 1).astype(np.float32)


def _patches(rng: Generator, size: int) -> np.ndarray:
    canvas = np.zeros((size, size, 3), np.float32)
    for _ in range(rng.integers(5, 40)):
        colour = tuple(float(c) for c in rng.normal(size=3))
        centre, reach = rng.uniform(0, size, 2), size * rng.uniform(0.02, 0.3)
        if rng.random() < 0.5:
            axes = tuple(int(v) for v in rng.uniform(0.2, 1, 2) * reach + 1)
            cv2.ellipse(
                canvas, tuple(int(v) for v in centre), axes, rng.uniform(0, 360), 0, 360, colour, -1, cv2.LINE_AA
            )
        else:
            corners = (centre + rng.uniform(-reach, reach, (rng.integers(3, 7), 2))).astype(np.int32)
            cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA)
    return canvas


def blob(rng: Generator, size: int) -> np.ndarray:
    """[S,S] 0 to 1: a random shape with an antialiased edge, about a third of the picture across."""
    mask = np.zeros((size, size), np.float32)
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 10)))
    reach = size * rng.uniform(0.1, 0.3) * rng.uniform(0.5, 1, len(angles))
    corners = rng.uniform(0.15, 0.85, 2) * size + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    cv2.fillPoly(mask, [(corners * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 1.5))


def similarity(rng: Generator, size: int, reach: float) -> np.ndarray:
    """[2,3] a motion of about `reach` pixels: shift, turn, growth and shear about a place in the picture."""
    part = reach / (0.35 * size)
    turn, grow, shear = rng.normal(size=3) * (0.5 * part, 0.35 * part, 0.2 * part)
    matrix = np.exp(grow) * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.array([[1, shear], [0, 1]])
    heading = rng.uniform(0, 2 * np.pi)
    shift = reach * rng.uniform(0.3, 1) * np.array([np.cos(heading), np.sin(heading)])
    centre = rng.uniform(0.2, 0.8, 2) * size
    return np.concatenate([matrix, (centre + shift - matrix @ centre)[:, None]], 1).astype(np.float32)


def bend(rng: Generator, size: int, reach: float) -> np.ndarray:
    """[S,S,2] a smooth displacement of up to about `reach` pixels."""
    coarse = rng.normal(size=(rng.integers(3, 6), rng.integers(3, 6), 2)).astype(np.float32)
    return 0.5 * reach * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)


def moving(rng: Generator, size: int, reach: float, cover: np.ndarray | None = None) -> Layer:
    """A texture that moves by about `reach` pixels, bending a little.

    Everywhere, or where `cover` [S,S] is in the first picture.
    """
    margin = size // 4
    wide = size + 2 * margin
    texture = noise(rng, wide)
    motion = similarity(rng, size, reach)
    bending = bend(rng, size, 0.25 * reach if rng.random() < 0.6 else 0.0)
    grid = pixels(size)
    inverse = cv2.invertAffineTransform(motion)
    backward = grid @ inverse[:, :2].T + inverse[:, 2] + bending - grid
    forward = invert(backward)
    source = np.zeros((wide, wide), np.float32)
    if cover is not None:
        source[margin:-margin, margin:-margin] = cover
    second, cover_second = (
        cv2.remap(picture, *_maps(grid + backward + margin), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        for picture in (texture, source)
    )
    inside = slice(margin, -margin)
    everywhere = np.ones((size, size), np.float32)
    return Layer(
        texture[inside, inside],
        np.clip(second, 0, 1),
        everywhere if cover is None else cover,
        everywhere if cover is None else np.clip(cover_second, 0, 1),
        forward,
        backward,
    )


def invert(backward: np.ndarray) -> np.ndarray:
    """The forward flow [S,S,2] of a smooth backward flow, by fixed-point steps.

    Beyond the border the flow is continued.
    """
    grid = pixels(len(backward))
    forward = -backward
    for _ in range(12):
        forward = -cv2.remap(backward, *_maps(grid + forward), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return forward


def _maps(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(places[..., 0], np.float32), np.ascontiguousarray(places[..., 1], np.float32)


def sample(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`picture` [S,S,...] read at each pixel moved by `flow` [S,S,2]."""
    return cv2.remap(picture, *_maps(pixels(len(flow)) + flow), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
