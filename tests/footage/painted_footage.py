"""Makes footage whose frame number is painted into every picture, and reads the number back."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import OpenImageIO as oiio

WIDTH, HEIGHT = 160, 96
BITS = 12  # two rows of six squares, 24 pixels each
SQUARE = 24
PATCHES = ((200, 40, 40), (40, 200, 40), (40, 40, 200), (120, 120, 120))  # the bottom row: colours


def painted(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """[H, W, 3] uint8 with `number` as big squares (lowest bit first), as digits, and four colour patches below."""
    image = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        y, x = divmod(bit, 6)
        if number >> bit & 1:
            image[y * SQUARE : (y + 1) * SQUARE, x * SQUARE : (x + 1) * SQUARE] = 255
    for patch, color in enumerate(PATCHES):
        image[2 * SQUARE : 3 * SQUARE, patch * 36 : (patch + 1) * 36] = color
    cv2.putText(image, str(number), (4, 92), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return image


def number_in(image: np.ndarray) -> int:
    """The number painted into [H, W, 3] values of 0..1."""
    centres = [(bit // 6 * SQUARE + SQUARE // 2, bit % 6 * SQUARE + SQUARE // 2) for bit in range(BITS)]
    return sum(int(image[y, x, 1] > 0.5) << bit for bit, (y, x) in enumerate(centres))


def write_image(path: Path, pixels: np.ndarray, fmt: str = "uint8", **more: object) -> None:
    """Write [H, W, C]; `more` are attributes of the file, or spec fields such as x, full_width, channelnames."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], fmt)
    for name, value in more.items():
        if hasattr(spec, name):
            setattr(spec, name, value)
        else:
            spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()


def write_movie(
    path: Path, codec: str, pix_fmt: str, count: int, *, options=None, times=None, rate: int = 24, first: int = 1
) -> None:
    """`count` painted pictures, numbered from `first`; `times`: presentation time of picture k in 1/24000 s."""
    base = Fraction(1, 24000) if times else Fraction(1, rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.options = WIDTH, HEIGHT, pix_fmt, options or {}
        stream.codec_context.thread_count = 1
        if times:
            stream.codec_context.time_base = base
        for k in range(count):
            frame = av.VideoFrame.from_ndarray(painted(first + k), "rgb24")
            frame.pts, frame.time_base = times(k) if times else k, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def turn(path: Path, matrix: tuple[int, ...]) -> None:
    """Write a display matrix into an MP4's track header: the flag that a telephone held sideways writes."""
    data = bytearray(path.read_bytes())
    start = data.find(b"tkhd") + 4
    start += 40 if data[start] == 0 else 52
    data[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)


ONE = 65536
QUARTER_CLOCKWISE = (0, ONE, 0, -ONE, 0, 0, HEIGHT * ONE, 0, 1 << 30)
HALF = (-ONE, 0, 0, 0, -ONE, 0, WIDTH * ONE, HEIGHT * ONE, 1 << 30)
