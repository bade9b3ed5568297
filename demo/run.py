"""Solves the demo's shot as an artist would, and shows how well: what `make demo` runs, as `python -m demo.run`.

The add-on is built and installed from its zip into a clean Blender; the bundled footage is solved there; the results,
in demo/out, are solved.blend, side_by_side.mp4 (plate, and solved head over the plate), error.png, and table.md against
the known answer.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import Shot, load_shot
from solver_core.face.pose import Pose
from solver_core.report import compare

from .head import Head, build, grid_lines
from .performance import FRAMES, START

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "demo" / "out"
SHOT = ROOT / "demo" / "shot"
SCENE = SHOT / "scene.blend"  # what the artist starts from
PROGRESS = re.compile(r"^Face Solve: (.*) (\d+) %$")


def newest_blender(root: Path) -> Path:
    """The Python of the newest Blender module below `root`; that of 4.5, which is not there, where none is."""
    names = [stamp.parent.name.removeprefix(".venv-bpy-") for stamp in root.glob(".venv-bpy-*/.installed")]
    versions = [tuple(map(int, name.split("."))) for name in names]
    newest = ".".join(map(str, max(versions, default=(4, 5))))
    return root / f".venv-bpy-{newest}" / "bin" / "python"


BLENDER = newest_blender(ROOT)


def plate_of(frame: int) -> Path:
    """The footage's picture of a scene frame."""
    return SHOT / "plates" / f"{frame:04d}.jpg"


def check_ready() -> None:
    """Raises where something that set-up or the repository provides is not there."""
    if not BLENDER.exists():
        raise FaceSolveError("No Blender module is installed here.", "Run: make setup")
    missing = [f for f in range(START, START + FRAMES) if not plate_of(f).exists()]
    if missing or not (SHOT / "truth.npz").exists() or not SCENE.exists():
        raise FaceSolveError(
            f"The demo's footage is not complete ({len(missing)} of {FRAMES} frames are missing).",
            f"Restore demo/shot, or render it again (slow): {BLENDER.relative_to(ROOT)} -m demo.shot",
        )


def build_addon() -> Path:
    """Builds the add-on's zip for Blender 4.2 and later, and returns its path."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        _run(
            [sys.executable, str(ROOT / "build_addon.py"), "--out", str(out)],
            "The add-on's zip could not be built.",
            OUT / "build.log",
        )
        built = [p for p in out.glob("*.zip") if "legacy" not in p.name]
        if len(built) != 1:
            raise FaceSolveError(
                f"build_addon.py made {len(built)} extension zips where one was expected.",
                f"Its output: {OUT / 'build.log'}",
            )
        return Path(shutil.copy(built[0], OUT / built[0].name))


def solve(package: Path, show: Callable[[str, int], None]) -> Path:
    """Solves the shot in a clean Blender; `show` is told the stage and the percentage done.

    Returns the trace of the solved head.
    """
    trace = OUT / "trace.npz"
    for old in (trace, OUT / "solved.blend"):
        old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as clean:
        environment = {**os.environ, "BLENDER_USER_RESOURCES": clean, "FACE_SOLVE_PYTHON": sys.executable}
        command = [
            str(BLENDER),
            "-m",
            "demo.solve_in_blender",
            str(package),
            str(SCENE),
            str(OUT / "solved.blend"),
            str(trace),
            str(OUT / "shot"),
        ]
        for line in _lines(command, "The solve failed.", OUT / "solve.log", environment):
            found = PROGRESS.match(line)
            if found:
                show(found[1], int(found[2]))
    if not trace.exists():
        raise FaceSolveError("The solve ended without a result.", f"Blender's output: {OUT / 'solve.log'}")
    return trace


def measure(
    trace: Path, shot: Shot, head: Head
) -> tuple[Pose, dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """The solved poses, their errors, those of the head where it started, and the add-on's own error in pixels."""
    truth = compare.load_truth(SHOT / "truth.npz").at(shot.frames, shot.rig.names)
    with np.load(trace) as data:
        order = [list(data["names"]).index(name) for name in shot.rig.names]
        solved = Pose(data["rotation"], data["translation"], data["weights"][:, order])
        start = Pose(data["start_rotation"], data["start_translation"], data["start_weights"][:, order])
        error_px = data["error_px"]
    face, eye = compare.Face(shot.rig, head.front), shot.cameras[0].position
    return solved, compare.measure(solved, truth, face, eye), compare.measure(start, truth, face, eye), error_px


def _lines(command: list[str], failure: str, log: Path, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Runs a command; its output goes to the log and comes back line by line."""
    log.parent.mkdir(parents=True, exist_ok=True)
    tail: list[str] = []
    with log.open("w", encoding="utf-8") as record:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                record.write(line)
                record.flush()
                tail = [*tail[-2:], line.strip()]
                yield line.strip()
        finally:
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.terminate()
            code = process.wait()
    if code:
        said = next(
            (t.removeprefix("FAILED ").removeprefix("Error: ") for t in tail if t.startswith("FAILED ")),
            tail[-1] if tail else "no output",
        )
        raise FaceSolveError(f"{failure} {said}", f"Its whole output: {log}")


def _run(command: list[str], failure: str, log: Path) -> None:
    for _ in _lines(command, failure, log):
        pass


def demo(console: Console) -> None:
    """The whole demo, step by step, with a progress bar."""
    began = time.monotonic()
    check_ready()
    OUT.mkdir(parents=True, exist_ok=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:42}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Building the add-on's zip", total=100)
        package = build_addon()
        progress.update(task, completed=8, description="Starting Blender")
        trace = solve(
            package,
            lambda stage, percent: progress.update(task, completed=8 + 0.8 * percent, description=f"Solving: {stage}"),
        )
        progress.update(task, completed=88, description="Measuring against the known answer")
        head, shot = build(), load_shot(OUT / "shot")
        take, solved, start, error_px = measure(trace, shot, head)
        from . import pictures

        progress.update(task, description="Drawing the movie")
        pictures.error_curve(OUT / "error.png", shot.frames, solved, error_px)
        overlay = pictures.Overlay(shot, take, grid_lines(head))
        step = 11.5 / len(shot.frames)
        pictures.side_by_side(OUT / "side_by_side.mp4", shot, overlay, plate_of, lambda: progress.advance(task, step))
        progress.update(task, completed=100, description="Done")
    takes = {"solved": solved, "neutral, unmoved": start}
    (OUT / "table.md").write_text(compare.markdown(takes), encoding="utf-8")
    shown = Table(title=f"Against the known answer, {len(shot.frames)} frames")
    headings, *rows = compare.table(takes)
    for heading in headings:
        shown.add_column(heading, justify="left" if heading == "measure" else "right")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    for name in ("solved.blend", "side_by_side.mp4", "error.png", "table.md"):
        console.print(f"  {(OUT / name).relative_to(ROOT)}")
    console.print(f"{time.monotonic() - began:.0f} s")


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    console = Console()
    try:
        demo(console)
    except FaceSolveError as error:
        console.print(f"[bold red]{error.message}[/] {error.remedy}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
