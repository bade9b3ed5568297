"""The worker's process and its pipes: messages out, messages in, never waiting for either.

No thread waits for them instead. Blender takes any thread that runs Python for its own while one of its operators runs,
and then touches Python's objects unguarded: opening a file during a solve ended in a crash, now and then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Mapping, Optional, Sequence, Union

from .. import protocol
from ..problem import FaceSolveProblem
from .interpreter import no_window

LONGEST_LINE = 1 << 24  # bytes; a stream without line ends must not fill Blender's memory
READ = 1 << 16  # bytes at once
READ_SECONDS = 0.01  # that Blender is held up at most while more comes: a pipe of Windows holds 4 KB
LEAVE_SECONDS = 2.0  # that a worker has to quit by itself
# One that cannot even be ended waits for a drive that has gone away: after so long it is left alone.
GIVE_UP_SECONDS = 10.0


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
        environment: its environment, from `solver_environment`.
        folder: its working directory, in which nothing lies.

    Raises:
        FaceSolveProblem: where the program cannot be started or the log cannot be written.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path) -> None:
        self.command = list(command)
        self.log = log
        self._unread = bytearray()
        self._ended = False
        self._deadline = 0.0
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
                    cwd=str(folder),
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
        self._answers = self._process.stdout.fileno()
        if sys.platform != "win32":  # there a pipe is looked into before it is read
            os.set_blocking(self._answers, False)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def receive(self, limit: int = 200) -> List[Received]:
        """What has arrived since the last call, oldest first, about `limit` things at most.

        The last of all is `Ended`.
        """
        received: List[Received] = []
        until = time.monotonic() + READ_SECONDS
        came = False
        while len(received) < limit and not self._ended and time.monotonic() < until:
            piece = _read_now(self._answers)
            if piece is None:
                self._ended = True
                received += [_read_line(bytes(self._unread))] if self._unread else []
                received.append(Ended())
            elif piece:
                came = True
                received += self._lines(piece)
            elif came:
                time.sleep(0.001)  # it was full, and is being filled again
            else:
                break
        return received

    def _lines(self, piece: bytes) -> List[Received]:
        """The lines that a piece of the stream completes."""
        head, end, rest = piece.rpartition(b"\n")
        whole: List[bytes] = []
        if end:
            whole, self._unread = bytes(self._unread + head).split(b"\n"), bytearray()
        self._unread += rest
        if len(self._unread) > LONGEST_LINE:
            whole, self._unread = [*whole, bytes(self._unread)], bytearray()
        return [_read_line(line) for line in whole]

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

    def retire(self) -> None:
        """Ask it to quit, and do not wait: `see_off` does."""
        self.send({"type": protocol.QUIT})
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # It is gone already: closing flushes into a broken pipe.
            self._process.stdin.close()
        self._deadline = time.monotonic() + LEAVE_SECONDS
        _leaving.append(self)

    def leaves(self) -> bool:
        """Whether a worker that was asked to quit is still to be waited for.

        One that takes too long is ended, without waiting.
        """
        late = time.monotonic() - self._deadline
        if self.exit_code() is None and late > 0.0:
            self._end()
        return self.exit_code() is None and late < GIVE_UP_SECONDS

    def kill(self) -> None:
        """End it and its children, and wait until it is gone, some seconds at most."""
        if self.exit_code() is None:
            self._end()
            self.exit_code(5.0)

    def _end(self) -> None:
        with contextlib.suppress(OSError):  # It ended by itself in between.
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def log_tail(self, size: int = 4000) -> str:
        """The end of its log."""
        return tail(self.log, size)


_leaving: List[WorkerProcess] = []  # asked to quit, and not known to be gone


def see_off() -> bool:
    """True while a worker that was asked to quit is waited for.

    To be called again and again: a worker that takes too long is ended.
    """
    _leaving[:] = [process for process in _leaving if process.leaves()]
    return bool(_leaving)


def end_all() -> None:
    """End those that were asked to quit, at once: the file or Blender closes."""
    while _leaving:
        _leaving.pop().kill()


def _read_now(pipe: int) -> Optional[bytes]:
    """What lies in a pipe, without waiting: empty where nothing does, None where its other end is closed."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        size, handle = ctypes.c_ulong(), ctypes.c_void_p(msvcrt.get_osfhandle(pipe))
        if not ctypes.windll.kernel32.PeekNamedPipe(handle, None, 0, None, ctypes.byref(size), None):
            return None
        return os.read(pipe, min(size.value, READ)) if size.value else b""
    try:
        return os.read(pipe, READ) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None


def _read_line(line: bytes) -> Received:
    try:
        return protocol.decode(line)
    except protocol.ProtocolError:
        return Garbage(line[:200])


def tail(path: Path, size: int) -> str:
    """The last `size` bytes of a log; empty where there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - size))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
