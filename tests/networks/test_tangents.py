"""Tangents pushed by hand through the layers equal automatic differentiation and small differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from solver_core.camera.crop import Crop
from solver_core.networks import weights
from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.graph import Linearised


@pytest.fixture(scope="module")
def double() -> torch.nn.Module:
    return weights.load("facemesh").double()


@pytest.fixture(scope="module")
def images(face) -> torch.Tensor:
    """A face, noise, and a constant (where every pooling is a tie): [3, 3, 192, 192] float64."""
    crop = torch.from_numpy(Crop((320, 250), 300, 0.1, 192).sample(face)).permute(2, 0, 1)
    noise = torch.rand(3, 192, 192, generator=torch.Generator().manual_seed(2))
    return torch.stack([crop, noise, torch.full_like(noise, 0.4)]).double()


def _tangents(count: int, batch: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randn(batch, count, 3, 192, 192, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("output", [0, 1])
def test_equal_to_forward_mode_differentiation(double, images, output):
    tangents = _tangents(2)
    values, linearised = double.linearise(images)
    pushed = linearised(tangents, output)
    for p in range(tangents.shape[1]):
        value, tangent = torch.func.jvp(lambda x: double(x)[output], (images,), (tangents[:, p],))
        torch.testing.assert_close(values[output], value, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(pushed[:, p], tangent, rtol=1e-10, atol=1e-10)


def test_equal_to_small_differences(double, images):
    """Within its piece the network is linear, so the difference is the derivative up to rounding.

    On noise: where neighbours are exactly equal, as in a painted face, poolings tie and there is no derivative.
    """
    image, tangents, step = images[1:2], _tangents(1, batch=1), 1e-9
    pushed = double.linearise(image)[1](tangents)[0, 0]
    difference = (double(image + step * tangents[:, 0])[0] - double(image - step * tangents[:, 0])[0])[0] / (2 * step)
    torch.testing.assert_close(pushed, difference, rtol=1e-4, atol=1e-3)


def test_linear_in_the_tangents_however_they_are_cut(double, images, monkeypatch):
    tangents = _tangents(5, batch=1)
    linearised = double.linearise(images[:1])[1]
    whole = linearised(tangents)
    monkeypatch.setattr(Linearised, "CHUNK", 2)
    torch.testing.assert_close(linearised(tangents), whole, rtol=1e-10, atol=1e-10)
    mixed = torch.einsum("p,bpchw->bchw", torch.arange(5.0, dtype=torch.float64), tangents)
    expected = torch.einsum("p,bp...->b...", torch.arange(5.0, dtype=torch.float64), whole)
    torch.testing.assert_close(linearised(mixed[:, None])[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_facemesh_shapes_and_that_a_call_gives_the_same_points(images):
    network, single = FaceMesh(), images.float()
    points, presence = network(single)
    points3d, again = network.points3d(single)
    from_jvp, moved = network.jvp(single, _tangents(2).float())
    assert points.shape == (3, 468, 2)
    assert points3d.shape == (3, 468, 3)
    assert moved.shape == (3, 2, 468, 2)
    torch.testing.assert_close(points3d[..., :2], points)
    torch.testing.assert_close(from_jvp, points, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(presence, again)
    assert presence[0] > 0.9
    assert presence[1:].max() < 0.1


def test_a_derivative_points_where_the_face_goes(network, face):
    """The image's derivative by a shift of the crop moves the landmarks by about that shift."""
    crop = Crop((320, 250), 300, 0.0, 192)
    step = crop.scale / 4  # a quarter of a crop pixel
    shifted = Crop((320 - step, 250), 300, 0.0, 192)
    image, right = (torch.from_numpy(c.sample(face)).permute(2, 0, 1)[None] for c in (crop, shifted))
    _, moved = network.jvp(image, (right - image)[:, None] * 4)  # per crop pixel to the right
    assert np.abs(moved.mean(dim=(0, 1, 2)).numpy() - (1, 0)).max() < 0.25
