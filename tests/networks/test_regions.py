"""FaceMesh's regions and mirror images hold on pictures: the network agrees with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from solver_core.camera.crop import Crop
from solver_core.networks.regions import FACEMESH, PARTITION


def test_the_partition_has_every_landmark_once():
    everything = sorted(index for name in PARTITION for index in FACEMESH.regions[name])
    assert everything == list(range(468))
    assert sorted(FACEMESH.regions["jaw"] + FACEMESH.regions["nonjaw"]) == list(range(468))


def test_mirroring_twice_changes_nothing_and_keeps_regions():
    mirror = np.array(FACEMESH.mirror)
    assert sorted(mirror) == list(range(468))
    np.testing.assert_array_equal(mirror[mirror], np.arange(468))
    for name, indices in FACEMESH.regions.items():
        if name.endswith("_right"):
            assert set(mirror[list(indices)]) == set(FACEMESH.regions[name.replace("_right", "_left")])
        elif not name.endswith("_left"):
            assert set(mirror[list(indices)]) == set(indices), name
        assert len(set(indices)) == len(indices)


def test_edges_mirror_into_edges():
    edges = {frozenset(edge) for edge in FACEMESH.edges}
    assert edges == {frozenset(FACEMESH.mirror[i] for i in edge) for edge in edges}


@pytest.mark.parametrize("picture", ["face", "plate"])
def test_the_mirrored_picture_has_the_mirrored_landmarks(network, picture, request):
    centre, side = ((320, 250), 300) if picture == "face" else ((375, 280), 378)
    image = torch.from_numpy(Crop(centre, side, 0.0, 192).sample(request.getfixturevalue(picture))).permute(2, 0, 1)
    points, _ = network(torch.stack([image, image.flip(-1)]))
    straight, mirrored = points.numpy()
    expected = (mirrored * (-1, 1) + (192, 0))[list(FACEMESH.mirror)]
    assert np.linalg.norm(straight - expected, axis=1).mean() < 2.0
    nearest = np.linalg.norm(straight[:, None] - expected[None], axis=-1).argmin(axis=0)
    assert (nearest == np.arange(468)).mean() > 0.75


def test_regions_lie_where_their_names_say(network, face):
    image = torch.from_numpy(Crop((320, 250), 300, 0.0, 192).sample(face)).permute(2, 0, 1)[None]
    points = network(image)[0][0].numpy()
    at = {name: points[list(indices)] for name, indices in FACEMESH.regions.items()}
    order = ["forehead", "brows", "eyes", "nose", "lips", "chin"]
    heights = [at[name][:, 1].mean() for name in order]
    assert heights == sorted(heights)
    assert at["upper_lip"][:, 1].mean() < at["lower_lip"][:, 1].mean()
    assert at["nonjaw"][:, 1].mean() < at["jaw"][:, 1].mean()
    assert at["eyes_right"][:, 0].max() < at["eyes_left"][:, 0].min()
    assert at["cheeks_right"][:, 0].max() < at["cheeks_left"][:, 0].min()
    assert set(FACEMESH.regions["jaw_line"]) < set(FACEMESH.regions["face_oval"])
    below = at["jaw_line"][:, 1] > at["nose"][:, 1].max() - 5
    assert below.all()
