"""A solve against its known answer, frame by frame.

Rotation, translation, vertices, shape and weights are compared, and how smooth it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.documents.solution import joints_of, load_solution
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.protocol import FRAME_FAILED

MEASURES = {
    "rotation_deg": "angle between solved and true head rotation, degrees",
    "lateral_mm": "translation error across the line of sight, millimetres",
    "depth_mm": "translation error along it, millimetres",
    "vertex_mm": "mean distance of the face's vertices in the world, millimetres",
    "shape_mm": "the same without the head's rigid motion, millimetres",
    "weight_mae": "mean absolute error of the shape-key values",
}


@dataclass(frozen=True)
class Truth:
    """A known answer: N frames of poses, and the frames where the face was covered."""

    frames: Ints  # [N]
    pose: Pose  # N, weights [N,K]
    names: tuple[str, ...]  # K
    hidden: Ints  # scene frames

    def at(self, frames: Ints, names: tuple[str, ...]) -> Pose:
        """The answer at these of its frames, the weights in the order of `names`; a key that it does not know is 0."""
        rows = np.searchsorted(self.frames, frames)
        weights = np.zeros((len(frames), len(names)))
        for column, name in enumerate(names):
            if name in self.names:
                weights[:, column] = self.pose.weights[rows, self.names.index(name)]
        joints = {name: joint[rows] for name, joint in self.pose.joints.items()}
        return Pose(self.pose.rotation[rows], self.pose.translation[rows], weights, joints)


@dataclass(frozen=True)
class Face:
    """The part of a rig that is measured."""

    rig: Rig
    vertices: Bools  # [V]

    def local(self, pose: Pose) -> list[Floats]:
        """N times [n,3]: each frame's vertices before the rigid transform, metres."""
        return [self.rig.local(pose[i : i + 1])[0, self.vertices] for i in range(len(pose))]


def load_truth(path: Path) -> Truth:
    """Read truth.npz.

    It holds frames (N), rotation (N,3,3), translation (N,3) metres, weights (N,K), names (K), and hidden (frames) if
    any.

    Raises:
        FaceSolveError: where it is absent, damaged or lacks one of them.
    """
    wanted = "It must be an .npz with frames, rotation, translation, weights and names."
    try:
        with np.load(path, allow_pickle=False) as data:
            order = np.argsort(data["frames"])
            rotation, translation, weights = (
                data[name][order].astype(np.float64) for name in ("rotation", "translation", "weights")
            )
            pose = Pose(rotation, translation, weights, {name: joint[order] for name, joint in joints_of(data).items()})
            hidden = data["hidden"].astype(np.int64) if "hidden" in data else np.zeros(0, np.int64)
            return Truth(
                data["frames"][order].astype(np.int64), pose, tuple(str(name) for name in data["names"]), hidden
            )
    except FileNotFoundError as error:
        raise FaceSolveError(f"There is no known answer at {path}.", wanted) from error
    except KeyError as error:
        raise FaceSolveError(f"{path} has no {error.args[0]}.", wanted) from error
    except Exception as error:
        raise FaceSolveError(f"{path} is not a known answer: {error}.", wanted) from error


def load_take(path: Path) -> Truth:
    """Another solution of the same shot, as something to compare with; frames that failed in it are left out.

    Raises:
        FaceSolveError: where it is absent, damaged, or nothing in it was solved.
    """
    solution = load_solution(path)
    solved = np.array([status != FRAME_FAILED for status in solution.status], bool)
    if not solved.any():
        raise FaceSolveError(f"No frame of {path} was solved.", "Give another take with --against.")
    return Truth(solution.frames[solved], solution.pose[solved], solution.names, np.zeros(0, np.int64))


def by_axis(take: Pose, truth: Pose) -> tuple[Floats, Floats]:
    """[N,3] rotation vectors, degrees, and [N,3] translations, millimetres, from one take to another, world axes."""
    turn = Rotation.from_matrix(take.rotation @ truth.rotation.swapaxes(1, 2)).as_rotvec()
    return np.degrees(turn), 1e3 * (take.translation - truth.translation)


def measure(take: Pose, truth: Pose, face: Face | None = None, eye: Floats | None = None) -> dict[str, Floats]:
    """What separates two takes of the same rig.

    Args:
        take: N frames that were solved.
        truth: the same N frames as they were.
        face: the vertices that are measured; without it there are no vertex and shape errors.
        eye: [N,3] the camera's position, metres; without it there are no lateral and depth errors.

    Returns:
        [N] for each of MEASURES that can be told.
    """
    # from the chord, which is exact where the trace rounds to 3
    chord = np.linalg.norm(take.rotation - truth.rotation, axis=(1, 2)) / np.sqrt(8)
    found = {"rotation_deg": np.degrees(2 * np.arcsin(np.clip(chord, 0, 1)))}
    if eye is not None:
        sight = truth.translation - eye
        sight /= np.linalg.norm(sight, axis=1, keepdims=True)
        offset = take.translation - truth.translation
        along = (offset * sight).sum(1)
        found["lateral_mm"] = 1e3 * np.linalg.norm(offset - along[:, None] * sight, axis=1)
        found["depth_mm"] = 1e3 * np.abs(along)
    if face is not None:
        world = zip(_world(face, take), _world(face, truth), strict=True)
        found["vertex_mm"] = np.array([_distance(solved, true) for solved, true in world])
        local = zip(face.local(take), face.local(truth), strict=True)
        found["shape_mm"] = np.array([_distance(solved, true) for solved, true in local])
    if take.weights.shape[1]:
        found["weight_mae"] = np.abs(take.weights - truth.weights).mean(1)
    return found


def jitter(take: Pose, truth: Pose, face: Face) -> float:
    """Second difference of the solved vertices over the true one's: 1 is as smooth as the truth.

    It is NaN where nothing moves.

    The poses must be of consecutive frames.
    """
    true = _roughness(_world(face, truth))
    return _roughness(_world(face, take)) / true if true > 0 else float("nan")


def hidden_errors(
    frames: Ints, take: Pose, truth: Pose, hidden: Ints, face: Face
) -> tuple[float, float] | None:  # frames [N]
    """Mean vertex distance in the covered frames, millimetres.

    The first is of the solve, the second of a straight line between the frames beside them.

    None where no frame is covered, or they reach an end of the shot.
    """
    index = np.flatnonzero(np.isin(frames, hidden))
    if not len(index) or index[0] == 0 or index[-1] == len(frames) - 1:
        return None
    ends = np.array([index[0] - 1, index[-1] + 1])
    share = (frames[index] - frames[ends[0]]) / (frames[ends[1]] - frames[ends[0]])
    rotation = Slerp([0, 1], Rotation.from_matrix(take.rotation[ends]))(share).as_matrix()
    translation, weights = (
        (1 - share[:, None]) * values[ends[0]] + share[:, None] * values[ends[1]]
        for values in (take.translation, take.weights)
    )
    joints = {}
    for name, joint in take.joints.items():
        first, last = (joint[np.full(len(index), end)] for end in ends)
        joints[name] = first.toward(last, share)
    line = Pose(rotation, translation, weights, joints)
    solved, straight = (measure(pose, truth[index], face)["vertex_mm"].mean() for pose in (take[index], line))
    return float(solved), float(straight)


def _world(face: Face, pose: Pose) -> list[Floats]:
    """N times [n,3] world metres."""
    return [
        vertices @ rotation.T + translation
        for vertices, rotation, translation in zip(face.local(pose), pose.rotation, pose.translation, strict=True)
    ]


def _distance(first: Floats, second: Floats) -> float:
    """Millimetres."""
    return 1e3 * float(np.linalg.norm(first - second, axis=1).mean())


def _roughness(vertices: list[Floats]) -> float:
    if len(vertices) < 3:
        return float("nan")
    return float(np.linalg.norm(np.diff(np.array(vertices), 2, axis=0), axis=2).mean())


def summary(measured: dict[str, Floats]) -> dict[str, tuple[float, float]]:
    """Median and 95th percentile of each measure."""
    return {name: (float(np.median(v)), float(np.percentile(v, 95))) for name, v in measured.items()}


def table(measured: dict[str, dict[str, Floats]]) -> list[list[str]]:
    """Rows of text, the first one headings, of one or more takes by their names.

    They hold the median and the 95th percentile of every measure.
    """
    takes = {heading: summary(values) for heading, values in measured.items()}
    names = list(next(iter(takes.values())))
    headings = ["measure", *(text for heading in takes for text in (f"{heading}: median", "95 %"))]
    return [headings, *([name, *(f"{n:.3f}" for take in takes.values() for n in take[name])] for name in names)]


def markdown(measured: dict[str, dict[str, Floats]]) -> str:
    """The same as a Markdown table."""
    headings, *rows = table(measured)
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
