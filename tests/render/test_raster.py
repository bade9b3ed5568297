"""The z-buffer agrees with brute force, covers shared edges exactly once, and survives bad triangles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_fixtures import HEIGHT, WIDTH, brute_force, project, rotation, sphere

from solver_core.render.renderer import Renderer


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_brute_force_on_a_soup(seed) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-20, 65, (2, 60, 2))
    depth = rng.uniform(-0.2, 5, (2, 60))
    points[0, 3] = np.nan
    depth[1, 4] = np.nan
    points[1, 5] = 1e5
    points[1, 6] = np.inf
    triangles = rng.integers(0, 60, (50, 3)).astype(np.int32)  # some are degenerate
    found = Renderer(triangles).rasterise(points, depth, HEIGHT, WIDTH)
    for b in range(2):
        seen, weights, z = brute_force(points[b], depth[b], triangles, HEIGHT, WIDTH)
        assert (seen >= 0).mean() > 0.3
        np.testing.assert_array_equal(found.triangle[b], seen)
        np.testing.assert_allclose(found.barycentric[b], weights, atol=2e-6)
        np.testing.assert_allclose(found.depth[b], z, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_triangulated_quadrilateral_is_covered_exactly_once(data) -> None:
    """Corners on quarter pixels put many centres on edges.

    The fan around an inner vertex tiles without holes or doubles.
    """
    quarter = st.integers(0, 40).map(lambda q: q / 4)
    centre = np.array([data.draw(quarter), data.draw(quarter)]) + 1
    ring = np.array([[0, 0], [12, 0], [12, 12], [0, 12]], float)
    points = np.concatenate([ring, centre[None]])[None]
    hits = np.zeros((12, 12), int)
    for corner in range(4):
        triangle = np.array([[corner, (corner + 1) % 4, 4]], np.int32)
        if data.draw(st.booleans()):
            triangle = triangle[:, ::-1].copy()
        hits += Renderer(triangle).rasterise(points, np.ones((1, 5)), 12, 12).mask[0]
    np.testing.assert_array_equal(hits, 1)


def test_shared_edges_with_rounded_corners_are_covered_exactly_once() -> None:
    """Any float coordinates, any vertex order: the sum of single triangles' masks equals the mesh's mask, never two."""
    vertices, triangles = sphere(20, 30)
    points, depth = project(vertices[None] @ rotation(np.array([0.3, 0.2, 0.1])).T, focal=90.0)
    corners = points[0][triangles]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    front = triangles[u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] < 0]
    hits = np.zeros((HEIGHT, WIDTH), int)
    for n, triangle in enumerate(front):
        hits += Renderer(np.roll(triangle, n)[None]).rasterise(points, depth, HEIGHT, WIDTH).mask[0]
    assert hits.max() == 1
    rows = np.flatnonzero(hits.any(1))
    for row in rows:  # a ball has no holes
        columns = np.flatnonzero(hits[row])
        assert len(columns) == columns[-1] - columns[0] + 1


def test_perspective_correct_attributes_lie_on_the_plane() -> None:
    """A steep triangle: the 3D point under a pixel's barycentrics projects to its centre at the given depth."""
    vertices = np.array([[[-0.8, -0.5, 1.5], [0.9, -0.4, -4.0], [0.0, 0.9, 0.5]]])
    points, depth = project(vertices)
    found = Renderer(np.array([[0, 1, 2]])).rasterise(points, depth, HEIGHT, WIDTH)
    world = found.barycentric[0].astype(float) @ vertices[0]
    again, z = project(world)
    rows, columns = np.nonzero(found.mask[0])
    np.testing.assert_allclose(again[rows, columns], np.stack([columns, rows], -1) + 0.5, atol=1e-4)
    np.testing.assert_allclose(z[rows, columns], found.depth[0, rows, columns], rtol=1e-6)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="not there"):
        Renderer([[0, 1, 3]]).rasterise(np.zeros((1, 3, 2)), np.ones((1, 3)), 4, 4)
    with pytest.raises(ValueError, match="points must"):
        Renderer([[0, 1, 2]]).rasterise(np.zeros((3, 2)), np.ones((1, 3)), 4, 4)


def test_absurd_coordinates_do_no_harm() -> None:
    rng = np.random.default_rng(5)
    points = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e30, 10.0, 20.0], (1, 80, 2))
    found = Renderer(rng.integers(0, 80, (400, 3))).rasterise(points, np.ones((1, 80)), HEIGHT, WIDTH)
    assert np.isfinite(found.barycentric).all()
