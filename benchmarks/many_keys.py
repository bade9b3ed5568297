"""Time and memory of a solve by the number of shape keys: the shot `talk` with its keys mixed into more of them.

usage: python -m benchmarks.many_keys [--shared ../shared] [--keys 53,200,400] [--frames 4]

All stages of Solve Shot on a few frames of camera A, each count in a process of its own. The mixtures move the face as
much as the rig's own keys do.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core.documents.shot import Shot
from solver_core.face.pose import Pose
from solver_core.service.listener import Silent
from solver_core.solve import solve


def with_keys(shot: Shot, count: int) -> Shot:
    """The shot with `count` shape keys: the rig's own, then sums of a few of them with random signs."""
    rig, random = shot.rig, np.random.default_rng(0)
    own = len(rig.names)
    more = max(count - own, 0)
    mixing = np.where(random.random((more, own)) < 3 / own, random.choice([-0.7, 0.7], (more, own)), 0).astype(
        np.float32
    )
    deltas = np.concatenate([rig.deltas, np.tensordot(mixing, rig.deltas, 1)])[:count]

    def longer(values: np.ndarray, value: float) -> np.ndarray:
        return np.concatenate([values, np.full(more, value, values.dtype)])[:count]

    names = (*rig.names, *(f"mixed {i}" for i in range(more)))[:count]
    rig = replace(
        rig,
        deltas=deltas,
        names=names,
        groups=(*rig.groups, *("mouth",) * more)[:count],
        minimum=longer(rig.minimum, 0),
        maximum=longer(rig.maximum, 1),
        solved=longer(rig.solved, True),
        strength=longer(rig.strength, 1),
    )
    pose = shot.initial
    weights = np.concatenate([pose.weights, np.zeros((len(pose), more))], 1)[:, :count]
    return replace(shot, rig=rig, initial=Pose(pose.rotation, pose.translation, weights))


def measure(shared: Path, count: int, frames: int, scratch: Path) -> None:
    """Print one row."""
    shot, _ = exported(shared, "talk", scratch)
    shot = with_keys(shot.at(np.linspace(0, len(shot.frames) - 1, frames).round().astype(int)), count)
    began, used = time.monotonic(), time.process_time()
    solution = solve(shot, Silent())
    wall, own = time.monotonic() - began, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    error = float(np.nanmedian(solution.error_px))
    print(f"| {count} | {wall / frames:.1f} | {own / frames:.1f} | {memory:.1f} | {error:.2f} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--keys", default="53,200,400")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--scratch", type=Path, help="for the process that measures one count")
    arguments = parser.parse_args()
    if arguments.scratch:
        measure(arguments.shared, int(arguments.keys), arguments.frames, arguments.scratch)
        return
    print(
        "| shape keys | s a frame | CPU s a frame | GB at most | error, px |\n| --- | --- | --- | --- | --- |",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as scratch:
        for count in arguments.keys.split(","):
            command = [sys.executable, "-m", "benchmarks.many_keys", "--shared", str(arguments.shared), "--keys", count]
            subprocess.run([*command, "--frames", str(arguments.frames), "--scratch", scratch], check=True)


if __name__ == "__main__":
    main()
