"""A shot made here: the demo's head, filmed by the project's own renderer.

Performance, light and cameras are known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from demo import head as heads
from solver_core.camera.camera import Camera
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.blocks import RigidMotion
from solver_core.face.joints import JAW, Joint
from solver_core.face.pose import Pose
from solver_core.look.look import Look
from solver_core.render.renderer import Renderer
from solver_core.render.shading import vertex_normals

WIDTH, HEIGHT = 480, 360
START = 1001
# a key light from the actor's right, a little above; a weak fill all around
LIGHT = np.zeros((9, 3))
LIGHT[0] = 2.0, 1.9, 1.8
LIGHT[1:4] = np.array([[-0.9], [0.5], [-0.5]]) * [1.0, 0.95, 0.9]

GROUPS = {"jaw": "jaw", "mouth": "mouth", "brow": "brows", "eye": "eyes", "cheek": "cheeks", "nose": "nose"}


def demo_rig() -> BlendshapeRig:
    """The demo's head as the solver reads it."""
    head = heads.build()
    count = len(head.names)
    groups = tuple(next(g for start, g in GROUPS.items() if name.startswith(start)) for name in head.names)
    return BlendshapeRig(
        neutral=head.vertices,
        triangles=head.triangles,
        names=head.names,
        deltas=head.deltas,
        minimum=np.zeros(count),
        maximum=np.ones(count),
        groups=groups,
        solved=np.ones(count, bool),
        strength=np.ones(count),
        scale=np.ones(3),
        colors=head.colors,
    )


def with_jaw_bone(rig: BlendshapeRig) -> BlendshapeRig:
    """The same head with a jaw bone below its ears: it carries what the key jawForward carries."""
    forward = np.linalg.norm(rig.deltas[rig.names.index("jawForward")], axis=1)
    rest = np.eye(4)
    rest[:3, :3] = Rotation.from_euler("XYZ", [-70, 5, 30], degrees=True).as_matrix()  # a bone has its own axes
    rest[:3, 3] = 0.0, -0.008, 0.008
    return replace(rig, joints={JAW: Joint((forward / forward.max()).astype(np.float32), rest)})


def jaw_performance(rig: BlendshapeRig, count: int) -> Pose:
    """As `performance`, with the jaw opened by its bone, up to 14 degrees, and swung 4 degrees to a side."""
    pose = performance(rig, count)
    pose.weights[:, rig.names.index("jawOpen")] = 0
    t = np.linspace(0, 1, count)
    turn = Rotation.from_euler("XZ", np.stack([14 * t, 4 * np.sin(3 * t)], 1), degrees=True).as_matrix()
    axes = rig.joints[JAW].rest[:3, :3]
    pose.joints[JAW] = RigidMotion(axes.T @ turn @ axes, np.zeros((count, 3)))
    return pose


def write_rig(folder: Path, rig: BlendshapeRig) -> None:
    """rig.npz as the add-on writes it."""
    joints = {}
    for name, joint in rig.joints.items():
        joints[f"joints/{name}/weight"], joints[f"joints/{name}/rest"] = joint.weight, joint.rest
    np.savez(
        folder / "rig.npz",
        neutral=rig.neutral,
        triangles=rig.triangles,
        names=np.array(rig.names),
        deltas=rig.deltas,
        minimum=rig.minimum.astype(np.float32),
        maximum=rig.maximum.astype(np.float32),
        groups=np.array(rig.groups),
        solved=rig.solved,
        strength=rig.strength.astype(np.float32),
        scale=rig.scale.astype(np.float32),
        colors=np.column_stack([rig.colors, np.ones(len(rig.neutral))]).astype(np.float32),
        **joints,
    )


def looking(eye: np.ndarray, at: np.ndarray) -> np.ndarray:
    """[3,4] world to camera of a level camera at `eye` that looks at `at`."""
    back = (eye - at) / np.linalg.norm(eye - at)
    right = np.cross([0, 0, 1.0], back)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(back, right), back])
    return np.column_stack([axes, -axes @ eye])


def camera(name: str, count: int, where: tuple[float, float, float], drift: float = 0.01) -> Camera:
    """A camera that moves a little in every frame."""
    eyes = np.array(where) + drift * np.arange(count)[:, None] * [1.0, 0.3, 0.5]
    return Camera(
        name,
        WIDTH,
        HEIGHT,
        np.tile([820.0, 820.0, 238.0, 183.0], (count, 1)),
        np.stack([looking(eye, np.array([0, 0, 0.0])) for eye in eyes]),
    )


def performance(rig: BlendshapeRig, count: int) -> Pose:
    """The head turns, nods and leans while it opens its mouth, smiles and lifts its brows."""
    t = np.linspace(0, 1, count)
    turn = Rotation.from_euler("ZXY", np.stack([14 * np.sin(3 * t), 6 * t - 3, 4 * np.cos(2 * t)], 1), degrees=True)
    weights = np.zeros((count, len(rig.names)))
    for name, curve in (
        ("jawOpen", 0.6 * t),
        ("mouthSmile_L", 0.7 * (1 - t)),
        ("mouthSmile_R", 0.6 * (1 - t)),
        ("browInnerUp_L", 0.5 * t),
        ("browInnerUp_R", 0.5 * t),
    ):
        weights[:, rig.names.index(name)] = curve
    return Pose(turn.as_matrix(), np.stack([0.02 * t, 0.01 - 0.02 * t, 0.008 * t], 1), weights)


def film(rig: BlendshapeRig, pose: Pose, view: Camera, light: np.ndarray = LIGHT) -> np.ndarray:
    """[B,H,W,3] display-referred plates of the poses in front of a soft pattern, each rendered twice as large."""
    world = rig.world(pose)
    pixels, depth = view.project(world)
    normals = np.stack([vertex_normals(points, rig.triangles) for points in world])
    y, x = np.mgrid[: 2 * view.height, : 2 * view.width] / 2
    wall = 0.12 + 0.05 * np.sin(x / 17) * np.sin(y / 23)
    background = np.stack([wall, 1.1 * wall, 1.2 * wall], -1)[None]
    look = Look(rig.colors, (light,))
    renderer = Renderer(rig.triangles)
    image = renderer.render(2 * pixels, depth, normals, look, background, 2 * view.height, 2 * view.width).image
    return np.stack([cv2.resize(one, (view.width, view.height), interpolation=cv2.INTER_AREA) for one in image])


@dataclass(frozen=True)
class LittleShot:
    """A shot folder and what is true of it."""

    folder: Path
    rig: BlendshapeRig
    truth: Pose
    cameras: tuple[Camera, ...]
    frames: np.ndarray


def write_shot(
    folder: Path, rig: BlendshapeRig, truth: Pose, cameras: tuple[Camera, ...], *, faceless: tuple[int, ...] = ()
) -> LittleShot:
    """Film the truth, and write the shot folder; the frames at the indices `faceless` show the wall alone.

    The solve starts from a head that stands a few centimetres and degrees away, at rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_rig(folder, rig)
    count = len(truth)
    frames = np.arange(START, START + count)
    entries = []
    for view in cameras:
        plates = film(rig, truth, view)
        (folder / view.name).mkdir()
        for i, plate in enumerate(plates):
            shown = plate[:, -60:].mean((0, 1), keepdims=True) * np.ones_like(plate) if i in faceless else plate
            data = (shown * 255 + 0.5).astype(np.uint8)[..., ::-1]
            cv2.imwrite(str(folder / view.name / f"{frames[i]}.png"), data)
        entries.append(
            {
                "name": view.name,
                "width": view.width,
                "height": view.height,
                "intrinsics": view.intrinsics.tolist(),
                "world_to_camera": view.world_to_camera.tolist(),
                "distortion": None,
                "plate": {
                    "kind": "sequence",
                    "path": str(folder / view.name / "{frame:04d}.png"),
                    "frames": frames.tolist(),
                    "colorspace": "sRGB",
                },
            }
        )
    start = Rotation.from_euler("ZXY", [5, -4, 3], degrees=True).as_matrix()
    document = {
        "schema": 2,
        "name": "little",
        "frames": frames.tolist(),
        "fps": 24.0,
        "cameras": entries,
        "rig": "rig.npz",
        "initial": {
            "rotation": np.tile(start.ravel(), (count, 1)).tolist(),
            "translation": np.tile([0.03, -0.02, 0.02], (count, 1)).tolist(),
            "weights": np.zeros((count, len(rig.names))).tolist(),
        },
        "locked": [],
        "infill_ranges": [],
        "stages": None,
        "settings": {"landmarks": "facemesh", "refinement": 0.0, "device": "cpu"},
    }
    (folder / "shot.json").write_text(json.dumps(document))
    return LittleShot(folder, rig, truth, cameras, frames)


def changed(shot: LittleShot, folder: Path, **changes: object) -> Path:
    """The same shot in another folder, with parts of its document replaced; plates and rig stay where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    document = json.loads((shot.folder / "shot.json").read_text())
    document.update({"rig": str(shot.folder / "rig.npz"), **changes})
    (folder / "shot.json").write_text(json.dumps(document))
    return folder
