"""Material points: what is seen at a place projects back to it, and places off the surface find the nearest pixel."""

import numpy as np
import pytest
from render_fixtures import grid_scene

from solver_core.render.renderer import Renderer
from solver_core.render.sampling import interpolate, visible_points


def test_a_place_on_the_surface_projects_back_to_itself() -> None:
    vertices, triangles, project = grid_scene()
    points, depth = project(vertices)
    fragments = Renderer(triangles).rasterise(points, depth, 40, 48)
    rng = np.random.default_rng(0)
    places = rng.uniform(14, 26, (len(points), 50, 2))
    found = visible_points(fragments, points, depth, triangles, places)
    assert (found.distance == 0).all()
    world = interpolate(vertices, triangles, found.triangle, found.barycentric)
    again, _ = project(world)
    np.testing.assert_allclose(again, places, atol=1e-9)


def test_a_place_at_a_pixels_centre_agrees_with_the_fragments() -> None:
    vertices, triangles, project = grid_scene()
    points, depth = project(vertices)
    fragments = Renderer(triangles).rasterise(points, depth, 40, 48)
    image, rows, columns = np.nonzero(fragments.mask)
    for b in range(len(points)):
        here = image == b
        places = np.stack([columns[here] + 0.5, rows[here] + 0.5], -1)[None].astype(float)
        one = Renderer(triangles).rasterise(points[b : b + 1], depth[b : b + 1], 40, 48)
        found = visible_points(one, points[b : b + 1], depth[b : b + 1], triangles, places)
        values = interpolate(vertices[b : b + 1], triangles, found.triangle, found.barycentric)
        expected = interpolate(vertices[b : b + 1], triangles, one.triangle, one.barycentric)
        np.testing.assert_allclose(values[0], expected[0, rows[here], columns[here]], atol=1e-6)


def test_places_off_the_surface_take_the_nearest_covered_pixel() -> None:
    vertices, triangles, project = grid_scene()
    points, depth = project(vertices)
    fragments = Renderer(triangles).rasterise(points, depth, 40, 48)
    places = np.array([[[1.2, 20.3], [47.4, 20.2], [np.nan, 3.0], [1e9, 3.0], [-3.0, 20.2]]]).repeat(len(points), 0)
    found = visible_points(fragments, points, depth, triangles, places, radius=16)
    for b in range(len(points)):
        rows, columns = np.nonzero(fragments.mask[b])
        for n in range(5):
            distances = np.hypot(columns + 0.5 - places[b, n, 0], rows + 0.5 - places[b, n, 1])
            nearest = distances.min() if np.isfinite(places[b, n]).all() else np.inf
            if nearest <= 16:
                assert found.distance[b, n] == pytest.approx(nearest)
                pick = distances.argmin()
                assert found.triangle[b, n] == fragments.triangle[b, rows[pick], columns[pick]]
            else:
                assert found.triangle[b, n] == -1
                assert np.isinf(found.distance[b, n])
    assert (found.distance > 0).all()


def test_interpolating_nothing_gives_zero() -> None:
    values = interpolate(np.ones((3, 2)), np.array([[0, 1, 2]]), np.array([[-1, 0]]), np.full((1, 2, 3), 1 / 3))
    np.testing.assert_allclose(values, [[[0, 0], [1, 1]]])
