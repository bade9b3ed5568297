"""Who works on a shot: this process, or as many others as its frames, the machine's cores and its memory allow."""

from __future__ import annotations

from collections.abc import Callable

from solver_core.executors.cluster import Cluster, Site
from solver_core.executors.executor import HERE, Executor
from solver_core.executors.machine import one_thread, workers_that_fit
from solver_core.executors.pool import Pool

FEW = 16  # frames below which workers take longer to start than they save
EACH = 4  # frames that a worker should have at least
PRELOAD = ("solver_core.solve",)  # what workers load while faces are not yet looked for


def on_this_machine(frames: int, workers: int | None = None, device: str = "cpu") -> Executor:
    """An executor for a shot of so many frames.

    Args:
        frames: to solve.
        workers: how many are wanted; None: as many as the machine has cores and memory for.
        device: where networks run; a graphics card is not shared unless it is asked for.
    """
    one_thread()
    if workers is None and (frames < FEW or device != "cpu"):
        return HERE
    count = min(workers or workers_that_fit(), max(1, frames // EACH))
    return Pool(count, PRELOAD) if count > 1 else HERE


def on_a_cluster(address: str, site: Site, warn: Callable[[str], None], frames: int) -> Executor:
    """The workers of a Dask scheduler, and this machine's where that is lost.

    Args:
        address: of the scheduler.
        site: what its workers need to know.
        warn: hears what the artist should know of them.
        frames: to solve.

    Raises:
        FaceSolveError: where it cannot be used.
    """
    one_thread()
    return Cluster(address, site, warn, lambda: on_this_machine(frames))


def memory_of(executor: Executor) -> str:
    """How many workers there were and the most memory that one had, as a sentence; empty where nobody helped."""
    if not isinstance(executor, (Pool, Cluster)):
        return ""
    return f"{executor.workers} workers, each with at most {executor.peak_bytes / 2**20:.0f} MB"
