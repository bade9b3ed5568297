"""Where each of a network's landmarks lies on the rig: found by showing the network the head itself, from in front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.color.srgb import srgb_encode
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.face.rig import Rig
from solver_core.networks.detector import FaceDetector
from solver_core.networks.landmarks import Found, LandmarkNetwork, locate
from solver_core.render.rasteriser import Fragments
from solver_core.render.renderer import Renderer
from solver_core.render.shading import shade, vertex_normals

SIZE = 512  # pixels of the picture that the network is shown
DISTANCE = 5.0  # camera distance in head radii: a portrait lens
GREY = np.array([0.32, 0.22, 0.18])  # skin in its least particular colour
# (towards the viewer, up) in the head's own axes: Blender's habit first, then what other programs' heads come as
FRONTS = [
    ((0, -1, 0), (0, 0, 1)),
    ((0, 0, 1), (0, 1, 0)),
    ((0, 1, 0), (0, 0, 1)),
    ((1, 0, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, 0, 1)),
    ((0, 0, -1), (0, 1, 0)),
    ((1, 0, 0), (0, 1, 0)),
    ((-1, 0, 0), (0, 1, 0)),
    ((0, -1, 0), (1, 0, 0)),
    ((0, -1, 0), (-1, 0, 0)),
]


@dataclass(frozen=True)
class LandmarkEmbedding:
    """L landmarks on the neutral head, and the head's own front."""

    triangle: Ints  # [L]
    barycentric: Floats  # [L,3]
    front: Floats  # [3] unit, local axes: out of the face
    up: Floats  # [3]
    face: (
        Bools  # [V] vertices inside the landmarks' outline, seen from the front: the face alone, no hair, neck or ears
    )
    head: Bools  # [V] vertices from the chin upwards, all around: the head without neck and shoulders
    points: Floats  # [L,2] pixels of the picture that it was found in
    picture: Floats  # [SIZE,SIZE,3] that picture, display-referred


def embed_landmarks(rig: Rig, network: LandmarkNetwork, detector: FaceDetector) -> LandmarkEmbedding:
    """Find the landmarks on the neutral head.

    Raises:
        FaceSolveError: where the detector sees no face in the rig from any side.
    """
    for front, up in FRONTS:
        towards, upwards = np.asarray(front, float), np.asarray(up, float)
        camera, picture, fragments = _portrait(rig, towards, upwards)
        found = locate(picture, network, detector)
        if not isinstance(found, Found):
            continue
        triangle, barycentric = _surface_at(fragments, found.points)
        face = _face_vertices(rig, camera, fragments, found.points)
        head = _above_chin(rig, triangle, barycentric, upwards)
        return LandmarkEmbedding(triangle, barycentric, towards, upwards, face, head, found.points, picture)
    raise FaceSolveError(
        "No face is seen in the chosen mesh.",
        "Choose the head's mesh; its neutral shape must have eyes, nose and mouth.",
    )


def _portrait(rig: Rig, towards: Floats, up: Floats) -> tuple[Camera, Floats, Fragments]:
    """A picture of the neutral head lit from beside the camera."""
    vertices = rig.neutral * rig.scale.astype(np.float32)
    centre, radius = (vertices.max(0) + vertices.min(0)) / 2, rig.radius
    eye = centre + towards * radius * DISTANCE
    axes = np.stack([np.cross(up, towards), up, towards])  # camera X, Y, Z (it looks along -Z)
    focal = SIZE * DISTANCE / 2.1  # the head's sphere fills the picture
    camera = Camera(
        "portrait",
        SIZE,
        SIZE,
        np.array([[focal, focal, SIZE / 2, SIZE / 2]]),
        np.concatenate([axes, -(axes @ eye)[:, None]], 1)[None],
    )
    pixels, depth = camera.project(vertices[None].astype(float))
    fragments = Renderer(rig.triangles).rasterise(pixels, depth, SIZE, SIZE)
    normals = vertex_normals(vertices, rig.triangles)
    light = np.zeros((9, 3))
    light[0] = 2.2
    light[1:4] = (0.9 * (towards + 0.6 * up))[[1, 2, 0], None]
    albedo = rig.colors if rig.colors is not None else np.broadcast_to(GREY, vertices.shape)
    shaded = shade(albedo, normals, light)
    hit = fragments.triangle[0] >= 0
    picture = np.full((SIZE, SIZE, 3), 0.18)
    corners = rig.triangles[fragments.triangle[0][hit]]
    picture[hit] = np.einsum("nc,ncx->nx", fragments.barycentric[0][hit], shaded[corners])
    return camera, srgb_encode(np.clip(picture, 0, 1)).astype(np.float32), fragments


def _surface_at(fragments: Fragments, points: Floats) -> tuple[Ints, Floats]:
    """Triangle and barycentrics seen at pixels [L,2]; off the head, at the nearest pixel of it."""
    rows, columns = np.nonzero(fragments.triangle[0] >= 0)
    centres = np.stack([columns, rows], 1) + 0.5
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(centres).query(points)
    return fragments.triangle[0][rows[nearest], columns[nearest]], fragments.barycentric[0][
        rows[nearest], columns[nearest]
    ]


def _face_vertices(rig: Rig, camera: Camera, fragments: Fragments, points: Floats) -> Bools:
    """Vertices that the picture shows inside the convex outline of the landmarks."""
    from scipy.spatial import Delaunay

    seen = np.unique(rig.triangles[np.unique(fragments.triangle[0][fragments.triangle[0] >= 0])])
    pixels, _ = camera.project((rig.neutral * rig.scale)[None].astype(float))
    inside = Delaunay(points).find_simplex(pixels[0, seen]) >= 0
    face = np.zeros(len(rig.neutral), bool)
    face[seen[inside]] = True
    return face


def _above_chin(rig: Rig, triangle: Ints, barycentric: Floats, up: Floats) -> Bools:
    """Vertices that are no lower than the lowest landmark."""
    heights = (rig.neutral * rig.scale) @ up
    landmarks = np.einsum("lc,lc->l", barycentric, heights[rig.triangles[triangle]])
    above: Bools = heights >= landmarks.min()
    return above
