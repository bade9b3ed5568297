"""Frames from image files (PNG, JPEG, TIFF, EXR, DPX and what else OpenImageIO reads): sequences and stills.

What is read of a file:
- alpha is left aside and the stored colours are taken as they are; a grey image gives three equal channels;
- of an EXR's channels the plain R, G, B, else the layer called rgba, rgb, combined, beauty or left, else the first
  layer with all three, in the first part that has them;
- an EXR's data window is laid into its display window: black where there is no data, overscan cut off;
- orientation flags are not obeyed, as Blender does not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from solver_core.common.errors import FaceSolveError
from solver_core.common.reading import DAMAGE, why
from solver_core.footage.plates.footage import PlateFrameError, Stored
from solver_core.footage.plates.pattern import FramePattern

_FAVOURED_LAYERS = ("", "rgba", "rgb", "combined", "beauty", "left")
_SHORT = {"red": "r", "green": "g", "blue": "b", "luminance": "y"}
_STORED_AS = {"uint8": "uint8", "uint16": "uint16", "half": "half"}  # everything else is read as float
_BYTES = {"uint8": 1, "uint16": 2, "half": 2, "float": 4}
MOST_BYTES = 2**30  # of an image's pixels as stored: a texture of 16,384 by 16,384 has three quarters of it


class ImageSequence:
    """A file a frame.

    Args:
        pattern: such as `plates/A/{frame:04d}.jpg`.
        frames: the plate's own frame numbers that will be asked for; the first that can be read gives the size.

    """

    def __init__(self, pattern: str, frames: list[int]) -> None:
        self._path = FramePattern(pattern).path
        if not frames:
            raise FaceSolveError(f"The plate {pattern} has no frames.", "Choose a frame range that the plate covers.")
        damaged = []
        for path in filter(Path.is_file, map(self._path, frames)):
            try:
                self.size = image_size(path)
            except FaceSolveError as error:
                damaged.append(error)
            else:
                return
        if damaged:
            raise damaged[0]
        raise FaceSolveError(
            f"No frame of the plate was found: the first would be {self._path(frames[0])}.",
            "Check the plate's folder, or load the plate again in Blender.",
        )

    def picture(self, frame: int) -> int:
        """See FrameSource.picture."""
        return frame

    def decode(self, frame: int, keep: Callable[[int, Stored], None]) -> Stored:  # noqa: ARG002
        """See FrameSource.decode."""
        path = self._path(frame)
        if not path.is_file():
            raise PlateFrameError(
                frame,
                f"Frame {frame} of the plate is missing: there is no file {path}.",
                "Restore the file, or leave the frame out of the range.",
            )
        try:
            pixels = read_image(path)
        except FaceSolveError as error:
            raise PlateFrameError(frame, error.message, error.remedy) from error
        height, width = pixels.shape[:2]
        if (width, height) != self.size:
            raise PlateFrameError(
                frame,
                f"Frame {frame} of the plate is {width} x {height} pixels, "
                f"the others are {self.size[0]} x {self.size[1]}: {path}",
                "Export the frame again at the plate's size.",
            )
        return pixels

    def close(self) -> None:
        """Nothing stays open between frames."""


class StillImage:
    """One image that stands for every frame."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise FaceSolveError(f"The plate {path} was not found.", "Load the plate again in Blender.")
        self.size = image_size(self._path)

    def picture(self, frame: int) -> int:  # noqa: ARG002
        """See FrameSource.picture: one for all."""
        return 0

    def decode(self, frame: int, keep: Callable[[int, Stored], None]) -> Stored:  # noqa: ARG002
        """See FrameSource.decode."""
        try:
            return read_image(self._path)
        except FaceSolveError as error:
            raise PlateFrameError(frame, error.message, error.remedy) from error

    def close(self) -> None:
        """Nothing stays open between frames."""


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels, from the header alone; of an EXR the display window's.

    Raises:
        FaceSolveError: the file cannot be opened.

    """
    with _opened(path) as image:
        return _frame_size(image.spec(), is_exr=image.format_name() == "openexr")


def read_image(path: Path) -> Stored:
    """[H, W, 3] as stored: uint8, uint16, float16 or float32.

    Raises:
        FaceSolveError: the file is damaged or has no colour channels.

    """
    with _opened(path) as image:
        is_exr = image.format_name() == "openexr"
        part, channels = _color_channels(image, path)
        spec = image.spec(part, 0)
        stored_as = _STORED_AS.get(str(spec.format), "float")
        first, last = min(channels), max(channels) + 1
        _refuse_enormous(path, spec, (last - first) * _BYTES[stored_as])
        pixels: Any = image.read_image(part, 0, first, last, stored_as)
        problem = image.geterror()  # a file cut short may give its first half and an error
        if pixels is None or problem:
            raise _damaged(path, problem)
        pixels = pixels.reshape(spec.height, spec.width, last - first)
        picked = [channel - first for channel in channels]
        pixels = pixels if picked == list(range(last - first)) else pixels[:, :, picked]
        return _in_display_window(pixels, spec) if is_exr else np.ascontiguousarray(pixels)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[oiio.ImageInput]:
    """The image, its header read; whatever a damaged file raises is said as the file's damage."""
    try:
        wishes = oiio.ImageSpec()
        wishes.attribute("oiio:UnassociatedAlpha", 1)  # stored colours, not multiplied by alpha
        image = oiio.ImageInput.open(str(path), wishes)
        if image is None:
            raise _damaged(path, oiio.geterror())
        try:
            yield image
        finally:
            image.close()
    except DAMAGE as error:
        raise _damaged(path, why(error)) from error


def _refuse_enormous(path: Path, spec: oiio.ImageSpec, pixel_bytes: int) -> None:
    """Compare with the bound what the data and the display window would take, before anything is allocated."""
    for width, height in ((spec.width, spec.height), (spec.full_width, spec.full_height)):
        if width < 1 or height < 1 or spec.depth > 1:
            raise _damaged(path, f"it says that it is {width} x {height} pixels")
        if width * height * max(pixel_bytes, 3) > MOST_BYTES:
            raise FaceSolveError(
                f"The image {path} says that it is {width} x {height} pixels, more than can be read.",
                "Export it smaller, or copy it again if it is not that large.",
            )


def _damaged(path: Path, detail: str) -> FaceSolveError:
    reason = " ".join(detail.split())[:200] or "its pixels could not be read"
    return FaceSolveError(f"The image {path} is damaged or incomplete ({reason}).", "Export or copy the file again.")


def _frame_size(spec: oiio.ImageSpec, *, is_exr: bool) -> tuple[int, int]:
    return (spec.full_width, spec.full_height) if is_exr else (spec.width, spec.height)


def _in_display_window(pixels: Stored, spec: oiio.ImageSpec) -> Stored:
    """The data window's pixels laid into the display window."""
    width, height = spec.full_width, spec.full_height
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    if (left, top) == (0, 0) and pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    frame = np.zeros((height, width, 3), pixels.dtype)
    x0, x1 = max(left, 0), min(left + spec.width, width)
    y0, y1 = max(top, 0), min(top + spec.height, height)
    if x0 < x1 and y0 < y1:
        frame[y0:y1, x0:x1] = pixels[y0 - top : y1 - top, x0 - left : x1 - left]
    return frame


def _color_channels(image: oiio.ImageInput, path: Path) -> tuple[int, tuple[int, int, int]]:
    """The part of the file, and the indices of its red, green and blue channels (three times one for grey)."""
    seen: list[str] = []
    grey: tuple[int, int] | None = None
    part = 0
    while image.seek_subimage(part, 0):
        names = list(image.spec().channelnames)
        seen += names
        layers: dict[str, dict[str, int]] = {}
        for index, name in enumerate(names):
            layer, _, channel = name.rpartition(".")
            channel = channel.lower()
            layers.setdefault(layer, {}).setdefault(_SHORT.get(channel, channel), index)
        complete = [layer for layer, channels in layers.items() if {"r", "g", "b"} <= channels.keys()]
        if complete:
            channels = layers[min(complete, key=_favour)]
            return part, (channels["r"], channels["g"], channels["b"])
        if grey is None:
            luminance = _grey_channel(names)
            grey = None if luminance is None else (part, luminance)
        part += 1
    if grey is not None:
        return grey[0], (grey[1], grey[1], grey[1])
    raise FaceSolveError(
        f"The image {path} has no red, green and blue channels, only {', '.join(seen)}.",
        "Export the plate with R, G and B channels.",
    )


def _favour(layer: str) -> tuple[int, str]:
    """Sorts layers by how likely they are the picture; `ViewLayer.Combined` counts as `combined`."""
    last = layer.rpartition(".")[2].lower()
    rank = _FAVOURED_LAYERS.index(last) if last in _FAVOURED_LAYERS else len(_FAVOURED_LAYERS)
    return rank, layer


def _grey_channel(names: list[str]) -> int | None:
    """The channel of a grey image: its only one beside alpha; None where it has several."""
    opaque = [index for index, name in enumerate(names) if name.rpartition(".")[2].lower() not in {"a", "alpha", "z"}]
    return opaque[0] if len(opaque) == 1 else None
