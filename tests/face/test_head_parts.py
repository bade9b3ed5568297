"""Lips and the mesh's other pieces: found on any mesh that shows them, and one colour for each from the plates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_shot import camera, performance, write_shot

from solver_core.documents.shot import load_shot
from solver_core.face.head_parts import LIPS, OTHERS, SKIN, head_parts
from solver_core.face.landmark_embedding import embed_landmarks
from solver_core.look.albedo import LEAST_PIXELS, PLAIN, part_colors
from solver_core.look.synthesis import picture
from solver_core.observe.landmarks import landmarks_of
from solver_core.observe.observer import SIZE
from solver_core.solve import prepare_context
from solver_core.stages.shared.light import estimate_lights

COUNT = 5


@pytest.fixture(scope="module")
def embedding(demo_rig, facemesh, face_detector):
    return embed_landmarks(demo_rig, facemesh, face_detector)


SKIN_COLOR, LIP_COLOR, EYE_COLOR = (0.45, 0.25, 0.18), (0.4, 0.11, 0.1), (0.1, 0.2, 0.5)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory, demo_rig, facemesh, embedding):
    """The face at its true poses; the plates show skin, lips and eyes of one colour each, the rig has lost them."""
    parts = head_parts(demo_rig, embedding, facemesh.layout)
    colors = np.where((parts == SKIN)[:, None], SKIN_COLOR, np.where((parts == LIPS)[:, None], LIP_COLOR, EYE_COLOR))
    painted = replace(demo_rig, colors=colors.astype(np.float32))
    truth = performance(painted, COUNT)
    made = write_shot(
        tmp_path_factory.mktemp("parts"),
        painted,
        truth,
        (camera("A", COUNT, (0.1, -0.95, 0.02)), camera("B", COUNT, (-0.3, -0.9, 0.02))),
    )
    shot = load_shot(made.folder)
    context = prepare_context(replace(shot, rig=replace(shot.rig, colors=None)), lambda _done, _total: True)
    context.pose = truth
    return context


@pytest.fixture
def plain(filmed):
    """A context whose look a test may replace."""
    return replace(filmed)


def eyes_of(rig):
    """Vertices of the eyeballs: the demo's eyes alone are so bright."""
    return rig.colors.min(1) > 0.6


def test_pieces_of_the_mesh_and_the_lips_are_parts(demo_rig, facemesh, embedding):
    parts = head_parts(demo_rig, embedding, facemesh.layout)
    (eyes,) = np.unique(parts[eyes_of(demo_rig)])  # both are one part
    assert eyes > LIPS
    for side in (-1, 1):
        ball = demo_rig.neutral[(parts == eyes) & (side * demo_rig.neutral[:, 0] > 0)]
        assert 0.02 < np.ptp(ball, axis=0).max() < 0.04
    red = demo_rig.colors[parts == LIPS] / demo_rig.colors[parts == SKIN].mean(0)
    assert red[:, 0].mean() > 1.3 * red[:, 1].mean()
    assert (parts == SKIN).sum() > 0.7 * len(parts)


def test_a_face_in_two_halves_is_skin_all_the_same(demo_rig, facemesh, embedding):
    """As where a mask is modelled apart from the head."""
    side = demo_rig.neutral[demo_rig.triangles].mean(1)[:, 0] > 0
    count = len(demo_rig.neutral)
    halves = np.where(side[:, None], demo_rig.triangles + count, demo_rig.triangles)
    gap = np.array([1e-4, 0, 0], np.float32)
    cut = replace(
        demo_rig,
        neutral=np.concatenate([demo_rig.neutral, demo_rig.neutral + gap]),
        triangles=halves,
        deltas=np.tile(demo_rig.deltas, (1, 2, 1)),
        colors=np.tile(demo_rig.colors, (2, 1)),
    )
    parts = head_parts(cut, replace(embedding, face=np.tile(embedding.face, 2)), facemesh.layout)
    expected = head_parts(demo_rig, embedding, facemesh.layout)
    for half, used in ((parts[:count], halves[~side]), (parts[count:], halves[side] - count)):
        used = np.unique(used)
        np.testing.assert_array_equal(half[used] <= LIPS, expected[used] <= LIPS)


def test_eyeballs_of_many_vertices_are_no_skin(demo_rig, facemesh, embedding):
    eyes = np.all(eyes_of(demo_rig)[demo_rig.triangles], axis=1)
    assert eyes.sum() > 100
    corners = np.concatenate([demo_rig.triangles[eyes]] * 40)
    more = np.arange(len(corners)) + len(demo_rig.neutral)
    middle = demo_rig.neutral[corners].mean(1)
    fans = np.concatenate([np.stack([corners[:, i], corners[:, i - 2], more], 1) for i in range(3)])
    dense = replace(
        demo_rig,
        neutral=np.concatenate(
            [demo_rig.neutral, middle + 1e-4 * np.random.default_rng(0).normal(size=middle.shape)]
        ).astype(np.float32),
        triangles=np.concatenate([demo_rig.triangles, fans]).astype(np.int32),
        deltas=np.concatenate([demo_rig.deltas, demo_rig.deltas[:, corners].mean(2)], 1),
        colors=np.concatenate([demo_rig.colors, demo_rig.colors[corners].mean(1)]),
    )
    face = np.concatenate([embedding.face, np.ones(len(more), bool)])
    assert face[len(embedding.face) :].sum() > embedding.face.sum()
    parts = head_parts(dense, replace(embedding, face=face), facemesh.layout)
    np.testing.assert_array_equal(
        parts[: len(embedding.face)] == SKIN, head_parts(demo_rig, embedding, facemesh.layout) == SKIN
    )


def test_lips_on_a_line_are_no_part(demo_rig, facemesh, embedding):
    """All landmarks of the mouth at one place: nothing to go by, and no reason to stop."""
    lips = list(facemesh.layout.regions["lips"])
    triangle, barycentric = embedding.triangle.copy(), embedding.barycentric.copy()
    triangle[lips], barycentric[lips] = triangle[lips[0]], barycentric[lips[0]]
    parts = head_parts(demo_rig, replace(embedding, triangle=triangle, barycentric=barycentric), facemesh.layout)
    assert LIPS not in parts


def test_triangles_with_corners_of_their_own_make_no_difference(demo_rig, facemesh, embedding):
    """As some programs write them."""
    corners = demo_rig.triangles.reshape(-1)
    apart = replace(
        demo_rig,
        neutral=demo_rig.neutral[corners],
        triangles=np.arange(len(corners)).reshape(-1, 3),
        deltas=demo_rig.deltas[:, corners],
        colors=demo_rig.colors[corners],
    )
    parts = head_parts(apart, replace(embedding, face=embedding.face[corners]), facemesh.layout)
    expected = head_parts(demo_rig, embedding, facemesh.layout)[corners]
    assert len(np.unique(parts)) == len(np.unique(expected))
    for which in np.unique(expected):
        assert len(np.unique(parts[expected == which])) == 1
    np.testing.assert_array_equal(parts <= LIPS, expected <= LIPS)


def test_each_part_takes_its_colour_from_the_plates(plain, demo_rig):
    """Beside the skin's, whose tint is in the light."""
    estimate_lights(plain)
    albedo, parts = plain.look.albedo, plain.look.parts
    assert np.all(albedo[parts == SKIN] == PLAIN)
    for vertices, color in ((eyes_of(demo_rig), EYE_COLOR), (parts == LIPS, LIP_COLOR)):
        expected = np.array(color) / SKIN_COLOR * PLAIN
        np.testing.assert_allclose(np.median(albedo[vertices], 0), expected, rtol=0.15)
    for which in np.unique(parts):
        assert len(np.unique(albedo[parts == which], axis=0)) == 1


def test_the_networks_see_the_plate_and_the_render_more_alike(plain):
    def bias():
        estimate_lights(plain)
        view, index = plain.views[0], np.arange(COUNT)
        plates = view.images(index, SIZE)
        look = plain.look.under(plain.look.lights[0])
        shown = picture(plain.rig, plain.renderer, view, plain.pose, index, SIZE, look, plates)
        apart = landmarks_of(plain.network, plates) - landmarks_of(plain.network, shown.rendering.image)
        return np.sqrt((apart**2).sum(2).mean())

    with_parts = bias()
    plain.look = replace(plain.look, albedo=np.tile(PLAIN, (len(plain.look.parts), 1)), parts=None)
    assert with_parts < 0.9 * bias()


def test_a_render_shows_the_colours_or_goes_on_with_the_skins_detail(plain):
    estimate_lights(plain)
    np.testing.assert_array_equal(plain.look.shown, plain.look.albedo)
    assert len(np.unique(plain.look.shown, axis=0)) > 1
    detail = plain.look.albedo + 0.1
    plain.look = replace(plain.look, detail=detail)
    estimate_lights(plain)
    np.testing.assert_array_equal(plain.look.shown, detail)


def test_a_part_that_is_hardly_seen_keeps_the_skins_colour(plain):
    """Also where it was seen better before."""
    parts = plain.look.parts
    nose = np.flatnonzero(parts == SKIN)[plain.rig.neutral[parts == SKIN, 1].argmin()]
    away = np.linalg.norm(plain.rig.neutral - plain.rig.neutral[nose], axis=1)
    for radius, seen in ((0.02, True), (0.003, False)):
        patch = (away < radius) & (parts == SKIN)
        assert patch.sum() > 3
        plain.look = replace(plain.look, parts=np.where(patch, parts.max() + 1, parts))
        estimate_lights(plain)
        assert np.all(plain.look.albedo[patch] == PLAIN) != seen


def test_a_camera_that_sees_no_skin_has_no_say(plain):
    """Its light is a guess, and so would be the colours under it."""
    estimate_lights(plain)
    alone = replace(plain, views=plain.views[:1])
    estimate_lights(alone)
    blind = replace(plain.views[1], crops=[None] * COUNT)
    assert not blind.seen.any()
    estimate_lights(both := replace(plain, views=[plain.views[0], blind]))
    np.testing.assert_array_equal(both.look.albedo, alone.look.albedo)
    assert not np.array_equal(both.look.albedo, plain.look.albedo)  # the second camera had its say


def test_exposure_of_a_camera_does_not_matter(plain, monkeypatch):
    """A light for each camera takes it."""
    estimate_lights(plain)
    before = plain.look.albedo
    dark = plain.views[1]
    linear = dark.linear_images
    monkeypatch.setattr(dark, "linear_images", lambda *asked: linear(*asked) / 30, raising=False)
    estimate_lights(plain)
    np.testing.assert_allclose(plain.look.albedo, before, rtol=0.1)


def test_the_median_outvotes_what_is_before_a_part():
    rng = np.random.default_rng(0)
    part = np.repeat([0, 4, 7], 300)
    true = np.array([[0.4, 0.4, 0.4], [0.9, 1.3, 1.2], [0.1, 0.2, 0.3]])
    seen = np.repeat(true, 300, axis=0)
    seen[rng.random(900) < 0.3] = 5.0  # highlights, lids that are not where the render has them
    found = part_colors(part, seen)
    assert sorted(found) == [0, 4, 7]
    np.testing.assert_allclose([found[0], found[4], found[7]], true)


def test_few_pixels_say_nothing():
    part = np.repeat([LIPS, OTHERS], [LEAST_PIXELS - 1, LEAST_PIXELS])
    assert list(part_colors(part, np.ones((len(part), 3)))) == [OTHERS]
    assert part_colors(part[:0], np.ones((0, 3))) == {}
