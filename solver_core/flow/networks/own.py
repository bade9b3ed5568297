"""Face Solve's own flow network.

It takes Lucas-Kanade steps on learned features, coarse to fine, corrected by a small convolutional network.

At every level the second picture's features are brought to the first by the flow so far. The network then sees what a
step of least squares would do (Lucas and Kanade 1981) and how sure it is, how well the neighbours match, and the first
picture's features; it weighs the step and adds one of its own. Trained on rendered heads and moving textures:
docs/flow_network.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solver_core.flow.networks.operations import convex_upsample, local_correlation, upsample, warp

FACTOR = 16  # sizes are padded to multiples of it
WIDTHS = (32, 48, 64, 64)  # features at 1/2, 1/4, 1/8 and 1/16 of the size
MATCHED = 24  # channels that are compared
STEPPED = 8  # of them, those whose gradients make a least-squares step
CONTEXT = 32
HIDDEN = 32
WINDOW = 5  # pixels a side of a least-squares step
STEPS = 2  # at every level
FARTHEST = 2.0  # pixels of its level that one least-squares step may go


class Own(nn.Module):
    """Maps pictures [B,3,H,W] in display values, 0 to 1, to flow [B,2,H,W] in pixels; any size."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Encoder()
        self.coarse = _Update(reach=3, width=64)
        self.fine = _Update(reach=2, width=48)
        self.mask = nn.Conv2d(HIDDEN, 9 * 4, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """[B,3,H,W] twice -> [B,2,H,W]."""
        *_, last = self._steps(first, second)
        return self._grown(*last)[..., : first.shape[-2], : first.shape[-1]]

    def predictions(self, first: Tensor, second: Tensor) -> list[Tensor]:
        """The flow after every step, coarse to fine, each [B,2,H,W]: what training looks at."""
        return [self._grown(*step)[..., : first.shape[-2], : first.shape[-1]] for step in self._steps(first, second)]

    def _steps(self, first: Tensor, second: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """After every step its level, the flow there in pixels of that level, and the hidden state."""
        border = (0, -first.shape[-1] % FACTOR, 0, -first.shape[-2] % FACTOR)
        levels = self.encoder(F.pad(torch.cat([first, second]), border, mode="replicate"))
        batch, coarsest = len(first), levels[-1][0]
        flow = coarsest.new_zeros(batch, 2, *coarsest.shape[-2:])
        hidden = coarsest.new_zeros(batch, HIDDEN, *coarsest.shape[-2:])
        for level in range(len(levels) - 1, -1, -1):
            matched, context = levels[level]
            if level < len(levels) - 1:
                flow, hidden = upsample(flow, 2), upsample(hidden, 2) / 2
            update = self.coarse if level else self.fine
            for _ in range(STEPS):
                # in training each step answers for itself; otherwise the derivative is that of the whole
                start = flow.detach() if self.training else flow
                hidden, flow = update(matched[:batch], matched[batch:], context[:batch], hidden, start)
                yield level, flow, hidden

    def _grown(self, level: int, flow: Tensor, hidden: Tensor) -> Tensor:
        """The flow of a level in the pictures' pixels."""
        return upsample(flow, 2 << level) if level else convex_upsample(flow, _exact(self.mask(hidden)), 2)


class _Encoder(nn.Module):
    """[B,3,H,W] -> at each level [B,MATCHED,h,w] of unit length, and [B,CONTEXT,h,w]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        before = (16, *WIDTHS)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(before, WIDTHS, strict=False))
        self.same = nn.ModuleList(nn.Conv2d(b, b, 3, padding=1) for b in WIDTHS)
        self.matched = nn.ModuleList(nn.Conv2d(b, MATCHED, 1) for b in WIDTHS)
        self.context = nn.ModuleList(nn.Conv2d(b, CONTEXT, 1) for b in WIDTHS)

    def forward(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        spread, mean = torch.std_mean(images, (1, 2, 3), keepdim=True)
        x = F.leaky_relu(self.first((images - mean) / (spread + 0.02)), 0.1)
        levels = []
        for down, same, matched, context in zip(self.down, self.same, self.matched, self.context, strict=True):
            x = F.leaky_relu(down(x), 0.1)
            x = x + F.leaky_relu(same(x), 0.1)
            levels.append((_unit(_exact(matched(x))), F.leaky_relu(context(x), 0.1)))
        return levels


class _Update(nn.Module):
    """One step at one level."""

    def __init__(self, reach: int, width: int) -> None:
        super().__init__()
        self.reach = reach
        seen = (2 * reach + 1) ** 2 + 2 + 3 + 2 + CONTEXT + HIDDEN
        self.layers = nn.ModuleList(
            nn.Conv2d(a, width, 3, padding=d, dilation=d) for a, d in ((seen, 1), (width, 2), (width, 4), (width, 1))
        )
        self.hidden = nn.Conv2d(width, HIDDEN, 3, padding=1)
        self.step = nn.Conv2d(width, 3, 3, padding=1)
        self.damping = nn.Parameter(torch.tensor(-3.0))
        for parameter in self.step.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, first: Tensor, second: Tensor, context: Tensor, hidden: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        there = warp(second, flow)
        step, known = least_squares_step(first[:, :STEPPED], there[:, :STEPPED], F.softplus(self.damping))
        step = FARTHEST * torch.tanh(step / FARTHEST)
        match = _exact(local_correlation(first, there, self.reach)) * MATCHED
        x = torch.cat([match, step, known, flow / 10, _exact(context), hidden], 1)
        for i, layer in enumerate(self.layers):
            x = F.leaky_relu(layer(x), 0.1) if i == 0 else x + F.leaky_relu(layer(x), 0.1)
        own = _exact(self.step(x))
        return torch.tanh(_exact(self.hidden(x))), flow + own[:, :2] + torch.sigmoid(own[:, 2:]) * step


def least_squares_step(first: Tensor, second: Tensor, damping: Tensor) -> tuple[Tensor, Tensor]:
    """The step that makes the second picture's features in a window equal to the first's.

    It is found by their gradients (Lucas and Kanade).

    Args:
        first: [B,C,H,W].
        second: [B,C,H,W] brought to the first by the flow so far.
        damping: added to the normal equations' diagonal.

    Returns:
        The step [B,2,H,W] in pixels, and how well each direction is known [B,3,H,W]: xx, xy, yy, between -1 and 1.
    """
    mean = F.pad((first + second) / 2, (1, 1, 1, 1), mode="replicate")
    x, y = (mean[..., 1:-1, 2:] - mean[..., 1:-1, :-2]) / 2, (mean[..., 2:, 1:-1] - mean[..., :-2, 1:-1]) / 2
    gone = first - second
    terms = torch.stack([(x * x).sum(1), (x * y).sum(1), (y * y).sum(1), (x * gone).sum(1), (y * gone).sum(1)], 1)
    xx, xy, yy, xr, yr = F.avg_pool2d(terms, WINDOW, 1, WINDOW // 2, count_include_pad=False)[:, :, None].unbind(1)
    xx, yy = xx + damping, yy + damping
    determinant = xx * yy - xy * xy
    step = torch.cat([yy * xr - xy * yr, xx * yr - xy * xr], 1) / determinant
    whole = xx + yy
    return step, torch.cat([1 - 2 * damping / whole, 2 * xy / whole, (xx - yy) / whole], 1)


def _exact(x: Tensor) -> Tensor:
    """In single precision at least: training runs the convolutions in half."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True) + 1e-4).sqrt()
