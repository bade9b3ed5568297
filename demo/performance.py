"""What the demo's actor does: head pose and shape-key values, frame by frame, as smooth curves through poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

START, FRAMES, FPS = 1001, 48, 24
WIDTH, HEIGHT = 720, 540
LENS, SENSOR = 58.0, 36.0  # millimetres

# Frame from the start: pitch (down is positive), roll, yaw (to the actor's left), degrees; x, y, z, millimetres.
HEAD = {
    -1: (1, 0, 2, 0, 0, 0),
    8: (-4, 2, 14, 5, -4, 2),
    15: (2, 4, 24, 10, -8, 0),
    21: (6, 0, 8, 4, -12, -5),
    28: (-6, -4, -14, -8, -2, 4),
    34: (1, -5, -24, -12, 4, 1),
    40: (7, 1, -9, -4, -6, -4),
    48: (-2, 2, 4, 2, -8, 2),
}

# Shape key (both sides where it has sides): (frame from the start, value), smooth between.
KEYS = {
    "jawOpen": (
        (-1, 0.0),
        (2, 0.05),
        (5, 0.55),
        (8, 0.12),
        (11, 0.42),
        (14, 0.08),
        (17, 0.3),
        (20, 0.6),
        (23, 0.15),
        (27, 0.0),
        (30, 0.0),
        (33, 0.35),
        (36, 0.1),
        (39, 0.5),
        (42, 0.18),
        (48, 0.1),
    ),
    "mouthFunnel": ((7, 0.0), (11, 0.55), (15, 0.0), (36, 0.0), (40, 0.4), (44, 0.0)),
    "mouthPucker": ((12, 0.0), (15, 0.65), (18, 0.0)),
    "mouthSmile": ((20, 0.0), (26, 0.75), (31, 0.8), (35, 0.1), (41, 0.0), (48, 0.35)),
    "mouthStretch": ((2, 0.0), (5, 0.3), (8, 0.0), (31, 0.0), (34, 0.35), (37, 0.0)),
    "mouthUpperUp": ((3, 0.0), (6, 0.3), (9, 0.0), (37, 0.0), (39, 0.35), (42, 0.0)),
    "mouthLowerDown": ((16, 0.0), (20, 0.4), (23, 0.0), (32, 0.0), (34, 0.35), (37, 0.0)),
    "browInnerUp": ((0, 0.0), (6, 0.6), (12, 0.1), (30, 0.0), (36, 0.7), (42, 0.5), (48, 0.0)),
    "browOuterUp": ((1, 0.0), (7, 0.45), (13, 0.0), (31, 0.0), (36, 0.5), (43, 0.2), (48, 0.0)),
    "browDown": ((13, 0.0), (18, 0.6), (23, 0.4), (26, 0.0)),
    "cheekSquint": ((21, 0.0), (27, 0.6), (32, 0.5), (36, 0.0)),
    "eyeSquint": ((14, 0.0), (18, 0.35), (22, 0.0)),
    "noseSneer": ((15, 0.0), (18, 0.4), (21, 0.0)),
    "jawLeft": ((21, 0.0), (24, 0.35), (27, 0.0)),
}
BLINKS = (4.0, 22.5, 37.0)
LEFT_SHARE = {"mouthSmile": 1.0, "browOuterUp": 1.0, "mouthStretch": 0.9}
RIGHT_SHARE = {"mouthSmile": 0.85, "browOuterUp": 0.7, "browInnerUp": 0.92, "mouthStretch": 1.0}


@dataclass(frozen=True)
class Performance:
    """Scene frames with a pose and shape-key values for each; one extra frame at both ends, for motion blur."""

    frames: npt.NDArray[np.int64]  # [N]
    rotation: Floats  # [N,3] Euler angles XYZ, radians
    location: Floats  # [N,3] metres
    weights: Floats  # [N,K]


def camera_at(frame: int) -> tuple[Floats, Floats]:
    """Where the camera stands and what it looks at, metres: a slow drift to the side with a slight rise."""
    share = (frame - START) / (FRAMES - 1)
    place = np.array([-0.05 + 0.10 * share, -0.80 + 0.02 * share, 0.045 + 0.015 * share])
    return place, np.array([0.003 * np.sin(3 * share), -0.02, 0.012])


def curve(keys: tuple[tuple[float, float], ...] | list[tuple[float, float]], at: Floats) -> Floats:
    """Values at `at` of a curve through the keys: level at each key, smooth between, held outside."""
    x, y = np.array(keys, float).T
    i = np.clip(np.searchsorted(x, at, "right") - 1, 0, len(x) - 2)
    t = np.clip((at - x[i]) / (x[i + 1] - x[i]), 0, 1)
    return y[i] + (y[i + 1] - y[i]) * t * t * (3 - 2 * t)


def perform(names: tuple[str, ...]) -> Performance:
    """The performance for a head with these shape keys."""
    at = np.arange(-1, FRAMES + 1, dtype=float)
    pose = np.stack([curve([(f, v[c]) for f, v in HEAD.items()], at) for c in range(6)], 1)
    weights = np.zeros((len(at), len(names)))
    for i, name in enumerate(names):
        base, _, side = name.rpartition("_") if name.endswith(("_L", "_R")) else (name, "", "")
        share = {"L": LEFT_SHARE, "R": RIGHT_SHARE, "": {}}[side].get(base, 1.0)
        if base in KEYS:
            weights[:, i] = share * curve(KEYS[base], at)
        if base == "eyeBlink":
            weights[:, i] = np.max([np.clip(1.2 - np.abs(at - blink) / 2.6, 0, 1) for blink in BLINKS], 0)
    return Performance(np.arange(START - 1, START + FRAMES + 1), np.radians(pose[:, :3]), pose[:, 3:] * 1e-3, weights)
