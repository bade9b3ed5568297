"""What a machine has: processor cores, memory, and one thread for each process that works on it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

WORKER_BYTES = 900 * 2**20  # what one worker needs: libraries, networks, kernels, kept crops, and a rig of 400 keys
LEFT_BYTES = 1536 * 2**20  # that stay free for the solve itself and for Blender

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_bytes() -> int | None:
    """Memory that processes can have now; None where it cannot be asked for."""
    with contextlib.suppress(OSError, ValueError, IndexError), Path("/proc/meminfo").open(encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    if sys.platform == "win32":
        return _free_on_windows()
    with contextlib.suppress(OSError, ValueError):  # all that there is, of which a half may be in use
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return None


def _free_on_windows() -> int | None:
    class Status(ctypes.Structure):  # MEMORYSTATUSEX
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "d", "e", "f", "g", "h")),
        )

    status = Status(length=ctypes.sizeof(Status))
    found = ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return int(status.free) if found else None


def workers_that_fit(worker_bytes: int = WORKER_BYTES) -> int:
    """As many workers as there are cores, and memory for; at least one."""
    free = free_bytes()
    room = cores() if free is None else (free - LEFT_BYTES) // worker_bytes
    return int(max(1, min(cores(), room)))


def peak_bytes() -> int:
    """The most memory that this process has had; 0 where it cannot be asked for."""
    with contextlib.suppress(OSError), Path("/proc/self/status").open(encoding="ascii") as file:
        # what Linux's getrusage says begins with the parent's
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:")), 0)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def one_thread() -> None:
    """Let every library of this process compute in one thread.

    Threads inside one frame wait for each other: a second core is worth a tenth there, and nothing beside other load.
    Frames side by side are worth all of it. And a sum that several threads share depends on how many they are.
    """
    # Of libraries that are loaded from now on. Numba, once it has started its threads, refuses to compile under another
    # number than theirs.
    loaded = ("NUMBA_NUM_THREADS",) if "numba" in sys.modules else ()
    os.environ.update({name: one for name, one in ONE_THREAD.items() if name not in loaded})
    for name, setting in (("numba", "set_num_threads"), ("torch", "set_num_threads"), ("cv2", "setNumThreads")):
        if name in sys.modules:
            getattr(sys.modules[name], setting)(1)
