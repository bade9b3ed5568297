"""FlowNet2 (Ilg et al. 2017): a stack of networks that correct each other, and one for small motion, fused.

The modules are named as in NVIDIA's implementation, whose checkpoint loads as it is; its CUDA layers (correlation,
resampling, channel norm) are plain torch here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solver_core.flow.networks.operations import local_correlation, warp

FACTOR = 64  # sizes are multiples of it
SEEN = 512  # pixels: pictures are resized to so many before it sees them (Section 7)
SCALE = 20.0  # the stack's networks count flow in units of this many pixels
REACH, STRIDE = 20, 2  # features: how far the correlation looks, and at how many it does
SLOPE = 0.1  # of the leaky ReLUs


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), nn.LeakyReLU(SLOPE))


def _deconv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(SLOPE))


class _Decoder(nn.Module):
    """From the coarsest features back up: at each level flow, refined with that level's own features.

    Args:
        below: channels of the features, coarsest first.
        grown: channels of the features that are carried up, one fewer.
        first: number of the finest level (2: a quarter of the picture).
        bias: whether the layers that carry flow up have one.
        between: channels of a layer before each prediction but the coarsest; none in the plain networks.
    """

    def __init__(
        self,
        below: tuple[int, ...],
        grown: tuple[int, ...],
        first: int,
        *,
        bias: bool = True,
        between: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.levels = range(first + len(grown), first - 1, -1)
        width = below[0]
        for i, level in enumerate(self.levels):
            seen = between[i - 1] if between and i else width
            self.add_module(f"predict_flow{level}", nn.Conv2d(seen, 2, 3, padding=1))
            if i < len(grown):
                self.add_module(f"deconv{level - 1}", _deconv(width, grown[i]))
                carried = nn.ConvTranspose2d(2, 2, 4, 2, 1, bias=bias)
                self.add_module(f"upsampled_flow{level}_to_{level - 1}", carried)
                width = below[i + 1] + grown[i] + 2
                if between:
                    layer = nn.Sequential(nn.Conv2d(width, between[i], 3, padding=1))
                    self.add_module(f"inter_conv{level - 1}", layer)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Features, coarsest first -> flow at the finest of their levels."""
        parts = dict(self.named_children())
        x, seen = features[0], features[0]
        for level, finer in zip(self.levels, features[1:], strict=False):
            flow = parts[f"predict_flow{level}"](seen)
            carried = parts[f"upsampled_flow{level}_to_{level - 1}"](flow)
            x = torch.cat([finer, parts[f"deconv{level - 1}"](x), carried], 1)
            seen = parts[f"inter_conv{level - 1}"](x) if f"inter_conv{level - 1}" in parts else x
        return parts[f"predict_flow{self.levels[-1]}"](seen)


BELOW, GROWN = (1024, 512, 512, 256, 128), (512, 256, 128, 64)


class _Tail(_Decoder):
    """What FlowNetC, FlowNetS and FlowNetSD have in common: from an eighth of the picture down to a 64th."""

    def __init__(self, *, bias: bool, between: tuple[int, ...] = ()) -> None:
        super().__init__(BELOW, GROWN, 2, bias=bias, between=between)
        self.conv4, self.conv4_1 = _conv(256, 512, stride=2), _conv(512, 512)
        self.conv5, self.conv5_1 = _conv(512, 512, stride=2), _conv(512, 512)
        self.conv6, self.conv6_1 = _conv(512, 1024, stride=2), _conv(1024, 1024)

    def finish(self, quarter: Tensor, eighth: Tensor) -> Tensor:
        """Features at a quarter and an eighth of the picture -> flow at a quarter."""
        four = self.conv4_1(self.conv4(eighth))
        five = self.conv5_1(self.conv5(four))
        six = self.conv6_1(self.conv6(five))
        return self.decode([six, five, four, eighth, quarter])


class FlowNetC(_Tail):
    """Compares the pictures' features explicitly."""

    def __init__(self) -> None:
        super().__init__(bias=True)
        self.conv1, self.conv2, self.conv3 = _conv(3, 64, 7, 2), _conv(64, 128, 5, 2), _conv(128, 256, 5, 2)
        self.conv_redir = _conv(256, 32, 1)
        self.conv3_1 = _conv(32 + (2 * (REACH // STRIDE) + 1) ** 2, 256)

    def forward(self, pictures: Tensor) -> Tensor:
        """[B,6,H,W] -> [B,2,H/4,W/4]."""
        quarter = [self.conv2(self.conv1(picture)) for picture in (pictures[:, :3], pictures[:, 3:])]
        first, second = (self.conv3(x) for x in quarter)
        match = F.leaky_relu(local_correlation(first, second, REACH, STRIDE), SLOPE)
        return self.finish(quarter[0], self.conv3_1(torch.cat([self.conv_redir(first), match], 1)))


class FlowNetS(_Tail):
    """Corrects a flow."""

    def __init__(self) -> None:
        super().__init__(bias=False)
        self.conv1, self.conv2, self.conv3 = _conv(12, 64, 7, 2), _conv(64, 128, 5, 2), _conv(128, 256, 5, 2)
        self.conv3_1 = _conv(256, 256)

    def forward(self, x: Tensor) -> Tensor:
        """[B,12,H,W] both pictures, the second as warped, the flow, and how far that is off -> [B,2,H/4,W/4]."""
        quarter = self.conv2(self.conv1(x))
        return self.finish(quarter, self.conv3_1(self.conv3(quarter)))


class FlowNetSD(_Tail):
    """For small motion."""

    def __init__(self) -> None:
        super().__init__(bias=True, between=(512, 256, 128, 64))
        self.conv0, self.conv1, self.conv1_1 = _conv(6, 64), _conv(64, 64, stride=2), _conv(64, 128)
        self.conv2, self.conv2_1 = _conv(128, 128, stride=2), _conv(128, 128)
        self.conv3, self.conv3_1 = _conv(128, 256, stride=2), _conv(256, 256)

    def forward(self, pictures: Tensor) -> Tensor:
        """[B,6,H,W] -> [B,2,H/4,W/4]."""
        quarter = self.conv2_1(self.conv2(self.conv1_1(self.conv1(self.conv0(pictures)))))
        return self.finish(quarter, self.conv3_1(self.conv3(quarter)))


class FlowNetFusion(_Decoder):
    """Decides between two flows."""

    def __init__(self) -> None:
        super().__init__((128, 128, 64), (32, 16), 0, between=(32, 16))
        self.conv0, self.conv1, self.conv1_1 = _conv(11, 64), _conv(64, 64, stride=2), _conv(64, 128)
        self.conv2, self.conv2_1 = _conv(128, 128, stride=2), _conv(128, 128)

    def forward(self, x: Tensor) -> Tensor:
        """[B,11,H,W] the first picture, two flows, their lengths, and how far each is off -> [B,2,H,W]."""
        whole = self.conv0(x)
        half = self.conv1_1(self.conv1(whole))
        return self.decode([self.conv2_1(self.conv2(half)), half, whole])


class FlowNet2(nn.Module):
    """Maps pictures [B,3,H,W] in display values, 0 to 1, to flow [B,2,H,W] in pixels; H and W are multiples of 64."""

    def __init__(self) -> None:
        super().__init__()
        self.flownetc = FlowNetC()
        self.flownets_1, self.flownets_2 = FlowNetS(), FlowNetS()
        self.flownets_d = FlowNetSD()
        self.flownetfusion = FlowNetFusion()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """[B,3,H,W] twice -> [B,2,H,W]. Each channel's mean over both pictures is taken away first."""
        mean = (first + second).mean((2, 3), keepdim=True) / 2
        first, second = first - mean, second - mean
        pictures = torch.cat([first, second], 1)
        flow = SCALE * _grow(self.flownetc(pictures))
        flow = SCALE * _grow(self.flownets_1(self._so_far(pictures, flow)))
        large = SCALE * _grow(self.flownets_2(self._so_far(pictures, flow)), "nearest")
        small = _grow(self.flownets_d(pictures), "nearest") / SCALE  # it counts flow the other way round
        off = [channel_norm(first - warp(second, flow)) for flow in (small, large)]
        return self.flownetfusion(torch.cat([first, small, large, channel_norm(small), channel_norm(large), *off], 1))

    @staticmethod
    def _so_far(pictures: Tensor, flow: Tensor) -> Tensor:
        """[B,12,H,W] what the next network of the stack sees."""
        first, second = pictures[:, :3], pictures[:, 3:]
        there = warp(second, flow)
        return torch.cat([pictures, there, flow / SCALE, channel_norm(first - there)], 1)


def channel_norm(x: Tensor) -> Tensor:
    """[B,C,H,W] -> [B,1,H,W] the channels' Euclidean length; at zero its derivative is zero."""
    return (x.square().sum(1, keepdim=True) + torch.finfo(x.dtype).tiny).sqrt()


def _grow(flow: Tensor, mode: str = "bilinear") -> Tensor:
    return F.interpolate(flow, scale_factor=4, mode=mode)
