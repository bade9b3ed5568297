"""The solver's process, really started: the conversation of docs/protocol.md, and what survives when it is killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from little_shot import START, changed

from solver_core import protocol
from solver_core.documents.journal import journal_path, recover
from solver_core.documents.solution import load_solution
from solver_core.service.cli import main
from solver_core.service.worker import Worker

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = 120.0  # seconds: machines that test are busy


class Conversation:
    """A worker, and all it has said with the time it was heard."""

    def __init__(self, *arguments, log, **environment) -> None:
        self.log = log
        self._log = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, *(arguments or ("-m", "solver_core", "worker"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        self.heard, self.lines = [], []
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line)
                self.heard.append((time.monotonic(), protocol.decode(line)))
                self._news.notify_all()

    def say(self, **message):
        self.write(protocol.encode(message))

    def write(self, data: bytes):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, *types, after=0, where=lambda m: True):
        """The first message of these types after the first `after` ones."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while True:
                for _, message in self.heard[after:]:
                    if message["type"] in types and where(message):
                        return message
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise AssertionError(f"no {types}; log: {self.log.read_text()[-2000:]}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self._log.close()


@pytest.fixture
def start(tmp_path):
    """Starts workers, and ends them after the test."""
    started = []

    def begin(*arguments, **environment):
        started.append(Conversation(*arguments, log=tmp_path / f"{len(started)}.log", **environment))
        return started[-1]

    yield begin
    for conversation in started:
        conversation.close()


END = (protocol.FINISHED, protocol.CANCELLED, protocol.FAILED)


def test_a_conversation(start, little_shot, tmp_path):
    """One worker serves on: rubbish, requests that cannot be met, a solve, a cancelled solve, goodbye."""
    worker = start()
    hello = worker.wait(protocol.HELLO)
    assert hello["protocol"] == protocol.PROTOCOL_VERSION
    assert hello["pid"] == worker.process.pid
    began = time.monotonic()

    for rubbish in (b"hello?\n", b"\xff\xfe\n", b"[1, 2]\n", b'{"type": 5}\n'):
        before = len(worker.heard)
        worker.write(rubbish)
        assert "cannot read" in worker.wait(protocol.FAILED, after=before)["message"]

    before = len(worker.heard)
    worker.say(type=protocol.SOLVE, shot=str(tmp_path / "nowhere"), out=str(tmp_path / "a.npz"))
    failed = worker.wait(*END, after=before)
    assert (failed["type"], "no shot.json" in failed["message"]) == (protocol.FAILED, True)
    assert failed["remedy"]

    before = len(worker.heard)
    unknown = changed(little_shot, tmp_path / "unknown", stages=["rigid", "hair"])
    worker.say(type=protocol.SOLVE, shot=str(unknown), out=str(tmp_path / "b.npz"))
    failed = worker.wait(*END, after=before)
    assert (failed["type"], "no stage hair" in failed["message"]) == (protocol.FAILED, True)

    before = len(worker.heard)
    short = changed(little_shot, tmp_path / "short", stages=["rigid"])
    worker.say(type=protocol.SOLVE, shot=str(short), out=str(tmp_path / "c.npz"))
    finished = worker.wait(*END, after=before)
    assert (finished["type"], finished["frames"]) == (protocol.FINISHED, 5)
    solution = load_solution(tmp_path / "c.npz")
    frames = {m["frame"]: m for _, m in worker.heard[before:] if m["type"] == protocol.FRAME}  # the last of each
    assert sorted(frames) == solution.frames.tolist()
    for i, frame in enumerate(solution.frames):
        np.testing.assert_array_equal(frames[frame]["rotation"], solution.pose.rotation[i].ravel())
        assert frames[frame]["status"] == solution.status[i]

    before = len(worker.heard)
    worker.say(type=protocol.SOLVE, shot=str(little_shot.folder), out=str(tmp_path / "d.npz"))
    dense = worker.wait(protocol.PROGRESS, after=before, where=lambda m: m["stage"] == "dense")
    assert dense["fraction"] < 1
    worker.say(type=protocol.CANCEL)
    ended = worker.wait(*END, after=before)
    assert ended["type"] == protocol.CANCELLED
    kept = load_solution(tmp_path / "d.npz")
    assert kept.status.count("solved") == 4
    assert kept.pose.weights.any()
    late = [m for _, m in worker.heard[before:] if m["type"] == protocol.PROGRESS and m["stage"] == "dense"]
    assert len(late) <= 2  # at most the chunk that was under way
    alive = time.monotonic()

    beats = [t for t, _ in worker.heard if began <= t <= alive]
    assert (
        max(np.diff([began, *beats, alive])) < 2.5
    )  # something is heard at least every second; a busy machine is late
    assert sum(m["type"] == protocol.HEARTBEAT for _, m in worker.heard) >= 2

    worker.say(type=protocol.QUIT)
    assert worker.process.wait(PATIENCE) == 0


def test_a_cancel_right_behind_a_request_is_heard(start, little_shot, tmp_path):
    """Both come before the worker has begun with the first; the next request is not stopped by it."""
    worker = start()
    worker.wait(protocol.HELLO)
    for number in range(3):
        before, out = len(worker.heard), tmp_path / f"{number}.npz"
        solve = {"type": protocol.SOLVE, "shot": str(little_shot.folder), "out": str(out)}
        worker.write(protocol.encode(solve) + protocol.encode({"type": protocol.CANCEL}))
        assert worker.wait(*END, after=before)["type"] == protocol.CANCELLED
        assert set(load_solution(out).reason) == {"not reached"}
        stages = {m["stage"] for _, m in worker.heard[before:] if m["type"] == protocol.PROGRESS}
        assert stages <= {"loading", "detection"}
    short = changed(little_shot, tmp_path / "short", stages=["rigid"])
    before = len(worker.heard)
    worker.say(type=protocol.SOLVE, shot=str(short), out=str(tmp_path / "whole.npz"))
    assert worker.wait(*END, after=before)["type"] == protocol.FINISHED


@pytest.mark.parametrize("error", [BrokenPipeError(32, "gone"), OSError(22, "Invalid argument"), ValueError("closed")])
def test_a_pipe_that_is_gone_ends_it_whatever_the_system_calls_that(error):
    class Gone(io.BytesIO):
        def write(self, _data):
            raise error

    worker = Worker(io.BytesIO(), Gone())
    worker.warning("is anybody there?")
    assert worker.cancelled()


def test_the_end_of_its_input_ends_it(start):
    worker = start()
    worker.wait(protocol.HELLO)
    worker.process.stdin.close()
    assert worker.process.wait(PATIENCE) == 0


def test_the_end_of_its_input_ends_a_solve(start, little_shot, tmp_path):
    """Blender dies in the middle: the solver does not go on for itself, and what it had done can be had."""
    worker = start()
    out = tmp_path / "out.npz"
    worker.say(type=protocol.SOLVE, shot=str(little_shot.folder), out=str(out))
    worker.wait(protocol.FRAME, where=lambda m: m["status"] == protocol.SOLVED)
    worker.process.stdin.close()
    closed = time.monotonic()
    worker.process.wait(PATIENCE)
    assert time.monotonic() - closed < 15
    left = recover(out) or load_solution(out)
    assert "solved" in left.status


def test_a_killed_worker_leaves_every_frame_that_was_heard_of(start, little_shot, tmp_path):
    worker = start()
    out = tmp_path / "out.npz"
    worker.say(type=protocol.SOLVE, shot=str(little_shot.folder), out=str(out))
    worker.wait(protocol.FRAME, where=lambda m: m["stage"] == "rigid" and m["frame"] == START + 2)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait(PATIENCE)
    assert not out.exists()
    heard = [m for _, m in worker.heard if m["type"] == protocol.FRAME]
    written = [json.loads(line) for line in journal_path(out).read_text().splitlines() if line.endswith("}")][1:]
    assert written[: len(heard)] == [{key: value for key, value in m.items() if key != "type"} for m in heard]
    left = recover(out)
    assert set(left.frames) == {m["frame"] for m in written} >= {START, START + 1, START + 2}
    left.save(out)
    assert load_solution(out).frames.tolist() == left.frames.tolist()


def test_a_killed_command_leaves_its_frames(little_shot, tmp_path):
    out = tmp_path / "out.npz"
    command = [sys.executable, "-m", "solver_core", "solve", str(little_shot.folder), "--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + PATIENCE
        journal = journal_path(out)
        while time.monotonic() < deadline and process.poll() is None:
            if journal.exists() and journal.read_text().count('"solved"') >= 2:
                break
            time.sleep(0.02)
        assert process.poll() is None, process.stderr.read()
        process.kill()
    left = recover(out)
    assert left.status.count("solved") >= 2
    assert left.names == little_shot.rig.names


def test_absent_weights_are_said_with_the_remedy(start, little_shot, tmp_path):
    worker = start(FACE_SOLVE_CACHE=str(tmp_path / "empty"))
    worker.say(type=protocol.CHECK)
    checked = worker.wait(protocol.CHECKED)
    assert checked["ok"] is False
    assert any("weights fetch" in line for line in checked["lines"])
    worker.say(type=protocol.SOLVE, shot=str(little_shot.folder), out=str(tmp_path / "out.npz"))
    failed = worker.wait(*END)
    assert failed["type"] == protocol.FAILED
    assert "weights fetch" in failed["remedy"]
    assert not (tmp_path / "out.npz").exists()


NOISY = """
import os, subprocess, sys
import solver_core.service.check
def noisy_check(listener, device):
    print("a library says hello")
    os.write(1, b"from C too\\n")
    subprocess.run([sys.executable, "-c", "print('and a child')"])
    return ["noisy"], True
solver_core.service.check.check = noisy_check
from solver_core.service.worker import main
sys.exit(main())
"""


def test_stray_prints_do_not_reach_the_pipe(start):
    worker = start("-c", NOISY)
    worker.say(type=protocol.CHECK)
    assert worker.wait(protocol.CHECKED)["lines"] == ["noisy"]
    worker.say(type=protocol.QUIT)
    worker.process.wait(PATIENCE)
    for line in worker.lines:
        protocol.decode(line)
    log = worker.log.read_text()
    assert all(words in log for words in ("a library says hello", "from C too", "and a child"))


def test_a_mistake_of_the_solver_is_a_sentence_too(start):
    broken = NOISY.replace('return ["noisy"], True', "return 1 // 0")
    worker = start("-c", broken)
    worker.say(type=protocol.CHECK)
    failed = worker.wait(protocol.FAILED)
    assert "ZeroDivisionError" in failed["message"]
    assert "log" in failed["remedy"]
    assert "Traceback" in worker.log.read_text()
    worker.say(type=protocol.QUIT)
    assert worker.process.wait(PATIENCE) == 0


def test_the_list_of_weights_and_a_fetch_that_has_nothing_to_do(start):
    worker = start()
    worker.say(type=protocol.WEIGHTS)
    listed = {item["name"]: item for item in worker.wait(protocol.LISTED)["weights"]}
    assert {"facemesh", "short_range", "fan", "dlib_cnn"} <= listed.keys()
    assert listed["facemesh"]["state"] == "intact"
    assert "Apache" in listed["facemesh"]["licence"]
    assert listed["facemesh"]["optional"] is False
    assert listed["fan"]["size"] > 9e7
    assert "research" in listed["fan"]["licence"]
    assert not listed["fan"]["by_hand"]
    assert "torchvision" in listed["raft_large"]["by_hand"]
    after = len(worker.heard)
    worker.say(type=protocol.WEIGHTS, fetch="facemesh")
    assert worker.wait(protocol.LISTED, after=after)["weights"] == list(listed.values())


def test_a_fetch_without_a_network_fails_in_words_and_the_worker_goes_on(start, tmp_path):
    worker = start(FACE_SOLVE_CACHE=str(tmp_path / "empty"), PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    worker.say(type=protocol.WEIGHTS, fetch="facemesh")
    failed = worker.wait(protocol.FAILED)
    assert "could not be downloaded" in failed["message"]
    assert failed["remedy"]
    worker.say(type=protocol.WEIGHTS, fetch="telepathy")
    assert (
        "telepathy"
        in worker.wait(protocol.FAILED, after=worker.heard.index(next(h for h in worker.heard if h[1] == failed)) + 1)[
            "message"
        ]
    )
    worker.say(type=protocol.WEIGHTS)
    assert {item["state"] for item in worker.wait(protocol.LISTED)["weights"]} == {"missing"}


def test_an_unknown_command_is_answered(start):
    worker = start()
    worker.say(type="levitate")
    failed = worker.wait(protocol.FAILED)
    assert "levitate" in failed["message"]
    assert "Update" in failed["remedy"]


def test_a_fit_of_the_rig(start, little_shot, tmp_path, capsys):
    """What the message says is what the file holds; a rig with nothing to fit is refused, by the command line too."""
    with np.load(little_shot.folder / "rig.npz") as file:
        rig = dict(file)
    own = np.isin(rig["names"], rig["names"][-2:])
    np.savez(tmp_path / "rig.npz", **{**rig, "identity": own, "solved": ~own})
    stock, out = changed(little_shot, tmp_path / "stock", rig=str(tmp_path / "rig.npz")), tmp_path / "FITTED.npz"
    worker = start()
    worker.say(type=protocol.FIT_RIG, shot=str(little_shot.folder), out=str(out), focal=False, frames=[])
    assert "no identity" in worker.wait(*END)["message"]
    before = len(worker.heard)
    worker.say(type=protocol.FIT_RIG, shot=str(stock), out=str(out), focal=True, frames=[START])
    fitted = worker.wait(protocol.FITTED, *END, after=before)
    assert fitted["type"] == protocol.FITTED, fitted
    with np.load(out) as file:
        assert fitted["names"] == file["names"].tolist() == rig["names"][own].tolist()
        assert fitted["weights"] == file["weights"].tolist()
        assert fitted["focal"] == dict(zip(file["cameras"].tolist(), file["focal"].tolist(), strict=True))
        assert fitted["frames"] == file["frames"].tolist() == [START]
    assert main(["fit-rig", str(little_shot.folder), "--out", str(out)]) == 1
    assert "no identity" in capsys.readouterr().err
    assert main(["fit-rig", str(stock), "--out", str(out), "--frames", "1001,x"]) == 1
    assert "x is no range" in capsys.readouterr().err
