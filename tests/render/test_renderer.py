"""The picture is exact in coverage, continuous in the vertices, and its tangents are its derivative."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_fixtures import HEIGHT, WIDTH, grid_scene, project, rotation, sphere

from solver_core.color.srgb import srgb_encode
from solver_core.look.look import Look
from solver_core.render.mesh import mesh_edges
from solver_core.render.renderer import Renderer
from solver_core.render.shading import C0, rotate_light, sh_basis, vertex_normals

FLAT_LIGHT = np.zeros((9, 3))
FLAT_LIGHT[0] = 1 / C0  # irradiance one from everywhere
SIDE_LIGHT = np.zeros((9, 3))
SIDE_LIGHT[0], SIDE_LIGHT[3], SIDE_LIGHT[1] = [2.0, 1.8, 1.6], [0.6, 0.4, 0.5], [0.3, 0.5, 0.2]
SIDE_LIGHT[2] = 0.8
SIDE_LIGHT[4:] = np.linspace(-0.2, 0.2, 15).reshape(5, 3)


def clipped_area(polygon, x, y):
    """Area of a polygon inside the pixel [x, x+1] x [y, y+1], by cutting it with each side in turn."""
    for axis, limit, sign in ((0, x, 1), (0, x + 1, -1), (1, y, 1), (1, y + 1, -1)):
        kept = []
        for p, q in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            dp, dq = sign * (p[axis] - limit), sign * (q[axis] - limit)
            if dp >= 0:
                kept.append(p)
            if dp * dq < 0:
                kept.append(p + (q - p) * dp / (dp - dq))
        if not kept:
            return 0.0
        polygon = np.array(kept)
    following = np.roll(polygon, -1, axis=0)
    return abs((polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0]).sum()) / 2


coordinate = st.integers(-64 * 4, 64 * 12).map(lambda n: n / 64)  # many corners and edges meet pixels' centres exactly


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=3), st.floats(0.5, 4), st.floats(0.5, 4))
def test_a_white_triangle_on_black_covers_exact_areas(corners, z0, z1) -> None:
    points = np.array([corners], float)
    normals = np.tile([0.0, 0, 1], (1, 3, 1))
    renderer = Renderer([[0, 1, 2]])
    picture = renderer.render(
        points, np.array([[z0, z1, 1.0]]), normals, Look(np.ones((3, 3)), (FLAT_LIGHT,)), np.zeros(3), 8, 9
    )
    expected = [[clipped_area(points[0], x, y) for x in range(9)] for y in range(8)]
    np.testing.assert_allclose(picture.linear[0, ..., 1], expected, atol=2e-6)


CENTRE = (2.5, 3.5)


@pytest.mark.parametrize("second", [(0, 0.5), (0.5, 0), (-0.5, 0), (0, -0.5), (3, 1), (-3, 2), (1, -3), (-1, -1)])
@pytest.mark.parametrize("third", [(0.5, 0.5), (-0.5, 0.25), (2, -3), (-1, -4), (0.25, -0.25)])
def test_a_corner_at_a_pixel_s_centre_covers_its_exact_area(second, third) -> None:
    points = np.array([[CENTRE, np.add(CENTRE, second), np.add(CENTRE, third)]])
    picture = Renderer([[0, 1, 2]]).render(
        points,
        np.ones((1, 3)),
        np.tile([0.0, 0, 1], (1, 3, 1)),
        Look(np.ones((3, 3)), (FLAT_LIGHT,)),
        np.zeros(3),
        8,
        9,
    )
    expected = [[clipped_area(points[0], x, y) for x in range(9)] for y in range(8)]
    np.testing.assert_allclose(picture.linear[0, ..., 0], expected, atol=2e-6)


def test_a_meshs_outline_covers_exact_areas_whatever_lies_inside() -> None:
    """A fan around an inner vertex: only its rim is an outline, whichever way its triangles turn."""
    angles = np.linspace(0, 2 * np.pi, 11)[:-1] + 0.2
    rim = np.stack([5.3 + 3.9 * np.cos(angles), 4.6 + 3.1 * np.sin(angles)], -1)
    points = np.concatenate([rim, [[5.9, 4.1]]])[None]
    triangles = np.array([[n, (n + 1) % 10, 10] for n in range(10)])
    triangles[3:7] = triangles[3:7, ::-1]
    renderer = Renderer(triangles)
    normals = np.tile([0.0, 0, 1], (1, 11, 1))
    picture = renderer.render(
        points, np.ones((1, 11)), normals, Look(np.ones((11, 3)), (FLAT_LIGHT,)), np.zeros(3), 10, 11
    )
    expected = [[clipped_area(rim, x, y) for x in range(11)] for y in range(10)]
    np.testing.assert_allclose(picture.linear[0, ..., 0], expected, atol=2e-6)


def test_edges_of_a_mesh() -> None:
    _, ball = sphere()
    edges = mesh_edges(ball)
    assert len(edges) == 3 * len(ball) // 2  # closed: every edge has two triangles
    assert (edges[:, 3] >= 0).all()
    book = mesh_edges([[0, 1, 2], [0, 1, 3], [0, 1, 4], [5, 5, 6]])  # three pages, and a degenerate triangle
    spine = book[(book[:, 0] == 0) & (book[:, 1] == 1)]
    assert sorted(map(tuple, spine[:, 2:])) == [(2, 3), (4, -1)]
    assert (book[book[:, 0] == 5][:, :2] == [5, 6]).all()


def scene():
    """A ball before a waving open sheet, two images: what the renderer has to cope with, in small."""
    sheets, sheet_triangles, _ = grid_scene()
    ball, ball_triangles = sphere(18, 26, radius=0.33)
    count = sheets.shape[1]
    triangles = np.concatenate([sheet_triangles, ball_triangles + count])
    rng = np.random.default_rng(0)
    vertices = np.concatenate([sheets, np.tile(ball + np.array([0.12, 0.05, 0.7]), (2, 1, 1))], 1)
    albedo = 0.4 + 0.15 * np.sin(np.arange(vertices.shape[1])[:, None] * [0.02, 0.05, 0.03])
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = 0.35 + 0.2 * np.sin(np.stack([0.3 * x, 0.2 * y, 0.15 * (x + y)], -1))
    background = np.stack([waves, waves[::-1]])
    weights = rng.normal(size=(vertices.shape[1], 9)) * 0.02
    return vertices, triangles, albedo, background.astype(np.float32), weights


def pose(vertices, q):
    """Six parameters: turn, shift (in metres), and a swelling that is not rigid."""
    swollen = vertices * (1 + q[6] * np.sin(3 * vertices[..., :1])) if len(q) > 6 else vertices
    return swollen @ rotation(q[:3]).T + q[3:6]


def geometry_of(q):
    vertices, triangles, *_ = scene()
    moved = pose(vertices, q)
    points, depth = project(moved)
    return points, depth, vertex_normals(moved, triangles)


def tangents_of(q, step=1e-6):
    columns = []
    for p in range(7):
        d = np.zeros(7)
        d[p] = step
        columns.append([(a - b) / (2 * step) for a, b in zip(geometry_of(q + d), geometry_of(q - d), strict=True)])
    return [np.stack(c, axis=1) for c in zip(*columns, strict=True)]


@pytest.mark.parametrize("with_shadow", [False, True])
def test_tangents_are_central_differences(with_shadow) -> None:
    """Pixel by pixel; the few whose set of outline pieces changes within the step are left out, and stay few."""
    _, triangles, albedo, background, shadow = scene()
    renderer = Renderer(triangles)
    look = Look(albedo, (SIDE_LIGHT,), shadow if with_shadow else None)
    q = np.array([0.02, -0.03, 0.01, 0.013, -0.021, 0.02, 0.03])

    def turned(q):
        return np.tile(rotation(q[:3]), (2, 1, 1))

    def picture(q):
        return renderer.render(*geometry_of(q), look, background, HEIGHT, WIDTH, head_rotation=turned(q))

    d_points, d_depth, d_normals = tangents_of(q)
    step = 1e-6
    d_rotation = np.zeros((2, 7, 3))
    for p in range(3):
        d = np.zeros(7)
        d[p] = step
        skew = (rotation((q + d)[:3]) - rotation((q - d)[:3])) / (2 * step) @ rotation(q[:3]).T
        d_rotation[:, p] = [skew[2, 1], skew[0, 2], skew[1, 0]]
    rendering, d_image = renderer.render_jvp(
        *geometry_of(q),
        look,
        background,
        HEIGHT,
        WIDTH,
        d_points=d_points,
        d_depth=d_depth,
        d_normals=d_normals,
        head_rotation=turned(q),
        d_rotation=d_rotation,
    )
    np.testing.assert_array_equal(rendering.image, picture(q).image)
    assert rendering.image.min() > 0.1  # nothing is clipped, so no derivative is zero by that
    assert rendering.image.max() < 1
    step = 2e-4
    for p in range(7):
        d = np.zeros(7)
        d[p] = step
        ahead, back = picture(q + d), picture(q - d)
        difference = (srgb_encode(ahead.linear.astype(float)) - srgb_encode(back.linear.astype(float))) / (2 * step)
        error = np.abs(difference - d_image[:, p]).max(-1)
        scale = np.abs(d_image[:, p]).max()
        assert scale > 0.05
        assert (error > 0.004 * scale).mean() < 0.01
        assert np.percentile(error, 98) < 0.003 * scale


def test_an_energy_has_the_slope_that_the_tangents_say() -> None:
    """Over whole images and steps of a fifth of a pixel, outline changes included: what an optimiser sees."""
    _, triangles, albedo, background, _ = scene()
    renderer, look = Renderer(triangles), Look(albedo, (SIDE_LIGHT,))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    probe = np.cos(0.3 * x + 0.2 * y)[..., None] * [1.0, 0.5, -0.7]
    rng = np.random.default_rng(1)
    predicted, measured, aliased = [], [], []
    for _ in range(12):
        q = rng.normal(size=7) * 0.02
        direction = rng.normal(size=7) * 0.01
        arguments = (look, background, HEIGHT, WIDTH)
        d_points, d_depth, d_normals = tangents_of(q)
        _, d_image = renderer.render_jvp(
            *geometry_of(q), *arguments, d_points=d_points, d_depth=d_depth, d_normals=d_normals
        )
        predicted.append(np.einsum("bphwc,p,hwc->", d_image, direction, probe))
        ahead, back = (renderer.render(*geometry_of(q + s * direction), *arguments) for s in (0.2, -0.2))
        measured.append(((ahead.image - back.image) * probe).sum() / 0.4)
        aliased.append(((srgb_encode(ahead.surface) - srgb_encode(back.surface)) * probe).sum() / 0.4)
    spread = np.linalg.norm(measured)
    assert np.linalg.norm(np.subtract(predicted, measured)) < 0.1 * spread
    assert np.linalg.norm(np.subtract(predicted, aliased)) > 0.35 * spread  # the test can tell a staircase


def test_the_image_is_continuous_where_the_aliased_one_jumps() -> None:
    """Small steps of the head change no pixel by more than the step allows."""
    _, triangles, albedo, background, _ = scene()
    renderer, look = Renderer(triangles), Look(albedo, (SIDE_LIGHT,))
    frames, aliased = [], []
    for shift in np.arange(60) * 2e-4:  # 0.004 to 0.005 pixels a step
        picture = renderer.render(
            *geometry_of(np.array([0, 0, 0, shift, 0.7 * shift, 0, 0])), look, background, HEIGHT, WIDTH
        )
        frames.append(picture.image)
        aliased.append(srgb_encode(picture.surface))
    assert np.abs(np.diff(aliased, axis=0)).max() > 0.1
    jumps = np.abs(np.diff(frames, axis=0)).max((0, -1))
    assert np.percentile(jumps, 99) < 0.004
    assert (jumps > 0.02).sum() <= 2  # where the ball's outline passes over the sheet's, one of them appears at once


def test_light_shadow_and_background_reach_the_pixels_that_they_should() -> None:
    vertices, triangles, albedo, background, shadow = scene()
    points, depth = project(vertices)
    normals = vertex_normals(vertices, triangles)
    turn = np.stack([rotation(np.array([0.5, 0.1, 0.2])), np.eye(3)])
    renderer, look = Renderer(triangles), Look(albedo, (SIDE_LIGHT,))
    plain = renderer.render(points, depth, normals, look, background, HEIGHT, WIDTH)
    near = np.ones((3, 3), np.uint8)
    untouched = np.stack([cv2.dilate(mask.astype(np.uint8), near) == 0 for mask in plain.fragments.mask])
    assert untouched.mean() > 0.2
    np.testing.assert_array_equal(plain.linear[untouched], background[untouched])
    shaded = renderer.render(
        points, depth, normals, replace(look, shadow=shadow), background, HEIGHT, WIDTH, head_rotation=turn
    )
    b, row, column = np.argwhere(plain.fragments.mask)[200]
    corners = triangles[plain.fragments.triangle[b, row, column]]
    weights = plain.fragments.barycentric[b, row, column]
    normal = weights @ normals[b, corners]
    local = rotate_light(SIDE_LIGHT, turn[b])
    expected = (
        weights
        @ albedo[corners]
        * (sh_basis(normal / np.linalg.norm(normal)) @ SIDE_LIGHT + (weights @ shadow[corners]) @ local)
    )
    np.testing.assert_allclose(shaded.surface[b, row, column], expected, rtol=1e-5)


def test_a_shadow_needs_the_heads_rotation_and_shapes_must_fit() -> None:
    vertices, triangles, albedo, _, shadow = scene()
    points, depth = project(vertices)
    normals = vertex_normals(vertices, triangles)
    renderer, look = Renderer(triangles), Look(albedo, (SIDE_LIGHT,))
    with pytest.raises(ValueError, match="rotation"):
        renderer.render(points, depth, normals, replace(look, shadow=shadow), None, HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="normals"):
        renderer.render(points, depth, normals[:, 1:], look, None, HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="one light"):
        renderer.render(points, depth, normals, replace(look, lights=()), None, HEIGHT, WIDTH)


def test_nothing_in_the_picture_is_a_plain_grey_background() -> None:
    vertices, triangles, albedo, *_ = scene()
    points, depth = project(vertices)
    look = Look(albedo, (SIDE_LIGHT,))
    normals = vertex_normals(vertices, triangles)
    picture = Renderer(triangles).render(points + 1e4, depth, normals, look, None, HEIGHT, WIDTH)
    np.testing.assert_allclose(picture.image, srgb_encode(0.18), atol=1e-5)
