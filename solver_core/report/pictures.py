"""Plate, render, their difference, landmarks and optical flow between them, for some frames of a solve."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from solver_core.common.arrays import Bools, Floats, Ints, spread
from solver_core.documents.solution import Solution
from solver_core.flow.colors import key, middlebury
from solver_core.footage.views import View
from solver_core.look.synthesis import picture
from solver_core.observe.landmarks import landmarks_of
from solver_core.protocol import FRAME_FAILED
from solver_core.stages.context import Context
from solver_core.stages.shared.light import estimate_lights

SIZE = 320  # pixels of a picture, as in the stages: the crop is the plate's for both
ZOOM = 2  # of the landmark picture, so that lines of a pixel can be seen
EVERY = 6  # a spread of this many frames
WORST = 5
GAIN = 4.0  # of the difference picture
KEY = 96  # pixels a side of the flow picture's key
MOST = 90.0  # percentile of the lengths that has the purest colours
SHORT = 1.0  # pixels, the least length that has them
PLATE, RENDER, LINE = (255, 220, 0), (0, 220, 255), (255, 40, 40)  # RGB

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """One frame in one camera."""

    camera: str
    frame: int
    image: Image  # [SIZE * ZOOM, 4 * SIZE * ZOOM, 3] RGB: plate, render, difference, landmarks
    error_px: float  # RMS distance of the landmarks in this picture, plate pixels
    difference: float  # mean absolute display-referred difference, 0 to 1
    flow: (
        Image  # [SIZE * ZOOM, SIZE * ZOOM, 3] RGB: from the render to the plate on the head, in the Middlebury colours
    )
    longest: float  # plate pixels, the length of its purest colours


def chosen_frames(solution: Solution) -> Ints:
    """[n] indices of a spread of the frames that were solved, and of those with the largest error."""
    solved = np.flatnonzero(np.array([status != FRAME_FAILED for status in solution.status], bool))
    return np.union1d(spread(solved, EVERY), worst_frames(solution)) if len(solved) else solved


def worst_frames(solution: Solution) -> Ints:
    """[n] indices of the frames with the largest errors, worst first; frames without an error are not among them."""
    known = np.flatnonzero(
        np.isfinite(solution.error_px) & np.array([s != FRAME_FAILED for s in solution.status], bool)
    )
    return known[np.argsort(-solution.error_px[known], kind="stable")][:WORST]


def show(context: Context) -> list[Shown]:
    """Every frame of the context in every camera that sees it; the lights are estimated from the same frames."""
    estimate_lights(context)
    found = [
        _show(context, view, light, np.array([i]))
        for view, light in zip(context.views, context.look.lights, strict=True)
        for i in np.flatnonzero(view.seen)
    ]
    return sorted(found, key=lambda shown: shown.frame)


def _show(context: Context, view: View, light: Floats, index: Ints) -> Shown:
    plates = view.images(index, SIZE)
    look, pose = context.look.under(light), context.pose[index]
    rendering = picture(context.rig, context.renderer, view, pose, index, SIZE, look, plates).rendering
    plate, render = plates[0], rendering.image[0]
    difference = np.abs(plate - render)
    on_plate, on_render = landmarks_of(context.network, plates)[0], landmarks_of(context.network, rendering.image)[0]
    panels = [
        *(_enlarged(image) for image in (plate, render, GAIN * difference)),
        landmark_picture(plate, on_plate, on_render, context.layout.edges),
    ]
    scale = view.crop(int(index[0]), SIZE).scale
    moved = context.flow(rendering.image, plates)[0]
    head = rendering.fragments.mask[0]
    longest = max(SHORT, float(np.percentile(np.hypot(*moved[head].T), MOST))) if head.any() else SHORT
    return Shown(
        view.camera.name,
        int(context.shot.frames[index[0]]),
        np.concatenate(panels, 1),
        float(np.sqrt(((on_plate - on_render) ** 2).sum(1).mean()) * scale),
        float(difference.mean()),
        flow_picture(plate, moved, head, longest),
        longest * scale,
    )


def landmark_picture(plate: Floats, on_plate: Floats, on_render: Floats, edges: tuple[tuple[int, int], ...]) -> Image:
    """The plate [S,S,3], darkened, with the landmarks [L,2] of plate and render.

    The plate's are yellow, the render's cyan, with red lines between them. The contours of both are drawn thin, so that
    a face is seen and not a cloud.
    """
    image = _enlarged(0.5 * plate)
    for points, colour in ((on_plate, PLATE), (on_render, RENDER)):
        for a, b in edges:
            _line(image, points[a], points[b], tuple(channel // 2 for channel in colour))
    for points, colour in ((on_plate, PLATE), (on_render, RENDER)):
        for x, y in points:
            cv2.circle(image, _place(x, y), 16, colour, -1, cv2.LINE_AA, _SHIFT)
    for start, end in zip(on_plate, on_render, strict=True):
        _line(image, start, end, LINE)
    return image


def flow_picture(plate: Floats, flow: Floats, mask: Bools, longest: float) -> Image:
    """The flow [S,S,2] in the Middlebury colours, with their key, over the darkened plate [S,S,3].

    It is drawn where the mask [S,S] is.

    Args:
        plate: display-referred.
        flow: pixels.
        mask: where the flow is shown.
        longest: pixels, the length of the purest colours.
    """
    image = _enlarged(np.where(mask[..., None], middlebury(flow, longest), 0.3 * plate))
    disc = key(KEY)
    colours, cover = (255 * disc[..., :3]).astype(np.uint8), disc[..., 3:] > 0
    image[:KEY, :KEY] = np.where(cover, colours, image[:KEY, :KEY])
    return image


_SHIFT = 4  # OpenCV draws at 1/16 pixel


def _place(x: float, y: float) -> tuple[int, int]:
    """Picture coordinates as OpenCV's, whose pixel centres are whole numbers."""
    across, down = (round((float(v) * ZOOM - 0.5) * 2**_SHIFT) for v in (x, y))
    return across, down


def _line(image: Image, start: Floats, end: Floats, colour: tuple[int, ...]) -> None:
    cv2.line(image, _place(*start), _place(*end), colour, 1, cv2.LINE_AA, _SHIFT)


def _enlarged(image: Floats) -> Image:
    """[S,S,3] 0 to 1 -> [S * ZOOM, S * ZOOM, 3] uint8."""
    levels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    larger = cv2.resize(levels, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    return np.asarray(larger, np.uint8)
