"""The solve's verdict on each frame, and the way from one bad frame to the next."""

from __future__ import annotations

from typing import List, Optional

import bpy

from .. import protocol


def bad_frames(settings: bpy.types.PropertyGroup) -> List[int]:
    """Frames that failed or whose error is above the artist's limit, ascending; locked frames are the artist's own and never bad."""
    locked = {item.frame for item in settings.locked_frames}
    return sorted(
        item.frame
        for item in settings.results
        if item.frame not in locked
        and item.status != protocol.LOCKED
        and (item.status == protocol.FRAME_FAILED or item.error_px > settings.bad_error_px)
    )


def step(frames: List[int], current: int, forward: bool) -> Optional[int]:
    """The next (or previous) of the frames from here, going round at the end; None where there are none."""
    if not frames:
        return None
    if forward:
        return next((frame for frame in frames if frame > current), frames[0])
    return next((frame for frame in reversed(frames) if frame < current), frames[-1])
