"""The solver's own process: reads commands from standard input, answers on standard output (docs/protocol.md)."""

from __future__ import annotations

import os
import platform
import queue
import sys
import threading
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from solver_core import __version__, protocol
from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import frame_fields
from solver_core.protocol import Message
from solver_core.service.listener import FrameResult

if TYPE_CHECKING:
    from solver_core.documents.shot import Shot
    from solver_core.drag import Dragging
    from solver_core.executors.executor import Executor

UPDATE = "Update the add-on and the solver."
BUG = "This is a mistake in Face Solve, not in your scene; please send the log file to its developers."


class Worker:
    """One conversation. Only `_send` writes to the pipe."""

    def __init__(self, commands: BinaryIO, answers: BinaryIO, log: str = "") -> None:
        self._commands, self._answers, self._log = commands, answers, log
        self._lock = threading.Lock()
        self._queue: queue.Queue[tuple[Message, threading.Event]] = queue.Queue()
        # each request has its own word to stop, from when it arrives: a cancel right behind it finds it still waiting
        self._cancel = threading.Event()
        self._latest = self._cancel
        self._quit = threading.Event()
        self._dragging: Dragging | None = None
        self._newest_drag: Message | None = None  # those before it need no answer any more

    def run(self) -> int:
        """Serve until told to quit or until the other side is gone."""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        self._send(
            {
                "type": protocol.HELLO,
                "protocol": protocol.PROTOCOL_VERSION,
                "version": __version__,
                "python": platform.python_version(),
                "device": "cpu",
                "pid": os.getpid(),
            }
        )
        while True:
            message, self._cancel = self._queue.get()
            if message["type"] == protocol.QUIT:
                return 0
            self._answer(message)

    def _answer(self, message: Message) -> None:
        try:
            if message["type"] == protocol.SOLVE:
                self._solve(_path(message, "shot"), _path(message, "out"), _workers(message))
            elif message["type"] == protocol.FIT_RIG:
                self._fit_rig(message)
            elif message["type"] == protocol.OPEN:
                self._open(_path(message, "rig"))
            elif message["type"] == protocol.DRAG:
                self._drag(message)
            elif message["type"] == protocol.CHECK:
                self._check(str(message.get("device") or "cpu"))
            elif message["type"] == protocol.WEIGHTS:
                self._weights(str(message.get("fetch") or ""))
            else:
                self._fail(f"The solver does not know the command {message['type']!r:.80}.", UPDATE)
        except FaceSolveError as error:
            traceback.print_exc()
            self._fail(error.message, error.remedy)
        except MemoryError:
            traceback.print_exc()
            self._fail("The machine ran out of memory.", "Close other programs, or solve fewer frames at once.")
        except Exception as error:  # noqa: BLE001 - the process boundary: whatever happened must reach the artist as a sentence
            traceback.print_exc()
            self._fail(f"The solver stopped: {type(error).__name__}: {error}.", BUG)

    def _solve(self, shot: Path, out: Path, workers: int | None) -> None:
        started = self._start()
        from solver_core.executors.choice import on_this_machine
        from solver_core.solve import solve_folder  # torch is loaded here, so that hello comes at once

        def executors(asked: Shot) -> Executor:
            return on_this_machine(int((~asked.held_mask).sum()), workers, asked.settings.device)

        solution = solve_folder(shot, out, self, executors=executors)
        self._send(
            {
                "type": protocol.CANCELLED if self._cancel.is_set() else protocol.FINISHED,
                "solution": str(out),
                "frames": len(solution.frames),
                "seconds": time.monotonic() - started,
            }
        )

    def _check(self, device: str) -> None:
        from solver_core.service.check import check

        lines, ok = check(self, device)
        self._send({"type": protocol.CHECKED, "lines": lines, "ok": ok, "weights": _listed() if ok else []})

    def _weights(self, name: str) -> None:
        if name:
            from solver_core.networks import sources, weights

            size = weights.entry(name).source.size

            def report(came: int) -> None:
                if self.cancelled():
                    raise sources.Stopped
                self.progress(f"fetching {name}", came // 10**6, size // 10**6, min(came / size, 1.0), -1.0)

            try:
                weights.fetch(name, report=report)
            except sources.Stopped:
                self._send({"type": protocol.CANCELLED, "solution": "", "frames": 0, "seconds": 0.0})
                return
        self._send({"type": protocol.LISTED, "weights": _listed()})

    def _fit_rig(self, message: Message) -> None:
        started = self._start()
        from solver_core.fit_rig import fit_folder

        shot, out, frames = _path(message, "shot"), _path(message, "out"), message.get("frames", [])
        if not isinstance(frames, list) or not all(type(frame) is int for frame in frames):
            raise _unreadable(message, "frames")
        fitted = fit_folder(shot, out, self, focal=bool(message.get("focal")), frames=frames)
        seconds = time.monotonic() - started
        if fitted is None:
            self._send({"type": protocol.CANCELLED, "solution": "", "frames": 0, "seconds": seconds})
            return
        self._send(
            {
                "type": protocol.FITTED,
                "solution": str(out),
                "names": list(fitted.names),
                "weights": fitted.weights.tolist(),
                "focal": dict(zip(fitted.cameras, fitted.focal.tolist(), strict=True)),
                "focal_range": dict(zip(fitted.cameras, fitted.focal_range.tolist(), strict=True)),
                "frames": fitted.frames.tolist(),
                "error_px": list(fitted.error_px),
                "seconds": seconds,
            }
        )

    def _open(self, rig: Path) -> None:
        from solver_core.drag import Dragging

        self._dragging = Dragging.opened(rig)
        self._send({"type": protocol.OPENED, "names": list(self._dragging.rig.names)})

    def _drag(self, message: Message) -> None:
        if message is not self._newest_drag:
            return  # the mouse has moved on
        if self._dragging is None:
            raise FaceSolveError("There is no rig to drag.", UPDATE)
        try:
            answer = self._dragging.answer(message)
        except (KeyError, TypeError, ValueError) as error:
            traceback.print_exc()
            raise FaceSolveError(f"A drag cannot be read: {error}.", UPDATE) from error
        self._send({"type": protocol.DRAGGED, **answer})

    def _start(self) -> float:
        """A new request begins; the time."""
        self._send(
            {
                "type": protocol.PROGRESS,
                "stage": "loading",
                "done": 0,
                "total": 1,
                "fraction": 0.0,
                "seconds_left": None,
            }
        )
        return time.monotonic()

    # solver_core.service.listener.Listener

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None:
        """To the add-on."""
        self._send(
            {
                "type": protocol.PROGRESS,
                "stage": stage,
                "done": done,
                "total": total,
                "fraction": fraction,
                "seconds_left": seconds_left if seconds_left >= 0 else None,
            }
        )

    def frame(self, result: FrameResult) -> None:
        """To the add-on."""
        self._send({"type": protocol.FRAME, **frame_fields(result)})

    def warning(self, message: str) -> None:
        """To the add-on."""
        self._send({"type": protocol.WARNING, "message": message})

    def cancelled(self) -> bool:
        """Whether the add-on said so, or is gone."""
        return self._cancel.is_set() or self._quit.is_set()

    def _fail(self, message: str, remedy: str) -> None:
        self._send({"type": protocol.FAILED, "message": message, "remedy": remedy, "log": self._log})

    def _read(self) -> None:
        for line in self._commands:
            try:
                message = protocol.decode(line)
            except protocol.ProtocolError as error:
                self._fail(f"The solver was sent something it cannot read: {error}.", UPDATE)
                continue
            if message["type"] == protocol.CANCEL:
                self._cancel.set()
                self._latest.set()
            elif message["type"] == protocol.QUIT:
                break
            else:
                self._latest = threading.Event()
                if message["type"] == protocol.DRAG:
                    self._newest_drag = message
                self._queue.put((message, self._latest))
        # end of input: the add-on has quit, or died
        self._quit.set()
        self._queue.put(({"type": protocol.QUIT}, self._latest))

    def _beat(self) -> None:
        gone_for = 0.0
        while True:
            time.sleep(protocol.HEARTBEAT_SECONDS)
            self._send({"type": protocol.HEARTBEAT})
            gone_for = gone_for + protocol.HEARTBEAT_SECONDS if self._quit.is_set() else 0.0
            if gone_for >= 2 * protocol.HEARTBEAT_SECONDS:
                os._exit(0)  # nobody listens: what is finished lies in the journal

    def _send(self, message: Message) -> None:
        data = protocol.encode(message)
        with self._lock:
            try:
                self._answers.write(data)
                self._answers.flush()
            except (OSError, ValueError):  # a closed pipe is a BrokenPipeError, on Windows an OSError of another number
                self._quit.set()


def _path(message: Message, name: str) -> Path:
    value = message.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise _unreadable(message, name)
    return Path(value)


def _workers(message: Message) -> int | None:
    """How many workers are asked for; none or 0 leaves it to the solver."""
    value = message.get("workers") or 0
    if type(value) is not int or value < 0:
        raise _unreadable(message, "workers")
    return value or None


def _unreadable(message: Message, name: str) -> FaceSolveError:
    return FaceSolveError(f"The command {message['type']!r:.80} has a {name!r} that cannot be read.", UPDATE)


def _listed() -> list[dict[str, object]]:
    """The networks' weights, for the add-on's list."""
    from solver_core.networks.inventory import inventory

    return [asdict(item) for item in inventory()]


def main(log: str = "") -> int:
    """Serve on the process's own pipes. Stray prints of libraries go to the log, never into the conversation."""
    answers = os.fdopen(os.dup(1), "wb")
    if log:
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 2)
    os.dup2(2, 1)
    return Worker(sys.stdin.buffer, answers, log).run()
