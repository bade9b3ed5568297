"""A shot folder of the bundled footage, and its known answer as a solution."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from demo import head as heads
from demo import performance
from solver_core.documents.solution import Solution
from solver_core.face.pose import Pose

FOOTAGE = Path(performance.__file__).parent / "shot"


def shot_folder(folder: Path, frames: list[int]) -> Path:
    """What Blender would export for some of the footage's frames."""
    head = heads.build()
    keys = len(head.names)
    np.savez(
        folder / "rig.npz",
        neutral=head.vertices,
        triangles=head.triangles,
        deltas=head.deltas,
        names=np.array(head.names),
        groups=np.full(keys, "mouth"),
        scale=np.ones(3),
        colors=head.colors,
    )
    focal = performance.WIDTH * performance.LENS / performance.SENSOR
    camera = {
        "name": "A",
        "width": performance.WIDTH,
        "height": performance.HEIGHT,
        "intrinsics": [[focal, focal, performance.WIDTH / 2, performance.HEIGHT / 2]] * len(frames),
        "world_to_camera": [_looking(*performance.camera_at(frame)) for frame in frames],
        "plate": {
            "kind": "sequence",
            "path": str(FOOTAGE / "plates" / "{frame:04d}.jpg"),
            "frames": frames,
            "colorspace": "sRGB",
        },
    }
    initial = {
        "rotation": [np.eye(3).tolist()] * len(frames),
        "translation": [[0.0, 0.0, 0.0]] * len(frames),
        "weights": [[0.0] * keys] * len(frames),
    }
    document = {"schema": 1, "name": "footage", "frames": frames, "cameras": [camera], "initial": initial}
    (folder / "shot.json").write_text(json.dumps(document))
    return folder


def known_answer(frames: list[int], shot: Path) -> Solution:
    """The solution that a perfect solver would find."""
    with np.load(FOOTAGE / "truth.npz") as truth:
        rows = np.searchsorted(truth["frames"], frames)
        pose = Pose(truth["rotation"][rows], truth["translation"][rows], truth["weights"][rows].astype(float))
        names = tuple(str(n) for n in truth["names"])
    count = len(frames)
    settings = {"landmarks": "facemesh", "shot": str(shot)}
    return Solution(np.array(frames), pose, names, ["solved"] * count, np.full(count, 1.0), [""] * count, settings)


def _looking(place: np.ndarray, aim: np.ndarray) -> list[list[float]]:
    forward = (aim - place) / np.linalg.norm(aim - place)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, forward), -forward])
    return np.concatenate([axes, (-axes @ place)[:, None]], 1).tolist()
