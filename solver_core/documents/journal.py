"""What a solve has finished, on disk before anybody is told: a killed solver loses nothing (docs/protocol.md)."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import IO, Any

import numpy as np

from solver_core.common.errors import FaceSolveError
from solver_core.documents.solution import Solution
from solver_core.face.blocks import RigidMotion
from solver_core.face.joints import JAW
from solver_core.face.pose import Pose
from solver_core.service.listener import FrameResult, Listener


def frame_fields(result: FrameResult) -> dict[str, Any]:
    """A frame as JSON fields; an error that is no number becomes null."""
    return {
        "frame": result.frame,
        "status": result.status,
        "error_px": result.error_px if math.isfinite(result.error_px) else None,
        "rotation": result.rotation.ravel().tolist(),
        "translation": result.translation.tolist(),
        "weights": result.weights.tolist(),
        "stage": result.stage,
        "reason": result.reason,
        "joints": {
            name: {"rotation": motion.rotation.ravel().tolist(), "translation": motion.translation.ravel().tolist()}
            for name, motion in result.joints.items()
        },
    }


class Journal:
    """A listener that writes every frame to `OUT.partial.jsonl` and then passes it on."""

    def __init__(self, out: Path, names: tuple[str, ...], onward: Listener) -> None:
        """Open the journal, truncating an old one.

        Raises:
            FaceSolveError: where the folder cannot be written, before any work is done.
        """
        self.path = journal_path(out)
        self._onward = onward
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self.path.open("w", encoding="utf-8")
            self._line({"names": list(names)})
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None:
        """Passed on."""
        self._onward.progress(stage, done, total, fraction, seconds_left)

    def frame(self, result: FrameResult) -> None:
        """Written, flushed, then passed on.

        Raises:
            FaceSolveError: where the disk is full.
        """
        try:
            self._line(frame_fields(result))
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._onward.frame(result)

    def warning(self, message: str) -> None:
        """Passed on."""
        self._onward.warning(message)

    def cancelled(self) -> bool:
        """Passed on."""
        return self._onward.cancelled()

    def close(self, *, remove: bool) -> None:
        """Done with it; `remove` once the solution itself is on disk."""
        with contextlib.suppress(OSError):  # what a full disk did not take has been said
            self._file.close()
        if remove:
            self.path.unlink(missing_ok=True)

    def _line(self, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps(fields, allow_nan=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def journal_path(out: Path) -> Path:
    """Where the journal of the solution `out` lies."""
    return out.with_name(out.stem + ".partial.jsonl")


def recover(out: Path) -> Solution | None:
    """The frames that a killed solve had finished, as a solution; None where it left none. A torn last line is dropped."""
    try:
        lines = journal_path(out).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    records = []
    for line in lines:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    if not records or "names" not in records[0]:
        return None
    frames = {record["frame"]: record for record in records[1:]}
    if not frames:
        return None
    ordered = [frames[frame] for frame in sorted(frames)]
    return Solution(
        frames=np.array([r["frame"] for r in ordered]),
        pose=Pose(
            np.array([r["rotation"] for r in ordered], float).reshape(-1, 3, 3),
            np.array([r["translation"] for r in ordered], float),
            np.array([r["weights"] for r in ordered], float).reshape(len(ordered), -1),
            _joints(ordered),
        ),
        names=tuple(records[0]["names"]),
        status=[r["status"] for r in ordered],
        error_px=np.array([np.nan if r["error_px"] is None else r["error_px"] for r in ordered]),
        reason=[r["reason"] for r in ordered],
        settings={"recovered": True},
    )


def _joints(records: list[dict[str, Any]]) -> dict[str, RigidMotion]:
    """A journal of before schema 2 has the jaw's as `jaw_rotation` and `jaw_translation`."""
    if "jaw_rotation" in records[0]:
        found = {JAW: [{kind: r[f"jaw_{kind}"] for kind in ("rotation", "translation")} for r in records]}
    else:
        found = {name: [r["joints"][name] for r in records] for name in records[0].get("joints", {})}
    return {
        name: RigidMotion(
            np.array([motion["rotation"] for motion in motions], float).reshape(-1, 3, 3),
            np.array([motion["translation"] for motion in motions], float),
        )
        for name, motions in found.items()
    }


def _unwritable(path: Path, error: OSError) -> FaceSolveError:
    return FaceSolveError(
        f"{path.parent} cannot be written: {error.strerror or error}.",
        "Free some space, or save the scene in a folder that can be written.",
    )
