"""The light's basis is orthonormal, turns with the axes, and vertex normals are those of the surface."""

import numpy as np
from render_fixtures import rotation, sphere

from solver_core.color.srgb import srgb_decode, srgb_encode
from solver_core.render.shading import (
    COSINE_LOBE,
    irradiance,
    irradiance_gradient,
    rotate_light,
    sh_basis,
    shade,
    vertex_normals,
    vertex_normals_jvp,
)


def quadrature(n=24):
    """Directions and weights, exact for the polynomials met here."""
    z, wz = np.polynomial.legendre.leggauss(n)
    a = 2 * np.pi * np.arange(2 * n) / (2 * n)
    r = np.sqrt(1 - z * z)
    directions = np.stack([r[:, None] * np.cos(a), r[:, None] * np.sin(a), np.broadcast_to(z[:, None], (n, 2 * n))], -1)
    return directions.reshape(-1, 3), np.repeat(wz, 2 * n) * (np.pi / n)


def test_the_basis_is_orthonormal() -> None:
    directions, weights = quadrature()
    basis = sh_basis(directions)
    np.testing.assert_allclose(np.einsum("s,sa,sb->ab", weights, basis, basis), np.eye(9), atol=1e-12)


def test_the_cosine_lobe_is_the_convolution_of_a_sky_with_the_clamped_cosine() -> None:
    directions, weights = quadrature(200)
    rng = np.random.default_rng(0)
    sky = rng.normal(size=9)
    normal = np.array([0.36, -0.48, 0.8])
    integral = (weights * (sh_basis(directions) @ sky) * np.maximum(directions @ normal, 0)).sum()
    np.testing.assert_allclose(sh_basis(normal) @ (COSINE_LOBE * sky), integral, atol=1e-3)


def test_a_light_turns_with_the_axes() -> None:
    rng = np.random.default_rng(1)
    light = rng.normal(size=(4, 9, 3))
    turns = np.stack([rotation(rng.normal(size=3)) for _ in range(4)])
    normals = rng.normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    local = np.einsum("nk,bkc->bnc", sh_basis(normals), rotate_light(light, turns))
    world = np.einsum("bnk,bkc->bnc", sh_basis(np.einsum("bij,nj->bni", turns, normals)), light)
    np.testing.assert_allclose(local, world, atol=1e-12)


def test_the_kernels_irradiance_is_the_basis_and_its_gradient_the_derivative() -> None:
    rng = np.random.default_rng(2)
    light = rng.normal(size=(9, 3))
    n = rng.normal(size=3)
    n /= np.linalg.norm(n)
    step = 1e-6
    for c in range(3):
        np.testing.assert_allclose(irradiance(light, c, *n), sh_basis(n) @ light[:, c], atol=1e-12)
        slopes = [
            (irradiance(light, c, *(n + step * e)) - irradiance(light, c, *(n - step * e))) / (2 * step)
            for e in np.eye(3)
        ]
        np.testing.assert_allclose(irradiance_gradient(light, c, *n), slopes, atol=1e-8)


def test_shading_is_lambert_and_never_negative() -> None:
    light = np.zeros((9, 3))
    light[2] = 1.0  # from above
    up, down = np.array([0.0, 0, 1]), np.array([0.0, 0, -1])
    np.testing.assert_allclose(
        shade([0.5, 0.25, 1.0], up, light), np.sqrt(3 / (4 * np.pi)) * np.array([0.5, 0.25, 1.0])
    )
    np.testing.assert_array_equal(shade([0.5, 0.25, 1.0], down, light), 0)


def test_a_balls_normals_point_outwards_and_turn_with_it() -> None:
    vertices, triangles = sphere(24, 32)
    normals = vertex_normals(vertices, triangles)
    outward = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    assert (normals * outward).sum(1).min() > 0.99
    turn = rotation(np.array([0.4, -0.2, 0.9]))
    np.testing.assert_allclose(vertex_normals(vertices @ turn.T, triangles), normals @ turn.T, atol=1e-12)
    assert (vertex_normals(vertices[None], triangles[:0]) == 0).all()


def test_normal_tangents_are_finite_differences() -> None:
    vertices, triangles = sphere(6, 7)
    rng = np.random.default_rng(3)
    d = rng.normal(size=(1, 2, *vertices.shape))
    d[0, 1, 5:] = 0  # a shape key moves few vertices
    normals, tangents = vertex_normals_jvp(vertices[None], triangles, d)
    np.testing.assert_allclose(normals[0], vertex_normals(vertices, triangles), atol=1e-12)
    for p in range(2):
        step = 1e-6
        ahead, back = (vertex_normals(vertices + s * d[0, p], triangles) for s in (step, -step))
        np.testing.assert_allclose(tangents[0, p], (ahead - back) / (2 * step), atol=2e-5)


def test_srgb_is_its_own_inverse_and_meets_known_values() -> None:
    x = np.linspace(-0.1, 1.5, 999)
    np.testing.assert_allclose(srgb_decode(srgb_encode(x)), x, atol=1e-7)  # the standard's two branches meet to 1e-8
    np.testing.assert_allclose(srgb_encode([0, 0.0031308, 0.18, 1]), [0, 0.04045, 0.461356, 1], atol=1e-6)
