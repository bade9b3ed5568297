"""A torch module as a flow network: any size of picture, in parts of a batch, on its device, and differentiable."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solver_core.common.arrays import Floats

CHUNK = 4  # pairs of pictures at a time: RAFT's correlations of 320 x 320 pixels are 14 MB a pair, its features more


class TorchFlow:
    """Implements `FlowNetwork`.

    Args:
        name: the registry's.
        network: pictures [B,3,H,W], 0 to 1, twice, to flow [B,2,H,W] in pixels.
        factor: the sides that it takes are multiples of this.
        least: pixels, the shortest side that it takes.
        device: where it runs.
        seen: pixels, the sides that pictures are resized to before it sees them; None: as they are.
    """

    def __init__(
        self, name: str, network: nn.Module, factor: int, least: int, device: torch.device, seen: int | None = None
    ) -> None:
        self.seen = seen
        self.name, self.factor, self.least, self.device = name, factor, least, device
        self._network = network.to(device).eval().requires_grad_(False)

    def __call__(self, first: Floats, second: Floats) -> Floats:
        """As FlowNetwork: [b,S,S,3] twice -> [b,S,S,2]."""
        found = []
        with torch.no_grad():
            for start in range(0, len(first), CHUNK):
                part = slice(start, start + CHUNK)
                found.append(self.differentiable(_tensor(first[part]), _tensor(second[part])).cpu())
        return torch.cat(found).permute(0, 2, 3, 1).contiguous().numpy()

    def differentiable(self, first: Tensor, second: Tensor) -> Tensor:
        """N(F1, F2) with its derivative by both pictures: the paper's dN/dF.

        Args:
            first: [B,3,H,W] display values, 0 to 1.
            second: [B,3,H,W].

        Returns:
            [B,2,H,W] pixels on this network's device. Pictures are continued over their border to a size that it takes.
        """
        height, width = first.shape[-2:]
        if self.seen and (height, width) != (self.seen, self.seen):
            found = self.differentiable(*(_resized(image, self.seen, self.seen) for image in (first, second)))
            to_pixels = torch.tensor([width / self.seen, height / self.seen], dtype=found.dtype, device=found.device)
            return _resized(found, height, width) * to_pixels[:, None, None]
        top, bottom = self._border(height)
        left, right = self._border(width)
        border = (left, right, top, bottom)
        first, second = (F.pad(image.to(self.device), border, mode="replicate") for image in (first, second))
        return self._network(first, second)[..., top : top + height, left : left + width]

    def _border(self, side: int) -> tuple[int, int]:
        """Pixels before and after."""
        missing = max(self.least, -(-side // self.factor) * self.factor) - side
        return missing // 2, missing - missing // 2


def _resized(images: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(images, (height, width), mode="bilinear", align_corners=False, antialias=True)


def _tensor(images: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images, np.float32)).permute(0, 3, 1, 2)
