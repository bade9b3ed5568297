"""A point is seen through a distorting lens where Blender's own undistortion takes the plate from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from solver_core.camera.camera import Camera
from solver_core.documents.shot import load_shot

EDGE = 1.5  # pixels of the plate's border, where Blender's sampling fades


# Where Blender's compositor puts the lens's origin: 3.4 takes a pixel's lower left corner for its centre. (Later
# compositors also move a picture that grows; the lens itself is the same library in all of them.)
CENTRES = {"3.4": (-0.5, 0.5), "4.2": (0.0, 0.0)}


@pytest.fixture(scope="module", params=CENTRES)
def shown(inside, request):
    return request.param, inside(request.param, "show_distortion")


def test_every_lens_agrees_with_blenders_compositor(shown):
    version, lenses = shown
    centre = np.array(CENTRES[version])
    for name, lens in lenses.items():
        camera = load_shot(Path(lens["folder"])).cameras[0]
        height, width = camera.height, camera.width
        across, up, covered = (np.array(channel).reshape(height, width)[::-1] for channel in lens["map"])
        y, x = np.mgrid[:height, :width] + 0.5
        seen = np.stack([across, height - up], -1)  # of the filmed plate, from the top left corner
        inside = (covered > 0.999) & (seen > EDGE).all(-1) & (seen < [width - EDGE, height - EDGE]).all(-1)
        assert inside.mean() > 0.5, name
        ours = np.stack([x, y], -1)
        if camera.distortion is not None:
            ours = camera.distortion(ours + centre) - centre
        worst = np.abs(ours - seen)[inside].max()
        moved = np.abs(np.stack([x, y], -1) - seen)[inside].max()
        print(f"{name}: bends by up to {moved:.2f} px, off by {worst:.5f} px")
        assert (name == "straight") == (camera.distortion is None)
        assert (name == "straight") == (moved < 0.01), name
        assert worst < 0.01, name


def test_a_straight_lens_projects_as_blender_does(shown):
    for name, lens in shown[1].items():
        camera = load_shot(Path(lens["folder"])).cameras[0]
        pinhole = Camera(**{**vars(camera), "distortion": None})
        points = np.repeat(np.array(lens["points"])[None], 2, 0)
        pixels, _ = pinhole.project(points)
        assert np.abs(pixels[0] - lens["pinhole"]).max() < 0.01, name
