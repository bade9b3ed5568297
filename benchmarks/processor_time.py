"""Measures the processor time of a whole solve from the command line.

It solves `talk`, camera A, with colours, by Solve Shot's own stages.

usage: python -m benchmarks.processor_time [--shared ../shared] [--frames 12]

The shot is exported by the add-on in Blender 4.5. Each row is one process, `python -m solver_core solve`, from its
start to its end: user and system time of all its threads, and the time by the clock, divided by the frames. A frame
solved before all that leaves the compiled kernels in their cache. The time by the clock means something on a quiet
machine only; the load that others put on it is printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.exported import exported

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
WAYS = {
    "default threads": {},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
    "one thread in every library": dict.fromkeys(LIBRARIES, "1"),
}


def processor_seconds() -> float:
    """User and system time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def solve(folder: Path, out: Path, first: int, count: int, threads: dict[str, str]) -> tuple[float, float]:
    """Solve some frames of a shot folder in a process of its own; its seconds of processor time and by the clock."""
    environment = {name: value for name, value in os.environ.items() if name not in LIBRARIES} | threads
    command = [sys.executable, "-m", "solver_core", "solve", folder, "--out", out]
    used, began = processor_seconds(), time.perf_counter()
    subprocess.run(
        [*command, "--frames", f"{first}-{first + count - 1}"],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return processor_seconds() - used, time.perf_counter() - began


def main() -> None:
    """Export, solve each way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--frames", type=int, default=12, help="how many, from the shot's first")
    arguments = parser.parse_args()
    count = arguments.frames
    print("| threads | processor s a frame | s a frame by the clock | load before |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        shot, _ = exported(arguments.shared, "talk", Path(scratch))
        out, first = Path(scratch) / "out.npz", int(shot.frames[0])
        solve(shot.folder, out, first, 1, {})
        for name, threads in WAYS.items():
            load = os.getloadavg()[0]
            used, clock = solve(shot.folder, out, first, count, threads)
            print(f"| {name} | {used / count:.2f} | {clock / count:.2f} | {load:.1f} |", flush=True)


if __name__ == "__main__":
    main()
