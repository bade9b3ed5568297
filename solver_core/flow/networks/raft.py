"""RAFT (Teed and Deng 2020), large and small: flow from all pairs of features, refined by a recurrent unit.

The modules are named as in torchvision, whose checkpoints load as they are; `names.py` translates the authors' own.
Both want pictures from -1 to 1, RGB, and both upsample the small network's flow with aligned corners.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solver_core.flow.networks.operations import convex_upsample, grid, sample, upsample

FACTOR = 8  # picture pixels along a feature
LEVELS = 4  # of the correlations' pyramid
LEAST = 128  # pixels a side: below, the pyramid's top level has a single place and no coordinates
UPDATES = 12  # as in both authors' evaluations
MASK_SCALE = 0.25  # of the upsampling mask's logits (RAFT's code: it balances the gradients)

Norm = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Size:
    """What differs between the large and the small network."""

    layers: tuple[int, int, int, int]  # channels of the encoders: the first convolution's, then the three stages'
    bottleneck: bool
    features: int
    hidden: int
    context: int
    context_norm: Norm | None
    radius: int  # places around the flow's end at which the correlations are read
    correlation: tuple[int, ...]  # channels of the motion encoder
    flow: tuple[int, int]
    motion: int
    kernels: tuple[tuple[int, int], ...]  # rows and columns of each recurrent unit
    head: int
    mask: bool


LARGE = Size(
    (64, 64, 96, 128), False, 256, 128, 128, nn.BatchNorm2d, 4, (256, 192), (128, 64), 128, ((1, 5), (5, 1)), 256, True
)
SMALL = Size((32, 32, 64, 96), True, 128, 96, 64, None, 3, (96,), (64, 32), 82, ((3, 3),), 128, False)


def _layer(
    inputs: int, outputs: int, kernel: int, stride: int = 1, norm: Norm | None = None, *, active: bool = True
) -> nn.Sequential:
    parts: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)]
    parts += [norm(outputs)] if norm else []
    parts += [nn.ReLU()] if active else []
    return nn.Sequential(*parts)


class _Block(nn.Module):
    """A residual block; as a bottleneck its inner layers have a quarter of the channels."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm | None, bottleneck: bool) -> None:
        super().__init__()
        if bottleneck:
            inner = outputs // 4
            self.convnormrelu1 = _layer(inputs, inner, 1, norm=norm)
            self.convnormrelu2 = _layer(inner, inner, 3, stride, norm)
            self.convnormrelu3 = _layer(inner, outputs, 1, norm=norm)
        else:
            self.convnormrelu1 = _layer(inputs, outputs, 3, stride, norm)
            self.convnormrelu2 = _layer(outputs, outputs, 3, norm=norm)
            self.convnormrelu3 = nn.Sequential()
        self.downsample = nn.Sequential() if stride == 1 else _layer(inputs, outputs, 1, stride, norm, active=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.downsample(x) + self.convnormrelu3(self.convnormrelu2(self.convnormrelu1(x))))


class _Encoder(nn.Module):
    """[B,3,H,W] -> [B,outputs,H/8,W/8]."""

    def __init__(self, size: Size, outputs: int, norm: Norm | None) -> None:
        super().__init__()
        first, *stages = size.layers
        self.convnormrelu = _layer(3, first, 7, 2, norm)
        before = (first, *stages[:-1])
        self.layer1, self.layer2, self.layer3 = (
            nn.Sequential(_Block(a, b, stride, norm, size.bottleneck), _Block(b, b, 1, norm, size.bottleneck))
            for a, b, stride in zip(before, stages, (1, 2, 2), strict=True)
        )
        self.conv = nn.Conv2d(stages[-1], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.layer3(self.layer2(self.layer1(self.convnormrelu(x)))))


class _MotionEncoder(nn.Module):
    """Flow and correlations -> [B,motion,h,w], the last two channels the flow itself."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        seen = LEVELS * (2 * size.radius + 1) ** 2
        self.convcorr1 = _layer(seen, size.correlation[0], 1)
        self.convcorr2 = nn.Sequential()
        if len(size.correlation) > 1:
            self.convcorr2 = _layer(size.correlation[0], size.correlation[1], 3)
        self.convflow1 = _layer(2, size.flow[0], 7)
        self.convflow2 = _layer(size.flow[0], size.flow[1], 3)
        self.conv = _layer(size.correlation[-1] + size.flow[-1], size.motion - 2, 3)

    def forward(self, flow: Tensor, correlation: Tensor) -> Tensor:
        both = [self.convcorr2(self.convcorr1(correlation)), self.convflow2(self.convflow1(flow))]
        return torch.cat([self.conv(torch.cat(both, 1)), flow], 1)


class _Recurrent(nn.Module):
    """A convolutional gated recurrent unit."""

    def __init__(self, hidden: int, inputs: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.convz, self.convr, self.convq = (
            nn.Conv2d(hidden + inputs, hidden, kernel, padding=padding) for _ in range(3)
        )

    def forward(self, hidden: Tensor, x: Tensor) -> Tensor:
        both = torch.cat([hidden, x], 1)
        share, reset = torch.sigmoid(self.convz(both)), torch.sigmoid(self.convr(both))
        return (1 - share) * hidden + share * torch.tanh(self.convq(torch.cat([reset * hidden, x], 1)))


class _RecurrentUnits(nn.Module):
    """One unit, or one along the rows and one along the columns."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        for i, kernel in enumerate(size.kernels, 1):
            self.add_module(f"convgru{i}", _Recurrent(size.hidden, size.motion + size.context, kernel))

    def forward(self, hidden: Tensor, x: Tensor) -> Tensor:
        for unit in self.children():
            hidden = unit(hidden, x)
        return hidden


class _FlowHead(nn.Module):
    """The hidden state -> the flow's step."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(size.hidden, size.head, 3, padding=1), nn.Conv2d(size.head, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(F.relu(self.conv1(x)))


class _Update(nn.Module):
    """One update of the hidden state; returns it and the flow's step."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.motion_encoder = _MotionEncoder(size)
        self.recurrent_block = _RecurrentUnits(size)
        self.flow_head = _FlowHead(size)

    def forward(self, hidden: Tensor, context: Tensor, correlation: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.recurrent_block(hidden, torch.cat([context, self.motion_encoder(flow, correlation)], 1))
        return hidden, self.flow_head(hidden)


class _Mask(nn.Module):
    """The hidden state -> the weights of the convex upsampling."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.convrelu = _layer(size.hidden, 256, 3)
        self.conv = nn.Conv2d(256, 9 * FACTOR**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return MASK_SCALE * self.conv(self.convrelu(x))


class Raft(nn.Module):
    """Maps pictures [B,3,H,W] in display values, 0 to 1, to flow [B,2,H,W] in pixels.

    H and W are multiples of 8, at least 128.
    """

    def __init__(self, size: Size, updates: int = UPDATES) -> None:
        super().__init__()
        self.size, self.updates = size, updates
        self.feature_encoder = _Encoder(size, size.features, nn.InstanceNorm2d)
        self.context_encoder = _Encoder(size, size.hidden + size.context, size.context_norm)
        self.update_block = _Update(size)
        self.mask_predictor = _Mask(size) if size.mask else None

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """[B,3,H,W] twice -> [B,2,H,W].

        The authors cut the derivative by the flow between updates while they train. Here it is whole: dN/dF of the
        paper.
        """
        first, second = 2 * first - 1, 2 * second - 1
        features = self.feature_encoder(torch.cat([first, second]))
        pyramid = correlation_pyramid(*features.chunk(2))
        state, context = self.context_encoder(first).split([self.size.hidden, self.size.context], 1)
        hidden, context = torch.tanh(state), torch.relu(context)
        start = grid(hidden)
        flow = torch.zeros_like(start).expand(len(hidden), -1, -1, -1)
        for _ in range(self.updates):
            correlation = read_pyramid(pyramid, start + flow, self.size.radius)
            hidden, step = self.update_block(hidden, context, correlation, flow)
            flow = flow + step
        if self.mask_predictor is None:
            return upsample(flow, FACTOR, align_corners=True)
        return convex_upsample(flow, self.mask_predictor(hidden), FACTOR)


def correlation_pyramid(first: Tensor, second: Tensor) -> list[Tensor]:
    """Every place's features against every place's of the other picture (Section 3.2).

    Args:
        first: [B,C,h,w].
        second: [B,C,h,w].

    Returns:
        [B h w,1,h,w], products over the channels divided by the root of their number, and the same halved, again and
        again.
    """
    batch, channels, height, width = first.shape
    every = torch.einsum("bci,bcj->bij", first.flatten(2), second.flatten(2)) / channels**0.5
    pyramid = [every.reshape(batch * height * width, 1, height, width)]
    for _ in range(LEVELS - 1):
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    return pyramid


def read_pyramid(pyramid: list[Tensor], places: Tensor, radius: int) -> Tensor:
    """The correlations around each place's counterpart.

    Args:
        pyramid: from `correlation_pyramid`.
        places: [B,2,h,w] where each place of the first picture is in the second, in features.
        radius: how many places to each side are read, on every level.

    Returns:
        [B,levels (2 radius + 1)^2,h,w]: level, step along x, step along y. (That x comes first is how the published
        weights are trained.)
    """
    batch, _, height, width = places.shape
    steps = torch.arange(-radius, radius + 1, dtype=places.dtype, device=places.device)
    around = torch.stack(torch.meshgrid(steps, steps, indexing="ij"))[None]  # [1,2,x,y]
    centre = places.permute(0, 2, 3, 1).reshape(-1, 2, 1, 1)
    read = [sample(level, centre / 2**i + around) for i, level in enumerate(pyramid)]
    return torch.cat(read, 1).reshape(batch, height, width, -1).permute(0, 3, 1, 2)
