"""Reads damaged inputs in processes of their own: many in each, every one within 10 seconds and 2 GB."""

from __future__ import annotations

import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 10.0
BYTES = 2 * 2**30
OUTCOMES = ("read", "refused", "traceback", "hang", "memory", "nonsense")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Tally:
    """What came of the inputs of one kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)  # how to see each again, and what it did

    def add(self, number: int, outcome: str, what: str) -> None:
        """Count one."""
        self.outcomes[outcome] += 1
        if outcome in OUTCOMES[2:]:
            self.bad.append(f"input {number}: {outcome}: {what}")


def try_kind(kind: str, count: int, seed: int, until: float) -> Tally:
    """Damage and read `count` inputs of a kind, or as many as there is time for."""
    tally, first = Tally(), 0
    while first < count and time.monotonic() < until:
        first = _one_process(kind, first, count, seed, until, tally)
    return tally


def _one_process(kind: str, first: int, count: int, seed: int, until: float, tally: Tally) -> int:
    """The number of the input after the last that was tried."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.campaign.inputs", kind, str(seed), str(first), str(count), folder]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines: queue.Queue[str] = queue.Queue()

        def listen() -> None:
            for line in process.stdout:
                lines.put(line)
            lines.put("")

        threading.Thread(target=listen, daemon=True).start()
        patience, number = 120.0, first  # the first has the solver's imports before it
        try:
            while time.monotonic() < until:
                try:
                    line = lines.get(timeout=patience)
                except queue.Empty:
                    tally.add(number, "hang", f"over {patience:.0f} s")
                    return number + 1
                if not line:
                    if number < count:
                        tally.add(number, "traceback", f"the process ended with {process.wait()}")
                    return number + 1
                number, outcome, what = json.loads(line)
                patience = SECONDS  # for the reading
                if outcome != "made":
                    tally.add(number, outcome, what)
                    number, patience = number + 1, 60.0  # for making the next: a bomb takes its time
                if number >= count:
                    return number
            return number
        finally:
            process.kill()
            process.wait()


def attempt(kind: str, folder: Path) -> tuple[str, str]:
    """Read the input that lies in the folder, and say what came of it."""
    from tests.campaign.readers import READERS, REFUSALS, NonsenseError

    try:
        READERS[kind].read(folder)
    except REFUSALS as refusal:
        outcome = ("memory" if "more memory than there is" in str(refusal) else "refused", str(refusal)[:200])
    except NonsenseError as nonsense:
        outcome = "nonsense", str(nonsense)
    except MemoryError:
        outcome = "memory", traceback.format_exc(limit=-1)[-300:]
    except Exception:  # noqa: BLE001 - this is what is counted
        outcome = "traceback", traceback.format_exc(limit=-2)[-500:]
    else:
        outcome = "read", ""
    return outcome


def main() -> None:
    """In a process of its own: a line for each input."""
    kind, seed, first, count, folder = (
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        Path(sys.argv[5]),
    )
    from tests.campaign import seeds
    from tests.campaign.readers import READERS

    assert kind in READERS
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    (folder / "good").mkdir(exist_ok=True)
    seeds.write_pictures(folder / "good")
    import numpy as np

    np.savez(folder / "good" / "rig.npz", **seeds.rig())
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, hard))
    for number in range(first, count):
        READERS[kind].make(folder, np.random.default_rng([seed, number, list(READERS).index(kind)]))
        print(json.dumps([number, "made", ""]), file=answers, flush=True)
        outcome, what = attempt(kind, folder)
        print(json.dumps([number, outcome, what]), file=answers, flush=True)


if __name__ == "__main__":
    main()
