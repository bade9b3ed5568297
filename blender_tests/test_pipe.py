"""The pipe from a worker: read without waiting, whole messages however it is cut, and no flood holds Blender up."""

import os
import sys
import time

import pytest

from addon import protocol
from addon.worker import process as processes
from addon.worker.process import Ended, Garbage, WorkerProcess


def printed(folder, code):
    """Everything that is received from a program, in order."""
    process = WorkerProcess(
        [sys.executable, "-c", "import os, time\n" + code], folder / "log", dict(os.environ), folder
    )
    received, deadline = [], time.monotonic() + 20
    while not (received and isinstance(received[-1], Ended)) and time.monotonic() < deadline:
        received += process.receive(limit=7)
        time.sleep(0.001)
    assert process.receive() == []
    return received[:-1]


@pytest.mark.parametrize("size", [1, 7, 30, 4096, 100_000])
def test_messages_are_whole_however_the_pipe_cuts_them(tmp_path, size):
    messages = [{"type": protocol.WARNING, "message": "\u00e4" * (31 * i % 97)} for i in range(200 if size > 7 else 20)]
    text = b"".join(map(protocol.encode, messages))
    (tmp_path / "text").write_bytes(text)
    code = (
        f"data = open({str(tmp_path / 'text')!r}, 'rb').read()\n"
        f"for i in range(0, len(data), {size}):\n    os.write(1, data[i : i + {size}]); time.sleep(0.001)"
    )
    assert printed(tmp_path, code) == messages


def test_what_is_no_line_is_garbage_and_the_next_line_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LONGEST_LINE", 10_000)
    code = "os.write(1, b'x' * 300_000); time.sleep(0.3); os.write(1, b'\\n{\"type\": \"heartbeat\"}\\nhalf')"
    *flood, message, half = printed(tmp_path, code)
    assert all(isinstance(one, Garbage) and len(one) <= 200 for one in [*flood, half])
    assert 1 <= len(flood) <= 31
    assert message == {"type": "heartbeat"}
    assert half == b"half"


def test_a_flood_without_an_end_does_not_hold_blender_up(tmp_path):
    process = WorkerProcess(
        [sys.executable, "-c", "import os\nwhile True: os.write(1, b'x' * 65536)"],
        tmp_path / "log",
        dict(os.environ),
        tmp_path,
    )
    took = []
    for _ in range(20):
        time.sleep(0.05)
        began = time.perf_counter()
        process.receive()
        took.append(time.perf_counter() - began)
    process.kill()
    assert sorted(took)[10] < 0.1


def test_no_more_than_asked_for_comes_at_once(tmp_path):
    code = 'import os, time\nfor _ in range(500): os.write(1, b\'{"type": "heartbeat"}\\n\')\ntime.sleep(60)'
    process = WorkerProcess([sys.executable, "-c", code], tmp_path / "log", dict(os.environ), tmp_path)
    time.sleep(1.0)
    lines_in_a_piece = processes.READ // 22 + 2
    first = process.receive(limit=5)
    assert 5 <= len(first) <= 5 + lines_in_a_piece
    process.kill()


def test_nobody_waits_for_a_silent_worker(tmp_path):
    process = WorkerProcess(
        [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", dict(os.environ), tmp_path
    )
    began = time.monotonic()
    assert process.receive() == []
    assert time.monotonic() - began < 0.5
    process.kill()
