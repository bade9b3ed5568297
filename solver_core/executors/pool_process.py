"""A worker of the pool: reads blocks from standard input and writes results to standard output."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solver_core.common.errors import FaceSolveError
from solver_core.executors.machine import one_thread, peak_bytes
from solver_core.executors.pool import receive, send
from solver_core.executors.travel import Parcel, Receiver


def main(preload: Sequence[str]) -> None:
    """Serve until the pool is gone. Stray prints of libraries go where errors go."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    one_thread()
    for module in preload:
        importlib.import_module(module)
    receiver: Receiver | None = None
    number, work, shared = 0, None, ()
    while True:
        try:
            folder, wanted, block = pickle.loads(receive(sys.stdin.buffer))  # noqa: S301 - from the process that started us
        except (EOFError, OSError):
            return
        try:
            if receiver is None:
                receiver = Receiver(lambda constant, place=Path(folder): Parcel.mapped(place / f"constant-{constant}"))  # type: ignore[misc]
            if wanted != number:
                work, shared = receiver.unpack(Parcel.mapped(Path(folder) / f"phase-{wanted}"))
                number = wanted
            answer: Any = receiver.pack(work(*shared, block))  # type: ignore[misc]
        except BaseException as error:  # noqa: BLE001 - the process boundary: whatever happened is raised over there
            traceback.print_exc()
            answer = _that_travels(error)
        send(answers, pickle.dumps((answer, peak_bytes())))


def _that_travels(error: BaseException) -> BaseException:
    if isinstance(error, FaceSolveError):
        return FaceSolveError(error.message, error.remedy)
    try:
        return pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001 - any class may refuse
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())
