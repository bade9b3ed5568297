"""Frames from movies by exact number, through PyAV.

A picture is reached by decoding on from the last one read, or from the key frame before it, until the picture with its
very presentation time comes out; a key frame that does not lead to a clean picture (open groups of pictures) gives way
to the one before it. Pictures passed on the way are handed to the cache, so that reading backwards is no slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np

from solver_core.common.errors import FaceSolveError
from solver_core.footage.plates.footage import MOST_PIXELS, PlateFrameError, Stored
from solver_core.footage.plates.movie_index import MovieIndex, index_movie

_NOWHERE = -1
_KEY_FRAMES_TRIED = 3
# The kinds of movie that are read, by FFmpeg's names, whatever the file is called. Each holds its pictures itself:
# playlists, patterns of file names and scripts, which FFmpeg would follow to other files and to the network, are not
# among them (docs/security.md).
_KINDS = (
    "mov,matroska,webm,avi,mxf,mxf_opatom,ogg,mpeg,mpegts,mpegvideo,m4v,flv,asf,dv,gxf,nut,wtv,rm,swf,flic,r3d,ivf,"
    "av1,obu,h261,h263,h264,hevc,vvc,vc1,mjpeg,dirac,dnxhd,cavsvideo,yuv4mpegpipe,gif,apng,mv,cine,lxf,wav,mp3,aac,flac"
)


class Movie:
    """A movie file, frames counted from 1.

    Args:
        path: of the file.
        rotate: whether its rotation flag (quarter turns) is obeyed.

    """

    def __init__(self, path: str, *, rotate: bool = True) -> None:
        self._path = path
        self._rotate = rotate
        if not Path(path).is_file():
            raise FaceSolveError(f"The plate {path} was not found.", "Load the plate again in Blender.")
        self._decoded: Iterator[av.VideoFrame] = iter(())
        self._position = _NOWHERE  # the picture that _decoded gives next
        try:
            self._open()
            self._index: MovieIndex = index_movie(self._container, self._stream)
            self.size = self._measure()
        except av.FFmpegError as error:
            raise FaceSolveError(
                f"The movie {path} is damaged or incomplete ({error.strerror}).",
                "Copy it again, or convert it to an image sequence.",
            ) from error

    def picture(self, frame: int) -> int:
        """See FrameSource.picture."""
        picture = self._index.picture(frame)
        if picture is not None:
            return picture
        count = self._index.frame_count
        if self._index.cut_short:
            raise PlateFrameError(
                frame,
                f"The movie {self._path} breaks off after frame {count}; frame {frame} is lost.",
                "Copy it again.",
            )
        raise PlateFrameError(
            frame,
            f"The movie {self._path} has frames 1 to {count}, not {frame}.",
            "Shorten the frame range, or correct the plate's offset.",
        )

    def decode(self, frame: int, keep: Callable[[int, Stored], None]) -> Stored:
        """See FrameSource.decode."""
        picture = self.picture(frame)
        found = self._reach(picture, keep)
        if found is None:
            raise PlateFrameError(
                frame,
                f"Frame {frame} of the movie {self._path} is damaged.",
                "Copy the movie again, or leave the frame out of the range.",
            )
        height, width = found.shape[:2]
        if (width, height) != self.size:
            raise PlateFrameError(
                frame,
                f"Frame {frame} of {self._path} is {width} x {height} pixels, "
                f"the first is {self.size[0]} x {self.size[1]}.",
                "Convert the movie to one size.",
            )
        return found

    def close(self) -> None:
        """Close the file."""
        self._decoded = iter(())
        self._container.close()

    def _open(self) -> None:
        """Open the file anew, at its beginning."""
        # The word "file:" keeps FFmpeg from taking a name with a colon for an address.
        options = {"protocol_whitelist": "file", "format_whitelist": _KINDS}
        try:
            self._container = av.open(f"file:{Path(self._path).absolute()}", options=options)
        except av.ArgumentError as error:
            raise FaceSolveError(
                f"The movie {self._path} is of a kind that is not read, or only a list of other files.",
                "Choose the footage itself, or convert it to an image sequence.",
            ) from error
        stream = self._container.streams.best("video")
        if stream is None:
            self._container.close()
            raise FaceSolveError(f"The movie {self._path} has no picture.", "Choose a file with a video track.")
        if stream.width * stream.height > MOST_PIXELS:
            self._container.close()
            raise FaceSolveError(
                f"The movie {self._path} says that it is {stream.width} x {stream.height} pixels, "
                "more than can be read.",
                "Convert it to a smaller one.",
            )
        stream.thread_type = "AUTO"
        self._stream = stream

    def _measure(self) -> tuple[int, int]:
        """(width, height) of the first picture that decodes, after rotation."""
        self._seek(0)
        first = next(self._decoded, None)
        self._position = _NOWHERE
        if first is None:
            raise FaceSolveError(f"The movie {self._path} has no picture in it.", "Copy or export it again.")
        height, width = self._pixels(first).shape[:2]
        return width, height

    def _reach(self, picture: int, keep: Callable[[int, Stored], None]) -> Stored | None:
        """The picture, going on from where the decoder stands or from ever earlier key frames; None where damaged."""
        starts = self._index.key_pictures_until(picture, _KEY_FRAMES_TRIED)
        if starts[0] <= self._position <= picture:
            found = self._decode_on(picture, keep)
            if found is not None:
                return found
        for start in starts:
            self._seek(start)
            found = self._decode_on(picture, keep)
            if found is not None:
                return found
        return None

    def _seek(self, start: int) -> None:
        """Place the decoder at key picture `start`; 0 is the very beginning, which not every format can seek to."""
        if start == 0:
            self.close()
            self._open()
        else:
            self._container.seek(self._index.times[start], stream=self._stream, backward=True, any_frame=False)
        self._decoded = self._container.decode(self._stream)
        self._position = start

    def _decode_on(self, picture: int, keep: Callable[[int, Stored], None]) -> Stored | None:
        """Decode until `picture` comes; None where the decoder passes it, fails, or gives it damaged."""
        index = self._index
        try:
            for decoded in self._decoded:
                at = self._position if index.by_count else index.picture_at(decoded.pts)
                if at is None:  # a lead-in that is never shown
                    continue
                self._position = at + 1
                if at == picture and not decoded.is_corrupt:
                    return self._pixels(decoded)
                if at >= picture:
                    break
                if not decoded.is_corrupt:
                    keep(at, self._pixels(decoded))
        except av.FFmpegError:
            pass  # damaged data: the caller tries an earlier key frame, then names the frame
        self._position = _NOWHERE
        return None

    def _pixels(self, decoded: av.VideoFrame) -> Stored:
        """[H, W, 3] RGB: uint8, or uint16 where the movie has more than 8 bits.

        The matrix and range are the ones that the file names; where it names none, BT.601 and video range, as Blender.
        """
        deep = any(component.bits > 8 for component in decoded.format.components)
        pixels: Stored = decoded.to_ndarray(format="rgb48le" if deep else "rgb24")
        if self._rotate and decoded.rotation % 90 == 0:
            pixels = np.rot90(pixels, decoded.rotation // 90)
        return np.ascontiguousarray(pixels)
