"""The deep energy: its exact Jacobian, the paper's backward one, and how near material points come.

The exact Jacobian is checked by finite differences through renderer and network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_shot import LIGHT, camera, film, performance

from solver_core.energies.edge import Edges
from solver_core.energies.landmark import LandmarkEnergy
from solver_core.energies.windows import PlateWindows, RenderWindows
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.look.look import Look
from solver_core.look.synthesis import backdrop, projected
from solver_core.networks.landmarks import Found, locate
from solver_core.render.renderer import Renderer

ONE = np.array([0])
KEYS = ("jawOpen", "mouthSmile_L", "mouthPucker", "browInnerUp_R", "eyeBlink_L")
# radians, metres, weights: large enough for float32 pictures, small enough to stay on the network's linear pieces
STEPS = np.array([6e-5] * 3 + [6e-6] * 3 + [6e-4] * len(KEYS))
SHARES = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])  # of a step: the median slope between them is no jump's


@pytest.fixture(scope="module")
def scene(demo_rig, facemesh, face_detector):
    """A frame filmed at the truth, looked at from a pose that is a little off."""
    view = camera("A", 1, (0.1, -0.95, 0.02))
    truth = performance(demo_rig, 5)[np.array([1])]
    plate = film(demo_rig, truth, view)[0]
    found = locate(plate, facemesh, face_detector)
    assert isinstance(found, Found)
    renderer, look = Renderer(demo_rig.triangles), Look(demo_rig.colors, (LIGHT,))
    step = np.zeros((1, RIGID + len(demo_rig.names)))
    step[0, :6] = [0.02, -0.03, 0.02, 0.002, -0.003, 0.001]
    off = truth.stepped(step)
    _, points, depth, _ = projected(demo_rig, view, found.crop.matrix()[None], off)
    behind = backdrop(renderer, points, depth, found.crop.sample(plate)[None])
    energy = LandmarkEnergy(
        demo_rig,
        renderer,
        facemesh,
        view,
        found.points[None],
        PlateWindows([found.crop], behind),
        look,
        np.ones((1, facemesh.count)),
    )
    return energy, truth, off


@pytest.fixture(scope="module")
def free(demo_rig):
    return FreeParameters(np.array([demo_rig.names.index(name) for name in KEYS]))


@pytest.fixture(scope="module")
def columns(scene, free):
    """The Jacobian's columns [2L,11]: exact, of material points, and numeric."""
    energy, _, pose = scene
    exact, material = (
        replace(energy, jacobian=how).linear(pose, ONE, free)[1][0].astype(float) for how in ("exact", "material")
    )
    numeric = np.empty_like(exact)
    for column, h in enumerate(STEPS):
        step = np.zeros((1, free.size))
        step[0, column] = h
        path = np.stack([energy.residual(free.stepped(pose, share * step), ONE)[0] for share in SHARES])
        numeric[:, column] = np.median(np.diff(path, axis=0) / (h * np.diff(SHARES)[:, None]), 0)
    return exact, material, numeric


def correlation(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def apart(columns, reference):
    return np.linalg.norm(columns - reference, axis=0) / np.linalg.norm(reference, axis=0)


def test_the_exact_jacobian_is_that_of_the_energy(columns):
    """Against finite differences, the head's columns and those of shape keys alike.

    The two ends of a difference may lie on two of the network's linear pieces.
    """
    exact, _, numeric = columns
    assert (apart(exact, numeric) < 0.08).all(), apart(exact, numeric)


def test_material_points_move_nearly_as_the_network_says(columns):
    """The head's columns nearly, those of mouth keys roughly.

    Nothing is asked of brows and lids: the network moves landmarks there otherwise than the skin below them moves
    (correlations about 0 on this head).
    """
    exact, material, _ = columns
    together = dict(zip((*range(RIGID), *KEYS), map(correlation, exact.T, material.T), strict=True))
    head = [together[column] for column in range(RIGID)]
    assert np.mean(head) > 0.9
    assert min(head) > 0.85, head
    assert together["jawOpen"] > 0.8
    assert together["mouthSmile_L"] > 0.65
    assert together["mouthPucker"] > 0.55


def test_a_backward_pass_for_each_landmark_gives_the_same_jacobian(scene, free):
    """The paper's own way (Section 4), here for the landmarks of the lips."""
    energy, _, pose = scene
    lips = list(energy.network.layout.regions["lips_inner"])

    class Lips:
        name, size, layout = energy.network.name, energy.network.size, energy.network.layout
        count = len(lips)

        def __call__(self, images):
            points, presence = energy.network(images)
            return points[:, lips], presence

        def differentiable(self, images):
            return energy.network.differentiable(images)[:, lips]

        def jvp(self, images, tangents):
            points, moved = energy.network.jvp(images, tangents)
            return points[:, lips], moved[:, :, lips]

    few = replace(energy, network=Lips(), target=energy.target[:, lips], root=energy.root[:, lips])
    (plain, exact), (other, backward) = (
        replace(few, jacobian=how).linear(pose, ONE, free) for how in ("exact", "backward")
    )
    np.testing.assert_allclose(plain, other, atol=1e-4)
    assert (apart(backward[0], exact[0]) < 1e-4).all()


def test_all_providers_are_of_the_same_energy(scene, free):
    energy, _, pose = scene
    residual = energy.residual(pose, ONE)
    for how in ("exact", "material"):
        np.testing.assert_allclose(replace(energy, jacobian=how).linear(pose, ONE, free)[0], residual, atol=1e-3)


def test_the_energy_is_small_at_the_truth_and_large_away_from_it(scene):
    """Residuals are plate pixels: with the right appearance the network errs alike on plate and render."""
    energy, truth, off = scene
    rms = [float(np.sqrt((energy.residual(pose, ONE) ** 2).mean())) for pose in (truth, off)]
    assert rms[0] < 0.3
    assert rms[1] > 3 * rms[0]


def test_a_landmark_of_weight_zero_takes_no_part(scene, facemesh, free):
    energy, _, pose = scene
    root = energy.root.copy()
    root[0, 5:9] = 0
    residual, jacobian = replace(energy, root=root, jacobian="material").linear(pose, ONE, free)
    assert not residual.reshape(facemesh.count, 2)[5:9].any()
    assert not jacobian.reshape(facemesh.count, 2, -1)[5:9].any()


@pytest.mark.parametrize("how", ["exact", "material"])
def test_edges_are_differences_of_the_same_landmarks(scene, facemesh, free, how):
    energy, _, pose = scene
    first, second = np.array([1, 33, 61]), np.array([4, 133, 291])
    root = np.array([[2.0, 1.0, 0.0]])
    plain = replace(energy, jacobian=how)
    residual, jacobian = plain.linear(pose, ONE, free)
    both, beside = replace(plain, edges=Edges(first, second, root)).linear(pose, ONE, free)
    count = 2 * facemesh.count
    np.testing.assert_allclose(both[:, :count], residual)
    for rows, landmarks in ((both[..., None], residual[..., None]), (beside, jacobian)):
        places = landmarks[0].reshape(facemesh.count, 2, -1)
        expected = (places[first] - places[second]) * root[0][:, None, None]
        np.testing.assert_allclose(rows[0, count:].reshape(3, 2, -1), expected, rtol=1e-5, atol=1e-4)


def test_a_window_found_on_the_render_shows_the_same_face(scene, face_detector):
    """Section 5's way: detector and crop on the render at every evaluation, landmarks in the plate's pixels."""
    energy, truth, off = scene
    looking = RenderWindows(energy.rig, energy.renderer, energy.network, face_detector, energy.camera, energy.look)
    found = replace(energy, looking=looking)
    assert np.sqrt((found.residual(truth, ONE) ** 2).mean()) < 3.0  # before grey, which the plate has not behind it
    here = np.linalg.norm(found.predict(off, ONE) - energy.predict(off, ONE), axis=2)
    assert np.median(here) < 3.0


def test_where_the_render_shows_no_face_the_energy_is_not_a_number(scene, face_detector):
    """So a step that leads there is not taken."""
    energy, truth, _ = scene
    looking = RenderWindows(energy.rig, energy.renderer, energy.network, face_detector, energy.camera, energy.look)
    away = truth[ONE]
    away.head.translation += [3.0, 0.0, 0.0]
    assert np.isnan(replace(energy, looking=looking).residual(away, ONE)).all()
