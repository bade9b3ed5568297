"""The shots whose solutions are kept: written as shot folders, solved by the command line, compared with what was kept.

Only the shot folder, the command `solve` and SOLUTION.npz are used (docs/shot_format.md), so that the solver's inside
can change around these tests. `talk` comes out of Blender once; the others are made of that folder. Each shot is solved
in a process of its own with one thread in every library: results depend a little on the number of threads.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from benchmarks.exported import exported
from tests.little_shot import demo_rig, write_rig
from tests.report.demo_footage import shot_folder

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).parent
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
AT_ONCE = 2  # solves side by side
WITHOUT_BOUND = ("frames", "names", "status", "reason")  # equal
PLATFORM = "platform"  # what a kept file says of the machine that it was made on

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Bounds:
    """How far a solution may be from what was kept."""

    degrees: float
    mm: float
    weight: float
    pixels: float  # of the landmark error that is told of each frame


# Sums taken in another order, on the kind of machine that the file was made on.
SAME_PLATFORM = Bounds(1e-4, 1e-3, 1e-4, 1e-3)
# A whole solve does not repeat so nearly: rounding decides after which iteration a fit stops, and which value an 8-bit
# pixel has that DIS sees, and grows from round to round. These are 1.5 times what the version that made the files is
# apart from itself where the rig's neutral is 1e-7 larger or smaller (`python -m tests.golden.make --spread`).
FITTED = Bounds(3e-3, 4.5e-3, 1.1e-4, 1e-3)
RENDERED = Bounds(0.5, 0.5, 0.2, 0.15)
# Other kernels, that take sums in an order of their own.
OTHER_PLATFORM = Bounds(1.0, 1.0, 0.3, 0.3)


@dataclass(frozen=True)
class Golden:
    """What is changed in the exported shot."""

    frames: tuple[int, ...]
    cameras: tuple[str, ...] = ("A",)
    colors: bool = True
    jaw: bool = False
    lock: int | None = None  # stands at the truth
    document: dict[str, Any] = field(default_factory=dict)  # parts of shot.json


LANDMARKS_ALONE: dict[str, Any] = {"stages": ["rigid", "expression"]}
TALK = {
    "talk_two_cameras_infilled_refined": Golden(
        tuple(range(1021, 1029)),
        ("A", "B"),
        document={
            "infill_ranges": [{"frame_start": 1024, "frame_end": 1026}],
            "settings": {"refinement": 0.5},
        },
    ),
    "talk_grey_one_locked": Golden(tuple(range(1001, 1049, 6)), colors=False, lock=1025),
    "talk_grey_jaw_bone": Golden(tuple(range(1033, 1041)), colors=False, jaw=True),
    "talk_colours": Golden((*range(1004, 1046, 6), 1047)),
    "talk_landmarks": Golden(tuple(range(1001, 1049, 6)), ("A", "B"), document=LANDMARKS_ALONE),
    "talk_landmarks_jaw_bone": Golden(tuple(range(1033, 1041)), jaw=True, document=LANDMARKS_ALONE),
}
DEMO = "demo"
DEMO_FRAMES = list(range(1001, 1049, 4))
NAMES = (*TALK, DEMO)


def write_folder(name: str, folder: Path, shared: Path, scratch: Path) -> Path:
    """A shot's folder; `talk` comes out of Blender once, into the scratch folder, with both cameras."""
    folder.mkdir(parents=True)
    if name == DEMO:
        shot_folder(folder, DEMO_FRAMES)
        write_rig(folder, demo_rig())
        return folder
    golden, source = TALK[name], exported(shared, "talk", scratch, camera="A,B")[0].folder
    document = _of_frames(json.loads((source / "shot.json").read_text()), golden)
    if golden.lock is not None:
        document["locked"] = [_true_pose(shared, source, golden.lock)]
    with np.load(source / "rig.npz") as data:
        rig = {key: data[key] for key in data.files if golden.colors or key != "colors"}
    if golden.jaw:
        rig.update(_jaw_bone(rig))
    np.savez(folder / "rig.npz", **rig)
    (folder / "shot.json").write_text(json.dumps(document))
    return folder


def _of_frames(document: dict[str, Any], golden: Golden) -> dict[str, Any]:
    """shot.json of some of the frames and cameras, with the shot's own parts."""
    rows = [document["frames"].index(frame) for frame in golden.frames]

    def some(values: list[Any]) -> list[Any]:
        return [values[row] for row in rows]

    cameras = [
        {
            **camera,
            "intrinsics": some(camera["intrinsics"]),
            "world_to_camera": some(camera["world_to_camera"]),
            "plate": {**camera["plate"], "frames": some(camera["plate"]["frames"])},
        }
        for camera in document["cameras"]
        if camera["name"] in golden.cameras
    ]
    assert len(cameras) == len(golden.cameras), [camera["name"] for camera in document["cameras"]]
    initial = {key: some(values) for key, values in document["initial"].items()}
    settings = {**document["settings"], **golden.document.get("settings", {})}
    return {
        **document,
        **golden.document,
        "rig": "rig.npz",
        "settings": settings,
        "frames": list(golden.frames),
        "cameras": cameras,
        "initial": initial,
    }


def _true_pose(shared: Path, source: Path, frame: int) -> dict[str, Any]:
    """A frame as an artist who knows the answer would have posed it."""
    with np.load(shared / "shots" / "talk" / "truth.npz") as truth, np.load(source / "rig.npz") as rig:
        row = truth["frames"].tolist().index(frame)
        known = dict(zip(truth["names"].tolist(), truth["weights"][row].tolist(), strict=True))
        weights = [known.get(key, 0.0) for key in rig["names"].tolist()]
        rotation, translation = truth["rotation"][row], truth["translation"][row]
    turn = Rotation.from_matrix(rotation).as_matrix()  # a rotation, whatever the file's precision
    return {"frame": frame, "rotation": turn.ravel().tolist(), "translation": translation.tolist(), "weights": weights}


def _jaw_bone(rig: Arrays) -> Arrays:
    """A jaw bone at the ears that carries what the key jawForward carries, with axes of its own."""
    forward = np.linalg.norm(rig["deltas"][rig["names"].tolist().index("jawForward")], axis=1)
    rest = np.eye(4)
    rest[:3, :3] = Rotation.from_euler("XYZ", [-70, 5, 30], degrees=True).as_matrix()
    rest[:3, 3] = 0.0, -0.011, -0.001  # the turn of jawOpen is about here
    return {"jaw_weight": (forward / forward.max()).astype(np.float32), "jaw_rest": rest}


# What says nothing of the answer, and what says of its error what error_px says already, in another unit or in words.
LEFT_OUT = {"settings", "versions", "error", "regions", "error_regions", "doubt"}


def solve(folder: Path) -> Arrays:
    """What a solve of the folder writes, solved in a process with one thread."""
    out = folder / "SOLUTION.npz"
    done = subprocess.run(
        [sys.executable, "-m", "solver_core", "solve", folder, "--out", out],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{folder.name}: {(done.stdout + done.stderr)[-2000:]}")
    with np.load(out, allow_pickle=False) as data:
        return {key: data[key] for key in data.files if key not in LEFT_OUT}


def solve_all(folders: dict[str, Path]) -> dict[str, Arrays]:
    """Solve several, side by side."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(folders, pool.map(solve, folders.values()), strict=True))


def this_platform() -> dict[str, str]:
    """What the last bits of a result depend on: the processor's kind, and the versions of what computes on it."""
    libraries = "numpy", "scipy", "torch", "numba", "opencv-python-headless"
    versions = {
        name: version(name).partition("+")[0] for name in libraries
    }  # torch for a processor alone says so after a +
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{_maker()} {torch.backends.cpu.get_cpu_capability()}",
        **versions,
    }


def _maker() -> str:
    """Who made the processor: libraries choose their kernels by that too."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "unknown")


def keep(name: str, solution: Arrays) -> Path:
    """Write a solution as the one to hold to."""
    path = KEPT / f"{name}.npz"
    np.savez_compressed(path, **solution, **{PLATFORM: np.array(json.dumps(this_platform()))})
    return path


def kept(name: str) -> tuple[Arrays, dict[str, str]]:
    """What was kept of a shot, and where it was made."""
    with np.load(KEPT / f"{name}.npz", allow_pickle=False) as data:
        return {key: data[key] for key in data.files if key != PLATFORM}, json.loads(str(data[PLATFORM]))


def bounds_of(name: str, made_on: dict[str, str]) -> Bounds:
    """How far a shot's solution may be from what was kept on a platform."""
    if this_platform() != made_on:
        return OTHER_PLATFORM
    return FITTED if name in TALK and TALK[name].document == LANDMARKS_ALONE else RENDERED


def bit_for_bit(found: Arrays, expected: Arrays) -> bool:
    """Whether two solutions are the same."""
    return found.keys() == expected.keys() and all(
        found[key].dtype == expected[key].dtype and found[key].tobytes() == expected[key].tobytes() for key in found
    )


def differences(found: Arrays, expected: Arrays) -> Bounds:
    """The largest differences of two solutions of the same frames and keys."""

    def apart(key: str, scale: float) -> float:
        if key not in expected:
            return 0.0
        there = np.isfinite(expected[key])
        if (there != np.isfinite(found[key])).any():
            return np.inf
        return scale * float(np.abs(found[key] - expected[key])[there].max(initial=0))

    turns = [_degrees(found[key], expected[key]) for key in expected if key.endswith("rotation")]
    shifts = [apart(key, 1e3) for key in expected if key.endswith("translation")]
    return Bounds(
        max(turns),
        max(shifts),
        apart("weights", 1),
        apart("error_px", 1),
    )


def _degrees(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest angle between rotations; by the chord, which is exact for small ones."""
    chord = np.linalg.norm(found - expected, axis=(1, 2)) / np.sqrt(8)
    return float(np.degrees(2 * np.arcsin(np.minimum(chord, 1))).max())


def problems(found: Arrays, expected: Arrays, bounds: Bounds) -> Iterator[str]:
    """What differs by more than it may."""
    if found.keys() != expected.keys():
        yield f"the solution has {sorted(found)}, expected {sorted(expected)}"
        return
    for key in WITHOUT_BOUND:
        if found[key].tolist() != expected[key].tolist():
            yield f"{key}: {found[key].tolist()}, expected {expected[key].tolist()}"
    unlike = [key for key in expected if found[key].shape != expected[key].shape]
    if unlike:
        yield f"the shapes of {', '.join(unlike)} differ"
        return
    away = differences(found, expected)
    for what in Bounds.__dataclass_fields__:
        if not getattr(away, what) <= getattr(bounds, what):
            yield f"{what}: {getattr(away, what):.3g} apart, at most {getattr(bounds, what):g} allowed"
