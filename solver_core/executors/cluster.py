"""A Dask cluster that is there already: its workers do the blocks, each strictly those that it is given.

Dask starts workers and carries bytes; who works on what is decided here, as in the pool, so that neighbouring frames
stay with one worker and a worker that is lost costs only what it had in hand.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from solver_core import __version__
from solver_core.common.errors import FaceSolveError
from solver_core.common.paths import Replacement, see_as, seen_here
from solver_core.executors.executor import HERE, Executor, Here
from solver_core.executors.machine import one_thread, peak_bytes
from solver_core.executors.travel import Parcel, Receiver, Sender

Block = TypeVar("Block")
Result = TypeVar("Result")

CONNECT = 10.0  # seconds for a scheduler to answer
SLOWEST = 2e6  # bytes a second that a network carries at least
TRIES = 3
LOOK = 0.5  # seconds between two looks at which workers are left
FETCH = 10.0  # seconds for an answer to come over, and for what is shared to reach all workers
AHEAD = 2  # blocks that a worker has in hand, so that it does not wait for the next


@dataclass(frozen=True)
class Site:
    """What a worker needs to know of the machines: which footage is read, and how their paths differ."""

    plates: tuple[str, ...] = ()
    replacements: tuple[Replacement, ...] = ()


class Cluster:
    """Workers of a Dask scheduler.

    Args:
        address: of the scheduler, such as tcp://farm:8786; tls:// takes its certificates from Dask's configuration.
        site: of the shot.
        warn: hears which workers are left out and why.
        instead: makes who goes on where the cluster is lost.

    Raises:
        FaceSolveError: where Dask is not installed, no scheduler answers, or no worker can be used.
    """

    def __init__(
        self, address: str, site: Site, warn: Callable[[str], None], instead: Callable[[], Executor] = lambda: HERE
    ) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise FaceSolveError(
                "A cluster is asked for, and Dask is not installed.", "Install it: pip install 'face-solve[dask]'."
            ) from error
        try:
            self._client = Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            raise FaceSolveError(
                f"No Dask scheduler answers at {address} ({error}).",
                "Start it, check the address, and for tls:// the certificates in Dask's configuration.",
            ) from error
        self.peak_bytes = 0
        self._address, self._site, self._warn, self._instead = address, site, warn, instead
        self._sender = Sender()
        self._session = uuid.uuid4().hex
        self._constants: list[Any] = []  # futures
        self._phases = 0
        self._judged: dict[str, str] = {}  # by worker: why it is left out, or nothing
        self._substitute: Executor | None = None
        if not self._admitted():
            self._client.close()
            reasons = "; ".join(f"{name}: {why}" for name, why in self._judged.items())
            raise FaceSolveError(
                f"The cluster at {address} has no worker that can be used{f' ({reasons})' if reasons else ''}.",
                "Start workers in an environment with this version of the solver that see the footage.",
            )

    def __reduce__(self) -> tuple[type[Here], tuple[()]]:
        """A worker works where it is."""
        return Here, ()

    @property
    def workers(self) -> int:
        """How many may be used."""
        return sum(not why for why in self._judged.values())

    def constant(self, value: object, make: Callable[..., object] | None = None, *arguments: object) -> None:
        """As Executor."""
        self._sender.constant(value, make, arguments)
        if self._substitute is not None:
            self._substitute.constant(value, make, *arguments)

    def map(
        self, work: Callable[..., Result], blocks: Sequence[Block], *shared: object
    ) -> Generator[tuple[int, Result]]:
        """As Executor; where the cluster is lost, the rest is done by who stands in for it."""
        waiting = set(range(len(blocks)))
        if len(blocks) > 1 and self._substitute is None:
            try:
                for position, answer in self._run(work, blocks, shared):
                    waiting.discard(position)
                    yield position, self._sender.unpack(answer)
            except _LostError as lost:
                self._warn(f"The cluster at {self._address} is lost ({lost}): the solve goes on on this machine.")
                self._substitute = self._instead()
                self._sender.replay(self._substitute)
        rest = sorted(waiting)
        executor = HERE if self._substitute is None else self._substitute
        for at, result in executor.map(work, [blocks[position] for position in rest], *shared):
            yield rest[at], result

    def close(self) -> None:
        """Let the cluster go; its workers stay."""
        self._constants.clear()
        self._client.close(timeout=2)
        if self._substitute is not None:
            self._substitute.close()

    def _run(
        self, work: Callable[..., Any], blocks: Sequence[Any], shared: tuple[object, ...]
    ) -> Generator[tuple[int, bytes]]:
        """Positions and packed results, as they come.

        Raises:
            _LostError: where no worker or no scheduler is left.
        """
        import distributed

        self._phases += 1
        workers = self._admitted()
        if not workers:
            raise _LostError("no worker is left")
        phase = self._scattered(self._sender.pack((work, shared)), workers)
        for number in range(len(self._constants), len(self._sender.values)):
            self._constants.append(self._scattered(self._sender.pack_constant(number), workers))
        queues = {worker: deque[int]() for worker in workers}
        for position in range(len(blocks)):
            queues[workers[position * len(workers) // len(blocks)]].append(position)
        inhand: dict[Any, tuple[str, int]] = {}  # by future
        left = len(blocks)
        try:
            while left:
                for worker in queues:
                    while sum(who == worker for who, _ in inhand.values()) < AHEAD and any(queues.values()):
                        position = _take(queues, worker)
                        arguments = (self._session, self._phases, phase, self._constants, self._site, blocks[position])
                        future = self._client.submit(
                            run_block, *arguments, workers=[worker], pure=False, allow_other_workers=False
                        )
                        inhand[future] = worker, position
                try:
                    with self._client.as_current():
                        done = distributed.wait(list(inhand), timeout=LOOK, return_when="FIRST_COMPLETED").done
                except TimeoutError:
                    done = set()
                self._requeue_lost(queues, inhand)
                for future in done & inhand.keys():
                    worker, position = inhand.pop(future)
                    try:
                        answer, peak = future.result(timeout=FETCH)
                    except (TimeoutError, distributed.client.FutureCancelledError, distributed.KilledWorker):
                        queues[worker].appendleft(position)  # its worker was lost with the answer
                        continue
                    self.peak_bytes = max(self.peak_bytes, peak)
                    if isinstance(answer, BaseException):
                        raise answer
                    left -= 1
                    yield position, answer
        except (OSError, distributed.CancelledError) as error:
            raise _LostError(str(error) or "it does not answer") from error
        finally:
            for future in inhand:
                future.release()

    def _requeue_lost(self, queues: dict[str, deque[int]], inhand: dict[Any, tuple[str, int]]) -> None:
        """Give the blocks of workers that are gone to those that are left."""
        if self._client.status != "running":
            raise _LostError("its scheduler does not answer")
        here = self._present()
        for worker in [one for one in queues if one not in here]:
            orphans = queues.pop(worker)
            self._judged[worker] = "it was lost"
            for future in [future for future, (who, _) in inhand.items() if who == worker]:
                orphans.append(inhand.pop(future)[1])
                future.release()
            self._warn(f"The worker {worker} is lost; what it had in hand is done again.")
            if not queues:
                raise _LostError("no worker is left")
            min(queues.values(), key=len).extend(sorted(orphans))

    def _scattered(self, parcel: Parcel, workers: list[str]) -> Any:
        """On every worker, as a future."""
        whole = Parcel(parcel.head, [bytes(one) for one in parcel.buffers])
        seconds = FETCH + len(workers) * sum(map(len, whole.buffers)) / SLOWEST
        for _ in range(TRIES):
            try:
                return self._client.scatter(whole, broadcast=True, workers=workers, hash=False, timeout=seconds)
            except (OSError, TimeoutError, ValueError, KeyError):  # a worker was lost meanwhile
                workers = [worker for worker in workers if worker in self._present()]
                if not workers:
                    break
        raise _LostError("nothing can be sent to it")

    def _present(self) -> set[str]:
        return set(self._client.scheduler_info(n_workers=-1)["workers"])

    def _admitted(self) -> list[str]:
        """The workers that may be used; new ones are asked who they are first."""
        present = self._present()
        new = [worker for worker in present if worker not in self._judged]
        if new:
            found = self._client.run(examined, __version__, self._site, workers=new, on_error="return")
            for worker in sorted(new):
                why = found.get(worker, "it does not answer")
                self._judged[worker] = str(why)
                if why:
                    self._warn(f"The worker {worker} is left out: {why}.")
        return sorted(worker for worker in present if not self._judged[worker])


class _LostError(Exception):
    """The cluster is gone."""


def _take(queues: dict[str, deque[int]], worker: str) -> int:
    """A block for a worker: its own, else the last of whoever has most left."""
    if queues[worker]:
        return queues[worker].popleft()
    return max(queues.values(), key=len).pop()


def examined(version: str, site: Site) -> str:
    """On a worker: why it cannot be used; empty where it can."""
    if version != __version__:
        return f"it has version {__version__} of the solver, and this is {version}"
    see_as(site.replacements)
    unseen = next((plate for plate in site.plates if not Path(seen_here(plate)).parent.exists()), None)
    return "" if unseen is None else f"it does not see the footage {unseen}"


@dataclass
class _Session:
    """What a worker keeps of one solve."""

    name: str
    constants: Sequence[Parcel]
    receiver: Receiver
    number: int = 0  # of the phase
    given: tuple[Callable[..., Any], tuple[object, ...]] | None = None


_LOCK = threading.Lock()  # a worker with several threads does one block after another all the same
_session: _Session | None = None


def run_block(
    session: str, number: int, phase: Parcel, constants: Sequence[Parcel], site: Site, block: object
) -> tuple[Any, int]:
    """On a worker: do a block; its packed result or what went wrong, and the most memory that the process has had."""
    global _session  # noqa: PLW0603 - what a process keeps from block to block
    with _LOCK:
        if _session is None or _session.name != session:
            one_thread()
            see_as(site.replacements)
            fresh = _Session(session, constants, Receiver(lambda constant: fresh.constants[constant]))
            _session = fresh
        mine = _session
        mine.constants = constants
        try:
            if mine.number != number or mine.given is None:
                mine.given, mine.number = mine.receiver.unpack(phase), number
            work, shared = mine.given
            return mine.receiver.pack(work(*shared, block)), peak_bytes()
        except FaceSolveError as error:
            return FaceSolveError(error.message, error.remedy), peak_bytes()
