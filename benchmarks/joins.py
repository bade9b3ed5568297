"""Draws what a fix does to the frames around it when a range is solved again.

With joins and without, on a shot that the project renders itself.

usage: python -m benchmarks.joins [--out benchmarks/out/joins.png] [--stages rigid,expression]

The shot is solved from landmarks alone; the artist turns, moves and opens the jaw of one frame; the frames around it
are solved again, by all stages, between neighbours that stay.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import matplotlib as mpl
import numpy as np
from scipy.spatial.transform import Rotation

mpl.use("Agg")
import matplotlib.pyplot as plt

from solver_core import solve as solving
from solver_core.documents.shot import load_shot
from solver_core.face.blocks import RIGID
from solver_core.face.pose import Pose
from solver_core.service.listener import Silent

ROOT = Path(__file__).resolve().parents[1]
FRAMES, FIXED, FIRST, LAST = 13, 6, 2, 10  # indices; FIRST to LAST is solved again
TURN, SHIFT, JAW = np.radians(2.5), 0.004, 0.15  # what the artist changes: radians of yaw, metres to the side, jawOpen


def fixed(pose: Pose, jaw: int) -> Pose:
    """The poses with the artist's fix."""
    step = np.zeros((len(pose), RIGID + pose.weights.shape[1]))
    step[FIXED, 2], step[FIXED, 3], step[FIXED, RIGID + jaw] = TURN, SHIFT, JAW
    return pose.stepped(step)


def document_of(folder: Path, pose: Pose) -> None:
    """The shot's document for the second solve: from these poses, with the fix locked and the ends as neighbours."""
    path = folder / "shot.json"
    document = json.loads(path.read_text())
    rows = {"rotation": pose.rotation.reshape(-1, 9), "translation": pose.translation, "weights": pose.weights}
    frames = document["frames"]
    document["initial"] = {name: values.tolist() for name, values in rows.items()}
    document["locked"] = [{"frame": frames[FIXED], **{name: values[FIXED].tolist() for name, values in rows.items()}}]
    document["neighbours"] = [frame for i, frame in enumerate(frames) if not FIRST <= i <= LAST]
    path.write_text(json.dumps(document))


def curves(pose: Pose, jaw: int) -> np.ndarray:
    """[3,N] yaw in degrees, sideways place in millimetres, jawOpen."""
    yaw = Rotation.from_matrix(pose.rotation).as_rotvec()[:, 2]
    return np.stack([np.degrees(yaw), 1000.0 * pose.translation[:, 0], pose.weights[:, jaw]])


def main() -> None:
    """Solve three times, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out" / "joins.png")
    parser.add_argument("--stages", help="of the second solve; all where none are named")
    options = parser.parse_args()
    out, stages = options.out, options.stages
    sys.path.insert(0, str(ROOT / "tests"))
    from little_shot import camera, demo_rig, performance, write_shot

    rig = demo_rig()
    jaw = rig.names.index("jawOpen")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shot"
        truth = performance(rig, 2 * FRAMES)[np.arange(FRAMES)]
        write_shot(folder, rig, truth, (camera("A", FRAMES, (0.05, -1.1, 0.05)),))
        before = solving.solve(replace(load_shot(folder), stages=("rigid", "expression")), Silent()).pose
        document_of(folder, fixed(before, jaw))
        shot = replace(load_shot(folder), stages=tuple(stages.split(",")) if stages else None)
        joined = solving.solve(shot, Silent()).pose
        with mock.patch.object(solving, "join"):
            apart = solving.solve(shot, Silent()).pose
    figure, axes = plt.subplots(3, 1, figsize=(8, 7), sharex=True)
    names = ("yaw, degrees", "sideways, mm", "jawOpen")
    lines = (("before the fix", before, "0.6"), ("without joins", apart, "tab:red"), ("with joins", joined, "tab:blue"))
    for axis, row, title in zip(axes, range(3), names, strict=True):
        for label, pose, color in lines:
            axis.plot(curves(pose, jaw)[row], ".-", color=color, label=label)
        axis.axvspan(FIRST - 0.5, LAST + 0.5, color="0.93")
        axis.plot(FIXED, curves(joined, jaw)[row, FIXED], "o", mfc="none", ms=10, color="k")
        axis.set_ylabel(title)
        for label, pose, _color in lines:
            second = np.abs(np.diff(curves(pose, jaw)[row], 2))
            print(f"{title}: {label}: largest second difference {second.max():.3f}")
    axes[0].legend()
    axes[-1].set_xlabel("frame; grey: solved again; ring: the artist's fix")
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    main()
