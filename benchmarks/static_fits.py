"""What the optional energies of a Fit step are worth.

Rigid and expression of the shots with known answers, without a render.

usage: python -m benchmarks.static_fits [--shared ../shared] [--every 6]

Prints the medians of rotation (degrees), depth and shape (millimetres) over every n-th frame of camera A.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core.report.compare import Face, measure
from solver_core.solve import prepare_context
from solver_core.stages.catalogue import STAGES

SHOTS = ("talk", "dressed")
SHOWN = ("rotation_deg", "depth_mm", "shape_mm")
# name: (stages, what their steps get)
VARIANTS = {
    "none": ((), {}),
    "`edges = 1` in all steps": (("rigid", "expression"), {"edges": 1.0}),
    "`edges = 3` in all steps": (("rigid", "expression"), {"edges": 3.0}),
    "`near = 0.1` in `expression`": (("expression",), {"near": 0.1}),
}


def scores(shared: Path, name: str, scratch: Path, every: int) -> dict[str, list[float]]:
    """The medians of every variant."""
    shot, truth = exported(shared, name, scratch, every)
    context = prepare_context(shot, lambda _done, _total: True)
    answer, face = truth.at(shot.frames, shot.rig.names), Face(shot.rig, context.embedding.face)
    found = {}
    for variant, (stages, weights) in VARIANTS.items():
        context.pose = shot.start()
        for stage in ("rigid", "expression"):
            context.begun = context.pose.copy()
            for step in STAGES[stage]:
                list((replace(step, **weights) if stage in stages else step).run(context))
        measured = measure(context.pose, answer, face, shot.cameras[0].position)
        found[variant] = [float(np.median(measured[one])) for one in SHOWN]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--every", type=int, default=6)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tables = [scores(arguments.shared, name, Path(scratch), arguments.every) for name in SHOTS]
    print("| weights | " + " | ".join(f"{shot}: {one}" for shot in SHOTS for one in SHOWN) + " |")
    print("| --- " * (1 + len(SHOTS) * len(SHOWN)) + "|")
    for variant in VARIANTS:
        print(f"| {variant} | " + " | ".join(f"{value:.2f}" for table in tables for value in table[variant]) + " |")


if __name__ == "__main__":
    main()
