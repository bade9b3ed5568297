"""Where each picture of a movie lies in time: listed once from the packets, without decoding.

Frame n is what Blender shows as frame n of a movie (measured on 4.2 to 5.0): the picture on screen (n - 1) / rate
seconds after the first one. At a constant rate that is the n-th picture; at a variable rate, where `rate` is the finest
step, a picture stands for several numbers. Pictures are counted from 0 in the order in which they are shown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction

import av
import av.container

_GRACE = Fraction(1, 2)  # time units: times in milliseconds are rounded


@dataclass(frozen=True)
class MovieIndex:
    """The pictures of a movie.

    Args:
        times: presentation time of each picture in `time_base` units, ascending.
        key_pictures: the pictures that can be decoded by themselves, ascending.
        time_base: seconds a unit.
        rate: frames a second, as Blender counts them.
        by_count: the file has no trustworthy presentation times (AVI with reordered pictures, raw streams):
            pictures are told by counting from the start.
        constant_rate: no picture lies half a frame or more from its place.
        cut_short: the header announces more pictures than there are.

    """

    times: list[int]
    key_pictures: list[int]
    time_base: Fraction
    rate: Fraction
    by_count: bool
    constant_rate: bool
    cut_short: bool

    @property
    def frame_count(self) -> int:
        """The last frame number."""
        if self.by_count or self.constant_rate:
            return len(self.times)
        return int((self.times[-1] - self.times[0] + _GRACE) * self.time_base * self.rate) + 1

    def picture(self, frame: int) -> int | None:
        """The picture shown at frame number `frame` (from 1); None outside the movie."""
        if not 1 <= frame <= self.frame_count:
            return None
        if self.by_count or self.constant_rate:
            return frame - 1
        time = self.times[0] + Fraction(frame - 1) / self.rate / self.time_base + _GRACE
        return bisect_right(self.times, time) - 1

    def picture_at(self, time: int | None) -> int | None:
        """The picture with exactly this presentation time; None where there is none."""
        if time is None:
            return None
        place = bisect_left(self.times, time)
        return place if place < len(self.times) and self.times[place] == time else None

    def key_pictures_until(self, picture: int, count: int) -> list[int]:
        """Up to `count` pictures to start decoding from in order to reach `picture`, the nearest first."""
        if self.by_count:
            return [0]
        until = bisect_right(self.key_pictures, picture)
        return self.key_pictures[max(until - count, 0) : until][::-1] or [0]


def index_movie(container: av.container.InputContainer, stream: av.VideoStream) -> MovieIndex:
    """Read all packets of `stream` once.

    Raises:
        av.FFmpegError: the file cannot be read, or holds no pictures.

    """
    times: list[int] = []
    keys: list[int] = []
    timed = True
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:  # the end; what an edit list hides
                continue
            timed = timed and packet.pts is not None
            times.append(packet.pts if packet.pts is not None else len(times))
            if packet.is_keyframe:
                keys.append(times[-1])
    except av.FFmpegError:
        if not times:
            raise  # else: cut short; what came before can be read
    if not times:
        raise av.InvalidDataError(0, "no pictures", stream.container.name)
    reordered_avi = container.format.name == "avi" and stream.codec_context.has_b_frames
    by_count = not timed or reordered_avi or len(set(times)) != len(times)
    times = list(range(len(times))) if by_count else sorted(times)
    rate = stream.guessed_rate or stream.average_rate or Fraction(24)
    time_base = stream.time_base or Fraction(1, 1)
    first, step = times[0], 1 / (rate * time_base)
    return MovieIndex(
        times=times,
        key_pictures=[0] if by_count else [bisect_left(times, key) for key in sorted(keys)],
        time_base=time_base,
        rate=rate,
        by_count=by_count,
        constant_rate=all(abs(time - first - place * step) * 2 < step for place, time in enumerate(times)),
        cut_short=stream.frames > len(times),
    )
