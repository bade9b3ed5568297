"""Lips that touch: their inner edges are found on any rig that opens its mouth, and the energy pushes one way alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_shot import with_jaw_bone

from solver_core.energies.contact import ContactEnergy
from solver_core.face.blocks import at_rest
from solver_core.face.joints import JAW
from solver_core.face.landmark_embedding import embed_landmarks
from solver_core.face.lips import LEAST_PAIRS, find_lips
from solver_core.face.parameters import FreeParameters
from solver_core.face.rig import unmoved

INDEX = np.array([0])


@pytest.fixture(scope="module")
def embedding(demo_rig, facemesh, face_detector):
    return embed_landmarks(demo_rig, facemesh, face_detector)


@pytest.fixture(scope="module")
def lips(demo_rig, facemesh, embedding):
    return find_lips(demo_rig, embedding, facemesh.layout)


def posed(rig, **weights):
    """One frame with these keys."""
    pose = unmoved(np.zeros((1, len(rig.names))))
    for name, weight in weights.items():
        pose.weights[0, rig.names.index(name)] = weight
    return pose


def energy_of(rig, lips, root=1e3):
    return ContactEnergy(lips, lips.points(rig, 1), root)


def test_pairs_meet_when_the_mouth_is_closed_and_part_when_it_opens(demo_rig, facemesh, embedding, lips):
    assert len(lips.least) >= LEAST_PAIRS
    energy = energy_of(demo_rig, lips)
    mouth = np.ptp(
        np.einsum(
            "lc,lcx->lx",
            embedding.barycentric[list(facemesh.layout.regions["lips"])],
            demo_rig.neutral[demo_rig.triangles[embedding.triangle[list(facemesh.layout.regions["lips"])]]],
        )[:, 0]
    )
    closed, opened = (energy.gap(posed(demo_rig, jawOpen=w), INDEX)[0] for w in (0.0, 0.7))
    assert (closed >= 0).all()
    assert (closed < 0.06 * mouth).all()
    assert (opened > closed + 0.1 * mouth).all()


def test_they_are_the_same_places_on_a_head_with_a_jaw_bone_and_no_key_for_the_jaw(demo_rig, facemesh, embedding, lips):
    """What opens the mouth only decides where the edge is seen."""
    boned = with_jaw_bone(demo_rig)
    boned = replace(boned, solved=np.array(["jaw" not in name for name in boned.names]))
    found = find_lips(boned, embedding, facemesh.layout)
    rest = demo_rig.local(posed(demo_rig))[0]
    middle = [
        np.einsum("nc,ncx->nx", one.barycentric, rest[demo_rig.triangles[one.triangle]]).mean(0)
        for one in (lips, found)
    ]
    np.testing.assert_allclose(*middle, atol=0.002)


def test_a_rig_that_cannot_open_its_mouth_has_none(demo_rig, facemesh, embedding):
    held = replace(demo_rig, solved=np.array([name.startswith("brow") for name in demo_rig.names]))
    assert find_lips(held, embedding, facemesh.layout) is None
    assert find_lips(replace(demo_rig, solved=np.zeros(len(demo_rig.names), bool)), embedding, facemesh.layout) is None


def crossed(rig, lips):
    """A pose whose lips have passed: the jaw pushed up by its own key, backwards."""
    return posed(rig, jawOpen=-0.2)


def test_nothing_pushes_lips_that_are_apart(demo_rig, lips):
    free = FreeParameters(np.arange(len(demo_rig.names)))
    residual, jacobian = energy_of(demo_rig, lips).linear(posed(demo_rig, jawOpen=0.5), INDEX, free)
    assert not residual.any()
    assert not jacobian.any()


def test_lips_that_have_passed_are_pushed_apart(demo_rig, lips):
    energy, pose = energy_of(demo_rig, lips), crossed(demo_rig, lips)
    free = FreeParameters(np.arange(len(demo_rig.names)))
    residual, jacobian = energy.linear(pose, INDEX, free)
    assert (residual < 0).all()
    downhill = -(residual[:, None] @ jacobian)[0, 0]
    assert downhill[6 + demo_rig.names.index("jawOpen")] > 0
    assert not downhill[:6].any()  # the head carries both lips along


def test_the_jacobian_is_the_residuals_derivative(demo_rig, lips):
    rig = with_jaw_bone(demo_rig)
    energy, pose = energy_of(rig, lips), crossed(rig, lips)
    free = FreeParameters(np.arange(len(rig.names)), {JAW: np.arange(6)})
    pose.joints[JAW] = at_rest(1)
    _, jacobian = energy.linear(pose, INDEX, free)
    for column in [*range(6), *range(free.size - 6, free.size), 6 + rig.names.index("jawOpen")]:
        step = np.zeros((1, free.size))
        step[0, column] = 1e-3
        ahead, back = (energy.residual(free.stepped(pose, sign * step), INDEX) for sign in (1, -1))
        np.testing.assert_allclose((ahead - back)[0] / 2e-3, jacobian[0, :, column], rtol=2e-2, atol=0.05)
