"""Optical flow between two pictures of one crop, and how far each vector can be trusted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from solver_core.common.arrays import Floats, Ints

Levels = npt.NDArray[np.uint8]  # [S,S]

CONSISTENT = 0.5  # pixels: forward and backward flow that disagree by this much count half
GRADIENT = 3.2  # grey levels a pixel: an edge this steep is known half as well as a perfect one
WINDOW = 2.0  # pixels: over this neighbourhood a vector sees the picture's structure
NEIGHBOURHOOD = 3.0  # pixels: what changes more slowly than this is shading
CONTRAST = 10.0  # grey levels: details fainter than this are not raised further
LEVELS = 32.0  # grey levels that a strong detail gets in the picture of details


class FlowNetwork(Protocol):
    """Dense optical flow."""

    name: str

    def __call__(self, first: Floats, second: Floats) -> Floats:
        """[b,S,S,3] and [b,S,S,3] display-referred pictures, 0 to 1 -> [b,S,S,2] pixels: where first's pixels are in second."""


class DisFlow:
    """OpenCV's dense inverse search (Kroeger et al. 2016), medium preset at full resolution: classical, no weights.

    It follows brightness, and a render's shading is never quite the plate's: on a cheek that darkens by one level a pixel, three levels of
    difference look like three pixels of motion. So it is shown the details alone, unless both pictures are filmed.
    """

    name = "dis"

    def __init__(self, *, shading: bool = False, threads: int = 2) -> None:
        self._search = _dis_of_brightness if shading else _dis_of_details
        # an instance of OpenCV's holds buffers and serves one thread
        self._pool = ThreadPoolExecutor(threads)

    def __call__(self, first: Floats, second: Floats) -> Floats:
        """As FlowNetwork."""
        return np.stack(list(self._pool.map(self._search, first, second)))


def between_plates(network: FlowNetwork) -> FlowNetwork:
    """What to use in the network's place between two frames of one plate: the light is the same, and shading helps."""
    return DisFlow(shading=True) if isinstance(network, DisFlow) else network


def _dis_of_brightness(first: Floats, second: Floats) -> Floats:
    return _dis(grey(first), grey(second))


def _dis_of_details(first: Floats, second: Floats) -> Floats:
    # details alone do not lead across large motions: they start from the picture's motion as a whole, which half the resolution shows
    whole = 2 * np.median(
        _dis(
            *(cv2.resize(grey(image), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for image in (first, second))
        ),
        (0, 1),
    )
    return _dis(details(first), details(second), np.broadcast_to(whole, (*first.shape[:2], 2)).copy())


def _dis(first: Levels, second: Levels, start: Floats | None = None) -> Floats:
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    search.setFinestScale(0)
    flow: Floats = search.calc(first, second, start)
    return flow


def details(image: Floats) -> Levels:
    """[S,S,3] display-referred, 0 to 1 -> [S,S] uint8: edges and texture without shading and contrast (local normalisation)."""
    levels = cv2.cvtColor(np.clip(image, 0, 1).astype(np.float32), cv2.COLOR_RGB2GRAY) * 255
    detail = levels - cv2.GaussianBlur(levels, (0, 0), NEIGHBOURHOOD)
    strength = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), NEIGHBOURHOOD) + CONTRAST**2)
    return np.clip(128.5 + LEVELS * detail / strength, 0, 255).astype(np.uint8)


def grey(image: Floats) -> Levels:
    """[S,S,3] 0 to 1 -> [S,S] uint8."""
    return cv2.cvtColor((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), cv2.COLOR_RGB2GRAY)


@dataclass(frozen=True)
class Vectors:
    """n flow vectors of one picture."""

    start: Floats  # [n,2] crop pixels, at pixel centres
    end: Floats  # [n,2] crop pixels
    root: Floats  # [n,2,2] square root of the information, 1/pixel
    disagreement: Floats  # [n] pixels between forward and backward flow

    @property
    def consistency(self) -> Floats:
        """[n] 0 to 1: how far forward and backward flow agree."""
        return consistency(self.disagreement)


def consistency(disagreement: Floats) -> Floats:
    """The share of its information that a vector keeps, whose forward and backward flow disagree by so many pixels."""
    share: Floats = 1 / (1 + (disagreement / CONSISTENT) ** 2)
    return share


def sample_vectors(forward: Floats, backward: Floats, structure: Floats, rows: Ints, columns: Ints) -> Vectors:
    """Flow vectors at some pixels, with their information.

    The information is high across edges and low along them (the aperture problem), and falls where forward and backward flow disagree.

    Args:
        forward: [S,S,2] pixels.
        backward: [S,S,2] pixels.
        structure: [S,S,3] from `structure_of`.
        rows: [n].
        columns: [n].
    """
    start = np.stack([columns, rows], 1) + 0.5
    end = start + forward[rows, columns]
    there = (end - 0.5).astype(np.float32)
    back = cv2.remap(backward, there[None, :, 0], there[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[
        0
    ]
    disagreement = np.linalg.norm(forward[rows, columns] + back, axis=1)
    root = information_root(structure[rows, columns]) * np.sqrt(consistency(disagreement))[:, None, None]
    return Vectors(start, end, root, disagreement)


def information_root(structure: Floats) -> Floats:  # [n,3]
    """[n,2,2] symmetric roots of what a picture's structure tells of each place, 0 to 1: high across edges, low along them."""
    xx, xy, yy = structure.astype(np.float64).T
    tensor = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    values, axes = np.linalg.eigh(tensor)
    known = np.maximum(values, 0) / (np.maximum(values, 0) + GRADIENT**2)
    root: Floats = (axes * np.sqrt(known)[:, None, :]) @ axes.swapaxes(1, 2)
    return root


def structure_of(image: Floats) -> Floats:
    """[S,S,3] display-referred -> [S,S,3] the structure tensor's xx, xy and yy, grey levels squared a pixel squared."""
    levels = grey(image).astype(np.float32)
    dx, dy = (cv2.Sobel(levels, cv2.CV_32F, *order, ksize=3) / 8 for order in ((1, 0), (0, 1)))
    return cv2.GaussianBlur(np.dstack([dx * dx, dx * dy, dy * dy]), (0, 0), WINDOW)
