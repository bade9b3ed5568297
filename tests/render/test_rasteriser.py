"""A rasteriser plugged in from outside gives Numba's pictures and derivatives.

The interface is all that a renderer needs.
"""

import numpy as np
import pytest
from plain_rasteriser import PlainRasteriser
from render_fixtures import grid_scene, rotation, sphere

from solver_core.look.look import Look
from solver_core.render.renderer import Renderer
from solver_core.render.shading import vertex_normals

SIZE = 14


@pytest.fixture(scope="module", params=["open sky", "with its own shadow"])
def drawn(request):
    """A ball before a waving sheet, by both rasterisers: (rendering, tangents) each."""
    rng = np.random.default_rng(3)
    (sheet,), sheet_triangles, project = grid_scene(batch=1, n=4)
    ball, ball_triangles = sphere(5, 6, radius=0.3)
    vertices = np.concatenate([sheet, ball + np.array([0.12, 0.05, 0.7])])[None]
    triangles = np.concatenate([sheet_triangles, ball_triangles + len(sheet)])
    points, depth = project(vertices, focal=20.0, centre=(7.3, 6.6))
    light = np.concatenate([[[2.0, 1.8, 1.6]], 0.2 * rng.normal(size=(8, 3))])
    shadow = 0.02 * rng.normal(size=(vertices.shape[1], 9)) if request.param == "with its own shadow" else None
    look = Look(rng.uniform(0.2, 0.5, vertices.shape[1:]), (light,), shadow)
    moves = {
        name: rng.normal(size=(1, 3, vertices.shape[1], *shape)) * scale
        for name, shape, scale in (("d_points", (2,), 1.0), ("d_depth", (), 0.1), ("d_normals", (3,), 0.3))
    }
    arguments = (points, depth, vertex_normals(vertices, triangles), look, rng.uniform(0.1, 0.4, (1, SIZE, SIZE, 3)))
    turns = rng.normal(size=(1, 3, 3))
    turn = rotation(np.array([0.2, 0.1, -0.3]))[None]
    return [
        renderer.render_jvp(*arguments, SIZE, SIZE, head_rotation=turn, d_rotation=turns, **moves)
        for renderer in (Renderer(triangles), Renderer(triangles, PlainRasteriser()))
    ]


def test_the_picture_is_the_same(drawn) -> None:
    (numba, _), (plain, _) = drawn
    np.testing.assert_array_equal(numba.fragments.triangle, plain.fragments.triangle)
    np.testing.assert_allclose(numba.surface, plain.surface, atol=1e-6)
    assert np.abs(numba.linear - numba.surface).max() > 0.05  # the outline does something
    np.testing.assert_allclose(numba.linear, plain.linear, atol=1e-6)
    np.testing.assert_allclose(numba.image, plain.image, atol=3e-6)


def test_the_derivative_is_the_same(drawn) -> None:
    (_, numba), (_, plain) = drawn
    assert np.abs(plain).max() > 0.1
    np.testing.assert_allclose(numba, plain, atol=2e-5 * np.abs(plain).max())
