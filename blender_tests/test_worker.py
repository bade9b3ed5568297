"""The worker's process and its job, without Blender.

Every way that a solver can go wrong ends in a sentence and no process.
"""

import json
import os
import signal
import sys
import threading
import time

import pytest

from addon import protocol
from addon.problem import FaceSolveProblem
from addon.worker import interpreter
from addon.worker import job as jobs
from addon.worker import process as processes
from addon.worker.job import Job, State
from addon.worker.process import WorkerProcess, tail

FRAMES = list(range(1, 9))


@pytest.fixture
def shot(tmp_path):
    document = {"frames": FRAMES, "locked": [], "initial": {"weights": [[0.0, 0.0]] * len(FRAMES)}}
    (tmp_path / "shot.json").write_text(json.dumps(document))
    return tmp_path


@pytest.fixture
def start(shot, solver_python):
    started = []

    def run(fault="", pace="0", python=None, request=None, **options):
        environment = interpreter.solver_environment({**os.environ, "FACE_SOLVE_FAULT": fault, "FACE_SOLVE_PACE": pace})
        command = interpreter.worker_command(str(python or solver_python))
        process = WorkerProcess(command, shot / "logs" / "solver.log", environment, shot)
        started.append(process)
        request = request or {"type": protocol.SOLVE, "shot": str(shot), "out": str(shot / "SOLUTION.npz")}
        return Job(process, request, weight_count=2, **options)

    yield run
    for process in started:
        process.kill()


def drive(job, until=lambda job: job.state.over, seconds=30.0):
    frames, deadline = [], time.monotonic() + seconds
    while not until(job):
        frames += job.poll()
        assert time.monotonic() < deadline, f"still {job.state} after {seconds} s"
        time.sleep(0.01)
    return frames


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_solve_delivers_every_frame_and_ends_its_process(start):
    job = start()
    frames = drive(job)
    assert job.state is State.FINISHED
    assert [frame.frame for frame in frames] == FRAMES
    assert all(len(frame.weights) == 2 for frame in frames)
    assert job.process.exit_code(5.0) == 0


def test_the_real_solver_lists_its_weights(start):
    job = start(python=sys.executable, request={"type": protocol.WEIGHTS, "fetch": ""})
    drive(job, seconds=60.0)
    assert job.state is State.FINISHED, job.outcome
    listed = {one.name: one for one in job.outcome.weights}
    assert listed["facemesh"].ready
    assert "Apache-2.0" in listed["facemesh"].licence
    assert listed["fan"].optional
    assert any("facemesh" in line for line in job.outcome.lines)


def test_a_download_tells_how_far_it_is_and_stops(start):
    job = start(pace="0.2", request={"type": protocol.WEIGHTS, "fetch": "dlib_cnn"})
    drive(job, until=lambda one: one.progress.fraction >= 0.2)
    assert job.progress.stage == "fetching dlib_cnn"
    job.cancel()
    drive(job)
    assert job.state is State.FINISHED
    assert job.outcome.cancelled
    assert job.outcome.weights == []


def test_a_list_that_cannot_be_read_is_said(start, monkeypatch):
    job = start(pace="0.2", request={"type": protocol.WEIGHTS, "fetch": "dlib_cnn"})
    drive(job, until=lambda one: one.state is State.RUNNING)
    monkeypatch.setattr(job.process, "receive", lambda: [{"type": protocol.LISTED, "weights": [{"name": "half"}]}])
    job.poll()
    assert job.state is State.FAILED
    assert "cannot be read" in job.outcome.message


def test_cancel_keeps_what_is_done(start):
    job = start(pace="0.2")
    frames = drive(job, until=lambda one: one.progress.fraction > 0.2)
    job.cancel()
    assert job.state is State.CANCELLING
    frames += drive(job)
    assert job.state is State.FINISHED
    assert job.outcome.cancelled
    assert 2 <= len(frames) < len(FRAMES)


def test_cancel_before_hello_ends_the_process_at_once(start):
    job = start()
    job.cancel()
    assert job.state is State.FINISHED
    assert job.outcome.cancelled
    assert job.process.exit_code() is not None


def test_cancel_of_a_solver_that_does_not_listen_ends_it(start, monkeypatch):
    monkeypatch.setattr(jobs, "CANCEL_SECONDS", 0.5)
    job = start(fault="hang")
    drive(job, until=lambda one: one.progress.fraction >= 0.5)
    job.cancel()
    drive(job)
    assert job.outcome.cancelled
    assert gone(job.process.pid)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("crash", ("stopped unexpectedly",)),
        ("exit", ("exit status 3",)),
        ("no_weights", ("weights are not there",)),
        ("newer", ("protocol",)),
        ("older", ("protocol",)),
        ("flood", ("no messages of the solver",)),
        ("nan", ("not a number",)),
        ("short", ("wrong number of values",)),
    ],
)
def test_every_fault_is_a_sentence_and_no_process_is_left(start, fault, words):
    job = start(fault=fault)
    drive(job)
    assert job.state is State.FAILED
    for word in words:
        assert word in job.outcome.message
    assert job.process.exit_code(5.0) is not None
    assert job.outcome.log == (str(job.process.log) if fault == "crash" else "")


def test_garbage_after_hello_is_a_warning(start):
    job = start(fault="garbage")
    frames = drive(job)
    assert job.state is State.FINISHED
    assert len(frames) == len(FRAMES)
    assert any("no message" in warning for warning in job.warnings)


def test_silence_is_noticed_by_the_clock_and_garbage_is_no_sign_of_life(start, monkeypatch):
    monkeypatch.setattr(jobs, "SILENCE_SECONDS", 1.5)
    job = start(fault="hang")
    frames = drive(job)
    assert job.state is State.FAILED
    assert "has not answered" in job.outcome.message
    assert len(frames) == len(FRAMES) // 2
    assert gone(job.process.pid)


def test_a_slow_frame_with_heartbeats_is_no_silence(start, monkeypatch):
    monkeypatch.setattr(jobs, "SILENCE_SECONDS", 2.0)
    job = start(pace="0.6")
    drive(job)
    assert job.state is State.FINISHED
    assert job.elapsed > 4.0


def test_no_thread_runs_beside_blender(start):
    """Blender takes a thread that runs Python for its own, and crashes now and then: worker/process.py."""
    before = threading.active_count()
    job = start(pace="0.05")
    drive(job, until=lambda one: one.state.over or threading.active_count() > before)
    assert job.state is State.FINISHED
    assert threading.active_count() == before


def test_the_end_of_a_solve_waits_for_nobody_and_leaves_nobody(start, monkeypatch):
    monkeypatch.setattr(processes, "LEAVE_SECONDS", 0.5)
    job = start(fault="hang")  # does not hear that it should quit
    drive(job, until=lambda one: one.progress.fraction >= 0.5)
    began = time.monotonic()
    job.process.retire()
    assert processes.see_off()
    assert time.monotonic() - began < 0.4
    assert not gone(job.process.pid)
    while processes.see_off():
        time.sleep(0.01)
    assert time.monotonic() - began >= 0.5
    assert gone(job.process.pid)


def test_blenders_end_ends_those_that_were_asked_to_quit(start):
    job = start(fault="hang")
    drive(job, until=lambda one: one.progress.fraction >= 0.5)
    job.process.retire()
    processes.end_all()
    assert gone(job.process.pid)
    assert not processes.see_off()


def test_one_that_cannot_be_ended_is_given_up_and_holds_nobody_up(start, monkeypatch):
    """It waits for a network drive that has gone away: no signal reaches it."""
    monkeypatch.setattr(processes, "LEAVE_SECONDS", 0.1)
    monkeypatch.setattr(processes, "GIVE_UP_SECONDS", 0.4)
    job = start(fault="hang")
    drive(job, until=lambda one: one.progress.fraction >= 0.5)
    sent = []
    with monkeypatch.context() as patched:
        patched.setattr(job.process, "_end", lambda: sent.append(time.monotonic()))
        job.process.retire()
        began, longest = time.monotonic(), 0.0
        while True:
            asked = time.monotonic()
            waited_for = processes.see_off()
            longest = max(longest, time.monotonic() - asked)
            if not waited_for:
                break
            time.sleep(0.02)
    assert sent
    assert longest < 0.1
    assert 0.4 < time.monotonic() - began < 5.0
    assert not gone(job.process.pid)


def test_check_is_answered(start):
    job = start(request={"type": protocol.CHECK})
    drive(job)
    assert job.outcome.lines == ["The test worker answers.", "It is quick."]
    assert [one.name for one in job.outcome.weights] == ["facemesh", "short_range", "fan", "raft_large", "dlib_cnn"]


def test_the_worker_ends_with_the_process_that_started_it(shot, solver_python):
    """Blender killed outright: the pipe's end is all that the worker hears."""
    import subprocess

    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "import os\n"
        "from addon.worker import interpreter\n"
        "from addon.worker.process import WorkerProcess\n"
        "command, environment = interpreter.worker_command(sys.argv[2]), interpreter.solver_environment(os.environ)\n"
        "p = WorkerProcess(command, Path(sys.argv[3]), environment, Path(sys.argv[4]))\n"
        "while not p.receive(): time.sleep(0.01)\n"
        "print(p.pid, flush=True); time.sleep(60)\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parent = subprocess.Popen(
        [sys.executable, "-c", code, root, str(solver_python), str(shot / "log"), str(shot)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(pid)


def test_blenders_python_settings_do_not_reach_the_solver(monkeypatch):
    given = {"PYTHONPATH": "/blender/modules", "PYTHONHOME": "/blender", "HOME": "/home/artist", "OMP_NUM_THREADS": "3"}
    kept = interpreter.solver_environment({**given, "PYTHONINSPECT": "1", "__PYVENV_LAUNCHER__": "/blender/python"})
    ours = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PYTHONSAFEPATH": "1"}
    assert kept == {"HOME": "/home/artist", "OMP_NUM_THREADS": "3", **ours}


def test_nothing_is_looked_for_in_the_working_directory():
    given = {"PATH": ":/usr/bin:.:bin:/bin:", "LD_LIBRARY_PATH": "", "DYLD_LIBRARY_PATH": "lib:/opt/lib"}
    kept = interpreter.solver_environment(given)
    assert (kept["PATH"], kept["DYLD_LIBRARY_PATH"]) == ("/usr/bin:/bin", "/opt/lib")
    assert "LD_LIBRARY_PATH" not in kept


@pytest.mark.parametrize("path", ["python3", "./python3", "//python3", "//../bin/python3"])
def test_a_python_beside_the_scene_is_no_choice(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "python3").symlink_to(sys.executable)
    with pytest.raises(FaceSolveProblem, match="not the full path"):
        interpreter.validated_interpreter(path, "/usr/bin/blender")


def test_the_environment_variable_overrides_the_preference():
    assert interpreter.chosen_interpreter("/pref", {"FACE_SOLVE_PYTHON": " /env "}) == "/env"
    assert interpreter.chosen_interpreter("/pref", {}) == "/pref"
    assert interpreter.chosen_interpreter("", {"FACE_SOLVE_PYTHON": ""}) == ""


def test_a_relative_python_in_the_environment_counts_from_where_blender_was_started(tmp_path, monkeypatch):
    scene = tmp_path / "stranger"
    scene.mkdir()
    monkeypatch.chdir(tmp_path)
    given = {"FACE_SOLVE_PYTHON": ".venv/bin/python"}
    assert interpreter.chosen_interpreter("/pref", given, str(scene)) == str(tmp_path / ".venv" / "bin" / "python")
    # but never into the scene's own folder: what is left relative there is refused
    monkeypatch.chdir(scene)
    refused = interpreter.chosen_interpreter("/pref", given, str(scene))
    with pytest.raises(FaceSolveProblem, match="full path"):
        interpreter.full_path(refused)


def test_a_virtual_environments_link_is_not_resolved(tmp_path):
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "python"
    link.symlink_to(sys.executable)
    assert interpreter.validated_interpreter(str(link), "/usr/bin/blender") == str(link)


@pytest.mark.parametrize(
    ("probe", "log", "words"),
    [
        ("", "", "not a working Python"),
        ("3.10", "No module named solver_core", "too old"),
        ("3.11", "/x/python: No module named solver_core", "not installed"),
        (
            "3.12",
            "Traceback\nModuleNotFoundError: No module named 'torch'",
            "incomplete (ModuleNotFoundError: No module named 'torch')",
        ),
        ("3.11", "something else", "exit status 1"),
    ],
)
def test_diagnosis_of_a_solver_that_did_not_start(probe, log, words):
    problem = interpreter.diagnose("/x/python", log, 1, probe)
    assert words in problem.message
    assert problem.remedy


def test_a_real_python_without_the_solver_is_told_apart(tmp_path, start):
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\ncd / && exec "{sys.executable}" -S -E -P "$@"\n')
    bare.chmod(0o755)
    job = start(python=bare)
    drive(job)
    assert "is not installed" in job.outcome.message
    assert job.outcome.remedy


def test_a_log_that_cannot_be_written_is_said(tmp_path, solver_python):
    (tmp_path / "file").write_text("")
    with pytest.raises(FaceSolveProblem, match="log file cannot be written"):
        WorkerProcess([str(solver_python)], tmp_path / "file" / "solver.log", dict(os.environ), tmp_path)


def test_the_end_of_a_log_is_read_and_none_where_there_is_no_log(tmp_path):
    log = tmp_path / "solver.log"
    assert tail(log, 10) == ""
    log.write_bytes(b"first\nl\xc3\xa4st\n")
    assert tail(log, 6) == "l\u00e4st\n"
    assert tail(log, 1000) == "first\nl\u00e4st\n"
