"""The head's stiff albedo: the rig's own colours, or one colour for each part of the head.

Colours taken freely from the frame being solved would lock that frame's error in.
"""

from __future__ import annotations

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.face.head_parts import IRIS, WHITE
from solver_core.face.rig import Rig

PLAIN = np.array([0.4, 0.4, 0.4])  # albedo of the skin of a head without colours; the light takes its tint
LEAST_PIXELS = 40  # from which the colour of a part is believed
CONTRAST = 2.5  # of a white over an iris: eyes whose pixels differ by less are of one colour
DARK, BRIGHT = (0.05, 0.4), (0.85, 0.95)  # of the eyes' pixels in the order of brightness: an iris's, a white's
DARKEST = 0.05  # of the brightest irradiance: a shadow tells little of the colour under it


def albedo_of(rig: Rig) -> Floats:
    """[V,3] the rig's own colours, or one plain colour."""
    if rig.colors is not None:
        return np.clip(rig.colors, 0.0, 1.0).astype(np.float64)
    return np.tile(PLAIN, (len(rig.neutral), 1))


def part_colors(parts: Ints, albedo: Floats) -> dict[int, Floats]:
    """The albedo [3], linear, of each part that n pixels show often enough: the median of what each says.

    Args:
        parts: [n] which part a pixel shows.
        albedo: [n,3] what is filmed there over the light that falls there.
    """
    own = np.isin(parts, (WHITE, IRIS))
    colors = _eye_colors(albedo[own]) if own.sum() >= LEAST_PIXELS else {}
    parts, albedo = parts[~own], albedo[~own]
    shown, pixels = np.unique(parts, return_counts=True)
    return {**colors, **{int(part): np.median(albedo[parts == part], 0) for part in shown[pixels >= LEAST_PIXELS]}}


def _eye_colors(albedo: Floats) -> dict[int, Floats]:
    """The colours of whites and irises, by how bright the eyes' n pixels are and not by where they lie: [n,3].

    So a gaze that is not known yet paints no iris into the white.
    """
    brightness = albedo.mean(1)

    def between(low: float, high: float) -> Floats:
        least, most = np.quantile(brightness, (low, high))
        color: Floats = np.median(albedo[(brightness >= least) & (brightness <= most)], 0)
        return color

    white, iris = between(*BRIGHT), between(*DARK)
    if white.mean() < CONTRAST * iris.mean():
        white = iris = np.median(albedo, 0)
    return {WHITE: white, IRIS: iris}
