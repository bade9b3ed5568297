"""Light as nine spherical harmonics, and the vertex normals that it falls on.

The basis is the real one of orders 0 to 2, orthonormal over the sphere, on world axes, in the order
1; y, z, x; xy, yz, 3z^2 - 1, xz, x^2 - y^2. Light coefficients hold the convolution with the clamped cosine already
(Ramamoorthi and Hanrahan 2001, equation 13), so that irradiance is one dot product.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from solver_core.render.rasteriser import Float32, Float64

C0 = 0.5 / np.sqrt(np.pi)
C1 = np.sqrt(3.0 / (4.0 * np.pi))
C2 = np.sqrt(15.0 / (4.0 * np.pi))  # xy, yz, xz
C3 = np.sqrt(5.0 / (16.0 * np.pi))  # 3z^2 - 1
C4 = np.sqrt(15.0 / (16.0 * np.pi))  # x^2 - y^2
COSINE_LOBE = np.array([np.pi] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5)
"""[9] factors that take the coefficients of radiance from all around to those of irradiance."""


def sh_basis(normals: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Evaluate the nine basis functions.

    Args:
        normals: [...,3] unit vectors on world axes.

    Returns:
        [...,9], of the normals' floating type.
    """
    n = np.asarray(normals)
    x, y, z = n[..., 0], n[..., 1], n[..., 2]
    constant = np.full_like(x, C0)
    linear = [C1 * y, C1 * z, C1 * x]
    quadratic = [C2 * x * y, C2 * y * z, C3 * (3 * z * z - 1), C2 * x * z, C4 * (x * x - y * y)]
    return np.stack([constant, *linear, *quadratic], axis=-1).astype(n.dtype, copy=False)


def shade(albedo: npt.ArrayLike, normals: npt.ArrayLike, light: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Lambertian radiance: albedo * max(0, basis(normals) @ light).

    The clamp is there because nine coefficients of a hard light dip below zero on the far side.

    Args:
        albedo: [...,3] linear.
        normals: [...,3] unit, world axes.
        light: [9,3].

    Returns:
        [...,3] linear radiance.
    """
    irradiance = sh_basis(normals) @ np.asarray(light)
    return np.asarray(albedo) * np.maximum(irradiance, 0)


def rotation_of_basis(rotation: npt.ArrayLike) -> Float64:
    """The matrix M [...,9,9] with sh_basis(R n) = M @ sh_basis(n), for rotations R [...,3,3]."""
    r = np.asarray(rotation, np.float64)
    basis = sh_basis(np.einsum("...ij,sj->...si", r, _SAMPLES))
    return np.einsum("sk,...sl->...lk", _SAMPLES_INVERSE, basis)


def rotate_light(light: npt.ArrayLike, rotation: npt.ArrayLike) -> Float64:
    """Bring a light to another set of axes.

    Args:
        light: [...,9,3] on world axes.
        rotation: [...,3,3], world = R @ local.

    Returns:
        [...,9,3]: the same light seen on the local axes: sh_basis(n) @ result = sh_basis(R n) @ light.
    """
    return np.einsum("...lk,...lc->...kc", rotation_of_basis(rotation), np.asarray(light, np.float64))


# Nine directions in general position determine the rotation of nine functions.
_SAMPLES = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], np.float64
)
_SAMPLES /= np.linalg.norm(_SAMPLES, axis=1, keepdims=True)
_SAMPLES_INVERSE = np.linalg.pinv(sh_basis(_SAMPLES)).T  # [S,9]


def vertex_normals(vertices: npt.ArrayLike, triangles: npt.ArrayLike) -> Float64:
    """Unit normals: the sum of the triangles' area vectors around each vertex.

    Args:
        vertices: [...,V,3] metres.
        triangles: [T,3], counterclockwise seen from outside.

    Returns:
        [...,V,3]; zero where the triangles around a vertex cancel or there are none.
    """
    v = np.asarray(vertices, np.float64)
    flat = np.ascontiguousarray(v.reshape(-1, *v.shape[-2:]))
    areas = np.zeros_like(flat)
    _area_vectors(flat, np.require(triangles, np.int32, ["C", "W"]), areas)
    length = np.linalg.norm(areas, axis=-1, keepdims=True)
    return (areas / np.where(length > 0, length, 1)).reshape(v.shape)


def vertex_normals_jvp(
    vertices: npt.ArrayLike,  # [B,V,3]
    triangles: npt.ArrayLike,  # [T,3]
    d_vertices: npt.ArrayLike,  # [B,P,V,3]
) -> tuple[Float64, Float32]:
    """Unit vertex normals and their tangents.

    Args:
        vertices: [B,V,3] metres.
        triangles: [T,3].
        d_vertices: [B,P,V,3] metres per unit of each parameter.

    Returns:
        normals [B,V,3] float64 and d_normals [B,P,V,3] float32.
    """
    v = np.require(vertices, np.float64, ["C", "W"])
    tangents = np.require(d_vertices, np.float32, ["C", "W"])
    faces = np.require(triangles, np.int32, ["C", "W"])
    areas = np.zeros_like(v)
    _area_vectors(v, faces, areas)
    length = np.linalg.norm(areas, axis=-1, keepdims=True)
    inverse = np.where(length > 0, 1 / np.where(length > 0, length, 1), 0)
    normals = areas * inverse
    d_normals = np.zeros_like(tangents)
    _normal_tangents(v, faces, tangents, normals, inverse[..., 0], d_normals)
    return normals, d_normals


@nb.njit(parallel=True, cache=True)
def _area_vectors(vertices: Float64, triangles: npt.NDArray[np.int32], out: Float64) -> None:
    for b in nb.prange(vertices.shape[0]):
        for t in range(triangles.shape[0]):
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux, uy, uz = (
                vertices[b, j, 0] - vertices[b, i, 0],
                vertices[b, j, 1] - vertices[b, i, 1],
                vertices[b, j, 2] - vertices[b, i, 2],
            )
            wx, wy, wz = (
                vertices[b, k, 0] - vertices[b, i, 0],
                vertices[b, k, 1] - vertices[b, i, 1],
                vertices[b, k, 2] - vertices[b, i, 2],
            )
            nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
            for c in range(3):
                v = triangles[t, c]
                out[b, v, 0] += nx
                out[b, v, 1] += ny
                out[b, v, 2] += nz


@nb.njit(parallel=True, cache=True)
def _normal_tangents(
    vertices: Float64,
    triangles: npt.NDArray[np.int32],
    d_vertices: Float32,
    normals: Float64,
    inverse_length: Float64,
    out: Float32,
) -> None:
    batch, parameters, count = d_vertices.shape[0], d_vertices.shape[1], d_vertices.shape[2]
    for job in nb.prange(batch * parameters):
        b, p = job // parameters, job % parameters
        d_area = np.zeros((count, 3))
        for t in range(triangles.shape[0]):
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            dux = d_vertices[b, p, j, 0] - d_vertices[b, p, i, 0]
            duy = d_vertices[b, p, j, 1] - d_vertices[b, p, i, 1]
            duz = d_vertices[b, p, j, 2] - d_vertices[b, p, i, 2]
            dwx = d_vertices[b, p, k, 0] - d_vertices[b, p, i, 0]
            dwy = d_vertices[b, p, k, 1] - d_vertices[b, p, i, 1]
            dwz = d_vertices[b, p, k, 2] - d_vertices[b, p, i, 2]
            if dux == 0 and duy == 0 and duz == 0 and dwx == 0 and dwy == 0 and dwz == 0:
                continue  # shape keys move few triangles
            ux = vertices[b, j, 0] - vertices[b, i, 0]
            uy = vertices[b, j, 1] - vertices[b, i, 1]
            uz = vertices[b, j, 2] - vertices[b, i, 2]
            wx = vertices[b, k, 0] - vertices[b, i, 0]
            wy = vertices[b, k, 1] - vertices[b, i, 1]
            wz = vertices[b, k, 2] - vertices[b, i, 2]
            nx = duy * wz - duz * wy + uy * dwz - uz * dwy
            ny = duz * wx - dux * wz + uz * dwx - ux * dwz
            nz = dux * wy - duy * wx + ux * dwy - uy * dwx
            for c in range(3):
                v = triangles[t, c]
                d_area[v, 0] += nx
                d_area[v, 1] += ny
                d_area[v, 2] += nz
        for v in range(count):
            nx, ny, nz = normals[b, v, 0], normals[b, v, 1], normals[b, v, 2]
            along = nx * d_area[v, 0] + ny * d_area[v, 1] + nz * d_area[v, 2]
            scale = inverse_length[b, v]
            out[b, p, v, 0] = (d_area[v, 0] - along * nx) * scale
            out[b, p, v, 1] = (d_area[v, 1] - along * ny) * scale
            out[b, p, v, 2] = (d_area[v, 2] - along * nz) * scale


@nb.njit(cache=True, inline="always")
def irradiance(light: Float64, c: int, x: float, y: float, z: float) -> float:
    """basis(x, y, z) @ light[:, c]."""
    return (
        C0 * light[0, c]
        + C1 * (light[1, c] * y + light[2, c] * z + light[3, c] * x)
        + C2 * (light[4, c] * x * y + light[5, c] * y * z + light[7, c] * x * z)
        + C3 * light[6, c] * (3.0 * z * z - 1.0)
        + C4 * light[8, c] * (x * x - y * y)
    )


@nb.njit(cache=True, inline="always")
def irradiance_gradient(light: Float64, c: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The derivative of `irradiance` by x, y and z."""
    gx = C1 * light[3, c] + C2 * (light[4, c] * y + light[7, c] * z) + 2.0 * C4 * light[8, c] * x
    gy = C1 * light[1, c] + C2 * (light[4, c] * x + light[5, c] * z) - 2.0 * C4 * light[8, c] * y
    gz = C1 * light[2, c] + C2 * (light[5, c] * y + light[7, c] * x) + 6.0 * C3 * light[6, c] * z
    return gx, gy, gz
