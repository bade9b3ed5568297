"""Fills a range of a shot with a known answer by two kinds of flow.

Against the mesh's exact motion, and against the flow between renders.

usage: python -m benchmarks.infill_ways [--shared ../shared] [--scratch DIR] [--shot talk] [--range 1034-1041]

All frames around the range stand at the truth; vertex_mm is the mean distance of the face's vertices from the truth
over the range.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core.solve import prepare_context
from solver_core.stages.catalogue import STAGES
from solver_core.stages.shared.gaps import gaps_of
from solver_core.stages.shared.interpolation import interpolated

AROUND = 4  # known frames on both sides of the range


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument(
        "--scratch", type=Path, help="keep the exported shot here, and use it where it is there already"
    )
    parser.add_argument("--shot", default="talk")
    parser.add_argument("--range", default="1034-1041")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        shot, known = exported(arguments.shared, arguments.shot, arguments.scratch or Path(scratch))
        first, last = map(int, arguments.range.split("-"))
        shot = shot.at(np.flatnonzero((shot.frames >= first - AROUND) & (shot.frames <= last + AROUND)))
        truth = known.at(shot.frames, tuple(shot.rig.names))
        context = prepare_context(replace(shot, initial=truth), lambda _done, _total: True)
    fill = (shot.frames >= first) & (shot.frames <= last)
    vertices = context.embedding.face
    aim = shot.rig.world(truth[fill])
    print("| way | vertex_mm | worst frame | s a filled frame |")
    print("| --- " * 4 + "|")
    for name, renders in (("interpolation", None), ("against the exact motion", False), ("against renders", True)):
        here = replace(context, pose=truth.copy(), fill=fill, known=~fill, filled={})
        began = time.perf_counter()
        for gap in gaps_of(fill, ~fill, context.cuts):
            here.pose.assign(gap.frames, interpolated(here, gap))
        if renders is not None:
            (step,) = STAGES["infill"]
            list(replace(step, renders=renders).run(here))
        seconds = (time.perf_counter() - began) / fill.sum()
        apart = 1e3 * np.linalg.norm((shot.rig.world(here.pose[fill]) - aim)[:, vertices], axis=2).mean(1)
        print(f"| {name} | {apart.mean():.2f} | {apart.max():.2f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
