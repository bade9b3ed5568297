"""The solve's verdict on each frame, and the way from one bad frame to the next."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Tuple

import bpy

from ... import protocol
from ..keys.fixes import artists_frames, fixed_frames
from .status import FIXED


def shown_status(settings: bpy.types.PropertyGroup) -> Dict[int, str]:
    """What stands behind every solved frame, as of now.

    The artist may have locked, unlocked or changed it since it was solved.
    """
    shown = {
        item.frame: protocol.SOLVED if item.status == protocol.LOCKED else item.status for item in settings.results
    }
    shown.update((frame, FIXED) for frame in fixed_frames(settings) & shown.keys())
    shown.update((item.frame, protocol.LOCKED) for item in settings.locked_frames if item.frame in shown)
    return shown


def bad_frames(settings: bpy.types.PropertyGroup) -> List[int]:
    """Frames that failed, show a face that cannot be, or whose error is above the artist's limit, ascending.

    Frames that the artist locked or fixed are never bad.
    """
    own = artists_frames(settings)
    return sorted(item.frame for item in settings.results if item.frame not in own and is_bad(settings, item))


def judged_error(settings: bpy.types.PropertyGroup, item: bpy.types.PropertyGroup) -> float:
    """A frame's error, or that of the region that the artist looks at, in thousandths of the face's size.

    It is below zero where it is not known.
    """
    return item.error if settings.judged == "FACE" else region_errors(item)[settings.judged.lower()]


def region_errors(item: bpy.types.PropertyGroup) -> Dict[str, float]:
    """By region, a frame's errors; below zero where they are not known."""
    return {region: getattr(item, f"error_{region}") for region in protocol.REGIONS}


def forget_errors(items: Iterable[bpy.types.PropertyGroup]) -> None:
    """What was measured of these frames is not what plays any more."""
    for item in items:
        item.error_px = item.error = -1.0
        for region in protocol.REGIONS:
            setattr(item, f"error_{region}", -1.0)
        item.doubt = ""


def is_bad(settings: bpy.types.PropertyGroup, item: bpy.types.PropertyGroup) -> bool:
    """Whether a frame is bad, as the artist marked it or else as the solve has it.

    Without a mark its status, its error, a face that cannot be, and whether it plays as solved decide.
    """
    if item.mark != "NONE":
        return item.mark == "BAD"
    if item.status == protocol.LOCKED:
        return False
    if item.status == protocol.FRAME_FAILED or item.doubt:
        return True
    return judged_error(settings, item) > settings.bad_above or item.off_mm > 0.0


def worst_first(settings: bpy.types.PropertyGroup) -> List[int]:
    """The rows of `results` that are bad, failed ones first, then by falling error."""
    bad = set(bad_frames(settings))
    rows = [row for row, item in enumerate(settings.results) if item.frame in bad]

    def badness(row: int) -> Tuple[bool, float]:
        item = settings.results[row]
        return item.status != protocol.FRAME_FAILED, -judged_error(settings, item)

    return sorted(rows, key=badness)


def step(frames: List[int], current: int, forward: bool) -> Optional[int]:
    """The next (or previous) of the frames from here, going round at the end; None where there are none."""
    if not frames:
        return None
    if forward:
        return next((frame for frame in frames if frame > current), frames[0])
    return next((frame for frame in reversed(frames) if frame < current), frames[-1])
