"""What the head looks like in this shot: albedo and light (Figure 1 b), estimated from several frames together.

The appearance must be too stiff to absorb a misalignment: nine light coefficients a channel, and an albedo that is the rig's own or one
colour. Colours taken freely from the frame being solved would lock that frame's error in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver_core.arrays import Floats
from solver_core.rig import Rig

ROUNDS = 10  # of reweighting
OUTLIER = 0.1  # relative difference at which a pixel counts a quarter: highlights, hair, glasses, hands
DARK = 0.02  # linear radiance below which differences are no longer relative, and the same as a share of the median:
DARK_SHARE = 0.5  # or hair and shadows, few and dark, would outweigh the skin
RIDGE = 1e-3  # of the data's weight, on the light: directions that no pixel faces stay dark instead of wild
PLAIN = np.array([0.4, 0.4, 0.4])  # albedo of a head without colours; the light takes the skin's tint


@dataclass
class Appearance:
    """Albedo [V,3], linear, and one light [9,3] for each camera (exposures differ)."""

    albedo: Floats
    lights: list[Floats] = field(default_factory=list)


def albedo_of(rig: Rig) -> Floats:
    """[V,3] the rig's own colours, or one plain colour."""
    if rig.colors is not None:
        return np.clip(rig.colors, 0.0, 1.0).astype(np.float64)
    return np.tile(PLAIN, (len(rig.neutral), 1))


def fit_light(basis: Floats, albedo: Floats, radiance: Floats) -> tuple[Floats, Floats]:
    """The light that best explains n pixels, robustly.

    Args:
        basis: [n,9] irradiance of each pixel's normal for a unit of each coefficient.
        albedo: [n,3] linear.
        radiance: [n,3] linear, as filmed.

    Returns:
        The light [9,3] and each pixel's relative difference [n].
    """
    light = np.zeros((9, 3))
    difference = np.zeros(len(basis))
    weight = np.ones(len(basis))
    # differences are relative: a shadow's error counts as much as a highlight's
    level = np.linalg.norm(radiance, axis=1)
    level = np.maximum(level, max(DARK, DARK_SHARE * float(np.median(level))))
    for _ in range(ROUNDS):
        share = weight / level**2
        for channel in range(3):
            rows = basis * albedo[:, channel : channel + 1]
            normal = rows.T @ (rows * share[:, None])
            normal += RIDGE * np.trace(normal) / 9 * np.eye(9)
            light[:, channel] = np.linalg.solve(normal, rows.T @ (share * radiance[:, channel]))
        difference = np.linalg.norm(albedo * np.maximum(basis @ light, 0) - radiance, axis=1) / level
        weight = 1 / (1 + (difference / OUTLIER) ** 2) ** 2
    return light, difference
