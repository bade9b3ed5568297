"""Whether the plates' files are there, for the panel.

Asked again every few seconds at most, and a sample of the files where all is well.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import List, Tuple

import bpy

from ...problem import FaceSolveProblem, Problem
from ..setup.prechecks import enabled_cameras, plate_problems
from .plate import read_plate

_SECONDS = 3.0  # between two questions
_SHARE = 0.02  # of the time, at most, for a slow disk
_SAMPLE = 12  # files of a plate


@dataclass
class _Known:
    key: Tuple = ()
    until: float = 0.0
    problems: List[Problem] = field(default_factory=list)


_known = _Known()


def file_problems(settings: bpy.types.PropertyGroup) -> List[Problem]:
    """What is wrong with the plates' files, as of some seconds ago at most; nothing where `prechecks` has the word."""
    frames = list(range(settings.frame_start, settings.frame_end + 1))
    try:
        plates = [read_plate(camera) for camera in enabled_cameras(settings)]
    except FaceSolveProblem:
        return []
    key = (settings.frame_start, settings.frame_end, *((one.camera, one.kind, one.path) for one in plates))
    now = time.monotonic()
    if key != _known.key or now > _known.until:
        few = sorted({*frames[:: max(1, len(frames) // _SAMPLE)], *frames[-1:]})
        _known.problems = plate_problems(settings, frames) if plate_problems(settings, few) else []
        end = time.monotonic()
        _known.key, _known.until = key, end + max(_SECONDS, (end - now) / _SHARE)
    return _known.problems
