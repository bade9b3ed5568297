"""Image plates: every format gives the right frame with the right colours, and every damage is named."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from painted_footage import HEIGHT, WIDTH, number_in, painted, write_image

from solver_core.color.srgb import srgb_decode, srgb_encode
from solver_core.common.errors import FaceSolveError
from solver_core.footage.plates import PlateFrameError, open_plate


def sequence(folder, extension, frames, colorspace="sRGB"):
    return {
        "kind": "sequence",
        "path": f"{folder}/f.{{frame:04d}}.{extension}",
        "frames": frames,
        "colorspace": colorspace,
    }


def still(path, colorspace="sRGB"):
    return {"kind": "image", "path": str(path), "frames": [1], "colorspace": colorspace}


@pytest.mark.parametrize(
    ("extension", "fmt"), [("png", "uint8"), ("png", "uint16"), ("jpg", "uint8"), ("tif", "uint8"), ("tif", "uint16")]
)
def test_integer_formats_give_each_frame_and_its_exact_values(tmp_path, extension, fmt):
    wide = 257 if fmt == "uint16" else 1
    frames = [998, 1001, 1007]
    for frame in frames:
        write_image(
            tmp_path / f"f.{frame:04d}.{extension}", painted(frame).astype(fmt) * wide, fmt, CompressionQuality=95
        )
    plate = open_plate(sequence(tmp_path, extension, [None, *frames]))
    assert plate.size == (WIDTH, HEIGHT)
    for frame in reversed(frames):
        display = plate.read_display(frame)
        assert display.dtype == np.float32
        assert display.shape == (HEIGHT, WIDTH, 3)
        assert number_in(display) == frame
        if extension != "jpg":
            np.testing.assert_array_equal(display, painted(frame).astype(np.float32) / np.float32(255))
        np.testing.assert_allclose(plate.read(frame), srgb_decode(display), atol=1e-6)


@pytest.mark.parametrize("fmt", ["half", "float"])
def test_linear_exr_and_srgb_png_of_one_picture_agree(tmp_path, fmt):
    write_image(tmp_path / "a.png", painted(77))
    write_image(tmp_path / "a.exr", srgb_decode(painted(77) / 255.0), fmt)
    png, exr = open_plate(still(tmp_path / "a.png")), open_plate(still(tmp_path / "a.exr", "Linear Rec.709"))
    np.testing.assert_allclose(exr.read(1), png.read(1), atol=5e-4 if fmt == "half" else 1e-7)
    np.testing.assert_allclose(exr.read_display(1), png.read_display(1), atol=5e-4 if fmt == "half" else 2e-6)


def test_sixteen_bits_are_kept(tmp_path):
    ramp = np.arange(WIDTH * HEIGHT * 3, dtype=np.uint16).reshape(HEIGHT, WIDTH, 3)
    write_image(tmp_path / "a.png", ramp, "uint16")
    np.testing.assert_array_equal(
        open_plate(still(tmp_path / "a.png")).read_display(1), ramp.astype(np.float32) / np.float32(65535)
    )


def test_alpha_is_left_aside_and_colours_stay_as_stored(tmp_path):
    alpha = np.linspace(0, 255, WIDTH).astype(np.uint8)[None, :, None].repeat(HEIGHT, 0)
    write_image(tmp_path / "a.png", np.concatenate([painted(5), alpha], 2), **{"oiio:UnassociatedAlpha": 1})
    np.testing.assert_array_equal(
        open_plate(still(tmp_path / "a.png")).read_display(1) * 255, painted(5).astype(np.float32)
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_grey_gives_three_equal_channels(tmp_path, channels):
    grey = painted(9)[:, :, :channels]
    write_image(tmp_path / "a.png", grey)
    display = open_plate(still(tmp_path / "a.png")).read_display(1)
    assert np.ptp(display, axis=2).max() == 0
    if channels == 1:
        np.testing.assert_array_equal(display[:, :, 0] * 255, grey[:, :, 0])


@pytest.mark.parametrize(
    ("names", "picked"),
    [
        (("R", "G", "B"), (0, 1, 2)),
        (("B", "G", "R"), (2, 1, 0)),
        (("A", "B", "G", "R", "Z"), (3, 2, 1)),
        (("ViewLayer.Combined.A", "ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B"), (1, 2, 3)),
        (("albedo.R", "albedo.G", "albedo.B", "R", "G", "B"), (3, 4, 5)),
        (("red", "green", "blue"), (0, 1, 2)),
        (("Y",), (0, 0, 0)),
    ],
)
def test_exr_channels_are_found_by_name(tmp_path, names, picked):
    pixels = np.random.default_rng(0).random((8, 12, len(names)), dtype=np.float32)
    write_image(tmp_path / "a.exr", pixels, "float", channelnames=names)
    read = open_plate(still(tmp_path / "a.exr", "Linear Rec.709")).read(1)
    np.testing.assert_array_equal(read, pixels[:, :, picked])


def test_exr_without_colour_channels_is_refused_by_name(tmp_path):
    write_image(tmp_path / "a.exr", np.zeros((8, 8, 2), np.float32), "float", channelnames=("motion.X", "motion.Y2"))
    with pytest.raises(FaceSolveError, match=r"a\.exr.*motion\.X"):
        open_plate(still(tmp_path / "a.exr", "Linear Rec.709")).read(1)


@pytest.mark.parametrize(("x", "y"), [(10, 20), (-15, -7), (300, 0)])
def test_exr_data_window_is_laid_into_the_display_window(tmp_path, x, y):
    data = np.random.default_rng(1).random((60, 80, 3), dtype=np.float32) + 1
    write_image(tmp_path / "a.exr", data, "float", x=x, y=y, full_width=WIDTH, full_height=HEIGHT)
    plate = open_plate(still(tmp_path / "a.exr", "Linear Rec.709"))
    assert plate.size == (WIDTH, HEIGHT)
    expected = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for row in range(60):  # the slow, obvious way
        for column in range(80):
            if 0 <= row + y < HEIGHT and 0 <= column + x < WIDTH:
                expected[row + y, column + x] = data[row, column]
    np.testing.assert_array_equal(plate.read(1), expected)


def test_values_above_one_survive_linear_and_broken_pixels_become_finite(tmp_path):
    pixels = np.full((8, 8, 3), 0.25, np.float32)
    pixels[0, 0], pixels[0, 1], pixels[0, 2], pixels[0, 3] = 7.5, np.inf, np.nan, -0.5
    write_image(tmp_path / "a.exr", pixels, "float")
    plate = open_plate(still(tmp_path / "a.exr", "Linear Rec.709"))
    read, display = plate.read(1), plate.read_display(1)
    assert np.isfinite(read).all()
    np.testing.assert_array_equal(read[0, :5, 0], [7.5, 65504.0, 0.0, -0.5, 0.25])
    np.testing.assert_allclose(display[0, :5, 0], [1.0, 1.0, 0.0, 0.0, srgb_encode(0.25)])


def test_callers_own_what_they_read(tmp_path):
    write_image(tmp_path / "a.png", painted(3))
    plate = open_plate(still(tmp_path / "a.png"))
    plate.read_display(1)[:] = 0
    plate.read(1)[:] = 0
    assert number_in(plate.read_display(1)) == 3


def test_a_missing_frame_is_named_and_the_others_still_read(tmp_path):
    for frame in (1, 3):
        write_image(tmp_path / f"f.{frame:04d}.png", painted(frame))
    plate = open_plate(sequence(tmp_path, "png", [1, 2, 3]))
    with pytest.raises(PlateFrameError, match=r"f\.0002\.png") as caught:
        plate.read(2)
    assert caught.value.frame == 2
    assert caught.value.remedy
    assert number_in(plate.read_display(3)) == 3


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "exr"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.97])
def test_a_truncated_frame_is_named(tmp_path, extension, kept):
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for frame in (1, 2):
        is_exr = extension == "exr"
        write_image(
            tmp_path / f"f.{frame:04d}.{extension}",
            noise / np.float32(255) if is_exr else noise,
            "half" if is_exr else "uint8",
        )
    broken = tmp_path / f"f.0002.{extension}"
    broken.write_bytes(broken.read_bytes()[: int(broken.stat().st_size * kept)])
    plate = open_plate(sequence(tmp_path, extension, [1, 2]))
    with pytest.raises(PlateFrameError, match=r"f\.0002\.") as caught:
        plate.read(2)
    assert caught.value.frame == 2
    plate.read(1)


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "f.0001.png").write_text("not a picture")
    with pytest.raises(FaceSolveError, match=r"f\.0001\.png"):
        open_plate(sequence(tmp_path, "png", [1]))


def test_a_first_frame_that_is_no_image_is_left_out_like_any_other(tmp_path):
    (tmp_path / "f.0001.png").write_text("not a picture")
    write_image(tmp_path / "f.0002.png", painted(2))
    plate = open_plate(sequence(tmp_path, "png", [1, 2]))
    with pytest.raises(PlateFrameError, match=r"f\.0001\.png"):
        plate.read(1)
    plate.read(2)


def test_a_frame_of_another_size_is_named(tmp_path):
    write_image(tmp_path / "f.0001.png", painted(1))
    write_image(tmp_path / "f.0002.png", painted(2, WIDTH + 2, HEIGHT))
    plate = open_plate(sequence(tmp_path, "png", [1, 2]))
    with pytest.raises(PlateFrameError, match=r"162 x 96 .* 160 x 96.*f\.0002\.png"):
        plate.read(2)


def test_a_camera_of_another_size_is_refused(tmp_path):
    write_image(tmp_path / "a.png", painted(1))
    with pytest.raises(FaceSolveError, match="160 x 96 pixels, but the camera expects 320 x 240"):
        open_plate(still(tmp_path / "a.png"), size=(320, 240))
    open_plate(still(tmp_path / "a.png"), size=(WIDTH, HEIGHT))


@pytest.mark.parametrize("path", ["{frame", "{other}.png", "{0}.png", "{frame:q}.png"])
def test_a_path_that_cannot_be_understood_is_named(path):
    with pytest.raises(FaceSolveError, match="cannot be understood"):
        open_plate({"kind": "sequence", "path": path, "frames": [1], "colorspace": "sRGB"})


def test_nothing_there_is_said_with_the_path(tmp_path):
    for spec in (
        sequence(tmp_path, "png", [4, 5]),
        still(tmp_path / "no.png"),
        {**still(tmp_path / "no.mp4"), "kind": "movie"},
    ):
        with pytest.raises(FaceSolveError, match=r"0004\.png|no\."):
            open_plate(spec)
    with pytest.raises(FaceSolveError, match="no frames"):
        open_plate(sequence(tmp_path, "png", [None]))
    with pytest.raises(FaceSolveError, match="hologram"):
        open_plate({**still(tmp_path), "kind": "hologram"})


def test_relative_paths_start_at_the_given_folder_and_braces_may_be_doubled(tmp_path):
    (tmp_path / "a{b}").mkdir()
    write_image(tmp_path / "a{b}" / "0007.png", painted(7))
    plate = open_plate({"kind": "sequence", "path": "a{{b}}/{frame:04d}.png", "frames": [7]}, folder=tmp_path)
    assert number_in(plate.read_display(7)) == 7


def test_a_still_serves_every_frame_from_one_read(tmp_path):
    write_image(tmp_path / "a.png", painted(11))
    plate = open_plate(still(tmp_path / "a.png"))
    assert number_in(plate.read_display(1)) == 11
    (tmp_path / "a.png").unlink()
    assert number_in(plate.read_display(500)) == 11


def test_the_cache_stays_within_its_bytes_and_forgets_the_oldest(tmp_path):
    for frame in (1, 2, 3):
        write_image(tmp_path / f"f.{frame:04d}.png", painted(frame))
    plate = open_plate(sequence(tmp_path, "png", [1, 2, 3]), cache_bytes=2 * WIDTH * HEIGHT * 3)
    for frame in (1, 2, 3):
        plate.read(frame)
    shutil.rmtree(tmp_path)
    assert number_in(plate.read_display(2)) == 2
    assert number_in(plate.read_display(3)) == 3
    with pytest.raises(PlateFrameError):
        plate.read(1)
