"""Shadows that a head casts on itself.

They are how much of each spherical-harmonics light its own shape keeps from every vertex.

The open sky gives irradiance basis(normal) @ light. Directions w that the head itself blocks take away

    shadow_lm = -1/A_l * integral over blocked w of max(0, n.w) Y_lm(w) dw        (A_l: COSINE_LOBE)

so that irradiance = (basis(normal) + shadow) @ light: exactly the open sky's where nothing is blocked (precomputed
radiance transfer: Sloan, Kautz and Snyder 2002, section 4, for diffuse surfaces without interreflection). Which
directions are blocked is read from one parallel depth picture for each of a set of directions spread over the sphere.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver_core.render.rasteriser import Float64
from solver_core.render.renderer import Renderer
from solver_core.render.shading import COSINE_LOBE, sh_basis, vertex_normals

_FAR = 100.0
"""Distance of the parallel cameras in units of the mesh's radius: perspective correction does nothing from there."""


def sphere_directions(count: int) -> Float64:
    """Directions [count,3] spread evenly: a Fibonacci spiral, each standing for 4 pi / count of the sphere."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    angle = np.pi * (3 - np.sqrt(5)) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], -1)


def blocked(
    vertices: npt.ArrayLike,  # [V,3]
    triangles: npt.ArrayLike,  # [T,3]
    directions: npt.ArrayLike,  # [D,3]
    resolution: int = 256,
) -> npt.NDArray[np.bool_]:
    """Whether the mesh keeps each direction's light from each vertex.

    Args:
        vertices: [V,3] metres.
        triangles: [T,3].
        directions: [D,3] unit, towards the light.
        resolution: pixels of the depth pictures; a vertex is blocked by what stands more than two pixels before it.

    Returns:
        [D,V].
    """
    return blocked_by(Renderer(triangles), vertices, directions, resolution)


def blocked_by(
    renderer: Renderer, vertices: npt.ArrayLike, directions: npt.ArrayLike, resolution: int = 256
) -> npt.NDArray[np.bool_]:
    """As `blocked`, of a mesh that there is a renderer of: it may take many shapes."""
    v = np.asarray(vertices, np.float64)
    centre = (v.min(axis=0) + v.max(axis=0)) / 2
    radius = float(np.linalg.norm(v - centre, axis=1).max()) or 1.0
    unit = (v - centre) / radius
    bias = 2 * 2 / resolution
    out = np.zeros((len(np.asarray(directions)), len(v)), bool)
    for d, direction in enumerate(np.asarray(directions, np.float64)):
        side = np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))])
        side /= np.linalg.norm(side)
        up = np.cross(side, direction)
        pixels = (np.stack([unit @ side, unit @ up], -1) * 0.49 + 0.5) * resolution
        depth = _FAR - unit @ direction
        picture = renderer.rasterise(pixels[None], depth[None], resolution, resolution).depth[0]
        column, row = np.clip(pixels.astype(np.int64), 0, resolution - 1).T
        out[d] = picture[row, column] < depth - bias
    return out


def shadow_transfer(
    vertices: npt.ArrayLike,  # [V,3]
    triangles: npt.ArrayLike,  # [T,3]
    directions: int = 128,
    resolution: int = 256,
) -> Float64:
    """The shadow transfer of a mesh, on its own axes.

    Args:
        vertices: [V,3] metres, usually the neutral.
        triangles: [T,3], counterclockwise seen from outside.
        directions: how many directions sample the sphere.
        resolution: pixels of the depth pictures.

    Returns:
        [V,9], the `shadow` of a `Look`; zero where nothing is blocked.
    """
    ways = sphere_directions(directions)
    stopped = blocked(vertices, triangles, ways, resolution)
    everywhere = np.arange(stopped.shape[1])
    return transfer_of(vertices, triangles, everywhere, ways, stopped, 4 * np.pi / directions)


def transfer_of(
    vertices: npt.ArrayLike,  # [V,3]
    triangles: npt.ArrayLike,  # [T,3]
    chosen: npt.NDArray[np.integer],  # [m]
    directions: npt.NDArray[np.floating],  # [D,3]
    stopped: npt.NDArray[np.bool_],  # [D,m]
    share: float,
) -> Float64:
    """The shadow transfer [m,9] of chosen vertices, of the light that is stopped on its way to each.

    Each direction stands for a share of the sphere, in steradians.
    """
    normals = vertex_normals(vertices, triangles)[chosen]
    cosine = np.maximum(normals @ directions.T, 0)  # [m,D]
    taken = (cosine * stopped.T) @ sh_basis(directions) * share
    return -taken / COSINE_LOBE
