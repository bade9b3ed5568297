"""Movies with a rotation flag, from Blender's background image to the plate that the solver opens.

See inside/turned_movie.py.
"""

import json
import sys

import pytest

from blender_tests.conftest import ROOT, VERSIONS
from solver_core.footage.plates import open_plate

sys.path.insert(0, str(ROOT / "tests" / "footage"))

from painted_footage import QUARTER_CLOCKWISE, turn, write_movie


@pytest.mark.parametrize("version", VERSIONS)
def test_the_solver_turns_a_movie_where_blender_does(inside, version, tmp_path):
    write_movie(tmp_path / "turned.mp4", "libx264", "yuv420p", 3)
    turn(tmp_path / "turned.mp4", QUARTER_CLOCKWISE)
    report = inside(version, "turned_movie", folder=tmp_path)
    assert report == {"check_an_image": "", "check_a_movie_clip": ""}
    for name in ("image", "clip"):
        camera = json.loads((tmp_path / name / "shot.json").read_text())["cameras"][0]
        with open_plate(camera["plate"]) as plate:
            assert plate.size == (camera["width"], camera["height"])
