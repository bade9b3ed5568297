"""The paper's own way to a network's derivative: one backward pass for each coordinate of its answer (Section 4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def backward(differentiable: Callable[[Tensor], Tensor], images: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
    """Points, and how they move when the images change: what `LandmarkNetwork.jvp` gives, at another price.

    Args:
        differentiable: images [1, 3, S, S] to points [1, count, 2], such as `LandmarkNetwork.differentiable`.
        images: [B, 3, S, S].
        tangents: [B, P, 3, S, S], for each image the derivative by each of P parameters.

    Returns:
        (points, d_points): [B, count, 2] and [B, P, count, 2] per unit of parameter.
    """
    found, moved = [], []
    for image, directions in zip(images, tangents, strict=True):
        leaf = image[None].contiguous().requires_grad_()
        points = differentiable(leaf)
        flat = directions.flatten(1)
        columns = [
            flat @ torch.autograd.grad(coordinate, leaf, retain_graph=True)[0].flatten()
            for coordinate in points.flatten()
        ]
        found.append(points[0].detach())
        moved.append(torch.stack(columns, 1).reshape(len(directions), *points.shape[1:]))
    return torch.stack(found), torch.stack(moved)
