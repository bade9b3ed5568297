"""The frames that the artist names as surest for the light: a list such as `1001, 1010-1012`."""

from __future__ import annotations

import re
from typing import List

import bpy

from ..problem import FaceSolveProblem


def reference_frames(settings: bpy.types.PropertyGroup) -> List[int]:
    """The frames, ascending; none where the solver is to choose.

    Raises:
        FaceSolveProblem: for text that is no list of frames, or frames outside the range.
    """
    found = set()
    for part in re.split(r"[,;\s]+", re.sub(r"\s*-\s*(?=\d)", "-", settings.reference_frames.strip())):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if part and not match:
            raise FaceSolveProblem(
                f"{part!r} is no reference frame.", "Write frames and ranges, such as 1001, 1010-1012, under Advanced."
            )
        if match:
            first, last = int(match[1]), int(match[2] or match[1])
            if not settings.frame_start <= first <= last <= settings.frame_end:
                raise FaceSolveProblem(
                    f"The reference frames {part} are not in the range {settings.frame_start}-{settings.frame_end}.",
                    "Name frames of the range under Advanced.",
                )
            found.update(range(first, last + 1))
    return sorted(found)
