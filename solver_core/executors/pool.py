"""A pool of processes on this machine, each with one thread; large arrays are mapped, not copied."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from solver_core.common.errors import FaceSolveError
from solver_core.executors.executor import HERE, Here
from solver_core.executors.machine import ONE_THREAD
from solver_core.executors.travel import Sender

Block = TypeVar("Block")
Result = TypeVar("Result")

TRIES = 3  # of a block at which workers die
START = "import sys; sys.path[:] = {path!r}; from solver_core.executors.pool_process import main; main({preload!r})"


class WorkerDiedError(Exception):
    """A worker's process has ended before it answered."""


@dataclass
class _Phase:
    """One call of `map`: blocks that wait, by the worker whose they are, and answers that have come."""

    number: int
    queues: list[deque[int]]
    blocks: Sequence[Any]
    answers: deque[tuple[int, Any]] = field(default_factory=deque)  # position, result or exception
    tries: dict[int, int] = field(default_factory=dict)
    over: bool = False

    def take(self, worker: int) -> int | None:
        """A block for a worker: its own, else the last of whoever has most left."""
        if self.over:
            return None
        if self.queues[worker]:
            return self.queues[worker].popleft()
        longest = max(self.queues, key=len)
        return longest.pop() if longest else None


class Pool:
    """Processes that are started at once and stay until it is closed.

    Neighbouring blocks go to the same worker, in every call: it keeps what it has read of their footage. Who has
    nothing left takes over from others.

    Args:
        workers: how many.
        preload: modules that workers load while they wait.
    """

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        self.workers = workers
        self.peak_bytes = 0  # the most memory that any worker has had
        self._folder = Path(tempfile.mkdtemp(prefix="face_solve_"))
        self._sender = Sender()
        self._written = 0  # constants in the folder
        self._condition = threading.Condition()
        self._phase: _Phase | None = None
        self._phases = 0
        self._closed = False
        self._preload = tuple(preload)
        self._processes = [self._start() for _ in range(workers)]
        self._threads = [threading.Thread(target=self._serve, args=(i,), daemon=True) for i in range(workers)]
        for thread in self._threads:
            thread.start()

    def __reduce__(self) -> tuple[type[Here], tuple[()]]:
        """A worker works where it is."""
        return Here, ()

    @property
    def pids(self) -> list[int]:
        """Of the workers."""
        return [process.pid for process in self._processes]

    def constant(self, value: object, make: Callable[..., object] | None = None, *arguments: object) -> None:
        """As Executor."""
        self._sender.constant(value, make, arguments)

    def map(
        self, work: Callable[..., Result], blocks: Sequence[Block], *shared: object
    ) -> Generator[tuple[int, Result]]:
        """As Executor; a single block is done here.

        Raises:
            FaceSolveError: where workers die again and again, or as the work raises it.
        """
        if len(blocks) < 2:
            yield from HERE.map(work, blocks, *shared)
            return
        self._phases += 1
        number, count = self._phases, len(blocks)
        path = self._folder / f"phase-{number}"
        parcel = self._sender.pack((work, shared))
        for constant in range(self._written, len(self._sender.values)):
            self._sender.pack_constant(constant).write(self._folder / f"constant-{constant}")
        self._written = len(self._sender.values)
        parcel.write(path)
        queues: list[deque[int]] = [deque() for _ in range(self.workers)]
        for position in range(count):
            queues[position * self.workers // count].append(position)
        phase = _Phase(number, queues, blocks)
        try:
            with self._condition:
                self._phase = phase
                self._condition.notify_all()
            for _ in range(count):
                with self._condition:
                    while not phase.answers:
                        self._condition.wait()
                    position, answer = phase.answers.popleft()
                if isinstance(answer, BaseException):
                    raise answer
                yield position, self._sender.unpack(answer)
        finally:
            with self._condition:
                phase.over = True
            with contextlib.suppress(OSError):  # Windows keeps a file that is mapped, until the folder goes
                path.unlink()

    def close(self) -> None:
        """End the workers, whatever they are at, and remove what they shared."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-c", START.format(path=sys.path, preload=self._preload)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, env={**os.environ, **ONE_THREAD})

    def _serve(self, worker: int) -> None:
        """One worker's thread: hands it blocks, and its answers on."""
        while True:
            with self._condition:
                while (taken := self._take(worker)) is None and not self._closed:
                    self._condition.wait()
            if taken is None or self._closed:
                return
            phase, position = taken
            try:
                answer, peak = self._ask(worker, phase, position)
            except WorkerDiedError:
                self._mourn(worker, phase, position)
                continue
            with self._condition:
                self.peak_bytes = max(self.peak_bytes, peak)
                phase.answers.append((position, answer))
                self._condition.notify_all()

    def _take(self, worker: int) -> tuple[_Phase, int] | None:
        position = None if self._phase is None else self._phase.take(worker)
        return None if self._phase is None or position is None else (self._phase, position)

    def _ask(self, worker: int, phase: _Phase, position: int) -> tuple[Any, int]:
        process = self._processes[worker]
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, pickle.dumps((str(self._folder), phase.number, phase.blocks[position])))
            answer, peak = pickle.loads(receive(process.stdout))  # noqa: S301 - from a process of our own
        except (OSError, EOFError) as error:
            raise WorkerDiedError from error
        return answer, peak

    def _mourn(self, worker: int, phase: _Phase, position: int) -> None:
        """A worker has died: another process takes its place, and its block is done again."""
        if self._closed:
            return
        self._processes[worker].kill()
        self._processes[worker].wait()
        self._processes[worker] = self._start()
        with self._condition:
            phase.tries[position] = phase.tries.get(position, 0) + 1
            if phase.tries[position] < TRIES:
                phase.queues[worker].appendleft(position)
            else:
                phase.answers.append(
                    (
                        position,
                        FaceSolveError(
                            f"A worker of the solve died {TRIES} times at the same frames.",
                            "The machine is probably out of memory: close other programs, or choose fewer workers.",
                        ),
                    )
                )
            self._condition.notify_all()


def send(pipe: IO[bytes], data: bytes) -> None:
    """Write one message."""
    pipe.write(struct.pack("<Q", len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Read one message.

    Raises:
        EOFError: where the other side has gone.
    """
    (size,) = struct.unpack("<Q", _exactly(pipe, 8))
    return _exactly(pipe, size)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data
