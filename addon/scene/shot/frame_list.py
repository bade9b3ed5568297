"""Frames that the artist writes as a list such as `1001, 1010-1012`.

Those surest for the light, those to fit the rig on.
"""

from __future__ import annotations

import re
from typing import List

import bpy

from ...problem import FaceSolveProblem

# A dash between two numbers makes a range, with spaces on both sides too; one that stands right before a number after a
# space is its sign.
_DASH = re.compile(r"(?<=\d)\s*-\s+(?=-?\d)")
_PART = re.compile(r"(-?\d{1,9})(?:-(-?\d{1,9}))?")


def read_frames(text: str, settings: bpy.types.PropertyGroup, what: str = "frame", where: str = "") -> List[int]:
    """The frames of a list, ascending; none where it is empty.

    Args:
        text: the list.
        settings: whose range they must lie in.
        what: what each of them is, for the artist.
        where: where they are written, for the artist; may be empty.

    Raises:
        FaceSolveProblem: for text that is no list of frames, or frames outside the range.
    """
    found = set()
    for part in filter(None, re.split(r"[,;\s]+", _DASH.sub("-", text))):
        match = _PART.fullmatch(part)
        if match is None:
            raise FaceSolveProblem(
                f"{part!r} is no {what}.", f"Write frames and ranges, such as 1001, 1010-1012{where}."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not settings.frame_start <= first <= last <= settings.frame_end:
            raise FaceSolveProblem(
                f"The {what}s {part} are not in the range {settings.frame_start}-{settings.frame_end}.",
                f"Name frames of the range{where}.",
            )
        found.update(range(first, last + 1))
    return sorted(found)


def reference_frames(settings: bpy.types.PropertyGroup) -> List[int]:
    """The frames that the artist names as surest for the light; none where the solver is to choose.

    Raises:
        FaceSolveProblem: as `read_frames`.
    """
    return read_frames(settings.reference_frames, settings, "reference frame", " under Advanced")
