"""The shared folder's ict_face.npz as a stock rig: 53 expressions, 100 identity shapes, nobody's face."""

from __future__ import annotations

import importlib.util
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from solver_core.documents.shot import Shot
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.face.rig_file import load_rig
from solver_core.fit_rig import FittedRig

ROOT = Path(__file__).resolve().parents[1]
DARK, RED, WHITE = (0.06, 0.04, 0.03), (0.42, 0.14, 0.12), (0.7, 0.7, 0.68)  # linear
IRIS = 0.006  # metres
IDENTITY_RANGE = 2.5  # of the sliders; the shapes are principal components, about one unit from face to face


def write_rig(path: Path, data: np.lib.npyio.NpzFile, *, painted: bool = False) -> Rig:
    """rig.npz as the add-on would write it; painted: with plain brows, lips, teeth and eyes, as stock heads come."""
    grouped = _shape_groups().group_of
    identities = data["identity_deltas"]
    names = [*map(str, data["expression_names"]), *(f"identity{i:03d}" for i in range(len(identities)))]
    own = np.arange(len(names)) >= len(names) - len(identities)
    corners, sizes = data["poly_vertices"], data["poly_sizes"].astype(int)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    fans = [
        (corners[s], corners[s + i], corners[s + i + 1])
        for s, n in zip(starts, sizes, strict=True)
        for i in range(1, n - 1)
    ]
    colors = {"colors": paint(data)} if painted else {}
    np.savez(
        path,
        **colors,
        neutral=data["neutral"],
        names=np.array(names),
        groups=np.array([grouped(name) for name in names]),
        triangles=np.array(fans),
        deltas=np.concatenate([data["expression_deltas"], identities]).astype(np.float32),
        solved=~own,
        identity=own,
        minimum=np.where(own, -IDENTITY_RANGE, 0.0),
        maximum=np.where(own, IDENTITY_RANGE, 1.0),
    )
    return load_rig(path)


def paint(data: np.lib.npyio.NpzFile) -> np.ndarray:
    """[V,4] linear colours: skin, dark brows, red lips, white teeth and eyes with a dark iris."""
    neutral, marks = data["neutral"].astype(float), data["landmark_vertices_68"]
    parts = json.loads(str(data["parts"]))
    colors = np.tile([0.45, 0.28, 0.22, 1.0], (len(neutral), 1))
    face = slice(*parts["face"])
    for line, radius, colour in (
        (marks[17:22], 0.005, DARK),
        (marks[22:27], 0.005, DARK),
        (marks[[*range(48, 60), 48]], 0.005, RED),
    ):
        path = np.concatenate([np.linspace(a, b, 12) for a, b in itertools.pairwise(neutral[line])])
        near = np.clip(1.4 - cKDTree(path).query(neutral[face])[0] / radius, 0, 1)[:, None]
        colors[face, :3] += near * (np.array(colour) - colors[face, :3])
    colors[slice(*parts["teeth"]), :3] = WHITE
    for eye in ("eyeball_left", "eyeball_right"):
        ball = neutral[slice(*parts[eye])]
        front = ball[ball[:, 1].argmin()]
        iris = np.linalg.norm(ball - front, axis=1) < IRIS
        colors[slice(*parts[eye]), :3] = np.where(iris[:, None], DARK, WHITE)
    return colors.astype(np.float32)


def fitted_shot(shot: Shot, fitted: FittedRig) -> Shot:
    """The shot with the fitted identity and focal lengths."""
    weights = shot.initial.weights.copy()
    weights[:, [shot.rig.names.index(name) for name in fitted.names]] = fitted.weights
    cameras = tuple(camera.zoomed(float(factor)) for camera, factor in zip(shot.cameras, fitted.focal, strict=True))
    initial = Pose(shot.initial.rotation, shot.initial.translation, weights)
    return replace(shot, initial=initial, cameras=cameras)


def _shape_groups():
    """The add-on's own grouping of shape keys by their names; that module needs no Blender."""
    spec = importlib.util.spec_from_file_location("shape_groups", ROOT / "addon" / "scene" / "shape_groups.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
