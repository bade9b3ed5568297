"""Cuts in the plate: where one shot ends and another begins, flow and smoothness mean nothing."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from solver_core.common.arrays import Bools, Floats

WIDTH, HEIGHT = 48, 36  # pixels of a thumbnail: a moving face changes few of them
BLUR = 1.5  # thumbnail pixels
FLAT = 0.01  # display-referred contrast below which a thumbnail shows nothing
UNLIKE = 0.6  # correlation of two thumbnails below which they show different things
RETURNS = 1.0  # seconds: what is back after so long was only covered, by a card or a flash


def thumbnail(image: Floats) -> Floats:  # [H,W,3] display-referred
    """[HEIGHT,WIDTH] grey, blurred."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    blurred: Floats = cv2.GaussianBlur(small, (0, 0), BLUR)
    return blurred


def find_cuts(thumbnails: Floats, fps: float = 24.0) -> Bools:  # [N,h,w], NaN where there is no picture
    """[N-1] true where a cut lies between a frame and the next.

    A cut changes the picture for good. Something that passes before the camera, or a flash, changes it too, but what
    was seen before is seen again afterwards.
    """
    returns = max(1, round(RETURNS * fps))  # frames
    cuts = np.zeros(max(len(thumbnails) - 1, 0), bool)
    pictured = np.flatnonzero(np.isfinite(thumbnails).all((1, 2)))
    for at, (here, following) in enumerate(itertools.pairwise(pictured)):
        if _likeness(thumbnails[[here]], thumbnails[[following]]).max() < UNLIKE:
            before, after = pictured[max(at + 1 - returns, 0) : at + 1], pictured[at + 1 : at + 1 + returns]
            # where frames without a picture lie between, the cut is before the first that has one again
            cuts[following - 1] = _likeness(thumbnails[before], thumbnails[after]).max() < UNLIKE
    return cuts


def common_cuts(cuts: Bools, pictured: Bools) -> Bools:  # [C,N-1] and [C,N] of C cameras
    """[N-1] true where the plates of all cameras cut that can say so: those with a picture on both sides.

    Where there is none, those that have a picture again decide, because a cut among frames without a picture lies
    before the next that has one.
    """
    both = pictured[:, :-1] & pictured[:, 1:]
    again = np.logical_or.accumulate(pictured[:, :-1], axis=1) & pictured[:, 1:]
    counts = np.where(both.any(0), both, again)
    return np.asarray(counts.any(0) & (cuts | ~counts).all(0))


def _likeness(first: Floats, second: Floats) -> Floats:
    """[a,b] correlations of two sets of thumbnails."""
    centred = [(one - one.mean((1, 2), keepdims=True)).reshape(len(one), -1) for one in (first, second)]
    spread = [np.sqrt((one**2).mean(1) + FLAT**2) for one in centred]
    likeness: Floats = (centred[0] @ centred[1].T / centred[0].shape[1] + FLAT**2) / np.outer(*spread)
    return likeness
