"""Pairs of pictures with their true flow.

A rendered head before a moving background, or textures that move across each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.heads import Mesh, demo_head, film, other_actor
from training.textures import Generator, Layer, blob, moving, sample

FARTHEST = 20.0  # pixels, about: what a frame or a bad start moves a face in the solver's crop
RETURNS = 1.0  # pixels: a place whose flow there and back ends farther away is hidden in the other picture


@dataclass(frozen=True)
class Pair:
    """Two pictures of S pixels a side."""

    first: np.ndarray  # [S,S,3] display values, 0 to 1, float32
    second: np.ndarray
    flow: np.ndarray  # [S,S,2] pixels: where first's pixels are in second
    visible: np.ndarray  # [S,S] false where that place is hidden in second, or outside
    face: np.ndarray  # [S,S] true where first shows the head


def face_pair(rng: Generator, size: int, *, clean: bool = False, head: Mesh | None = None) -> Pair:
    """A random actor moving before a moving background, sometimes with something in front.

    Args:
        rng: everything random.
        size: pixels a side.
        clean: with the same skin and light in both, without noise, blur and change of exposure.
        head: another head than the demo's; its shape and skin are then its own.
    """
    reach = _reach(rng, size)
    back = moving(rng, size, _reach(rng, size) if rng.random() < 0.7 else 0.2)
    actor = other_actor(demo_head(), rng) if head is None else head
    filmed = film(rng, size, reach, np.stack([back.first, back.second]), actor, alike=clean)
    layers = [back, Layer(*filmed.pictures, *filmed.masks.astype(np.float32), *filmed.flows)]
    if rng.random() < 0.2:
        layers.append(moving(rng, size, _reach(rng, size), blob(rng, size)))
    pair = compose(layers, whole=2)
    face = filmed.masks[0] & (layers[2].cover_first < 0.5 if len(layers) > 2 else True)
    pictures = (pair.first, pair.second) if clean else spoil(rng, pair.first, pair.second)
    return Pair(*pictures, pair.flow, pair.visible, face)


def textured_pair(rng: Generator, size: int, *, clean: bool = False) -> Pair:
    """Ordinary textured motion: a background and up to three things before it."""
    layers = [moving(rng, size, _reach(rng, size))]
    layers += [moving(rng, size, _reach(rng, size), blob(rng, size)) for _ in range(rng.integers(0, 4))]
    pair = compose(layers)
    pictures = (pair.first, pair.second) if clean else spoil(rng, pair.first, pair.second)
    return Pair(*pictures, pair.flow, pair.visible, pair.face)


def compose(layers: list[Layer], whole: int = 1) -> Pair:
    """Lay them over each other, the last in front.

    Args:
        layers: of one size.
        whole: the pictures of this many first layers are those of the last of them (a render has its background in it).
    """
    first, second = layers[whole - 1].first, layers[whole - 1].second
    forward, backward = layers[0].forward, layers[0].backward
    for i, layer in enumerate(layers[1:], 1):
        if i >= whole:
            first = first + layer.cover_first[..., None] * (layer.first - first)
            second = second + layer.cover_second[..., None] * (layer.second - second)
        forward = np.where(layer.cover_first[..., None] >= 0.5, layer.forward, forward)
        backward = np.where(layer.cover_second[..., None] >= 0.5, layer.backward, backward)
    forward, backward = forward.astype(np.float32), backward.astype(np.float32)
    size = len(forward)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1)
    there = grid + forward
    inside = ((there >= 0) & (there <= size - 1)).all(-1)
    visible = inside & (np.linalg.norm(forward + sample(backward, forward), axis=-1) < RETURNS)
    return Pair(first.astype(np.float32), second.astype(np.float32), forward, visible, np.zeros((size, size), bool))


def spoil(rng: Generator, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What filming does: exposure, blur, compression, noise; the first is sometimes left as a renderer makes it."""
    rendered = rng.random() < 0.5
    blur, grain = rng.uniform(0, 1.2), rng.uniform(0, 0.018)
    out = []
    for i, picture in enumerate((first, second)):
        spoiled = picture
        if i == 1:
            spoiled = np.clip(spoiled, 1e-4, 1) ** np.exp(rng.normal() * 0.08) * np.exp(rng.normal(size=3) * 0.04)
        if i == 1 or not rendered:
            if blur > 0.35:
                spoiled = cv2.GaussianBlur(spoiled, (0, 0), blur)
            if rng.random() < 0.3:
                levels = (np.clip(spoiled, 0, 1) * 255).astype(np.uint8)
                _, packed = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 96))])
                spoiled = cv2.imdecode(packed, cv2.IMREAD_COLOR) / 255
            spoiled = spoiled + rng.normal(size=spoiled.shape) * grain
        out.append(np.clip(spoiled, 0, 1).astype(np.float32))
    return out[0], out[1]


def _reach(rng: Generator, size: int) -> float:
    """Pixels of motion: as many small ones as large ones."""
    return float(np.exp(rng.uniform(np.log(0.3), np.log(min(FARTHEST, 0.12 * size)))))
