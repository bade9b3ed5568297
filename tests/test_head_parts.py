"""Lips and the mesh's other pieces: found on any mesh that shows them, and one colour for each from the plates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_shot import camera, performance, write_shot

from solver_core.appearance import LEAST_PIXELS, PLAIN, part_colors
from solver_core.head_parts import LIPS, SKIN, head_parts
from solver_core.imaging import picture
from solver_core.shot import load_shot
from solver_core.solve import prepare_context
from solver_core.stages.evidence import SIZE, landmarks_of
from solver_core.stages.light import estimate_lights
from solver_core.tie import tie_landmarks

COUNT = 5


@pytest.fixture(scope="module")
def tie(demo_rig, facemesh, face_detector):
    return tie_landmarks(demo_rig, facemesh, face_detector)


SKIN_COLOR, LIP_COLOR, EYE_COLOR = (0.45, 0.25, 0.18), (0.4, 0.11, 0.1), (0.1, 0.2, 0.5)


@pytest.fixture(scope="module")
def plain(tmp_path_factory, demo_rig, facemesh, tie):
    """The face at its true poses; the plates show skin, lips and eyes of one colour each, the rig has lost them."""
    parts = head_parts(demo_rig, tie, facemesh.layout)
    colors = np.where((parts == SKIN)[:, None], SKIN_COLOR, np.where((parts == LIPS)[:, None], LIP_COLOR, EYE_COLOR))
    painted = replace(demo_rig, colors=colors.astype(np.float32))
    truth = performance(painted, COUNT)
    made = write_shot(tmp_path_factory.mktemp("parts"), painted, truth, (camera("A", COUNT, (0.1, -0.95, 0.02)),))
    shot = load_shot(made.folder)
    context = prepare_context(replace(shot, rig=replace(shot.rig, colors=None)), lambda _done, _total: True)
    context.pose = truth
    return context


def eyes_of(rig):
    """Vertices of the eyeballs: the demo's eyes alone are so bright."""
    return rig.colors.min(1) > 0.6


def test_pieces_of_the_mesh_and_the_lips_are_parts(demo_rig, facemesh, tie):
    parts = head_parts(demo_rig, tie, facemesh.layout)
    for side in (-1, 1):
        eye = eyes_of(demo_rig) & (side * demo_rig.neutral[:, 0] > 0)
        (which,) = np.unique(parts[eye])
        assert which > LIPS
        assert np.ptp(demo_rig.neutral[parts == which], axis=0).max() < 0.04
    red = demo_rig.colors[parts == LIPS] / demo_rig.colors[parts == SKIN].mean(0)
    assert red[:, 0].mean() > 1.3 * red[:, 1].mean()
    assert (parts == SKIN).sum() > 0.7 * len(parts)


def test_triangles_with_corners_of_their_own_make_no_difference(demo_rig, facemesh, tie):
    """As some programs write them."""
    corners = demo_rig.triangles.reshape(-1)
    apart = replace(
        demo_rig, neutral=demo_rig.neutral[corners], triangles=np.arange(len(corners)).reshape(-1, 3),
        deltas=demo_rig.deltas[:, corners], colors=demo_rig.colors[corners])  # fmt: skip
    parts = head_parts(apart, replace(tie, face=tie.face[corners]), facemesh.layout)
    expected = head_parts(demo_rig, tie, facemesh.layout)[corners]
    assert len(np.unique(parts)) == len(np.unique(expected))
    for which in np.unique(expected):
        assert len(np.unique(parts[expected == which])) == 1
    np.testing.assert_array_equal(parts <= LIPS, expected <= LIPS)


def test_each_part_takes_its_colour_from_the_plates(plain, demo_rig):
    """Beside the skin's, whose tint is in the light."""
    estimate_lights(plain)
    albedo, parts = plain.appearance.albedo, plain.appearance.parts
    assert np.all(albedo[parts == SKIN] == PLAIN)
    for vertices, color in ((eyes_of(demo_rig), EYE_COLOR), (parts == LIPS, LIP_COLOR)):
        expected = np.array(color) / SKIN_COLOR * PLAIN
        np.testing.assert_allclose(np.median(albedo[vertices], 0), expected, rtol=0.15)
    for which in np.unique(parts):
        assert len(np.unique(albedo[parts == which], axis=0)) == 1


def test_the_networks_see_the_plate_and_the_render_more_alike(plain):
    def bias():
        view, index = plain.views[0], np.arange(COUNT)
        plates = view.images(index, SIZE)
        plain.renderer.albedo = plain.appearance.albedo
        shown = picture(plain.rig, plain.renderer, view, plain.pose, index, SIZE, plain.appearance.lights[0], plates)
        apart = landmarks_of(plain.network, plates) - landmarks_of(plain.network, shown.rendering.image)
        return np.sqrt((apart**2).sum(2).mean())

    estimate_lights(plain)
    with_parts = bias()
    parts, plain.appearance.parts = plain.appearance.parts, None
    plain.appearance.albedo = np.tile(PLAIN, (len(parts), 1))
    estimate_lights(plain)
    without = bias()
    plain.appearance.parts = parts
    assert with_parts < 0.9 * without


def test_a_part_that_is_hardly_seen_keeps_the_skins_colour(plain):
    _, parts = plain.appearance, plain.appearance.parts
    back = plain.rig.neutral[:, 1] > np.percentile(plain.rig.neutral[:, 1], 90)
    plain.appearance.parts = np.where(back & (parts == SKIN), parts.max() + 1, parts)
    estimate_lights(plain)
    assert np.all(plain.appearance.albedo[plain.appearance.parts == parts.max() + 1] == PLAIN)
    plain.appearance.parts = parts


def test_the_median_outvotes_what_is_before_a_part():
    rng = np.random.default_rng(0)
    irradiance = rng.uniform(0.5, 2.0, (900, 3))
    part = np.repeat([0, 4, 7], 300)
    albedo = np.array([[0.4, 0.4, 0.4], [0.9, 1.3, 1.2], [0.1, 0.2, 0.3]])
    radiance = irradiance * np.repeat(albedo, 300, axis=0)
    radiance[rng.random(900) < 0.3] = 5.0  # highlights, lids that are not where the render has them
    found = part_colors(part, irradiance, radiance)
    assert sorted(found) == [0, 4, 7]
    np.testing.assert_allclose([found[0], found[4], found[7]], albedo, rtol=1e-6)


def test_few_pixels_and_pixels_in_the_dark_say_nothing():
    part = np.repeat([1, 2, 3], [LEAST_PIXELS - 1, LEAST_PIXELS, LEAST_PIXELS])
    irradiance = np.ones((len(part), 3))
    irradiance[part == 3] = 0.01
    assert list(part_colors(part, irradiance, 0.5 * irradiance)) == [2]
    assert part_colors(part[:0], irradiance[:0], irradiance[:0]) == {}
