"""The solver reads of a plate what Blender shows of it.

Colour spaces, and which picture a movie's frame number means.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blender_tests.conftest import VERSIONS, blender_command
from solver_core.footage.plates import open_plate

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "footage"))

from painted_footage import HALF, HEIGHT, QUARTER_CLOCKWISE, WIDTH, number_in, turn, write_image, write_movie  # noqa: E402

SPACES = {
    "4.5": (
        *("sRGB", "Linear Rec.709", "Non-Color", "ACEScg", "ACES2065-1", "Linear Rec.2020", "Linear DCI-P3 D65"),
        *("Linear CIE-XYZ D65", "Display P3", "Rec.1886", "Rec.2020", "Filmic Log"),
    ),
    "3.4": ("sRGB", "Linear", "Non-Color", "Raw", "Linear ACES", "Linear ACEScg", "XYZ", "Filmic Log"),
}


def inside(version, script, arguments, folder):
    """Run one of the scripts inside a Blender; what it wrote as JSON."""
    report = folder / "report.json"
    command = blender_command(version, ROOT / "blender_tests" / "inside" / script, [*map(str, arguments), str(report)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert report.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(report.read_text())


@pytest.mark.parametrize("version", SPACES)
def test_colour_spaces_agree(version, tmp_path):
    colours = np.random.default_rng(0).random((8, 8, 3), dtype=np.float32)
    write_image(tmp_path / "a.exr", colours, "float")
    shown = inside(version, "show_colours.py", [tmp_path / "a.exr", "|".join(SPACES[version])], tmp_path)
    for name in SPACES[version]:
        plate = open_plate({"kind": "image", "path": str(tmp_path / "a.exr"), "frames": [1], "colorspace": name})
        expected = np.array(shown[name], np.float32).reshape(8, 8, 4)[::-1, :, :3]
        np.testing.assert_allclose(plate.read(1), expected, rtol=2e-3, atol=1e-3, err_msg=name)


MOVIES = {
    "constant.mp4": ("libx264", {"bf": "3", "g": "12"}, None),
    "constant.mkv": ("libx264", {"bf": "2", "x264-params": "open-gop=1"}, None),
    "variable.mp4": ("libx264", {"bf": "2"}, lambda k: k * 1000 + (k % 3) * 200 + (5000 if k > 20 else 0)),
    "mpeg4.mp4": ("mpeg4", {"bf": "2"}, None),
}


def test_movie_frames_agree(tmp_path):
    frames = [1, 2, 3, 11, 12, 13, 14, 29, 38, 39]
    for name, (codec, options, times) in MOVIES.items():
        write_movie(tmp_path / name, codec, "yuv420p", 40, options=options, times=times)
    shown = inside("4.5", "show_movies.py", [tmp_path, "|".join(MOVIES), json.dumps(frames)], tmp_path)
    for name in MOVIES:
        with open_plate(
            {"kind": "movie", "path": str(tmp_path / name), "frames": frames, "colorspace": "sRGB"}
        ) as plate:
            for frame, green in zip(frames, shown[name], strict=True):
                picture = np.repeat(np.array(green, np.float32).reshape(HEIGHT, WIDTH, 1)[::-1], 3, axis=2)
                assert number_in(plate.read_display(frame)) == number_in(picture), (name, frame)
                assert np.abs(plate.read_display(frame) - picture)[..., 1].mean() < 0.02, (name, frame)


TURNED = {"quarter.mp4": QUARTER_CLOCKWISE, "half.mp4": HALF}


@pytest.mark.parametrize("version", VERSIONS)
def test_turned_movies_agree(version, tmp_path):
    for name, matrix in TURNED.items():
        write_movie(tmp_path / name, "libx264", "yuv420p", 3)
        turn(tmp_path / name, matrix)
    shown = inside(version, "show_movies.py", [tmp_path, "|".join(TURNED), "[2]"], tmp_path)
    obeyed = version not in ("3.4", "4.2")  # and addon/compat.py says so: test_turned_movies.py
    for name in TURNED:
        spec = {"kind": "movie", "path": str(tmp_path / name), "frames": [2], "colorspace": "sRGB", "rotate": obeyed}
        with open_plate(spec) as plate:
            width, height = plate.size
            picture = np.array(shown[name][0], np.float32).reshape(height, width)[::-1]
            assert np.abs(plate.read_display(2)[..., 1] - picture).mean() < 0.02, name
