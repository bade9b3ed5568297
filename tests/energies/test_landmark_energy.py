"""The deep energy: its exact Jacobian, and how near material points come.

The Jacobian is checked by finite differences through renderer and network.
"""

from __future__ import annotations

import numpy as np
import pytest
from little_shot import LIGHT, camera, film, performance

from solver_core.energies.landmark import LandmarkEnergy
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.footage.views import View
from solver_core.look import synthesis as imaging
from solver_core.look.look import Look
from solver_core.networks.landmarks import Found, locate
from solver_core.render.renderer import Renderer

ONE = np.array([0])
KEYS = ("jawOpen", "mouthSmile_L")
# radians, metres, weights: large enough for float32 pictures, small enough to stay on the network's linear pieces
STEPS = np.array([6e-5] * 3 + [6e-6] * 3 + [6e-4] * len(KEYS))


@pytest.fixture(scope="module")
def scene(demo_rig, facemesh, face_detector):
    """A frame filmed at the truth, looked at from a pose that is a little off: the energy of both providers."""
    view = camera("A", 1, (0.1, -0.95, 0.02))
    truth = performance(demo_rig, 5)[np.array([1])]
    plate = film(demo_rig, truth, view)[0]
    found = locate(plate, facemesh, face_detector)
    assert isinstance(found, Found)
    seen = View(view, None, [found.crop], found.points[None], [""], np.zeros(0, bool))
    plates = seen.crop(0, facemesh.size).sample(plate)[None]
    renderer = Renderer(demo_rig.triangles)
    root, look = np.ones((1, facemesh.count)), Look(demo_rig.colors, (LIGHT,))

    def energy(jacobian):
        return LandmarkEnergy(demo_rig, renderer, facemesh, seen, ONE, look, plates, root, jacobian)

    step = np.zeros((1, RIGID + len(demo_rig.names)))
    step[0, :6] = [0.02, -0.03, 0.02, 0.002, -0.003, 0.001]
    return energy, truth, truth.stepped(step)


@pytest.fixture(scope="module")
def columns(scene, demo_rig):
    """The Jacobian's columns [2L,8]: exact, of material points, and numeric."""
    energy, _, pose = scene
    keys = np.array([demo_rig.names.index(name) for name in KEYS])
    material = energy("material_point").linear(pose, ONE, FreeParameters(keys))[1][0]
    numeric = np.empty_like(material)
    with pytest.MonkeyPatch.context() as patch:
        # what is filled in behind the head follows it by whole pixels: no derivative sees that, so it is held still
        patch.setattr(imaging, "fill", lambda plate, _mask: plate)
        exact = energy("exact").linear(pose, ONE, FreeParameters(keys))[1][0]
        for column, h in enumerate(STEPS):
            step = np.zeros((1, RIGID + len(demo_rig.names)))
            step[0, column if column < RIGID else RIGID + keys[column - RIGID]] = h
            ahead, behind = (energy("exact").residual(pose.stepped(s), ONE)[0] for s in (step, -step))
            numeric[:, column] = (ahead - behind) / (2 * h)
    return exact, material, numeric


def correlation(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_exact_jacobian_is_that_of_the_energy(columns):
    """Against central differences, within some per cent.

    The two ends of a difference may lie on two of the network's linear pieces.
    """
    exact, _, numeric = columns
    for column in range(exact.shape[1]):
        error = np.linalg.norm(exact[:, column] - numeric[:, column]) / np.linalg.norm(numeric[:, column])
        assert error < 0.125, (column, error)
        assert correlation(exact[:, column], numeric[:, column]) > 0.99


def test_material_points_move_nearly_as_the_network_says(columns):
    exact, material, _ = columns
    together = [correlation(exact[:, column], material[:, column]) for column in range(RIGID)]
    assert np.mean(together) > 0.9
    assert min(together) > 0.85, together


def test_both_providers_are_of_the_same_energy(scene):
    energy, _, pose = scene
    residuals = [
        energy(how).linear(pose, ONE, FreeParameters(np.zeros(0, int)))[0] for how in ("exact", "material_point")
    ]
    np.testing.assert_allclose(residuals[0], residuals[1], atol=1e-3)
    np.testing.assert_allclose(energy("exact").residual(pose, ONE), residuals[1], atol=1e-3)


def test_the_energy_is_small_at_the_truth_and_large_away_from_it(scene):
    """Residuals are plate pixels: with the right appearance the network errs alike on plate and render."""
    energy, truth, off = scene
    rms = [float(np.sqrt((energy("exact").residual(pose, ONE) ** 2).mean())) for pose in (truth, off)]
    assert rms[0] < 0.24
    assert rms[1] > 3 * rms[0]


def test_a_landmark_of_weight_zero_takes_no_part(scene, facemesh):
    energy, _, pose = scene
    silent = energy("material_point")
    silent.root[0, 5:9] = 0
    residual, jacobian = silent.linear(pose, ONE, FreeParameters(np.zeros(0, int)))
    assert not residual.reshape(facemesh.count, 2)[5:9].any()
    assert not jacobian.reshape(facemesh.count, 2, -1)[5:9].any()
    silent.root[:] = 1
