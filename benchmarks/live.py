"""Measures whether Blender stays live.

Keying a solve, changing frames while frames arrive, writing large shots, and how long a solve takes to stop.

usage: python -m benchmarks.live [--only keying,frames,export,stopping]

*keying* runs inside Blender 3.4 and the bpy module 4.5; *frames* in Blender 3.4's own window under Xvfb, with the
tests' worker that sends 200 frames of 60 shape keys; *export* writes shots of large heads inside both; *stopping*
drives the real solver by the add-on's own job on a shot that the project renders itself.
"""

from __future__ import annotations

import argparse
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import build_addon
from addon import protocol
from addon.worker.interpreter import solver_environment, worker_command
from addon.worker.job import Job
from addon.worker.process import WorkerProcess, see_off

ROOT = Path(__file__).resolve().parents[1]
INSIDE = ROOT / "benchmarks" / "live_inside.py"
FRAMES = 24  # of the shot that is stopped


def inside(version: str, what: str, folder: Path) -> list[str]:
    """The lines that a measurement inside Blender prints."""
    extension, legacy = build_addon.build(folder / "dist")
    worker = folder / "python"
    worker.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT / "blender_tests" / "fault_worker"}" exec "{sys.executable}" "$@"\n'
    )
    worker.chmod(worker.stat().st_mode | stat.S_IXUSR)
    if version == "3.4":
        window = ["xvfb-run", "-a", "-s", "-screen 0 640x480x24 +extension GLX"] if what == "frames" else []
        size = ["--window-geometry", "0", "0", "640", "480", "--enable-event-simulate"] if window else ["-b"]
        command = [*window, "blender", *size, "--factory-startup", "--python", INSIDE]
    else:
        command = [ROOT / f".venv-bpy-{version}" / "bin" / "python", INSIDE]
    home = folder / f"{version}-{what}"
    home.mkdir()
    environment = {
        **os.environ,
        "FACE_SOLVE_PYTHON": str(worker),
        "FACE_SOLVE_PICTURES": str(home),
        "BLENDER_USER_RESOURCES": str(home / "user"),
        "BLENDER_USER_SCRIPTS": str(home / "user" / "scripts"),
        "BLENDER_USER_CONFIG": str(home / "user" / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    archive = legacy if version == "3.4" else extension
    command = [*command, "--", archive, home, home / "report.json", what]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=300, check=False)
    lines = [line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"{version} {what}:\n{(done.stdout + done.stderr)[-3000:]}")
    return lines


def stopping(folder: Path) -> list[str]:
    """How long the real solver takes from Cancel to its end, stopped in several stages."""
    sys.path.insert(0, str(ROOT / "tests"))
    from little_shot import camera, demo_rig, performance, write_shot

    rig = demo_rig()
    write_shot(folder / "shot", rig, performance(rig, FRAMES), (camera("A", FRAMES, (0.05, -1.1, 0.05)),))
    lines = []
    for stage in ("detection", "expression", "dense"):
        request = {"type": protocol.SOLVE, "shot": str(folder / "shot"), "out": str(folder / f"{stage}.npz")}
        process = WorkerProcess(
            worker_command(sys.executable),
            folder / f"{stage}.log",
            solver_environment({**os.environ, "PYTHONPATH": str(ROOT)}),
        )
        job, heard = Job(process, request, len(rig.names)), set()
        while not job.state.over and job.progress.stage != stage:
            heard.update(result.frame for result in job.poll())
            time.sleep(0.02)
        started = time.perf_counter()
        job.cancel()
        while not job.state.over:
            heard.update(result.frame for result in job.poll())
            time.sleep(0.02)
        over = time.perf_counter() - started
        while see_off():
            time.sleep(0.02)
        gone = time.perf_counter() - started
        how = "by itself" if job.outcome.solution else "ended"
        lines.append(
            f"{stage}: over after {over:.2f} s ({how}), process gone after {gone:.2f} s, {len(heard)} frames kept"
        )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="keying,frames,export,stopping")
    wanted = parser.parse_args().only.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
        for version, what in (
            ("3.4", "keying"),
            ("4.5", "keying"),
            ("3.4", "frames"),
            ("3.4", "export"),
            ("4.5", "export"),
        ):
            if what in wanted:
                for line in inside(version, what, folder):
                    print(f"{version}, {what}: {line}", flush=True)
        if "stopping" in wanted:
            for line in stopping(folder):
                print(f"stopping in {line}", flush=True)


if __name__ == "__main__":
    main()
