"""What a flow network is."""

from __future__ import annotations

from typing import Protocol

from solver_core.common.arrays import Floats


class FlowNetwork(Protocol):
    """Dense optical flow."""

    name: str

    def __call__(self, first: Floats, second: Floats) -> Floats:
        """[b,S,S,3] and [b,S,S,3] display-referred pictures, 0 to 1 -> [b,S,S,2] pixels.

        The flow says where first's pixels are in second.
        """
