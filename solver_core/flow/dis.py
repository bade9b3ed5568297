"""DIS: OpenCV's dense inverse search, the flow network without weights."""

from __future__ import annotations

import cv2
import numpy as np

from solver_core.common.arrays import Floats
from solver_core.flow.levels import Levels, details, grey
from solver_core.flow.network import FlowNetwork


class DisFlow:
    """OpenCV's dense inverse search (Kroeger et al. 2016), medium preset at full resolution: classical, no weights.

    It follows brightness, and a render's shading is never quite the plate's: on a cheek that darkens by one level a
    pixel, three levels of difference look like three pixels of motion. So it is shown the details alone, unless both
    pictures are filmed.
    """

    name = "dis"

    def __init__(self, *, shading: bool = False) -> None:
        self._search = _dis_of_brightness if shading else _dis_of_details

    def __call__(self, first: Floats, second: Floats) -> Floats:
        """As FlowNetwork."""
        return np.stack([self._search(*pair) for pair in zip(first, second, strict=True)])


def between_plates(network: FlowNetwork) -> FlowNetwork:
    """What to use in the network's place between two frames of one plate: the light is the same, and shading helps."""
    return DisFlow(shading=True) if isinstance(network, DisFlow) else network


def _dis_of_brightness(first: Floats, second: Floats) -> Floats:
    return _dis(grey(first), grey(second))


def _dis_of_details(first: Floats, second: Floats) -> Floats:
    # details alone do not lead across large motions: they start from the picture's motion as a whole, which half the
    # resolution shows
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
