"""The solution: what the solver hands back, written so that a reader never sees half of it (docs/shot_format.md)."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from solver_core import __version__
from solver_core.common.arrays import Floats, Ints, Strings
from solver_core.common.errors import FaceSolveError
from solver_core.common.files import replacing
from solver_core.face.jaw import JawMotion
from solver_core.face.pose import Pose
from solver_core.protocol import FRAME_FAILED, FRAME_STATUSES


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

    def save(self, path: Path) -> None:
        """Write beside the place and move there: a reader sees the old file or the new one.

        Raises:
            FaceSolveError: where the folder cannot be written or the disk is full.
        """
        versions = {"face_solve": __version__, "python": platform.python_version(), "numpy": np.__version__}
        jaw = self.pose.jaw
        moved: dict[str, Any] = (
            {} if jaw is None else {"jaw_rotation": jaw.rotation, "jaw_translation": jaw.translation}
        )
        try:
            with replacing(path) as file:
                np.savez_compressed(
                    file,
                    frames=self.frames,
                    rotation=self.pose.rotation,
                    translation=self.pose.translation,
                    weights=self.pose.weights,
                    **moved,
                    names=np.array(self.names, np.str_),
                    status=np.array(self.status, np.str_),
                    error_px=self.error_px,
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
    try:
        with np.load(path, allow_pickle=False) as data:
            status: Strings = data["status"]
            jaw = JawMotion(data["jaw_rotation"], data["jaw_translation"]) if "jaw_rotation" in data else None
            solution = Solution(
                frames=data["frames"].astype(np.int64),
                pose=Pose(data["rotation"], data["translation"], data["weights"], jaw),
                names=tuple(str(n) for n in data["names"]),
                status=[str(s) for s in status],
                error_px=data["error_px"],
                reason=[str(r) for r in data["reason"]],
                settings=json.loads(str(data["settings"])),
            )
    except FileNotFoundError as error:
        raise FaceSolveError(f"There is no solution at {path}.", "Solve the shot first.") from error
    except Exception as error:
        raise FaceSolveError(f"{path} is not a solution: {error}.", "Solve the shot again.") from error
    unknown = set(solution.status) - set(FRAME_STATUSES)
    if unknown:
        raise FaceSolveError(f"{path} has frames marked {sorted(unknown)}.", "Update the solver.")
    return solution


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
