"""A random actor who moves.

The demo's head with another shape, skin, light, expression and pose in each of two pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from demo import head as heads
from demo.paint import SKIN
from solver_core.color.srgb import srgb_decode
from solver_core.look.look import Look
from solver_core.render.renderer import Renderer
from solver_core.render.shading import vertex_normals
from training.textures import Generator

FACE = 0.2  # metres from chin to forehead


@dataclass(frozen=True)
class Mesh:
    """A head that can make faces."""

    vertices: np.ndarray  # [V,3] metres, looking along -Y, Z up
    triangles: np.ndarray  # [T,3]
    deltas: np.ndarray  # [K,V,3]
    colors: np.ndarray  # [V,3] linear


@lru_cache(maxsize=1)
def demo_head() -> Mesh:
    """The head that the repository carries."""
    head = heads.build()
    return Mesh(head.vertices.astype(np.float64), head.triangles, head.deltas.astype(np.float64), head.colors)


def other_actor(mesh: Mesh, rng: Generator) -> Mesh:
    """Another shape and another skin."""
    v = mesh.vertices
    stretch = rng.uniform(0.9, 1.1, 3)
    moved = v * stretch
    for _ in range(6):
        wave = rng.normal(size=3) * 2 * np.pi / rng.uniform(0.08, 0.3) / np.sqrt(3)
        moved = moved + rng.normal(size=3) * 0.0012 * np.sin(v @ wave + rng.uniform(0, 6.3))[:, None]
    tone = np.exp(rng.normal(size=3) * 0.15 + rng.normal() * 0.5)
    colors = np.clip(mesh.colors * tone, 0.01, 0.9)
    mottle = np.zeros(len(v))
    for _ in range(16):
        wave = rng.normal(size=3) * 2 * np.pi / np.exp(rng.uniform(np.log(0.004), np.log(0.06)))
        mottle += np.sin(v @ wave + rng.uniform(0, 6.3))
    grain = rng.normal(size=len(v))
    colors = colors * np.exp(rng.uniform(0, 0.06) * mottle + rng.uniform(0, 0.1) * grain)[:, None]
    return replace(mesh, vertices=moved, deltas=mesh.deltas * stretch, colors=np.clip(colors, 0.005, 0.95))


@dataclass(frozen=True)
class Filmed:
    """A head in two pictures of S pixels a side."""

    pictures: np.ndarray  # [2,S,S,3] display values
    masks: np.ndarray  # [2,S,S] where the head is
    flows: np.ndarray  # [2,S,S,2] from each picture to the other, zero outside the head


def film(
    rng: Generator, size: int, reach: float, backgrounds: np.ndarray, mesh: Mesh, *, alike: bool = False
) -> Filmed:
    """The head before two backgrounds [2,S,S,3] (display values), moving by about `reach` pixels.

    Its flow is that of its surface.

    `alike`: with the same skin and light in both; otherwise they differ as a render and a plate do.
    """
    scale = rng.uniform(0.5, 1.1) * size / FACE  # pixels a metre at the face
    distance = rng.uniform(0.45, 1.6)
    weights = _expressions(rng, len(mesh.deltas), rng.random())
    turns = Rotation.from_rotvec(rng.normal(size=3) * (0.22, 0.2, 0.45))
    slight = Rotation.from_rotvec(rng.normal(size=3) * 0.5 * reach / scale / 0.09)
    rotations = np.stack([turns.as_matrix(), (slight * turns).as_matrix()])
    shift = rng.normal(size=3) * 0.6 * reach / scale
    place = np.array([rng.normal() * 0.01, 0, rng.normal() * 0.015])
    places = np.stack([place, place + shift * (1, 2, 1)])
    world = np.stack(
        [
            (mesh.vertices + np.tensordot(w, mesh.deltas, 1)) @ r.T + p
            for w, r, p in zip(weights, rotations, places, strict=True)
        ]
    )
    depth = world[..., 1] + distance
    zoom = scale * distance / depth
    points = size / 2 + np.stack([zoom * world[..., 0], -zoom * world[..., 2]], -1)
    normals = vertex_normals(world, mesh.triangles)
    pictures = []
    plain = rng.random() < 0.3 and not alike  # the first is the render of a rig without colours
    skin = np.full_like(mesh.colors, 1) * (SKIN * np.exp(rng.normal() * 0.3) if rng.random() < 0.7 else 0.3)
    light = _light(rng)
    lights = np.stack(
        [
            light,
            light * rng.uniform(0.8, 1.25) + 0.12 * light[0].mean() * rng.normal(size=(9, 1)) * (rng.random() < 0.5),
        ]
    )
    if alike:
        lights[1] = lights[0]
    masks, triangles, barycentric = [], [], []
    for i in range(2):
        renderer = Renderer(mesh.triangles)
        shown = renderer.render(
            points[i : i + 1],
            depth[i : i + 1],
            normals[i : i + 1],
            Look(skin if plain and i == 0 else mesh.colors, (lights[i],)),
            srgb_decode(backgrounds[i : i + 1]),
            size,
            size,
        )
        fragments = shown.fragments
        pictures.append(shown.image[0])
        masks.append(fragments.mask[0])
        triangles.append(mesh.triangles[np.maximum(fragments.triangle[0], 0)])
        barycentric.append(fragments.barycentric[0])
    flows = [surface_flow(triangles[i], barycentric[i], masks[i], world[1 - i], size, scale, distance) for i in (0, 1)]
    return Filmed(np.stack(pictures), np.stack(masks), np.stack(flows))


def surface_flow(corners, barycentric, mask, world, size, scale, distance):
    """[S,S,2] from each pixel's surface point to where that point is seen at the other vertices [V,3]."""
    seen = corners[mask]  # [n,3]
    point = (world[seen] * barycentric[mask][..., None]).sum(1)
    zoom = scale * distance / (point[:, 1] + distance)
    there = size / 2 + np.stack([zoom * point[:, 0], -zoom * point[:, 2]], -1)
    rows, columns = np.nonzero(mask)
    flow = np.zeros((size, size, 2), np.float32)
    flow[mask] = there - np.stack([columns, rows], 1) - 0.5
    return flow


def _expressions(rng: Generator, count: int, change: float) -> np.ndarray:
    """[2,K] few keys in each picture, and a part of them different."""
    first = np.where(rng.random(count) < 0.2, rng.uniform(0, 0.8, count), 0.0)
    other = np.where(rng.random(count) < 0.2, rng.uniform(0, 0.8, count), 0.0)
    part = change * (rng.random() < 0.7) * 0.5
    return np.stack([first, (1 - part) * first + part * other])


def _light(rng: Generator) -> np.ndarray:
    """[9,3] an ambient part, a direction, and a little more."""
    tint = np.exp(rng.normal(size=3) * 0.12)
    ambient = rng.uniform(0.7, 2.4)
    light = np.zeros((9, 3))
    light[0] = ambient * tint
    heading = rng.normal(size=3)
    light[1:4] = (
        (heading / np.linalg.norm(heading))[:, None]
        * rng.uniform(0.1, 0.6)
        * ambient
        * np.exp(rng.normal(size=3) * 0.1)
    )
    light[4:] = rng.normal(size=(5, 1)) * 0.08 * ambient
    return light
