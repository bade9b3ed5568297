"""Weights of landmark regions as a step's settings: which of them go together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from solver_core.networks.regions import Layout
from solver_core.stages.kinds.step import WrongSettingError


def check_regions(layout: Layout, regions: Mapping[str, float], elsewhere: float) -> None:
    """Refuse regions that are unknown or contradict each other, and weights that leave no landmark.

    Args:
        layout: of the landmark network.
        regions: weights by region.
        elsewhere: weight of the other landmarks.

    Raises:
        WrongSettingError: naming the setting.
    """
    weights = np.full(len(layout.mirror), elsewhere)
    owner: dict[int, str] = {}
    for region, weight in regions.items():
        if region not in layout.regions:
            raise WrongSettingError(
                ("regions", region),
                f"there is no landmark region {region}",
                f"Regions are {', '.join(sorted(layout.regions))}.",
            )
        for landmark in layout.regions[region]:
            other = owner.setdefault(landmark, region)
            if regions[other] != weight:
                raise WrongSettingError(
                    ("regions", region),
                    f"the regions {other} and {region} share landmarks and have different weights",
                    "Name regions that do not overlap, or give them the same weight.",
                )
            weights[landmark] = weight
    if not weights.any():
        raise WrongSettingError((), "no landmark has a weight", "Give a region, or elsewhere, a weight above 0.")
