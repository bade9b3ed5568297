"""Movie plates: any frame in any order is the one whose number is painted into it."""

from __future__ import annotations

import contextlib
import http.server
import threading

import av
import numpy as np
import pytest
from painted_footage import (
    HALF,
    HEIGHT,
    PATCHES,
    QUARTER_CLOCKWISE,
    SQUARE,
    WIDTH,
    number_in,
    painted,
    turn,
    write_movie,
)

from solver_core.common.errors import FaceSolveError
from solver_core.footage.plates import PlateFrameError, open_plate

COUNT = 50
B_FRAMES = {"bf": "3", "g": "12"}
MOVIES = {
    "h264.mp4": ("libx264", "yuv420p", B_FRAMES),
    "h264_open_gop.mkv": ("libx264", "yuv420p", {**B_FRAMES, "x264-params": "open-gop=1"}),
    "h264_open_gop.ts": ("libx264", "yuv420p", {**B_FRAMES, "x264-params": "open-gop=1"}),
    "h264.avi": ("libx264", "yuv420p", B_FRAMES),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"bf": "0"}),
    "mpeg4_b.avi": ("mpeg4", "yuv420p", {"bf": "2"}),
    "mpeg4_b.mp4": ("mpeg4", "yuv420p", {"bf": "2"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "mjpeg.mov": ("mjpeg", "yuvj420p", {}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
}


def movie(path, **more):
    return {"kind": "movie", "path": str(path), "frames": [1], "colorspace": "sRGB", **more}


@pytest.fixture(scope="module", params=MOVIES)
def footage(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("movies") / request.param
    codec, pix_fmt, options = MOVIES[request.param]
    write_movie(path, codec, pix_fmt, COUNT, options=options)
    return path


ORDERS = {
    "forward": range(1, COUNT + 1),
    "backward": range(COUNT, 0, -1),
    "thirds": range(1, COUNT + 1, 3),
    "random": np.random.default_rng(0).permutation(np.arange(1, COUNT + 1)).tolist(),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("cache_bytes", [0, 2**26])
def test_every_frame_is_the_one_painted(footage, order, cache_bytes):
    with open_plate(movie(footage), cache_bytes=cache_bytes) as plate:
        assert plate.size == (WIDTH, HEIGHT)
        assert [number_in(plate.read_display(frame)) for frame in ORDERS[order]] == list(ORDERS[order])


@pytest.mark.parametrize("frame", [0, -3, COUNT + 1])
def test_frames_outside_are_refused_by_number(footage, frame):
    with open_plate(movie(footage)) as plate, pytest.raises(PlateFrameError, match=str(frame)) as caught:
        plate.read(frame)
    assert caught.value.frame == frame


def test_colours_come_back(tmp_path):
    write_movie(tmp_path / "a.mkv", "ffv1", "yuv444p", 2)
    with open_plate(movie(tmp_path / "a.mkv")) as plate:
        for patch, color in enumerate(PATCHES):
            read = plate.read_display(1)[2 * SQUARE + 12, patch * 36 + 18] * 255
            np.testing.assert_allclose(read, color, atol=3)


def test_more_than_eight_bits_are_kept(tmp_path):
    ramp = np.linspace(0, 65535, WIDTH).astype(np.uint16)[None, :, None].repeat(HEIGHT, 0).repeat(3, 2)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p16le"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(ramp, "rgb48le")))
        container.mux(stream.encode())
    with open_plate(movie(tmp_path / "a.mkv")) as plate:
        read = plate.read_display(1)
    assert np.unique(read[0, :, 1]).size == WIDTH
    np.testing.assert_allclose(read, ramp / 65535.0, atol=0.002)


def vary(k):
    """Presentation time of picture k in 1/24000 s: uneven steps, and a hole after the twentieth."""
    return k * 1000 + (k % 3) * 200 + (5000 if k > 20 else 0)


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_variable_rate_shows_what_is_on_screen_at_the_time(tmp_path, extension):
    path = tmp_path / f"vfr.{extension}"
    write_movie(path, "libx264", "yuv420p", 40, options={"bf": "2"}, times=vary)
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].guessed_rate)
    with open_plate(movie(path)) as plate:
        last = int(vary(39) / 24000 * rate) + 1
        for frame in [*range(1, last, 7), last]:
            seconds = (frame - 1) / rate
            expected = max(k for k in range(40) if vary(k) / 24000 <= seconds + 0.0006) + 1
            assert number_in(plate.read_display(frame)) == expected, frame
        with pytest.raises(PlateFrameError):
            plate.read(last + 2)


@pytest.mark.parametrize(("matrix", "turns"), [(QUARTER_CLOCKWISE, -1), (HALF, 2)])
def test_rotation_flag_is_obeyed_unless_told_otherwise(tmp_path, matrix, turns):
    path = tmp_path / "a.mp4"
    write_movie(path, "libx264", "yuv420p", 3)
    with open_plate(movie(path)) as plate:
        upright = plate.read_display(2)
    turn(path, matrix)
    with open_plate(movie(path)) as plate:
        np.testing.assert_array_equal(plate.read_display(2), np.rot90(upright, turns))
        assert plate.size == (plate.read(2).shape[1], plate.read(2).shape[0])
    with open_plate(movie(path, rotate=False)) as plate:
        np.testing.assert_array_equal(plate.read_display(2), upright)


def test_a_movie_cut_short_says_where_it_breaks_off(tmp_path):
    path = tmp_path / "a.mp4"
    write_movie(path, "libx264", "yuv420p", COUNT, options={**B_FRAMES, "movflags": "faststart"})
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "b.mp4"), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    short = tmp_path / "b.mp4"
    data = short.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")
    short.write_bytes(data[: data.find(b"mdat") + int((len(data) - data.find(b"mdat")) * 0.6)])
    with open_plate(movie(short)) as plate:
        lost = []
        for frame in range(1, COUNT + 1):
            try:
                assert number_in(plate.read_display(frame)) == frame
            except PlateFrameError as error:
                lost.append((frame, error.frame, "b.mp4" in error.message))
        assert lost == [(frame, frame, True) for frame in range(lost[0][0], COUNT + 1)]
        assert lost[0][0] > 5
        with pytest.raises(PlateFrameError, match="breaks off"):
            plate.read(COUNT)


@pytest.mark.parametrize("name", ["mjpeg.mov", "prores.mov", "h264.mp4"])
def test_a_damaged_picture_is_named_and_others_still_read(tmp_path, name):
    codec, pix_fmt, options = MOVIES[name]
    path = tmp_path / name
    write_movie(path, codec, pix_fmt, COUNT, options=options)
    with av.open(str(path)) as container:
        packets = sorted((packet.pts, packet.pos, packet.size) for packet in container.demux(video=0) if packet.size)
    data = bytearray(path.read_bytes())
    _, position, size = packets[9]
    data[position + size // 6 : position + size] = bytes(size - size // 6)
    path.write_bytes(data)
    with open_plate(movie(path)) as plate:
        for _ in range(2):
            with pytest.raises(PlateFrameError, match=rf"Frame 10 of the movie .*{name} is damaged") as caught:
                plate.read(10)
            assert caught.value.frame == 10
        for frame in (1, 40, 20) if codec == "libx264" else (9, 11, 20, 1):  # later key frames; all are key frames
            assert number_in(plate.read_display(frame)) == frame


@pytest.mark.parametrize("content", [b"", b"not a movie at all" * 50])
def test_a_file_that_is_no_movie_is_named(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(FaceSolveError, match=r"a\.mp4"):
        open_plate(movie(tmp_path / "a.mp4"))


def test_sound_without_picture_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(FaceSolveError, match=r"a\.wav has no picture"):
        open_plate(movie(tmp_path / "a.wav"))


def test_threads_read_the_frames_they_ask_for(tmp_path):
    write_movie(tmp_path / "a.mp4", "libx264", "yuv420p", COUNT, options=B_FRAMES)
    wrong = []
    with open_plate(movie(tmp_path / "a.mp4"), cache_bytes=5 * WIDTH * HEIGHT * 3) as plate:

        def read(seed):
            asked = np.random.default_rng(seed).integers(1, COUNT + 1, 25).tolist()
            wrong.extend(frame for frame in asked if number_in(plate.read_display(frame)) != frame)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_reading_on_decodes_every_picture_once(tmp_path, monkeypatch):
    write_movie(tmp_path / "a.mp4", "libx264", "yuv420p", COUNT, options={"bf": "3", "g": "250"})
    with open_plate(movie(tmp_path / "a.mp4"), cache_bytes=0) as plate:
        seeks = []
        source = plate._source
        original = source._seek
        monkeypatch.setattr(source, "_seek", lambda start: (seeks.append(start), original(start)))
        for frame in range(1, COUNT + 1):
            assert number_in(plate.read_display(frame)) == frame
    assert seeks == [0]


def test_painting_reads_back():
    for number in (0, 1, 1001, 4095):
        assert number_in(painted(number) / 255.0) == number


def _heard(folder):
    """A server of `folder` on this machine, and what it is asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, directory=str(folder), **more)

        def log_message(self, *_arguments):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2.0,\n{target}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT2S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
    '<AdaptationSet contentType="video" mimeType="video/mp2t">'
    '<Representation id="1" bandwidth="1000" width="{width}" height="{height}"><BaseURL>{target}</BaseURL>'
    '<SegmentList duration="2">'
    '<SegmentURL media="{target}"/></SegmentList></Representation></AdaptationSet></Period></MPD>\n',
}


@pytest.mark.parametrize("ending", ["mov", "mp4", "m3u8", "mpd"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_opens_no_other_file_and_no_address(tmp_path, kind, ending):
    """Neither by its own name nor as a movie: it is refused, and what it names is never read."""
    write_movie(tmp_path / "other.ts", "libx264", "yuv420p", 5)
    server, asked = _heard(tmp_path)
    try:
        for target in ("other.ts", str(tmp_path / "other.ts"), f"http://127.0.0.1:{server.server_port}/other.ts"):
            playlist = tmp_path / f"a.{ending}"
            playlist.write_text(PLAYLISTS[kind].format(target=target, width=WIDTH, height=HEIGHT))
            with pytest.raises(FaceSolveError, match=rf"a\.{ending}"):
                open_plate(movie(playlist))
        assert asked == []
    finally:
        server.shutdown()
        server.server_close()


def test_a_playlist_that_ffmpeg_would_follow_is_what_is_refused(tmp_path):
    """By itself FFmpeg opens the other file and asks the server."""
    write_movie(tmp_path / "other.ts", "libx264", "yuv420p", 5)
    (tmp_path / "a.mov").write_text(PLAYLISTS["concat"].format(target="other.ts"))
    with av.open(str(tmp_path / "a.mov")) as container:
        assert container.format.name == "concat"
        assert next(container.decode(video=0)) is not None
    server, asked = _heard(tmp_path)
    try:
        address = f"http://127.0.0.1:{server.server_port}/other.ts"
        (tmp_path / "a.m3u8").write_text(PLAYLISTS["hls"].format(target=address))
        with contextlib.suppress(av.FFmpegError):
            av.open(str(tmp_path / "a.m3u8"), options={"protocol_whitelist": "file,http,tcp"}).close()
        assert asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("name", ["http:movie.mov", "concat:movie.mov", "a%02d.mov", "subfile,,start,0,end,9,,:a.mov"])
def test_a_movies_name_is_only_a_name(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_movie(tmp_path / "plain.mov", "libx264", "yuv420p", 5)
    (tmp_path / "plain.mov").rename(tmp_path / name)
    with open_plate(movie(name)) as plate:
        assert number_in(plate.read_display(3)) == 3
