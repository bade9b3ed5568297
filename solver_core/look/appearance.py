"""What the head looks like in this shot: albedo and light (Figure 1 b), estimated from several frames together.

The appearance must be too stiff to absorb a misalignment: nine light coefficients a channel, and an albedo that is the rig's own or one
colour for each part of the head. Colours taken freely from the frame being solved would lock that frame's error in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.face.rig import Rig

ROUNDS = 10  # of reweighting
OUTLIER = 0.1  # relative difference at which a pixel counts a quarter: highlights, hair, glasses, hands
DARK = 0.02  # linear radiance below which differences are no longer relative, and the same as a share of the median:
DARK_SHARE = 0.5  # or hair and shadows, few and dark, would outweigh the skin
RIDGE = 1e-3  # of the data's weight, on the light: directions that no pixel faces stay dark instead of wild
PLAIN = np.array([0.4, 0.4, 0.4])  # albedo of the skin of a head without colours; the light takes its tint
LEAST_PIXELS = 40  # from which the colour of a part is believed
DARKEST = 0.05  # of the brightest irradiance: a shadow tells little of the colour under it


@dataclass
class Appearance:
    """Albedo [V,3], linear, and one light [9,3] for each camera (exposures differ).

    parts: [V] of a head without colours, as `head_parts` says it: each part but the skin, 0, takes a colour of its own. None: the albedo is known.
    """

    albedo: Floats
    parts: Ints | None = None
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


def part_colors(parts: Ints, albedo: Floats) -> dict[int, Floats]:
    """The albedo [3], linear, of each part that n pixels show often enough: the median of what each says.

    Args:
        parts: [n] which part a pixel shows.
        albedo: [n,3] what is filmed there over the light that falls there.
    """
    shown, pixels = np.unique(parts, return_counts=True)
    return {int(part): np.median(albedo[parts == part], 0) for part in shown[pixels >= LEAST_PIXELS]}
