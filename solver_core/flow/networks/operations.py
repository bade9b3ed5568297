"""What flow networks are built from: grids, warping, correlations, upsampling.

Flow is [B,2,H,W], x before y, in pixels of its own resolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TILE = 32  # pixels of a row that are correlated at a time


def grid(like: Tensor) -> Tensor:
    """[1,2,H,W] x and y of every pixel of a picture [B,C,H,W], counted from the first pixel's centre."""
    height, width = like.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, dtype=like.dtype, device=like.device),
        torch.arange(width, dtype=like.dtype, device=like.device),
        indexing="ij",
    )
    return torch.stack([x, y])[None]


def sample(image: Tensor, places: Tensor, border: str = "zeros") -> Tensor:
    """Bilinear samples.

    Args:
        image: [B,C,H,W].
        places: [B,2,h,w] pixels, as `grid` counts them.
        border: what lies beyond the image: `zeros`, or `border`, its outermost pixels continued.

    Returns:
        [B,C,h,w], differentiable by image and places.
    """
    height, width = image.shape[-2:]
    size = places.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    unit = 2 * places.permute(0, 2, 3, 1) / size - 1
    return F.grid_sample(image, unit, mode="bilinear", padding_mode=border, align_corners=True)


def warp(image: Tensor, flow: Tensor, border: str = "border") -> Tensor:
    """The image [B,C,H,W] as seen from where the flow [B,2,H,W] starts: result(p) = image(p + flow(p))."""
    return sample(image, grid(image) + flow, border)


def local_correlation(first: Tensor, second: Tensor, reach: int, stride: int = 1) -> Tensor:
    """Each place's features against those of its neighbours in the other picture.

    Args:
        first: [B,C,H,W].
        second: [B,C,H,W].
        reach: how far the neighbours go, pixels.
        stride: pixels between them.

    Returns:
        [B,(2 n + 1)^2,H,W] with n = reach // stride: means over the channels of the products, rows of neighbours from
        above; beyond the border there are zeros.
    """
    batch, channels, height, width = first.shape
    # A stretch of a row against the stretch around it is one matrix product, much faster than one neighbour after the
    # other.
    tiles = -(-width // TILE)
    around = TILE + 2 * reach
    more = tiles * TILE - width
    own = F.pad(first, (0, more)).permute(0, 2, 3, 1).reshape(batch * height * tiles, TILE, channels)
    padded = F.pad(second, (reach, reach + more, reach, reach)).unfold(
        3, around, TILE
    )  # [B,C,H + 2 reach,tiles,around]
    rows = []
    for y in range(reach % stride, 2 * reach + 1, stride):
        other = padded[:, :, y : y + height].permute(0, 2, 3, 1, 4).reshape(-1, channels, around)
        # written with rows one longer, the products with the neighbour at each distance stand below each other
        products = F.pad(torch.bmm(own, other).flatten(1), (0, TILE)).reshape(-1, TILE, around + 1)
        rows.append(products[..., reach % stride : 2 * reach + 1 : stride])
    every = torch.stack(rows, 2).reshape(batch, height, tiles * TILE, -1)[:, :, :width]
    return every.permute(0, 3, 1, 2) / channels


def upsample(flow: Tensor, factor: int, *, align_corners: bool = False) -> Tensor:
    """The flow at a finer resolution, bilinear, in that resolution's pixels."""
    size = [factor * side for side in flow.shape[-2:]]
    return factor * F.interpolate(flow, size=size, mode="bilinear", align_corners=align_corners)


def convex_upsample(flow: Tensor, mask: Tensor, factor: int) -> Tensor:
    """The flow at a finer resolution (RAFT, Section 3.3).

    Each fine pixel is a convex combination of its 3x3 coarse neighbours.

    Args:
        flow: [B,2,H,W]; beyond its border it is zero.
        mask: [B,9 factor^2,H,W] before the softmax: neighbour, fine row, fine column.
        factor: fine pixels along a coarse one.

    Returns:
        [B,2,factor H,factor W] fine pixels.
    """
    batch, _, height, width = flow.shape
    share = mask.reshape(batch, 1, 9, factor, factor, height, width).softmax(2)
    around = F.unfold(factor * flow, 3, padding=1).reshape(batch, 2, 9, 1, 1, height, width)
    fine = (share * around).sum(2)
    return fine.permute(0, 1, 4, 2, 5, 3).reshape(batch, 2, factor * height, factor * width)
