"""Good inputs of every kind that is read, small: what the campaign damages."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import OpenImageIO as oiio
from scipy.spatial.transform import Rotation

from solver_core.stages.catalogue import STAGES
from solver_core.stages.stage_file import write_stages

FRAMES = [1001, 1002, 1003]
KEYS = ["jawOpen", "smile"]
TETRAHEDRON = {
    "neutral": np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "triangles": np.int32([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
}


def rig() -> dict[str, np.ndarray]:
    """Every array that rig.npz may have."""
    return {
        **TETRAHEDRON,
        "names": np.array(KEYS),
        "deltas": np.full((2, 4, 3), 0.01, np.float32),
        "minimum": np.zeros(2, np.float32),
        "maximum": np.ones(2, np.float32),
        "groups": np.array(["jaw", "mouth"]),
        "solved": np.array([True, True]),
        "strength": np.ones(2, np.float32),
        "scale": np.ones(3, np.float32),
        "colors": np.random.default_rng(0).random((4, 4)).astype(np.float32),
        "jaw_weight": np.float32([0, 0, 0.5, 1]),
        "jaw_rest": np.eye(4),
    }


def shot(folder: Path) -> dict:
    """shot.json."""
    rng = np.random.default_rng(1)
    turns = Rotation.random(3, random_state=0).as_matrix()
    camera = {
        "name": "A", "width": 64, "height": 48, "intrinsics": [[80.0, 80.0, 32.0, 24.0]] * 3,
        "world_to_camera": np.dstack([turns, rng.random((3, 3, 1))]).tolist(), "distortion": None,
        "plate": {
            "kind": "sequence", "path": str(folder / "plates" / "{frame:04d}.png"), "frames": [1, None, 3],
            "colorspace": "sRGB",
        },
    }  # fmt: skip
    pose = {
        "rotation": turns.reshape(3, 9).tolist(),
        "translation": rng.random((3, 3)).tolist(),
        "weights": rng.random((3, 2)).tolist(),
    }
    return {
        "schema": 1, "name": "little", "frames": FRAMES, "fps": 24.0, "rig": str(folder / "rig.npz"),
        "stages": ["rigid", "dense"],
        "cameras": [camera, {**camera, "name": "B"}], "initial": pose,
        "locked": [{"frame": 1002, **{name: values[1] for name, values in pose.items()}}],
        "neighbours": [1001], "infill_ranges": [{"frame_start": 1001, "frame_end": 1002}],
        "earlier": [{"frame": 1002, "status": "interpolated", "reason": "dark"}],
        "settings": {"landmarks": "facemesh", "refinement": 0.5, "reference_frames": [1001], "device": "cpu"},
    }  # fmt: skip


def solution() -> dict[str, np.ndarray]:
    """The arrays of SOLUTION.npz."""
    rng = np.random.default_rng(2)
    return {
        "frames": np.array(FRAMES), "rotation": Rotation.random(3, random_state=1).as_matrix(),
        "translation": rng.random((3, 3)),
        "weights": rng.random((3, 2)), "jaw_rotation": Rotation.random(3, random_state=2).as_matrix(),
        "jaw_translation": rng.random((3, 3)),
        "names": np.array(KEYS), "status": np.array(["solved", "infilled", "failed"]),
        "error_px": np.array([0.5, 1.0, np.nan]),
        "reason": np.array(["", "", "dark"]),
        "settings": np.array(json.dumps({"landmarks": "facemesh", "flow": "dis"})),
        "versions": np.array("{}"),
    }  # fmt: skip


def frame_message() -> dict:
    """A frame as the pipe carries it."""
    found = solution()
    return {
        "type": "frame", "frame": 1001, "status": "solved", "error_px": 0.5,
        "rotation": found["rotation"][0].ravel().tolist(),
        "translation": found["translation"][0].tolist(), "weights": found["weights"][0].tolist(), "stage": "dense",
        "reason": "",
    }  # fmt: skip


def journal() -> list[dict]:
    """The lines of a journal of two solves."""
    head = {"names": KEYS, "shot": "x", "settings": {}, "stages": ["rigid", "dense"], "last": "dense", "tells": 1}
    line = {name: value for name, value in frame_message().items() if name != "type"}
    return [
        head,
        line,
        {**line, "frame": 1002, "stage": "rigid"},
        head,
        {**line, "frame": 1003, "status": "failed", "error_px": None},
    ]


def overlay() -> dict[str, np.ndarray]:
    """The arrays of the overlay file."""
    return {
        "regions": np.array(["jaw", "mouth"]), "region": np.uint8([0, 1, 1]), "size/A": np.int32([64, 48]),
        "full_color_px/A": np.array(2.0),
        "landmarks/A/1001": np.zeros((2, 3, 2), np.float32), "flow/A/1001": np.zeros((4, 4, 4), np.uint8),
        "crop/A/1001": np.eye(3)[:2],
    }  # fmt: skip


def stage_file() -> str:
    """The built-in stages."""
    return write_stages(STAGES)


def preset() -> dict:
    """A preset."""
    group = {"name": "jaw", "enabled": True, "strength": 1.0, "keys": ["jawOpen"]}
    return {
        "face_solve_preset": 1,
        "settings": {"landmarks": "FAN", "refinement": 0.5},
        "excluded_keys": ["smile"],
        "groups": [group],
    }


MESSAGES = (
    {"type": "hello", "protocol": 1, "version": "0", "python": "3.11", "device": "cpu", "pid": 1},
    {"type": "progress", "stage": "rigid", "done": 1, "total": 2, "fraction": 0.5, "seconds_left": 1.0},
    frame_message(),
    {"type": "warning", "message": "dark"},
    {"type": "fitted", "solution": "a", "names": ["wide"], "weights": [0.5], "focal": {"A": 1.1},
     "focal_range": {"A": [1.0, 1.2]}, "frames": [1],
     "error_px": [2.0, 1.0], "seconds": 1.0},
    {"type": "checked", "lines": ["fine"], "ok": True, "weights": [
        {"name": "fan", "what": "x", "licence": "x", "size": 5, "state": "intact", "package": "", "optional": True,
         "by_hand": ""},
    ]},
    {"type": "finished", "solution": "a", "frames": 3, "seconds": 1.0},
    {"type": "failed", "message": "no", "remedy": "yes", "log": ""},
)  # fmt: skip
COMMANDS = (
    {"type": "solve", "shot": "nowhere", "out": "out.npz"},
    {"type": "fit_rig", "shot": "nowhere", "out": "out.npz", "focal": True, "frames": [1, 2]},
)
OCIO = """ocio_profile_version: 1
roles: {default: raw, scene_linear: lin}
displays:
  d:
    - !<View> {name: v, colorspace: raw}
colorspaces:
  - !<ColorSpace> {name: raw, isdata: true}
  - !<ColorSpace> {name: lin}
  - !<ColorSpace>
    name: camera
    to_reference: !<MatrixTransform> {matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}
"""


def picture() -> np.ndarray:
    """[48,64,3] uint8."""
    return np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)


def write_pictures(folder: Path) -> None:
    """plates/0001.png to 0003.png, a.exr and a.mp4."""
    (folder / "plates").mkdir(parents=True, exist_ok=True)
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / "plates" / f"{number:04d}.png"), picture())
    spec = oiio.ImageSpec(64, 48, 3, "half")
    spec.x, spec.full_x, spec.full_width = 2, 0, 70
    out = oiio.ImageOutput.create(str(folder / "a.exr"))
    out.open(str(folder / "a.exr"), spec)
    out.write_image(picture().astype(np.float32) / 255)
    out.close()
    with av.open(str(folder / "a.mp4"), "w") as movie:
        stream = movie.add_stream("mpeg4", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(4):
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(picture(), "rgb24")))
        movie.mux(stream.encode(None))
