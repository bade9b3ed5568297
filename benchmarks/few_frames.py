"""Default solves of few frames of the shared shots, with the rig's colours and without, against their known answers.

usage: python -m benchmarks.few_frames [--shared ../shared] [--every 6] [SHOT ...]

Prints medians over the frames. Whole shots, as an artist solves them, are `benchmarks.shots`' business.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core.report.compare import Face, measure
from solver_core.service.listener import Silent
from solver_core.solve import solve

FACE = 6706  # vertices of the shared rig's face, its first


def main() -> None:
    """Solve and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shots", nargs="*", default=["talk", "dressed"], metavar="SHOT")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--every", type=int, default=6)
    arguments = parser.parse_args()
    header = ""
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.shots:
            coloured, truth = exported(arguments.shared, name, Path(scratch), arguments.every)
            grey = replace(coloured, rig=replace(coloured.rig, colors=None))
            for look, shot in (("colours", coloured), ("grey", grey)):
                pose = solve(shot, Silent()).pose
                face = Face(shot.rig, np.arange(len(shot.rig.neutral)) < FACE)
                true = truth.at(shot.frames, shot.rig.names)
                found = measure(pose, true, face, shot.cameras[0].position)
                if not header:
                    header = "| shot | | " + " | ".join(found) + " |"
                    print(header + "\n| --- | --- |" + " --- |" * len(found))
                values = " | ".join(f"{np.median(each):.3f}" for each in found.values())
                print(f"| {name} | {look} | {values} |", flush=True)


if __name__ == "__main__":
    main()
