"""The demo's and the tutorial's scene is one file that every Blender opens.

What is read from it is what demo/ is made of.
"""

import numpy as np
import pytest

from blender_tests.conftest import VERSIONS
from demo.head import build
from demo.performance import FRAMES, HEIGHT, START, WIDTH, camera_at
from demo.run import SCENE
from solver_core.documents.shot import load_shot
from solver_core.footage.plates import open_plate


@pytest.mark.parametrize("version", VERSIONS)
def test_the_scene_holds_the_actor_the_camera_and_the_plate(inside, version, tmp_path):
    report = inside(version, "show_demo_scene", folder=tmp_path, FACE_SOLVE_SCENE=str(SCENE))
    assert report == {"check_the_scene_opens_and_is_set_up": ""}
    shot, head = load_shot(tmp_path / "shot"), build()
    assert shot.frames.tolist() == list(range(START, START + FRAMES))
    assert shot.rig.names == head.names
    assert np.abs(shot.rig.neutral - head.vertices).max() < 1e-6  # metres
    assert np.abs(shot.rig.deltas - head.deltas).max() < 1e-6
    assert np.abs(shot.rig.colors - head.colors).max() < 1e-4
    (camera,) = shot.cameras
    assert (camera.width, camera.height) == (WIDTH, HEIGHT)
    expected = [camera_at(frame)[0] for frame in shot.frames.tolist()]
    assert np.abs(camera.position - expected).max() < 1e-5
    with open_plate(camera.plate) as plate:
        assert plate.size == (WIDTH, HEIGHT)
