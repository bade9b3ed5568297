"""3D-FAN: 68 landmarks of one face from heatmaps, made differentiable by a soft-argmax around each peak (Section 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from solver_core.camera.crop import Crop
from solver_core.common.arrays import Floats
from solver_core.common.errors import FaceSolveError
from solver_core.networks import weights
from solver_core.networks.detector import Box, Detection
from solver_core.networks.regions import FAN

BETA = 50.0  # of equation 3
STRIDE = 4  # crop pixels along a heatmap pixel
HOURGLASSES = 4
CROP_SIDE = 200 / 195  # of the crop, over the sum of the box's width and height: the rule that 3D-FAN was trained with
CROP_RISE = 0.12  # of the crop's centre above the box's, over the box's height
SURE_PEAK = 0.5  # heatmap value at which a landmark counts as certainly seen; they were trained towards 1
TANGENTS = 16  # pushed through the network at a time: 50 MB each


class Fan:
    """Implements `landmarks.LandmarkNetwork`.

    Args:
        device: where it runs and its results lie, as torch names it; images are brought there.

    Raises:
        FaceSolveError: where the package face-alignment is not installed, or the weights are absent or altered.
    """

    name = "fan"
    size = 256
    count = 68
    layout = FAN

    def __init__(self, device: str = "cpu") -> None:
        try:
            from face_alignment.models import FAN as Network  # noqa: N811 (a class by an acronym's name)
        except ImportError as error:
            raise FaceSolveError("3D-FAN's Python package is not installed.", weights.INSTALL_FAN) from error
        self.device = torch.device(device)
        state = torch.load(weights.path(self.name), map_location="cpu", weights_only=True)
        self.network = Network(HOURGLASSES)
        self.network.load_state_dict(state)
        self.network.to(self.device).eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks of the face in each image.

        3D-FAN has no output that says whether there is a face. The presence is read from its peaks: the median over the
        landmarks, as a share of `SURE_PEAK`.

        Args:
            images: [B, 3, 256, 256] RGB for the display (sRGB-encoded), 0 to 1.

        Returns:
            (points, presence): [B, 68, 2] crop pixels, and [B] from 0 to 1.
        """
        with torch.no_grad():
            points, peaks = self._points(images.to(self.device))
        return points, (peaks.median(dim=-1).values / SURE_PEAK).clamp(0, 1)

    def differentiable(self, images: Tensor) -> Tensor:
        """The points of a call, with their derivative by the images."""
        return self._points(images.to(self.device))[0]

    def jvp(self, images: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        """Landmarks, and how they move when the images change (the paper's dN/dF dF/dtheta).

        A tangent costs one forward pass; the paper's way, a backward pass for each of the 136 coordinates, costs more
        than that for any rig of fewer than 136 parameters.

        Args:
            images: [B, 3, 256, 256] as in a call.
            tangents: [B, P, 3, 256, 256], for each image the derivative by each of P parameters.

        Returns:
            (points, d_points): [B, 68, 2] crop pixels and [B, P, 68, 2] crop pixels per unit of parameter.
        """
        points, _ = self(images)
        moved = torch.zeros(*tangents.shape[:2], self.count, 2, dtype=points.dtype, device=self.device)
        for i, image in enumerate(images.to(self.device)):
            for start in range(0, tangents.shape[1], TANGENTS):
                part = slice(start, start + TANGENTS)
                moved[i, part] = self._push(image, tangents[i, part].to(self.device))
        return points, moved

    def crop_from_detection(self, detection: Detection) -> Crop:
        """The window that shows the network a detected face, in plate pixels."""
        return crop_from_face(detection.box, self.size)

    def crop_from_landmarks(self, points: Floats) -> Crop:
        """The window that shows the network the face with these landmarks [68, 2], plate pixels."""
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return crop_from_face((float(x0), float(y0), float(x1), float(y1)), self.size)

    def _points(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, 256, 256] -> landmarks [B, 68, 2] crop pixels, the heatmaps' greatest values [B, 68]."""
        places, peaks = soft_argmax(self.network(images)[-1])
        return places * STRIDE, peaks

    def _push(self, image: Tensor, tangents: Tensor) -> Tensor:
        """[3, 256, 256], [P, 3, 256, 256] -> [P, 68, 2].

        All layers but the ReLUs are affine. With those held as the image has them the whole network is, and the
        derivative of the heatmaps is the difference between a moved image and the image itself, however far it is
        moved.
        """
        far = 1 / tangents.flatten(1).abs().amax(dim=1).clamp(min=torch.finfo(tangents.dtype).tiny)[:, None, None, None]
        with torch.no_grad(), _HeldReLUs():
            heatmaps = self.network(torch.cat([image[None], image + far * tangents]))[-1]
        moved = (heatmaps[1:] - heatmaps[:1]) / far
        return (
            torch.func.jvp(lambda h: soft_argmax(h)[0], (heatmaps[:1].repeat(len(moved), 1, 1, 1),), (moved,))[1]
            * STRIDE
        )


class _HeldReLUs(TorchFunctionMode):
    """While it is entered, a ReLU lets through, of every image of a batch, what is positive in the first."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in {F.relu, torch.relu, torch.relu_}:
            return args[0] * (args[0][:1] > 0)
        return func(*args, **(kwargs or {}))


def soft_argmax(heatmaps: Tensor, beta: float = BETA) -> tuple[Tensor, Tensor]:
    """Equation 3: the mean place in the 3x3 pixels around each heatmap's maximum, weighted by exp(beta value).

    At the heatmap's border the patch is cut. The maximum's own pixel is constant under differentiation, so the place
    jumps where it changes to a neighbour.

    Args:
        heatmaps: [..., H, W].
        beta: the larger, the nearer to the maximum's own pixel.

    Returns:
        (places, peaks): [..., 2] x and y in heatmap pixels, whose centres lie at +0.5, and the maxima [...].
    """
    height, width = heatmaps.shape[-2:]
    values = heatmaps.flatten(-2)
    peak = values.argmax(-1, keepdim=True)
    step = torch.arange(-1, 2, device=heatmaps.device)
    rows = peak // width + step.repeat_interleave(3)
    columns = peak % width + step.repeat(3)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    around = values.gather(-1, rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1))
    share = torch.softmax((beta * around).masked_fill(~inside, -torch.inf), -1)
    places = torch.stack([(share * (columns + 0.5)).sum(-1), (share * (rows + 0.5)).sum(-1)], -1)
    return places, values.gather(-1, peak)[..., 0]


def crop_from_face(box: Box, size: int) -> Crop:
    """The upright window of 3D-FAN around a face's box (brows to chin), plate pixels.

    The network knows turned heads.
    """
    x0, y0, x1, y1 = box
    centre = ((x0 + x1) / 2, (y0 + y1) / 2 - CROP_RISE * (y1 - y0))
    return Crop(centre, CROP_SIDE * (x1 - x0 + y1 - y0), 0.0, size)
