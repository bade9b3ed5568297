"""Solvers that die, stop, run out of disk or lose their plates: what was told is there afterwards, value for value."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from addon.worker.job import Job
from addon.worker.process import WorkerProcess
from solver_core import protocol
from solver_core.documents.journal import journal_path, read_journal, recover
from solver_core.documents.solution import load_solution

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0
Found = tuple[str, int, list[str]]  # what was tried, how often, what was lost or wrong


class Solving:
    """A worker at a solve, and every frame that it told."""

    def __init__(self, shot: Path, out: Path, **limits: Callable[[], None]) -> None:
        self.frames: list[dict] = []
        self.end: dict | None = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "solver_core", "worker"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, **limits,
        )  # fmt: skip
        self.news: queue.Queue[dict] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.solve(shot, out)

    def solve(self, shot: Path, out: Path) -> None:
        """Ask for another one."""
        self.end = None
        self.process.stdin.write(protocol.encode({"type": protocol.SOLVE, "shot": str(shot), "out": str(out)}))
        self.process.stdin.flush()

    def _listen(self) -> None:
        for line in self.process.stdout:
            message = protocol.decode(line)
            if message["type"] == protocol.FRAME:
                self.frames.append(message)
            if message["type"] != protocol.HEARTBEAT:
                self.news.put(message)
        self.news.put({"type": "gone"})

    def wait(self, *types: str, seconds: float = PATIENCE) -> dict:
        """The next message of these types, or "gone"."""
        until = time.monotonic() + seconds
        while True:
            message = self.news.get(timeout=max(until - time.monotonic(), 0.01))
            if message["type"] in (*types, "gone"):
                return message

    def kill(self) -> None:
        """At once."""
        self.process.kill()
        self.process.wait()
        while self.news.get(timeout=PATIENCE)["type"] != "gone":
            pass


def missing(heard: list[dict], out: Path) -> list[str]:
    """What was told and is not on the disk to the last digit, and frames with values that no solve wrote.

    A solver that is killed between writing a frame and telling of it has written one more than was heard.
    """
    left = recover(out)
    lines = _lines(out)
    wrong = []
    if left is None and out.exists():  # it was over: the solution has what was told last
        left, lines = load_solution(out), heard
    else:
        wrong += [
            f"frame {one['frame']} was told and is not on the disk"
            for one in heard
            if _values(one) not in map(_values, lines)
        ]
    for frame in {one["frame"] for one in heard if one["status"] == protocol.SOLVED}:
        row = [] if left is None else np.flatnonzero(left.frames == frame)
        if not len(row):
            wrong.append(f"frame {frame} is lost")
            continue
        pose = left.pose[row[:1]]
        kept = (frame, pose.rotation.ravel().tolist(), pose.translation.ravel().tolist(), pose.weights.ravel().tolist())
        if kept not in [_values(one) for one in lines]:
            wrong.append(f"frame {frame} has values that no solve wrote")
    return wrong


def _values(one: dict) -> tuple:
    return (one["frame"], one["rotation"], one["translation"], one["weights"])


def _lines(out: Path) -> list[dict]:
    """The frames in a journal, read without the solver's reader."""
    found = []
    for line in journal_path(out).read_text(errors="replace").splitlines() if journal_path(out).exists() else ():
        with contextlib.suppress(ValueError):
            one = json.loads(line)
            found += [one] if "frame" in one else []
    return found


def kills(shot: Path, seed: int, count: int, until: float) -> list[Found]:
    """Kill at random moments; every third solve is begun anew at a place where others died, and killed there too."""
    chance, wrong, again, tried, retried = random.Random(seed), [], [], 0, 0
    heard: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "0.npz"
        while tried < count and time.monotonic() < until:
            if tried % 3 == 0:  # a new place; else at the same: what died there before has to stay
                out, heard = Path(folder) / f"{tried}.npz", []
            solving = Solving(shot, out)
            if chance.random() < 0.85:  # somewhere while frames are told, else while it begins
                for _ in range(chance.randrange(1, 12)):
                    if solving.wait(protocol.FRAME, protocol.FINISHED)["type"] != protocol.FRAME:
                        break
                time.sleep(chance.uniform(0, 0.3))
            else:
                time.sleep(chance.uniform(0, 4))
            solving.kill()
            heard += solving.frames
            lost = [f"kill {tried}: {one}" for one in missing(heard, out)]
            (again if tried % 3 else wrong).extend(lost)
            tried, retried = tried + 1, retried + (tried % 3 > 0)
    return [
        ("kills at random moments, values compared", tried - retried, wrong),
        ("kills of a solve begun again there", retried, again),
    ]


def _resumed(shot: Path, folder: Path) -> list[str]:
    """Killed when the last stage is done, and resumed: these frames are kept to the bit."""
    out = folder / "resumed.npz"
    solving = Solving(shot, out)
    while (message := solving.wait(protocol.PROGRESS, protocol.FINISHED))["type"] == protocol.PROGRESS:
        if message["stage"] == "judging":
            break
    solving.kill()
    book = read_journal(journal_path(out))
    if book is None:
        return ["it was over before it was killed"]
    done = {frame: told.result for frame, told in book.told.items() if told.finished}
    command = [sys.executable, "-m", "solver_core", "solve", str(shot), "--out", str(out), "--resume"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if answer.returncode or not done:
        return [f"{len(done)} frames were done; {answer.stderr[-300:]}"]
    final = load_solution(out)
    rows = {int(frame): i for i, frame in enumerate(final.frames)}
    return [
        f"frame {frame} was solved again"
        for frame, kept in done.items()
        if not np.array_equal(final.pose.rotation[rows[frame]], kept.rotation)
        or not np.array_equal(final.pose.weights[rows[frame]], kept.weights)
    ]


def _full_disk(shot: Path, folder: Path) -> list[str]:
    out = folder / "full.npz"

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    solving = Solving(shot, out, preexec_fn=small)
    end = solving.wait(protocol.FAILED, protocol.FINISHED)
    solving.kill()
    said = end.get("message", "")
    return ([] if "cannot be written" in said else [f"it said {said!r}"]) + missing(solving.frames, out)


def _read_only(shot: Path, folder: Path) -> list[str]:
    (folder / "file").write_text("in the way")  # who runs this may be allowed to write everywhere
    solving = Solving(shot, folder / "file" / "out.npz")
    end = solving.wait(protocol.FAILED, protocol.FINISHED)
    solving.kill()
    return [] if "cannot be written" in end.get("message", "") else [f"it said {end}"]


def _plates_vanish(shot: Path, folder: Path) -> list[str]:
    """While the faces are looked for: what is gone is said of its frames, by name."""
    mine = folder / "mine"
    shutil.copytree(shot, mine)
    document = json.loads((mine / "shot.json").read_text())
    for camera in document["cameras"]:
        camera["plate"]["path"] = camera["plate"]["path"].replace(str(shot), str(mine))
    (mine / "shot.json").write_text(json.dumps(document))
    solving = Solving(mine, folder / "vanished.npz")
    solving.wait(protocol.PROGRESS)
    solving.wait(protocol.PROGRESS)
    for plate in sorted(mine.glob("*/*.png"))[1:]:
        plate.unlink()
    end = solving.wait(protocol.FAILED, protocol.FINISHED)
    solving.kill()
    if end["type"] == protocol.FAILED:
        return [] if "mistake in Face Solve" not in end["remedy"] else [end["message"]]
    reasons = [one["reason"] for one in solving.frames if one["status"] == protocol.FRAME_FAILED]
    return [] if end["type"] == protocol.FINISHED and all(reasons) else [f"it said {end}"]


def _stopped(shot: Path, folder: Path) -> list[str]:
    """SIGSTOP: the add-on's job gives up after its silence, in a sentence, and leaves no process."""
    from addon.worker import job as jobs

    silence, jobs.SILENCE_SECONDS = jobs.SILENCE_SECONDS, 3.0
    command = [sys.executable, "-m", "solver_core", "worker"]
    process = WorkerProcess(command, folder / "log", {**os.environ, "PYTHONPATH": str(ROOT)}, ROOT)
    job = Job(process, {"type": protocol.SOLVE, "shot": str(shot), "out": str(folder / "stopped.npz")}, weight_count=0)
    try:
        until = time.monotonic() + PATIENCE
        while job.progress.stage != "detection" and not job.state.over and time.monotonic() < until:
            job.poll()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGSTOP)
        while not job.state.over and time.monotonic() < until:
            job.poll()
            time.sleep(0.02)
    finally:
        jobs.SILENCE_SECONDS = silence
        process.kill()
    said = job.outcome.message
    gone = process.exit_code(5.0) is not None
    return [] if "has not answered" in said and gone else [f"it said {said!r}"]


def _pipe(what: str, program: str, words: str) -> Callable[[Path, Path], list[str]]:
    def flooded(_shot: Path, folder: Path) -> list[str]:
        process = WorkerProcess([sys.executable, "-c", program], folder / f"log {what}", dict(os.environ), folder)
        job = Job(process, {"type": protocol.SOLVE}, weight_count=2)
        before, longest, until = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0, time.monotonic() + 60
        try:
            while not job.state.over and time.monotonic() < until:
                began = time.monotonic()
                job.poll()
                longest = max(longest, time.monotonic() - began)
                time.sleep(0.01)
        finally:
            process.kill()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        wrong = [] if words in job.outcome.message else [f"it said {job.outcome.message!r}"]
        return (
            wrong
            + ([f"{grown:.0f} MB"] if grown > 200 else [])
            + ([f"held up for {longest:.1f} s"] if longest > 2 else [])
        )

    return flooded


HELLO = 'import sys\nsys.stdout.write(\'{"type": "hello", "protocol": 1}\\n\'); sys.stdout.flush()\n'


def many_jobs(shot: Path, count: int, until: float) -> Found:
    """One worker, one solve after another: its memory at the end against that after the first few."""
    if not count:
        return ("solves in one worker", 0, [])
    with tempfile.TemporaryDirectory() as folder:
        solving, sizes, wrong = Solving(shot, Path(folder) / "0.npz"), [], []
        for number in range(count):
            if number:
                solving.solve(shot, Path(folder) / f"{number % 5}.npz")
            if solving.wait(protocol.FINISHED, protocol.FAILED)["type"] != protocol.FINISHED:
                wrong.append(f"solve {number} did not finish")
                break
            status = Path(f"/proc/{solving.process.pid}/status").read_text()
            sizes.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
            if time.monotonic() > until:
                break
        solving.kill()
    grown = sizes[-1] - sizes[min(3, len(sizes) - 1)] if sizes else 0.0
    wrong += [f"{grown:.0f} MB more"] if grown > 50 else []
    return (f"solves in one worker ({grown:+.0f} MB)", len(sizes), wrong)


def all_of_them(seed: int, count: int, jobs: int, until: float) -> list[Found]:
    """Every way to die."""
    from tests.little_shot import camera, changed, demo_rig, performance, write_shot

    found: list[Found] = []
    with tempfile.TemporaryDirectory() as name:
        folder, rig = Path(name), demo_rig()
        little = write_shot(folder / "shot", rig, performance(rig, 2), (camera("A", 2, (0.1, -0.95, 0.02)),))
        quick = changed(little, folder / "quick", stages=["rigid"])
        found += kills(little.folder, seed, count, until) if count else []
        for what, try_it in (
            ("resumed after a kill, values compared", lambda _shot, place: _resumed(quick, place)),
            ("full disk", _full_disk),
            ("folder that cannot be written", _read_only),
            ("plates that vanish", _plates_vanish),
            ("SIGSTOP", _stopped),
            (
                "pipe flooded without a line end",
                _pipe("a", "import os\nwhile True: os.write(1, b'x' * 65536)", "no messages"),
            ),
            (
                "pipe flooded with warnings, then cut",
                _pipe(
                    "b",
                    HELLO + "sys.stdout.write('{\"type\": \"warning\", \"message\": \"x\"}\\n' * 300000)",
                    "stopped unexpectedly",
                ),
            ),
            (
                "pipe cut in the middle of a message",
                _pipe("c", HELLO + "sys.stdout.write('{\"type\": \"fra')", "stopped unexpectedly"),
            ),
        ):  # fmt: skip
            if time.monotonic() < until:
                place = folder / what.replace(" ", "_")
                place.mkdir()
                found.append((what, 1, try_it(little.folder, place)))
                print(f"{what}: {found[-1][2] or 'as promised'}", flush=True)
        found.append(many_jobs(quick, jobs, until))
    return found
