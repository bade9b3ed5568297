"""Self-shadowing agrees with geometry that can be worked out by hand."""

import numpy as np
from render_fixtures import sphere

from solver_core.render.shading import sh_basis
from solver_core.render.transfer import blocked, shadow_transfer, sphere_directions


def floor_and_wall(n=21):
    """A floor z = 0, 2 wide, and a tall wall x = 1 that stands at its edge."""
    a, b = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    floor = np.stack([a, b, 0 * a], -1).reshape(-1, 3)
    wall = np.array([[1, -8, 0], [1, 8, 0], [1, 8, 8], [1, -8, 8]], float)
    cell = np.arange(n * n).reshape(n, n)[:-1, :-1].ravel()
    triangles = np.concatenate(
        [
            np.stack([cell, cell + 1, cell + n], 1),
            np.stack([cell + 1, cell + n + 1, cell + n], 1),
            n * n + np.array([[0, 2, 1], [0, 3, 2]]),
        ]
    )
    return np.concatenate([floor, wall]), triangles


def open_share_of(shadow) -> np.ndarray:
    """The cosine-weighted share [V] of the sky that each vertex sees, 0..1, from its shadow transfer [V,9]."""
    return 1 + shadow[:, 0] / sh_basis(np.array([0.0, 0.0, 1.0]))[0]


def test_directions_are_balanced() -> None:
    directions = sphere_directions(256)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    basis = sh_basis(directions)
    np.testing.assert_allclose(basis.T @ basis * 4 * np.pi / 256, np.eye(9), atol=0.02)


def test_a_ball_casts_no_shadow_on_its_lit_side() -> None:
    vertices, triangles = sphere(24, 32)
    np.testing.assert_allclose(shadow_transfer(vertices, triangles), 0, atol=0.03)
    np.testing.assert_allclose(open_share_of(shadow_transfer(vertices, triangles)), 1, atol=0.03)


def test_what_stands_behind_the_body_is_blocked() -> None:
    vertices, triangles = sphere(24, 32)
    stopped = blocked(vertices, triangles, [[0.0, 0.0, 1.0]])[0]
    outward = vertices[:, 2] / 0.6
    assert stopped[outward < -0.3].all()
    assert not stopped[outward > 0.3].any()


def test_a_tall_wall_takes_its_known_share_of_the_sky() -> None:
    """At the foot of an endless wall half of the sky is left; the form factor falls with distance over height."""
    vertices, triangles = floor_and_wall()
    shadow = shadow_transfer(vertices, triangles, directions=256, resolution=512)
    open_share = open_share_of(shadow)
    middle = 10 * 21
    distance = 1 - vertices[middle : middle + 20, 0]
    expected = (1 + distance / np.hypot(distance, 8)) / 2
    np.testing.assert_allclose(open_share[middle : middle + 19], expected[:19], atol=0.03)
    # light from the wall's side is what is missing
    assert shadow[middle + 10, 3] < -0.1
    assert abs(shadow[middle + 10, 1]) < 0.02
