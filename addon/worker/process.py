"""The worker's process and its pipes: messages out, messages in, never waiting for either."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, List, Mapping, Optional, Sequence, Union

from .. import protocol
from ..problem import FaceSolveProblem
from .interpreter import no_window

_LONGEST_LINE = 1 << 24  # bytes; a stream without line ends must not fill Blender's memory


class Garbage(bytes):
    """A line on the worker's standard output that is no message."""


class Ended:
    """The worker has closed its output."""


Received = Union[protocol.Message, Garbage, Ended]


class WorkerProcess:
    """A worker that has been started.

    Args:
        command: the program and its arguments.
        log: file that receives its standard error; replaced.
        environment: its environment, already without Blender's own settings.

    Raises:
        FaceSolveProblem: where the program cannot be started or the log cannot be written.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.command = list(command)
        self.log = log
        self._received: "queue.SimpleQueue[Received]" = queue.SimpleQueue()
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            stream = log.open("wb")
        except OSError as error:
            raise FaceSolveProblem(
                f"The solver's log file cannot be written: {error}.", "Free the disk or save the .blend elsewhere."
            ) from error
        with stream:
            try:
                self._process: "subprocess.Popen[bytes]" = subprocess.Popen(
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    cwd=str(log.parent),
                    env=dict(environment),
                    # A session of its own, so that its children end with it when it is killed.
                    start_new_session=sys.platform != "win32",
                    creationflags=no_window(),
                )
            except OSError as error:
                raise FaceSolveProblem(
                    f"{self.command[0]} cannot be started: {error.strerror or error}.",
                    "Choose another Python in the add-on's preferences.",
                ) from error
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True, name="face-solve-reader").start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while True:
                try:
                    line = stream.readline(_LONGEST_LINE)
                except (OSError, ValueError):
                    break
                if not line:
                    break
                try:
                    self._received.put(protocol.decode(line))
                except protocol.ProtocolError:
                    self._received.put(Garbage(line[:200]))
        self._received.put(Ended())

    def receive(self, limit: int = 1000) -> List[Received]:
        """What has arrived since the last call, oldest first, `limit` things at most."""
        received: List[Received] = []
        while len(received) < limit:
            try:
                received.append(self._received.get_nowait())
            except queue.Empty:
                break
        return received

    def send(self, message: protocol.Message) -> bool:
        """Send one message; False where the worker no longer listens."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(protocol.encode(message))
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def exit_code(self, timeout: float = 0.0) -> Optional[int]:
        """Its exit status, waited for at most `timeout` seconds; None while it runs."""
        try:
            return self._process.wait(timeout) if timeout > 0.0 else self._process.poll()
        except subprocess.TimeoutExpired:
            return None

    def close(self, timeout: float = 2.0) -> None:
        """Ask it to quit, and end it if it has not done so within `timeout` seconds."""
        self.send({"type": protocol.QUIT})
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # It is gone already: closing flushes into a broken pipe.
            self._process.stdin.close()
        if self.exit_code(timeout) is None:
            self.kill()

    def retire(self) -> None:
        """`close`, without making the caller wait."""
        threading.Thread(target=self.close, daemon=True, name="face-solve-closer").start()

    def kill(self) -> None:
        """End it and its children at once."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # It ended by itself in between.
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)
        self.exit_code(5.0)

    def log_tail(self, size: int = 4000) -> str:
        """The end of its log."""
        return tail(self.log, size)


def tail(path: Path, size: int) -> str:
    """The last `size` bytes of a log; empty where there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - size))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
