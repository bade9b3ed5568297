"""The light inside the mouth follows the pose: dark where it is closed, and lit when the lips part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.face.landmark_embedding import embed_landmarks
from solver_core.face.mouth import mouth_shadow
from solver_core.face.rig import unmoved
from solver_core.look.look import Look
from solver_core.render.shading import C0
from solver_core.render.transfer import shadow_transfer


@pytest.fixture(scope="module")
def embedding(demo_rig, facemesh, face_detector):
    return embed_landmarks(demo_rig, facemesh, face_detector)


@pytest.fixture(scope="module")
def look(demo_rig, facemesh, embedding):
    shadow = shadow_transfer(demo_rig.neutral, demo_rig.triangles)
    return Look(demo_rig.colors, shadow=shadow, mouth=mouth_shadow(demo_rig, embedding, facemesh.layout))


def opened(rig, amount):
    pose = unmoved(np.zeros((1, len(rig.names))))
    pose.weights[0, rig.names.index("jawOpen")] = amount
    return rig.local(pose)


def test_at_rest_nothing_is_changed(demo_rig, look):
    np.testing.assert_array_equal(look.shadowed(opened(demo_rig, 0.0)).shadow[0], look.shadow)


def test_teeth_are_lit_as_they_are_when_the_mouth_opens(demo_rig, look):
    """By the whole head's own shadow at that pose, which the rows follow without computing it."""
    ambient = np.eye(9)[0] / C0
    local = opened(demo_rig, 0.6)
    exact = shadow_transfer(local[0], demo_rig.triangles) @ ambient
    followed, still = look.shadowed(local).shadow[0] @ ambient, look.shadow @ ambient
    inside = look.mouth.vertices
    lit = inside[exact[inside] > still[inside] + 0.2]  # what the open mouth lets light in to
    assert len(lit) > 20
    assert np.abs(followed - exact)[lit].mean() < 0.3 * np.abs(still - exact)[lit].mean()


def test_what_the_mouth_does_not_hide_keeps_its_shadow(demo_rig, look):
    outside = np.ones(len(demo_rig.neutral), bool)
    outside[look.mouth.vertices] = False
    shadow = look.shadowed(opened(demo_rig, 1.0)).shadow[0]
    np.testing.assert_array_equal(shadow[outside], look.shadow[outside])


def test_a_head_without_a_mouth_has_one_shadow(demo_rig, embedding, facemesh, look):
    """As where nothing is hidden behind the lips."""
    everything_seen = replace(embedding, face=np.ones_like(embedding.face))
    assert mouth_shadow(demo_rig, everything_seen, facemesh.layout) is None
    alone = replace(look, mouth=None)
    assert alone.shadowed(opened(demo_rig, 1.0)) is alone
