"""Work that tests give to workers: functions of a module, as workers look them up by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from solver_core.common.errors import FaceSolveError
from solver_core.footage.plates import PlateFrameError


def scaled(values, factor, block):
    """A row times a factor, and who did it."""
    return values[block] * factor, os.getpid()


def is_same(constant, block):
    """What a constant keeps from block to block, and the constant itself."""
    constant.kept.append(block)
    return len(constant.kept), constant


def dies_once(folder, block):
    """The first worker that comes to block 2 is killed there."""
    mark = Path(folder) / "died"
    if block == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def dies(block):
    """Always."""
    os._exit(block)


def refuses(block):
    """At one block, in an artist's words."""
    if block == 3:
        raise PlateFrameError(3, "Frame 3 is torn.", "Copy it again.")
    if block == 4:
        raise FaceSolveError("Never.", "So.")
    return block


def slow(folder, block):
    """Leaves a mark where it was done."""
    time.sleep(0.05)
    (Path(folder) / str(block)).touch()
    return block


class Keeper:
    """A constant that keeps something."""

    def __init__(self, values=()):
        self.values, self.kept = np.array(values), []


def made(count):
    """A constant that is made anew."""
    return Keeper(range(count))
