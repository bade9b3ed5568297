"""Infill ranges: found in the last solve or the artist's own, what is wrong with one, and how that is mended."""

from __future__ import annotations

from typing import Iterable, List, Optional, Set, Tuple

import bpy

from .. import protocol
from ..problem import ERROR, WARNING, FaceSolveProblem, Problem
from .keys.fixes import artists_frames, solved_channels
from .results.verdicts import bad_frames
from .rig.mesh import check_face

Span = Tuple[int, int]  # first and last frame, inclusive

MEND = "face_solve.mend_infill_range"
_BRIDGED = (protocol.INFILLED, protocol.INTERPOLATED)


def spans_of(frames: Iterable[int]) -> List[Span]:
    """Frames as ranges without gaps, ascending."""
    spans: List[Span] = []
    for frame in sorted(set(frames)):
        if spans and frame == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], frame)
        else:
            spans.append((frame, frame))
    return spans


def frames_to_bridge(settings: bpy.types.PropertyGroup) -> Set[int]:
    """The frames that the last solve leaves to infill: failed, with a large error, marked bad, or bridged already."""
    bridged = {item.frame for item in settings.results if item.status in _BRIDGED and item.mark != "GOOD"}
    return (bridged | set(bad_frames(settings))) - artists_frames(settings)


def find_ranges(settings: bpy.types.PropertyGroup) -> int:
    """List what the last solve leaves to infill, in place of what was found before; answers how many ranges are found.

    The artist's own ranges are not touched, and frames inside them are not found again. A shot without a single good
    frame has nothing to
    bridge from: nothing is found in it.
    """
    rows, active = settings.infill_ranges, settings.infill_index
    for row in reversed(range(len(rows))):
        if rows[row].found:
            rows.remove(row)
    wanted = frames_to_bridge(settings)
    if not {item.frame for item in settings.results} | artists_frames(settings) > wanted:
        return 0
    for own in rows:
        wanted.difference_update(range(own.frame_start, own.frame_end + 1))
    spans = spans_of(wanted)
    for start, end in spans:
        _insert(rows, start, end, found=True)
    settings.infill_index = max(0, min(active, len(rows) - 1))
    return len(spans)


def add_own(settings: bpy.types.PropertyGroup, start: int, end: int) -> None:
    """Add a range of the artist's own, in its place and active.

    Own ranges that it touches grow together with it, found ones give way.

    Raises:
        FaceSolveProblem: where it ends before it starts.
    """
    if end < start:
        raise FaceSolveProblem(f"The range {start}-{end} ends before it starts.", "Give the first frame first.")
    rows = settings.infill_ranges
    for row in reversed(range(len(rows))):
        one = rows[row]
        touches = one.frame_start <= end + 1 and start <= one.frame_end + 1
        inside = start <= one.frame_start and one.frame_end <= end
        if inside if one.found else touches:
            start, end = min(start, one.frame_start), max(end, one.frame_end)
            rows.remove(row)
    settings.infill_index = _insert(rows, start, end, found=False)


def selected_span(settings: bpy.types.PropertyGroup) -> Span:
    """The first and last frame of the face's selected keys.

    Raises:
        FaceSolveProblem: where there is no face, or none of its keys is selected.
    """
    check_face(settings)
    frames: Set[int] = set()
    for channel in solved_channels(settings, settings.face):
        curve = channel.find()
        for point in curve.keyframe_points if curve else ():
            if point.select_control_point:
                frames.add(round(point.co.x))
    if not frames:
        raise FaceSolveProblem(f"No key of {settings.face.name} is selected.", "Select some in the timeline.")
    return min(frames), max(frames)


def _insert(rows: bpy.types.bpy_prop_collection, start: int, end: int, *, found: bool) -> int:
    item = rows.add()
    item.frame_start, item.frame_end = start, end
    item.found = found  # last: a range whose ends are set becomes the artist's own
    place = sum(one.frame_start < start for one in rows)
    rows.move(len(rows) - 1, place)
    return place


def problem_of(settings: bpy.types.PropertyGroup, row: int) -> Optional[Problem]:
    """What keeps a range from being bridged as it stands; None where nothing does."""
    one = settings.infill_ranges[row]
    words = f"The infill range {one.frame_start}-{one.frame_end}"
    if one.frame_end < one.frame_start:
        return Problem(ERROR, f"{words} ends before it starts.", "Turn it round.", MEND)
    first, last = settings.frame_start, settings.frame_end
    if one.frame_end < first or last < one.frame_start:
        return Problem(WARNING, f"{words} lies outside the shot, {first}-{last}.", "Take it off the list.", MEND)
    if one.frame_start < first or last < one.frame_end:
        return Problem(WARNING, f"{words} reaches out of the shot, {first}-{last}.", "Cut it there.", MEND)
    for other_row, other in enumerate(settings.infill_ranges):
        apart = other.frame_end < one.frame_start or one.frame_end < other.frame_start
        if other_row != row and one.enabled and other.enabled and not apart:
            other_words = f"{other.frame_start}-{other.frame_end}"
            return Problem(WARNING, f"{words} overlaps {other_words}.", "Make one of both.", MEND)
    return None


def mend(settings: bpy.types.PropertyGroup, row: int) -> None:
    """Mend what `problem_of` finds in a range, all of it.

    Turn it round, cut it to the shot, make one of those that overlap.
    """
    rows = settings.infill_ranges
    one = rows[row]
    start, end = sorted((one.frame_start, one.frame_end))
    start, end = max(start, settings.frame_start), min(end, settings.frame_end)
    enabled = one.enabled
    rows.remove(row)
    if end < start:
        settings.infill_index = max(0, min(row, len(rows) - 1))
        return
    for other_row in reversed(range(len(rows))):
        other = rows[other_row]
        if enabled and other.enabled and other.frame_start <= end and start <= other.frame_end:
            start, end = min(start, other.frame_start), max(end, other.frame_end)
            rows.remove(other_row)
    add_own(settings, start, end)
    rows[settings.infill_index].enabled = enabled


def mend_all(settings: bpy.types.PropertyGroup) -> None:
    """Mend every range that needs it."""
    while True:
        rows = range(len(settings.infill_ranges))
        row = next((row for row in rows if problem_of(settings, row) is not None), None)
        if row is None:
            return
        mend(settings, row)


def problems(settings: bpy.types.PropertyGroup) -> List[Problem]:
    """What is wrong with the ranges that are switched on, one sentence each."""
    found = (problem_of(settings, row) for row, one in enumerate(settings.infill_ranges) if one.enabled)
    return [problem for problem in found if problem is not None]


def own_spans(settings: bpy.types.PropertyGroup) -> List[Span]:
    """The artist's own ranges that are switched on: what any solve bridges."""
    return _union(one for one in settings.infill_ranges if one.enabled and not one.found)


def spans_to_solve(settings: bpy.types.PropertyGroup, index: int) -> List[Span]:
    """The ranges that Infill bridges: the one in a row, or with a row below zero all that are switched on.

    None where the list is empty.

    Raises:
        FaceSolveProblem: where there is no such row, none is switched on, or one has to be mended first.
    """
    rows = settings.infill_ranges
    if index >= len(rows):
        raise FaceSolveProblem(f"There is no infill range {index}.", f"The list has {len(rows)}, counted from 0.")
    chosen = [row for row, one in enumerate(rows) if (one.enabled if index < 0 else row == index)]
    if len(rows) and not chosen:
        raise FaceSolveProblem("No infill range is switched on.", "Switch one on, or add one.")
    for row in chosen:
        problem = problem_of(settings, row)
        if problem is not None:
            raise FaceSolveProblem(problem.message, problem.remedy, problem.mend)
    return _union(rows[row] for row in chosen)


def state_of(settings: bpy.types.PropertyGroup, row: int) -> str:
    """What became of a range's frames in the last solve, in words: "4 infilled, 1 failed"."""
    one = settings.infill_ranges[row]
    counts: dict = {}
    for item in settings.results:
        if one.frame_start <= item.frame <= one.frame_end:
            counts[item.status] = counts.get(item.status, 0) + 1
    return ", ".join(f"{counts[status]} {status}" for status in protocol.FRAME_STATUSES if status in counts)


def _union(rows: Iterable[bpy.types.PropertyGroup]) -> List[Span]:
    return spans_of(frame for one in rows for frame in range(one.frame_start, one.frame_end + 1))
