"""What temporal refinement calms and what it leaves.

Usage: python -m benchmarks.refinement [--shared ../shared] [--shot talk] [--grey]

A shot with a known answer is solved once, then refined by each amount from there, without Blender. Jitter is the second
difference of the solved vertices over the true one's. *Blink*: mean of the eyelids' keys where the truth has them above
0.8. *Plosive*: how far apart the lips stand, in millimetres, where the truth closes them between two openings; the
truth's own first.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.report.compare import Face, jitter, measure
from solver_core.solve import prepare_context, solve
from solver_core.stages.catalogue import STAGES
from solver_core.stages.context import Context
from solver_core.stages.key_names import ALL, CLOSES_EYE
from solver_core.stages.kinds.smooth import Smooth

AMOUNTS = 0.25, 0.5, 1.0
LIPS = 13, 14  # FaceMesh's landmarks in the middle of the upper and the lower lip, inside
CLOSED = 0.25  # of the way from the narrowest opening to the widest: a lower dip between two openings is a plosive


class Quiet:
    """Hears of nothing."""

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None: ...
    def frame(self, result: object) -> None: ...
    def warning(self, message: str) -> None: ...
    def cancelled(self) -> bool:
        return False


def opening(context: Context, pose: Pose) -> np.ndarray:
    """[N] millimetres between the lips."""
    rig, embedding = context.rig, context.embedding
    count = (len(pose), 2)
    points = rig.sample(
        np.broadcast_to(embedding.triangle[list(LIPS)], count),
        np.broadcast_to(embedding.barycentric[list(LIPS)], (*count, 3)),
    )
    upper, lower = points.local(pose).swapaxes(0, 1)
    return 1e3 * np.linalg.norm(upper - lower, axis=1)


def row(name: str, context: Context, pose: Pose, truth: Pose, rig: Rig, seconds: float) -> str:
    face = Face(rig, context.embedding.face)
    errors = measure(pose, truth, face)
    lids = [i for i, key in enumerate(rig.names) if CLOSES_EYE.search(key)]
    blinks = truth.weights[:, lids] > 0.8
    true, gap = opening(context, truth), opening(context, pose)
    low = true.min() + CLOSED * np.ptp(true)
    dips = 1 + np.flatnonzero((true[1:-1] < true[:-2]) & (true[1:-1] <= true[2:]) & (true[1:-1] < low))
    blink = pose.weights[:, lids][blinks].mean() if blinks.any() else np.nan
    return (
        f"| {name} | {jitter(pose, truth, face):.2f} | {np.median(errors['rotation_deg']):.3f} "
        f"| {np.median(errors['shape_mm']):.3f} "
        f"| {blink:.2f} | {', '.join(f'{g:.1f}' for g in gap[dips])} | {seconds:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--shot", default="talk")
    parser.add_argument("--grey", action="store_true", help="without the rig's colours")
    arguments = parser.parse_args()
    (step,) = STAGES["refinement"]
    with tempfile.TemporaryDirectory() as scratch:
        shot, known = exported(arguments.shared, arguments.shot, Path(scratch))
        if arguments.grey:
            shot = replace(shot, rig=replace(shot.rig, colors=None))
        truth = known.at(shot.frames, tuple(shot.rig.names))
        solved = solve(shot, Quiet()).pose
        context = prepare_context(shot, lambda _done, _total: True)
        context.known = context.seen
        print("| amount | jitter | rotation_deg | shape_mm | blink | plosive, mm | s a frame |")
        print("| --- " * 7 + "|")
        print(row("the truth", context, truth, truth, shot.rig, 0.0))
        print(row("solved", context, solved, truth, shot.rig, 0.0), flush=True)
        for amount, splines in [*((amount, False) for amount in AMOUNTS), (0.5, True)]:
            settings = replace(shot.settings, refinement=amount)
            here = replace(context, pose=solved.copy(), shot=replace(shot, settings=settings))
            began = time.perf_counter()
            list((Smooth(keys=(ALL,)) if splines else step).run(here))
            seconds = (time.perf_counter() - began) / len(shot.frames)
            name = f"{amount:g}, splines alone" if splines else f"{amount:g}"
            print(row(name, context, here.pose, truth, shot.rig, seconds), flush=True)


if __name__ == "__main__":
    main()
