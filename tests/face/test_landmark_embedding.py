"""Landmarks tied to the neutral head: on the right features, whichever way the head's axes lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from demo import head as heads
from demo.head import TO_SCENE
from demo.sculpt import EYE
from solver_core.common.errors import FaceSolveError
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.landmark_embedding import embed_landmarks
from solver_core.networks.facemesh import LEFT_EYE, RIGHT_EYE
from solver_core.networks.regions import FACEMESH

Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)  # Blender's axes to Y up, face along Z


@pytest.fixture(scope="module")
def embedding(demo_rig, facemesh, face_detector):
    return embed_landmarks(demo_rig, facemesh, face_detector)


def places(rig: BlendshapeRig, embedding) -> np.ndarray:
    """[L,3] metres."""
    return rig.sample(embedding.triangle[None], embedding.barycentric[None]).neutral[0]


def test_it_is_found_from_the_front(embedding, demo_rig):
    np.testing.assert_array_equal(embedding.front, [0, -1, 0])
    np.testing.assert_array_equal(embedding.up, [0, 0, 1])
    np.testing.assert_allclose(embedding.barycentric.sum(1), 1, atol=1e-6)
    assert (embedding.barycentric >= -1e-6).all()
    assert ((embedding.triangle >= 0) & (embedding.triangle < len(demo_rig.triangles))).all()


def test_eyes_and_lips_are_on_eyes_and_lips(embedding, demo_rig):
    found = places(demo_rig, embedding)
    eye = np.array(EYE) * TO_SCENE
    assert found[LEFT_EYE, 0] > 0 > found[RIGHT_EYE, 0]  # X is the actor's left
    for landmarks, side in (("eyes_left", 1), ("eyes_right", -1)):
        rims = [i for i in FACEMESH.regions[landmarks] if i in FACEMESH.regions["eye_rims"]]
        distance = np.linalg.norm(found[rims] - eye * [side, 1, 1], axis=1)
        assert distance.max() < 0.024, distance.max()
    lips = heads.build().vertices[heads.build().parts["lip_upper"]]
    inner = found[list(FACEMESH.regions["lips_inner"])]
    nearest = np.linalg.norm(inner[:, None] - lips, axis=2).min(1)
    assert nearest.max() < 0.0031, nearest.max()


def test_it_is_as_symmetric_as_the_head(embedding, demo_rig):
    found = places(demo_rig, embedding)
    mirrored = found[list(FACEMESH.mirror)] * [-1, 1, 1]
    assert np.median(np.linalg.norm(found - mirrored, axis=1)) < 0.0022


def test_the_face_is_the_face_alone(embedding, demo_rig):
    vertices = demo_rig.neutral
    face = vertices[embedding.face]
    chin = places(demo_rig, embedding)[152, 2]
    assert len(face) > 1000
    assert face[:, 2].min() > chin - 0.02  # no neck
    assert face[:, 1].max() < 0.03  # nothing behind the ears
    normals_back = vertices[:, 1] > 0.03
    assert not embedding.face[normals_back].any()
    nose = vertices[:, 1].argmin()
    assert embedding.face[nose]


def test_a_head_with_y_up_is_found_too(embedding, demo_rig, facemesh, face_detector):
    turned = replace(demo_rig, neutral=demo_rig.neutral @ Y_UP.T, deltas=demo_rig.deltas @ Y_UP.T)
    other = embed_landmarks(turned, facemesh, face_detector)
    np.testing.assert_array_equal(other.front, [0, 0, 1])
    np.testing.assert_array_equal(other.up, [0, 1, 0])
    away = np.linalg.norm(places(turned, other) - places(demo_rig, embedding) @ Y_UP.T, axis=1)
    assert np.percentile(away, 95) < 1e-3


def test_size_does_not_matter(embedding, demo_rig, facemesh, face_detector):
    """A head modelled in centimetres, brought to metres by its object's scale, or not at all."""
    large = replace(demo_rig, neutral=demo_rig.neutral * 100, deltas=demo_rig.deltas * 100)
    other = embed_landmarks(large, facemesh, face_detector)
    away = np.linalg.norm(places(large, other) / 100 - places(demo_rig, embedding), axis=1)
    assert np.percentile(away, 95) < 1e-3


def test_a_mesh_without_a_face_is_refused(facemesh, face_detector):
    y, x = np.mgrid[:12, :12]
    vertices = np.stack([x, y, 0 * x], -1).reshape(-1, 3).astype(np.float32) / 12
    cells = (np.arange(11)[:, None] * 12 + np.arange(11)).ravel()
    triangles = np.concatenate(
        [np.stack([cells, cells + 1, cells + 13], 1), np.stack([cells, cells + 13, cells + 12], 1)]
    )
    one = np.ones(1)
    plain = BlendshapeRig(
        neutral=vertices,
        triangles=triangles.astype(np.int32),
        names=("key",),
        deltas=np.zeros((1, 144, 3), np.float32),
        minimum=0 * one,
        maximum=one,
        groups=("mouth",),
        solved=one > 0,
        strength=one,
        scale=np.ones(3),
    )
    with pytest.raises(FaceSolveError, match="No face") as caught:
        embed_landmarks(plain, facemesh, face_detector)
    assert caught.value.remedy
