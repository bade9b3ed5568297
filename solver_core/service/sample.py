"""A tiny shot made of nothing: a painted egg with a nose, filmed by the renderer, to try the solver on any machine."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Floats, Ints
from solver_core.documents.shot import Shot
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.pose import Pose
from solver_core.look.albedo import albedo_of
from solver_core.look.look import Look
from solver_core.render.renderer import Renderer
from solver_core.render.shading import vertex_normals

FRAMES = 4
WIDTH, HEIGHT, FOCAL = 480, 360, 820.0  # pixels
AWAY = 1.0  # metres from the camera to the head
SIZE = 0.24  # metres from crown to chin
AXES = np.array([0.35, 0.38, 0.48])  # of the egg: to the side, forwards, upwards, in sizes
COLUMNS, ROWS = 144, 108
SKIN, SHADE, HAIR, LIP, WHITE, IRIS = (
    (0.55, 0.36, 0.27),
    (0.4, 0.22, 0.15),
    (0.05, 0.03, 0.02),
    (0.4, 0.11, 0.1),
    (0.8, 0.8, 0.78),
    (0.05, 0.03, 0.02),
)

# What is painted, in sizes: x to the actor's left and z up from the middle of the face, half widths, linear colour.
# Sides are mirrored.
_PAINT = (
    (0.0, 0.47, 0.34, 0.17, HAIR),
    (0.15, 0.05, 0.085, 0.05, SHADE),
    (0.15, 0.04, 0.07, 0.028, WHITE),
    (0.15, 0.04, 0.028, 0.028, IRIS),
    (0.15, 0.125, 0.1, 0.016, HAIR),
    (0.04, -0.155, 0.02, 0.012, SHADE),
    (0.0, -0.27, 0.13, 0.042, LIP),
    (0.0, -0.265, 0.12, 0.008, HAIR),
)
# Bumps: where, how wide, how far forwards, in sizes.
_BUMPS = (
    (0.0, 0.0, 0.03, 0.11, 0.035),
    (0.0, -0.11, 0.045, 0.04, 0.07),
    (0.15, 0.04, 0.07, 0.045, -0.03),
    (0.0, 0.13, 0.25, 0.04, 0.02),
    (0.0, -0.265, 0.1, 0.045, 0.025),
    (0.0, -0.42, 0.09, 0.05, 0.03),
)


def sample_rig() -> BlendshapeRig:
    """The head: faces -Y, Z up, metres."""
    side, up = np.meshgrid(np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False), np.linspace(-1.5, 1.5, ROWS))
    out = np.stack([np.sin(side) * np.cos(up), -np.cos(side) * np.cos(up), np.sin(up)], -1).reshape(-1, 3)
    places = out * AXES
    front = np.clip(-out[:, 1], 0, 1)
    for x, z, wide, high, forwards in _BUMPS:
        places[:, 1] -= front * forwards * sum(_bell(places, (s * x, z), (wide, high)) for s in _sides(x))
    colors = np.tile(np.array(SKIN), (len(places), 1))
    for x, z, wide, high, color in _PAINT:
        for s in _sides(x):
            far = np.hypot((places[:, 0] - s * x) / wide, (places[:, 2] - z) / high)
            inside = np.clip((1.15 - far) / 0.3, 0, 1) * (front > 0.15)
            colors += inside[:, None] * (np.array(color) - colors)
    colors[out[:, 1] > 0.2] = HAIR
    deltas = {
        "jawOpen": _push(places, front, (0.0, -0.36), (0.2, 0.1), (0.0, 0.02, -0.09)),
        "browInnerUp": _push(places, front, (0.0, 0.125), (0.13, 0.05), (0.0, 0.0, 0.04)),
        "mouthSmile_L": _push(places, front, (0.12, -0.26), (0.06, 0.06), (0.04, 0.02, 0.04)),
        "mouthSmile_R": _push(places, front, (-0.12, -0.26), (0.06, 0.06), (-0.04, 0.02, 0.04)),
    }
    count = len(deltas)
    return BlendshapeRig(
        neutral=(places * SIZE).astype(np.float32),
        triangles=_triangles(),
        names=tuple(deltas),
        deltas=(np.stack(list(deltas.values())) * SIZE).astype(np.float32),
        minimum=np.zeros(count),
        maximum=np.ones(count),
        groups=("jaw", "brows", "mouth", "mouth"),
        solved=np.ones(count, bool),
        strength=np.ones(count),
        scale=np.ones(3),
        colors=colors,
    )


def sample_truth(names: tuple[str, ...]) -> Pose:
    """The performance: the head turns and nods while the mouth opens, smiles and the brows rise."""
    t = np.linspace(0, 1, FRAMES)
    turn = Rotation.from_euler("ZX", np.stack([10 * t - 4, 5 - 6 * t], 1), degrees=True).as_matrix()
    curves = {"jawOpen": 0.6 * t, "browInnerUp": 0.5 * (1 - t), "mouthSmile_L": 0.5 * t, "mouthSmile_R": 0.5 * t}
    where = np.stack([0.01 * t, -0.01 * t, 0.01 - 0.015 * t], 1)
    return Pose(turn, where, np.stack([curves[name] for name in names], 1))


def sample_shot(folder: Path) -> tuple[Shot, Pose]:
    """Film the sample.

    Args:
        folder: where its plates go, `FRAMES` pictures of some 100 kB.

    Returns:
        (shot, truth): the solve starts a few degrees and millimetres away, at rest.
    """
    rig = sample_rig()
    truth = sample_truth(rig.names)
    view = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, -AWAY]])  # from -Y, Z up
    camera = Camera(
        "Camera",
        WIDTH,
        HEIGHT,
        np.tile([FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2], (FRAMES, 1)),
        np.tile(view, (FRAMES, 1, 1)),
        {
            "kind": "sequence",
            "path": str(folder / "{frame:04d}.png"),
            "frames": list(range(1, FRAMES + 1)),
            "colorspace": "sRGB",
        },
    )
    for i, plate in enumerate(_film(rig, truth, camera)):
        cv2.imwrite(str(folder / f"{i + 1:04d}.png"), (plate * 255 + 0.5).astype(np.uint8)[..., ::-1])
    aside = Rotation.from_euler("ZX", [4, -3], degrees=True).as_matrix()
    start = Pose(
        np.tile(aside, (FRAMES, 1, 1)), np.tile([0.02, 0.01, -0.01], (FRAMES, 1)), np.zeros_like(truth.weights)
    )
    return Shot("sample", folder, np.arange(1, FRAMES + 1), 24.0, (camera,), rig, start), truth


def _film(rig: BlendshapeRig, pose: Pose, camera: Camera) -> Floats:
    """[N,H,W,3] plates, lit from the actor's right, in front of a soft pattern.

    They are rendered twice as large and averaged.
    """
    light = np.zeros((9, 3))
    light[0] = 2.0, 1.9, 1.8
    light[1:4] = np.array([[-0.9], [0.5], [-0.5]]) * (1.0, 0.95, 0.9)
    world = rig.world(pose)
    pixels, depth = camera.project(world)
    normals = np.stack([vertex_normals(points, rig.triangles) for points in world])
    y, x = np.mgrid[: 2 * HEIGHT, : 2 * WIDTH] / 2
    wall = 0.12 + 0.05 * np.sin(x / 17) * np.sin(y / 23)
    background = np.stack([wall, 1.1 * wall, 1.2 * wall], -1)[None]
    images = (
        Renderer(rig.triangles)
        .render(2 * pixels, depth, normals, Look(albedo_of(rig), (light,)), background, 2 * HEIGHT, 2 * WIDTH)
        .image
    )
    return np.stack([cv2.resize(one, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for one in images])


def _sides(x: float) -> tuple[int, ...]:
    return (1, -1) if x else (1,)


def _bell(places: Floats, at: tuple[float, float], wide: tuple[float, float]) -> Floats:
    bell: Floats = np.exp(-(((places[:, 0] - at[0]) / wide[0]) ** 2) - ((places[:, 2] - at[1]) / wide[1]) ** 2)
    return bell


def _push(
    places: Floats, front: Floats, at: tuple[float, float], wide: tuple[float, float], by: tuple[float, float, float]
) -> Floats:
    """[V,3] a soft push of the front around a place."""
    return (front * _bell(places, at, wide))[:, None] * np.array(by)


def _triangles() -> Ints:
    row, column = np.meshgrid(np.arange(ROWS - 1), np.arange(COLUMNS), indexing="ij")
    a, b = row * COLUMNS + column, row * COLUMNS + (column + 1) % COLUMNS
    c, d = a + COLUMNS, b + COLUMNS
    return np.concatenate([np.stack([a, b, d], -1), np.stack([a, d, c], -1)]).reshape(-1, 3).astype(np.int32)
