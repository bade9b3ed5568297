"""The solved head against the known answer, frame by frame, and the table that says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MEASURES = ("rotation_deg", "lateral_mm", "depth_mm", "vertex_mm", "shape_mm", "weight_mae")


@dataclass(frozen=True)
class Take:
    """N frames of a head: world = rotation @ local(weights) + translation."""

    rotation: Floats  # [N,3,3]
    translation: Floats  # [N,3] metres
    weights: Floats  # [N,K]


@dataclass(frozen=True)
class Face:
    """The part of the rig that is measured: the front of the face, n vertices."""

    neutral: Floats  # [n,3] metres
    deltas: Floats  # [K,n,3] metres

    def local(self, weights: Floats) -> Floats:
        """[N,n,3] metres, before the rigid transform."""
        return self.neutral + np.tensordot(weights, self.deltas, 1)


def measure(face: Face, take: Take, truth: Take, eye: Floats) -> dict[str, Floats]:
    """What separates two takes of the same rig.

    Args:
        face: the vertices that are measured.
        take: N frames that were solved.
        truth: the same N frames as they were.
        eye: [N,3] the camera's position, metres.

    Returns:
        For each of MEASURES, [N]: angle between the rotations; translation error across and along the line of sight; mean distance
        of the vertices in the world, and without the rigid transform; mean absolute weight error.
    """
    chord = np.linalg.norm(take.rotation - truth.rotation, axis=(1, 2)) / np.sqrt(
        8
    )  # exact where the trace rounds to 3
    sight = truth.translation - eye
    sight /= np.linalg.norm(sight, axis=1, keepdims=True)
    offset = take.translation - truth.translation
    along = (offset * sight).sum(1)
    local, true_local = face.local(take.weights), face.local(truth.weights)

    def world(which: Take, points: Floats) -> Floats:
        return np.einsum("nij,nvj->nvi", which.rotation, points) + which.translation[:, None]

    return {
        "rotation_deg": np.degrees(2 * np.arcsin(np.clip(chord, 0, 1))),
        "lateral_mm": 1e3 * np.linalg.norm(offset - along[:, None] * sight, axis=1),
        "depth_mm": 1e3 * np.abs(along),
        "vertex_mm": 1e3 * np.linalg.norm(world(take, local) - world(truth, true_local), axis=2).mean(1),
        "shape_mm": 1e3 * np.linalg.norm(local - true_local, axis=2).mean(1),
        "weight_mae": np.abs(take.weights - truth.weights).mean(1),
    }


def table(solved: dict[str, Floats], start: dict[str, Floats]) -> list[tuple[str, ...]]:
    """Rows of text: measure, median and 95th percentile of the solve, and of the neutral head where it started."""
    rows: list[tuple[str, ...]] = []
    for name in MEASURES:
        numbers = [f"{np.percentile(m[name], q):.3f}" for m in (solved, start) for q in (50, 95)]
        rows.append((name, *numbers))
    return rows


HEADINGS = ("measure", "solved: median", "95 %", "neutral, unmoved: median", "95 %")


def markdown(rows: list[tuple[str, ...]]) -> str:
    """The rows as a Markdown table."""
    lines = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
