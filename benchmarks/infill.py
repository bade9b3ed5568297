"""Fills ranges of the shots with known answers through the add-on in Blender 4.5, and compares with interpolation.

usage: python -m benchmarks.infill [--shared ../shared] [--only NAME;NAME] [--keep DIR]

Every frame outside the range is posed at the truth and locked; the range is given to the Infill operator.
`solve_and_score.py` and `score_scene.py --range` of the shared folder do the work, as in benchmarks/shots.py.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.shots import ROOT, build_package, solve_and_score

RANGES = {"talk": ["1024-1028", "1034-1041", "1028-1043"], "occluded": ["1025-1029"]}


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", help="rows, with ; between them")
    parser.add_argument("--keep", type=Path, help="keep the solved scenes and logs here")
    arguments = parser.parse_args()
    package = build_package()
    print("| range | infill, vertex_mm | interpolation, vertex_mm | ratio | s a frame of the shot |")
    print("| --- " * 5 + "|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for shot, span in ((shot, span) for shot, spans in RANGES.items() for span in spans):
            name = f"{shot} {span}"
            if arguments.only and name not in arguments.only.split(";"):
                continue
            options = ["--pin-all-but-infill", "--infill", span, "--do", "infill"]
            data, tools = arguments.shared / "shots" / shot, arguments.shared / "tools"
            found = solve_and_score(name, data, options, tools, package, folder, ("--range", span))
            filled, even = found["hidden_vertex_mm"], found["hidden_interpolated_mm"]
            print(
                f"| {name} | {filled:.2f} | {even:.2f} | {filled / even:.2f} | {found['seconds']:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
