"""Solves the golden shots and keeps their solutions, where answers are meant to change.

usage: python -m tests.golden.make [--shared ../shared] [--check | --spread] [NAME ...]

Each is solved twice, which has to give the same bits. With --check nothing is written: what is kept is compared with
both. With --spread nothing is written either: each is solved with its neutral 1e-7 larger and smaller, and how far
these are from what is kept is printed. So far rounding alone moves a solution, and bounds must not be narrower.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.golden import shots


def main() -> int:
    """Solve, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(shots.NAMES)}; default: all")
    parser.add_argument("--shared", type=Path, default=shots.ROOT.parent / "shared")
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--spread", action="store_true", help="how far rounding alone moves each solution")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(shots.NAMES)
    if unknown:
        parser.error(f"no shot is called {', '.join(sorted(unknown))}")
    names, runs = arguments.names or list(shots.NAMES), []
    if arguments.spread:
        return spread(names, arguments.shared)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        for run in ("first", "second"):
            folders = {name: shots.write_folder(name, place / run / name, arguments.shared, place) for name in names}
            began = time.perf_counter()
            runs.append(shots.solve_all(folders))
            print(f"{run} run: {time.perf_counter() - began:.0f} s", flush=True)
    good = True
    for name in names:
        first, second = (run[name] for run in runs)
        repeated = shots.bit_for_bit(first, second)
        good &= repeated
        print(f"{name}: two solves are {'equal' if repeated else 'NOT equal'} to the bit")
        if (shots.KEPT / f"{name}.npz").exists():
            expected, _ = shots.kept(name)
            same = "bit for bit" if shots.bit_for_bit(first, expected) else str(shots.differences(first, expected))
            print(f"  against what was kept: {same}")
        if not arguments.check and repeated:
            path = shots.keep(name, first)
            print(f"  {path.relative_to(shots.ROOT)}, {path.stat().st_size / 1000:.1f} kB")
    return 0 if good else 1


def spread(names: list[str], shared: Path) -> int:
    """Print how far each solution moves with a change of the rig that is as small as rounding."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        folders = {}
        for name in names:
            for change in (1e-7, -1e-7):
                folder = shots.write_folder(name, place / f"{name} {change:+g}", shared, place)
                with np.load(folder / "rig.npz") as rig:
                    arrays = {key: rig[key] for key in rig.files}
                larger = arrays["neutral"].astype(np.float64) * (1 + change)
                np.savez(folder / "rig.npz", **{**arrays, "neutral": larger.astype(arrays["neutral"].dtype)})
                folders[folder.name] = folder
        for name, found in shots.solve_all(folders).items():
            print(name, shots.differences(found, shots.kept(name.rpartition(" ")[0])[0]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
