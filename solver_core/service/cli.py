"""The command line.

It solves a shot folder, shows what came of it, fetches weights, checks the installation and serves the add-on.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from solver_core import __version__
from solver_core.common.errors import FaceSolveError
from solver_core.protocol import FARTHEST_FRAME
from solver_core.service.listener import FrameResult, Listener

if TYPE_CHECKING:
    from solver_core.documents.shot import Shot
    from solver_core.executors.executor import Executor


def main(argv: list[str] | None = None) -> int:
    """Run one command; a problem that the user can mend is one sentence on standard error and exit status 1."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["weights"]:
            from solver_core.networks.weights import main as weights

            return weights(arguments[1:])
        return _run(_parser().parse_args(_with_negative_frames(arguments)))
    except FaceSolveError as error:
        print(f"face-solve: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # who read the output has gone, and wants no more of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="face-solve", description="Solves facial performances from footage.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    solve = commands.add_parser("solve", help="solve a shot folder")
    solve.add_argument("shot", type=Path, metavar="SHOT_DIR")
    solve.add_argument("--out", type=Path, required=True, metavar="SOLUTION.npz")
    solve.add_argument("--stages", help="comma-separated stage names (default: the shot's, or all)")
    solve.add_argument(
        "--stage-file",
        type=Path,
        metavar="STAGES.toml",
        help="a studio's own stages, or the name of a shipped one: paper",
    )
    solve.add_argument("--frames", metavar="A-B", help="only these frames")
    solve.add_argument("--landmarks", choices=["facemesh", "attention", "fan"])
    solve.add_argument("--detector", choices=["short_range", "dlib_hog", "dlib_cnn"])
    solve.add_argument("--flow", choices=["dis", "own", "raft_small", "raft_large", "flownet2"])
    solve.add_argument("--refinement", type=float, metavar="0..1", help="amount of temporal refinement")
    solve.add_argument("--device", choices=["cpu", "cuda"])
    solve.add_argument(
        "--resume", action="store_true", help="keep the frames that a solve which was ended had finished"
    )
    _where(solve)
    every = commands.add_parser("solve-all", help="solve every shot folder in a folder, one after another")
    every.add_argument("folder", type=Path, metavar="FOLDER", help="its folders with a shot.json are the shots")
    every.add_argument("--again", action="store_true", help="those too that have a solution already")
    _where(every)
    fitting = commands.add_parser("fit-rig", help="fit identity shape keys and the focal length to the actor")
    fitting.add_argument("shot", type=Path, metavar="SHOT_DIR")
    fitting.add_argument("--out", type=Path, required=True, metavar="FITTED.npz")
    fitting.add_argument("--focal", action="store_true", help="fit the cameras' focal lengths too")
    fitting.add_argument("--frames", metavar="A,B-C", help="fit on these frames (default: chosen over the shot)")
    report = commands.add_parser("report", help="pictures and curves of a solution")
    report.add_argument("solution", type=Path, metavar="SOLUTION.npz")
    report.add_argument("--out", type=Path, required=True, metavar="DIR")
    report.add_argument("--shot", type=Path, metavar="SHOT_DIR", help="default: the folder that the solution names")
    report.add_argument("--truth", type=Path, metavar="TRUTH.npz", help="the known answer, where there is one")
    report.add_argument("--against", type=Path, metavar="TAKE.npz", help="another solution, to compare with")
    recover = commands.add_parser("recover", help="make a solution of what a solve that was ended had finished")
    recover.add_argument("solution", type=Path, metavar="SOLUTION.npz", help="the --out of that solve")
    recover.add_argument("--out", type=Path, metavar="OTHER.npz", help="write there (default: SOLUTION.npz itself)")
    worker = commands.add_parser("worker", help="serve the add-on over standard input and output")
    worker.add_argument("--log", default="", help="file for messages and errors")
    commands.add_parser("stages", help="print the built-in stages as a stage file")
    check = commands.add_parser("check", help="say what is installed, solve a tiny shot, and say how long it took")
    check.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    commands.add_parser("weights", help="fetch, list or verify network weights", add_help=False)
    return parser


def _where(command: argparse.ArgumentParser) -> None:
    """Where the work is done."""
    command.add_argument(
        "--workers", type=_count, metavar="N", help="processes that solve frames side by side (default: all cores)"
    )
    command.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="a Dask cluster that solves the frames")
    command.add_argument(
        "--map",
        action="append",
        default=[],
        type=_replacement,
        metavar="FROM=TO",
        help="footage under FROM lies under TO on machines that have no FROM; may be given several times",
    )


def _replacement(text: str) -> tuple[str, str]:
    """FROM=TO."""
    there, sign, here = text.partition("=")
    if not (there and sign and here):
        raise argparse.ArgumentTypeError(f"{text} is not FROM=TO")
    return there.replace("\\", "/"), here


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "worker":
        from solver_core.service.worker import main as worker

        return worker(arguments.log)
    if arguments.command == "stages":
        from solver_core.stages.catalogue import STAGES
        from solver_core.stages.stage_file import write_stages

        print(write_stages(STAGES), end="")
        return 0
    if arguments.command == "check":
        from solver_core.service.check import check

        lines, ok = check(device=arguments.device)
        print("\n".join(lines))
        return 0 if ok else 1
    if arguments.command == "report":
        from solver_core.report.report import report

        print(report(arguments.solution, arguments.out, arguments.shot, arguments.truth, arguments.against))
        return 0
    if arguments.command == "recover":
        return _recover(arguments.solution, arguments.out or arguments.solution)
    if arguments.command == "solve-all":
        return _solve_all(arguments)
    return _fit_rig(arguments) if arguments.command == "fit-rig" else _solve(arguments)


def _recover(solution: Path, out: Path) -> int:
    from solver_core.documents.journal import journal_path, recover

    found = recover(solution)
    if found is None:
        raise FaceSolveError(
            f"No solve of {solution} left anything: there is no frame in {journal_path(solution)}.",
            "Name the file that the solve was to write; one that ended by itself is in that file already.",
        )
    if out.exists():
        raise FaceSolveError(f"{out} is there already, from another solve.", "Name another file with --out.")
    found.save(out)
    print(f"{len(found.frames)} frames recovered, {found.frames[0]} to {found.frames[-1]}: {out}")
    return 0


def _fit_rig(arguments: argparse.Namespace) -> int:
    from solver_core.fit_rig import fit_folder

    parts = [_range("--frames", part) for part in arguments.frames.split(",")] if arguments.frames else []
    frames = [frame for first, last in parts for frame in range(first, last + 1)]
    with _Bar() as bar:
        fitted = fit_folder(arguments.shot, arguments.out, bar, focal=arguments.focal, frames=frames)
    if fitted is None:
        return 130
    print(f"fitted on frames {', '.join(map(str, fitted.frames))}: {arguments.out}")
    print(f"landmarks {fitted.error_px[0]:.2f} px off with the keys at rest, {fitted.error_px[1]:.2f} px fitted")
    for camera, factor, (low, high) in zip(fitted.cameras, fitted.focal, fitted.focal_range, strict=True):
        print(f"camera {camera}: focal length times {factor:.4f} ({low:.4f} to {high:.4f})")
    return 0


def _range(option: str, text: str) -> tuple[int, int]:
    """The first and the last frame of "1001-1048" or "1001".

    The hyphen behind a digit parts them; any other is a sign: "-10--5", "-5-10", "-5".

    Raises:
        FaceSolveError: where it is none, goes backward, or beyond the frames that Blender has.
    """
    match = re.fullmatch(r"(-?[0-9]{1,9})(?:-(-?[0-9]{1,9}))?", text)
    if match is None:
        raise FaceSolveError(f"{option} {text} is no range.", "Write it as 1001-1048.")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise FaceSolveError(f"{option} {text} ends before it starts.", "Give the first frame first.")
    if max(-first, last) > FARTHEST_FRAME:
        raise FaceSolveError(f"{option} {text} goes beyond frame {FARTHEST_FRAME}.", "Give frames of the shot.")
    return first, last


def _amount(option: str, value: float | None) -> float | None:
    """As it was given.

    Raises:
        FaceSolveError: where it is not from 0 to 1.
    """
    if value is not None and not 0 <= value <= 1:
        raise FaceSolveError(f"{option} {value:g} is no amount.", "Give a number from 0 to 1.")
    return value


def _count(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _with_negative_frames(arguments: list[str]) -> list[str]:
    """The same with "--frames -5-10" as one word: a word that begins with a hyphen is taken for an option."""
    joined: list[str] = []
    for word in arguments:
        if joined and joined[-1] == "--frames" and re.match(r"-[0-9]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _solve(arguments: argparse.Namespace) -> int:
    from solver_core.documents.journal import recover
    from solver_core.solve import Overrides, solve_folder

    overrides = Overrides(
        stages=tuple(arguments.stages.split(",")) if arguments.stages else None,
        stage_file=arguments.stage_file,
        frames=_range("--frames", arguments.frames) if arguments.frames else None,
        landmarks=arguments.landmarks,
        detector=arguments.detector,
        refinement=_amount("--refinement", arguments.refinement),
        flow=arguments.flow,
        device=arguments.device,
        resume=arguments.resume,
    )
    workplace = _Workplace(arguments)
    try:
        with _Bar() as bar:
            solution = solve_folder(arguments.shot, arguments.out, bar, overrides, workplace.executor(bar))
    except FaceSolveError as error:
        if recover(arguments.out) is None:
            raise
        finished = f"What was finished before: python -m solver_core recover {arguments.out}"
        raise FaceSolveError(error.message, f"{error.remedy} {finished}") from error
    failed = [int(f) for f, s in zip(solution.frames, solution.status, strict=True) if s == "failed"]
    print(f"{len(solution.frames) - len(failed)} of {len(solution.frames)} frames solved: {arguments.out}")
    if failed:
        print(f"failed: {', '.join(map(str, failed))}")
    print(workplace.memory, end="")
    return 130 if bar.cancelled() else 0


def _solve_all(arguments: argparse.Namespace) -> int:
    """Every shot by itself: one that fails leaves the others alone. The table is printed at the end."""
    from solver_core.solve import solve_folder

    folders = sorted(path.parent for path in arguments.folder.glob("*/shot.json"))
    if not folders:
        raise FaceSolveError(
            f"There is no shot in {arguments.folder}.", "Name the folder whose folders hold a shot.json each."
        )
    rows, stopped = [], False
    for folder in folders:
        out, began = folder / "SOLUTION.npz", time.monotonic()
        if stopped or (out.exists() and not arguments.again):
            rows.append((folder.name, "-", "not begun" if stopped else "solved before", ""))
            continue
        try:
            with _Bar() as bar:
                solution = solve_folder(folder, out, bar, executors=_Workplace(arguments).executor(bar))
            stopped = bar.cancelled()
            failed = solution.status.count("failed")
            state = "stopped" if stopped else "solved"
            frames = f"{len(solution.frames) - failed} of {len(solution.frames)}"
        except FaceSolveError as error:
            frames, state = "-", f"failed: {error.message}"
        rows.append((folder.name, frames, state, f"{time.monotonic() - began:.0f}"))
    print("| shot | frames solved | state | seconds |\n| --- | --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return 130 if stopped else int(any(state.startswith("failed") for _, _, state, _ in rows))


class _Workplace:
    """Where the command line says that frames are solved."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from solver_core.common.paths import see_as

        self._workers, self._scheduler, self._map = arguments.workers, arguments.scheduler, tuple(arguments.map)
        self._used: list[Executor] = []
        see_as(self._map)

    def executor(self, listener: Listener) -> Callable[[Shot], Executor]:
        """Who works on a shot, as solve_folder asks for it."""

        def chosen(shot: Shot) -> Executor:
            from solver_core.executors.choice import on_a_cluster, on_this_machine
            from solver_core.executors.cluster import Site

            count = int((~shot.held_mask).sum())
            if self._scheduler:
                plates = tuple(dict.fromkeys(str(camera.plate["path"]) for camera in shot.cameras))
                executor = on_a_cluster(self._scheduler, Site(plates, self._map), listener.warning, count)
            else:
                executor = on_this_machine(count, self._workers, shot.settings.device)
            self._used.append(executor)
            return executor

        return chosen

    @property
    def memory(self) -> str:
        """A line on the workers' memory; empty where nobody helped."""
        from solver_core.executors.choice import memory_of

        return "".join(f"{sentence}\n" for sentence in map(memory_of, self._used) if sentence)


class _Bar:
    """A listener that draws a progress bar; Ctrl-C stops the solve and keeps what is done."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        class Quiet(Console):
            def on_broken_pipe(self) -> None:  # who read the output has gone: the solve goes on
                self.quiet = True

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=Quiet()
        )
        self._task = self._bar.add_task("loading", total=1.0)
        self._stop = False

    def __enter__(self) -> Self:
        signal.signal(signal.SIGINT, lambda *_: setattr(self, "_stop", True))
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None:
        """Drawn."""
        del seconds_left
        self._bar.update(self._task, completed=fraction, description=f"{stage} {done}/{total}")

    def frame(self, result: FrameResult) -> None:
        """Frames that failed are named."""
        if result.reason:
            self._bar.console.print(f"frame {result.frame}: {result.status}, {result.reason}")

    def warning(self, message: str) -> None:
        """Printed above the bar."""
        self._bar.console.print(message)

    def cancelled(self) -> bool:
        """After Ctrl-C."""
        return self._stop
