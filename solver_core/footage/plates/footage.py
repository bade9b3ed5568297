"""What a plate is, and the part that all kinds share: colour conversion, a bounded cache, and thread safety."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from solver_core.color.spaces import HALF_MAX, Pixels, is_srgb, to_linear
from solver_core.color.srgb import srgb_decode, srgb_encode
from solver_core.common.errors import FaceSolveError
from solver_core.common.reading import DAMAGE, why

Stored: TypeAlias = npt.NDArray[Any]  # [H, W, 3] uint8, uint16, float16 or float32, as in the file

MOST_PIXELS = 100 * 10**6  # of a plate: the largest camera has 99 million
_BYTE_TO_LINEAR: Pixels = srgb_decode(np.arange(256, dtype=np.float32) / np.float32(255))


class PlateFrameError(FaceSolveError):
    """One frame of a plate that cannot be read; the others may be.

    Args:
        frame: the plate's own frame number.
        message: what is wrong, naming the file.
        remedy: what to do about it.

    """

    def __init__(self, frame: int, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.frame = frame


class Plate(Protocol):
    """Footage that can be read frame by frame, from any thread."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        ...

    def read(self, frame: int) -> Pixels:
        """[H, W, 3] linear Rec.709; finite, may be negative or above 1.

        Raises:
            PlateFrameError: the frame is missing, broken, or of another size.

        """
        ...

    def read_display(self, frame: int) -> Pixels:
        """[H, W, 3] sRGB-encoded, clipped to 0..1: what networks eat. 8-bit sRGB files give their bytes / 255 exactly.

        Raises:
            PlateFrameError: the frame is missing, broken, or of another size.

        """
        ...

    def close(self) -> None:
        """Let go of files and memory."""
        ...


class FrameSource(Protocol):
    """Where frames come from, before colour. Called by one thread at a time."""

    size: tuple[int, int]  # (width, height) in pixels

    def picture(self, frame: int) -> int:
        """The stored picture that `frame` shows: frames may share one. Raises PlateFrameError where there is none."""
        ...

    def decode(self, frame: int, keep: Callable[[int, Stored], None]) -> Stored:
        """[H, W, 3] as stored in the file, without alpha; raises PlateFrameError.

        `keep(picture, stored)` may be called with pictures that were decoded on the way.
        """
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class Footage:
    """A Plate over any FrameSource.

    Frames are cached as stored and converted at every read, so that callers own (and may write to) what they get.
    Pixels that are no numbers become 0, infinite ones the largest half float. `again` opens it in another process.
    """

    def __init__(
        self, source: FrameSource, colorspace: str, cache_bytes: int, again: Callable[[], Footage] | None = None
    ) -> None:
        self._to_linear = to_linear(colorspace)
        self._stored_for_display = is_srgb(colorspace)
        self._source = source
        self._pictures: OrderedDict[int, Stored] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._cached = 0
        self._lock = threading.Lock()
        self._again = again

    def __reduce__(self) -> tuple[Callable[[], Footage], tuple[()]]:
        """In another process it is opened anew."""
        if self._again is None:
            raise TypeError("footage that was not opened from a file does not travel")
        return self._again, ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self._source.size

    def read(self, frame: int) -> Pixels:
        """See Plate.read."""
        stored = self._stored(frame)
        if stored.dtype == np.uint8 and self._stored_for_display:
            return _BYTE_TO_LINEAR[stored]
        return self._to_linear(_as_float(stored))

    def read_display(self, frame: int) -> Pixels:
        """See Plate.read_display."""
        stored = _as_float(self._stored(frame))
        display = stored if self._stored_for_display else np.asarray(srgb_encode(self._to_linear(stored)), np.float32)
        return np.clip(display, 0.0, 1.0, out=display)

    def close(self) -> None:
        """See Plate.close."""
        with self._lock:
            self._pictures.clear()
            self._cached = 0
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stored(self, frame: int) -> Stored:
        """The frame as stored, from the cache or the source."""
        with self._lock:
            picture = self._source.picture(frame)
            if picture in self._pictures:
                self._pictures.move_to_end(picture)
                return self._pictures[picture]
            stored = self._decoded(frame)
            self._keep(picture, stored)
            return stored

    def _decoded(self, frame: int) -> Stored:
        """From the source; whatever a damaged file raises is that frame's damage."""
        try:
            return self._source.decode(frame, self._keep)
        except DAMAGE as error:
            raise PlateFrameError(
                frame, f"Frame {frame} of the plate cannot be read: {why(error)}.", "Copy or export it again."
            ) from error

    def _keep(self, picture: int, stored: Stored) -> None:
        """Cache a picture; the ones unused for longest make room."""
        replaced = self._pictures.pop(picture, None)
        self._cached += stored.nbytes - (replaced.nbytes if replaced is not None else 0)
        self._pictures[picture] = stored
        while self._cached > self._cache_bytes:
            self._cached -= self._pictures.popitem(last=False)[1].nbytes


def _as_float(stored: Stored) -> Pixels:
    """A fresh float32 copy: integers as fractions of their largest value, floats made finite."""
    if np.issubdtype(stored.dtype, np.integer):
        numbers: Pixels = stored.astype(np.float32)
        numbers /= np.float32(np.iinfo(stored.dtype).max)  # in place: plates are large
        return numbers
    pixels: Pixels = stored.astype(np.float32)
    return np.nan_to_num(pixels, copy=False, nan=0.0, posinf=HALF_MAX, neginf=-HALF_MAX)
