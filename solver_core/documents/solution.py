"""The solution: what the solver hands back, written so that a reader never sees half of it (docs/shot_format.md)."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from solver_core import __version__
from solver_core.common.arrays import Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.common.files import replacing
from solver_core.common.reading import read_arrays, reading
from solver_core.documents.checks import errors, frames_of_results, joint_motion, poses, statuses
from solver_core.face.blocks import RigidMotion
from solver_core.face.joints import JAW
from solver_core.face.pose import Pose
from solver_core.protocol import FRAME_FAILED, REGIONS
from solver_core.service.listener import FrameResult


@dataclass
class Solution:
    """N frames' results."""

    frames: Ints  # [N]
    pose: Pose  # N poses, K weights
    names: tuple[str, ...]  # K
    status: list[str]  # N of protocol.FRAME_STATUSES
    error_px: Floats  # [N] plate pixels, NaN where failed or where no camera sees the face
    reason: list[str]  # N, why a frame failed
    settings: dict[str, Any] = field(default_factory=dict)
    # What older files do not say is not known.
    error: Floats = field(default_factory=lambda: np.zeros(0))  # [N] the same in thousandths of the face's size
    regions: dict[str, Floats] = field(default_factory=dict)  # [N] of each of protocol.REGIONS, thousandths too
    doubt: list[str] = field(default_factory=list)  # N, why a face cannot be so although it was solved

    def __post_init__(self) -> None:
        """Fill in what is not known."""
        count = len(self.frames)
        self.error = self.error if len(self.error) else np.full(count, np.nan)
        self.regions = {name: self.regions.get(name, np.full(count, np.nan)) for name in REGIONS}
        self.doubt = self.doubt or [""] * count

    def take(self, i: int, result: FrameResult) -> None:
        """Put what is said of a frame at index i; its pose stays."""
        self.status[i], self.reason[i], self.doubt[i] = result.status, result.reason, result.doubt
        self.error_px[i], self.error[i] = result.error_px, result.error
        for name, errors_of in self.regions.items():
            errors_of[i] = result.regions.get(name, np.nan)

    def save(self, path: Path) -> None:
        """Write beside the place and move there: a reader sees the old file or the new one.

        Raises:
            FaceSolveError: where the folder cannot be written or the disk is full.
        """
        versions = {"face_solve": __version__, "python": platform.python_version(), "numpy": np.__version__}
        joints: dict[str, Any] = {}
        for name, motion in self.pose.joints.items():
            joints[f"joints/{name}/rotation"], joints[f"joints/{name}/translation"] = (
                motion.rotation,
                motion.translation,
            )
        try:
            with replacing(path) as file:
                np.savez_compressed(
                    file,
                    frames=self.frames,
                    rotation=self.pose.rotation,
                    translation=self.pose.translation,
                    weights=self.pose.weights,
                    **joints,
                    names=np.array(self.names, np.str_),
                    status=np.array(self.status, np.str_),
                    error_px=self.error_px,
                    error=self.error,
                    regions=np.array(REGIONS, np.str_),
                    error_regions=np.stack([self.regions[name] for name in REGIONS], 1),
                    doubt=np.array(self.doubt, np.str_),
                    reason=np.array(self.reason, np.str_),
                    settings=np.array(json.dumps(self.settings)),
                    versions=np.array(json.dumps(versions)),
                )
        except OSError as error:
            raise FaceSolveError(
                f"The solution cannot be written to {path}: {error.strerror or error}.",
                "Free some space or choose a folder that can be written; the frames that arrived are on the timeline.",
            ) from error


def load_solution(path: Path) -> Solution:
    """Read SOLUTION.npz.

    Raises:
        FaceSolveError: where it is absent, damaged or not a solution.
    """
    with reading(path, "The solution", "Solve the shot again."):
        if not path.exists():
            raise FaceSolveError(f"There is no solution at {path}.", "Solve the shot first.")
        return _solution(read_arrays(path))


def _solution(data: dict[str, np.ndarray]) -> Solution:
    frames, names = frames_of_results(data["frames"], "frames"), _texts(data["names"], "names")
    count = len(frames)
    pose = Pose(*poses(data, count, len(names), "the solution"))
    pose.joints = {
        name: joint_motion(vars(motion), count, f"joints/{name}") for name, motion in joints_of(data).items()
    }
    if len(set(names)) < len(names):
        raise ValueError("two shape keys have one name")
    reason = _texts(data["reason"], "reason")
    if len(reason) != count:
        raise ValueError(f"reason has {len(reason)} entries for {count} frames")
    nothing = np.full(count, np.nan)
    return Solution(
        frames=frames,
        pose=pose,
        names=tuple(names),
        status=statuses(_texts(data["status"], "status"), count, "status"),
        error_px=errors(data["error_px"], count, "error_px"),
        reason=reason,
        settings=_settings(data["settings"]),
        error=errors(data.get("error", nothing), count, "error"),
        regions=_regions(data, count),
        doubt=_doubt(data, count),
    )


def _regions(data: dict[str, np.ndarray], count: int) -> dict[str, Floats]:
    """By region [N] errors, of the regions that this version knows."""
    if "regions" not in data:
        return {}
    names, values = _texts(data["regions"], "regions"), data["error_regions"]
    if values.shape != (count, len(names)):
        raise ValueError(f"error_regions has the shape {values.shape}, not {(count, len(names))}")
    return {
        name: errors(values[:, column], count, "error_regions") for column, name in enumerate(names) if name in REGIONS
    }


def _doubt(data: dict[str, np.ndarray], count: int) -> list[str]:
    doubt = _texts(data["doubt"], "doubt") if "doubt" in data else [""] * count
    if len(doubt) != count:
        raise ValueError(f"doubt has {len(doubt)} entries for {count} frames")
    return doubt


def _texts(values: np.ndarray, name: str) -> list[str]:
    if values.ndim != 1 or (values.size and values.dtype.kind != "U"):
        raise ValueError(f"{name} holds {values.dtype}, not texts")
    return [str(value) for value in values]


def _settings(value: np.ndarray) -> dict[str, Any]:
    settings = json.loads(str(value)) if value.shape == () else None
    if not isinstance(settings, dict):
        raise TypeError("settings is no list of names and values")
    for name in ("landmarks", "flow", "shot"):
        if not isinstance(settings.get(name, ""), str):
            raise TypeError(f"settings.{name} is {settings[name]!r:.80}, expected a text")
    return settings


def joints_of(data: Mapping[str, Floats]) -> dict[str, RigidMotion]:
    """The joints' motions in a solution's arrays, or a known answer's. Before schema 2 the jaw's were `jaw_...`.

    Raises:
        KeyError: a joint that has no translation.
    """
    places = {name.split("/")[1]: name.removesuffix("rotation") for name in data if _is_joint(name)}
    if "jaw_rotation" in data:
        places[JAW] = "jaw_"
    return {name: RigidMotion(data[f"{at}rotation"], data[f"{at}translation"]) for name, at in places.items()}


def _is_joint(name: str) -> bool:
    return name.startswith("joints/") and name.endswith("/rotation")


def empty_solution(frames: Ints, start: Pose, names: tuple[str, ...]) -> Solution:
    """Nothing solved yet: every frame failed, at the pose it starts from."""
    return Solution(
        frames,
        start.copy(),
        names,
        [FRAME_FAILED] * len(frames),
        np.full(len(frames), np.nan),
        ["not reached"] * len(frames),
    )
