"""The attention mesh's own operators: windows around lips and eyes, cut out of a feature map, and points placed back.

They are MediaPipe's TensorFlow Lite operators Landmarks2TransformMatrix, TransformTensorBilinear and
TransformLandmarks, version 2, after their documented behaviour. All are smooth in their inputs, except where another
landmark becomes a window's outermost.
"""

from __future__ import annotations

import torch
from torch import Tensor


def window_matrix(
    landmarks: Tensor,  # [B,L,2 or 3]
    points: list[int],
    level: tuple[int, int],
    scale: tuple[float, float],
    size: tuple[int, int],
    angle: float,
) -> Tensor:
    """The map from a window's pixels to the feature map's, around some landmarks.

    The window is turned so that the line between two landmarks lies at `angle`, and is `scale` times as wide and high
    as the landmarks' bounding box in that turn.

    Args:
        landmarks: [B,L,2 or 3] feature-map pixels.
        points: which of them the window encloses.
        level: the two landmarks whose line sets the turn.
        scale: of width and height, times those of the bounding box.
        size: width and height of the window, pixels.
        angle: radians.

    Returns:
        [B,4,4] homogeneous, on (x, y, 0, 1).
    """
    flat = landmarks[..., :2]
    line = flat[:, level[1]] - flat[:, level[0]]
    turn = angle - torch.atan2(line[:, 1], line[:, 0])
    cos, sin = torch.cos(turn), torch.sin(turn)
    there = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)  # [B,2,2]
    turned = flat[:, points] @ there.mT
    low, high = turned.amin(1), turned.amax(1)
    back = there.mT
    centre = ((low + high) / 2)[:, None] @ back.mT  # [B,1,2]
    stretch = (high - low) * flat.new_tensor([scale[0] / size[0], scale[1] / size[1]])
    linear = back * stretch[:, None]
    shift = centre[:, 0] - linear @ flat.new_tensor([size[0] / 2, size[1] / 2])
    count = len(landmarks)
    zeros, ones = flat.new_zeros(count, 2, 1), flat.new_tensor([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    upper = torch.cat([linear, zeros, shift[..., None]], -1)
    return torch.cat([upper, ones.expand(count, 2, 4)], 1)


def sample_window(features: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """The feature map in a window, bilinearly; zero where the window looks past the map.

    Args:
        features: [B,C,H,W].
        matrix: [B,4,4] as `window_matrix` returns it; pixels' centres lie at halves.
        size: width and height of the window, pixels.

    Returns:
        [B,C,size[1],size[0]].
    """
    count, channels, height, width = features.shape
    rows = torch.arange(size[1], dtype=matrix.dtype, device=matrix.device) + 0.5
    columns = torch.arange(size[0], dtype=matrix.dtype, device=matrix.device) + 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    here = torch.stack([x.flatten(), y.flatten()], -1)
    there = here @ matrix[:, :2, :2].mT + matrix[:, None, :2, 3] - 0.5  # [B,n,2]
    corner = there.detach().floor()
    share = there - corner
    inside = ((there >= 0) & (there <= there.new_tensor([width - 1.0, height - 1.0]))).all(-1)
    flat = features.flatten(2)
    out = features.new_zeros(count, channels, here.shape[0])
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column = (corner[..., 0] + dx).long().clamp(0, width - 1)
        row = (corner[..., 1] + dy).long().clamp(0, height - 1)
        part = (share[..., 0] if dx else 1 - share[..., 0]) * (share[..., 1] if dy else 1 - share[..., 1])
        index = (row * width + column)[:, None].expand(count, channels, -1)
        out = out + flat.gather(2, index) * (part * inside)[:, None]
    return out.reshape(count, channels, size[1], size[0])


def transform_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Points [B,n,2] of a window in the picture: [B,n,2], by a matrix [B,4,4]."""
    return points @ matrix[:, :2, :2].mT + matrix[:, None, :2, 3]
