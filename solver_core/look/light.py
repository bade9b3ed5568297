"""The light that explains filmed pixels: nine coefficients a channel, too stiff to absorb a misalignment."""

from __future__ import annotations

import numpy as np

from solver_core.common.arrays import Floats

ROUNDS = 10  # of reweighting
OUTLIER = 0.1  # relative difference at which a pixel counts a quarter: highlights, hair, glasses, hands
DARK = 0.02  # linear radiance below which differences are no longer relative, and the same as a share of the median:
DARK_SHARE = 0.5  # or hair and shadows, few and dark, would outweigh the skin
RIDGE = 1e-3  # of the data's weight, on the light: directions that no pixel faces stay dark instead of wild


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
