"""How far flow vectors can be trusted.

That is told by the picture's structure under each (the aperture problem), and by whether it leads back to its start.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.flow.levels import grey

CONSISTENT = 0.5  # pixels: forward and backward flow that disagree by this much count half
GRADIENT = 3.2  # grey levels a pixel: an edge this steep is known half as well as a perfect one
WINDOW = 2.0  # pixels: over this neighbourhood a vector sees the picture's structure


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

    The information is high across edges and low along them (the aperture problem), and falls where forward and backward
    flow disagree.

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
    """[n,2,2] symmetric roots of what a picture's structure tells of each place, 0 to 1.

    They are high across edges and low along them.
    """
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
