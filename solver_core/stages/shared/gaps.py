"""Which frames are to be filled in, and the gaps that they make between frames that are known (Section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Bools, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import Shot


@dataclass(frozen=True)
class Gap:
    """Consecutive frames to fill, and the known frames beside them."""

    frames: Ints  # indices, ascending, at least one
    left: int | None  # index of the known frame before them; None where the shot or a cut begins
    right: int | None

    @property
    def anchors(self) -> list[int]:
        """The known frames beside it, one or two; none where nothing is known."""
        return [anchor for anchor in (self.left, self.right) if anchor is not None]


@dataclass(frozen=True)
class FillChoice:
    """What infill has to do with each of N frames."""

    fill: Bools  # [N] to be filled
    known: Bools  # [N] can be trusted, once they are solved
    notes: list[str]  # what the artist should know of the choice


def choose_fill(shot: Shot, seen: Bools, cuts: Bools, *, solving: bool) -> FillChoice:
    """Choose the frames to fill: the ranges; where there are none, the frames where no face is seen.

    Args:
        shot: with its ranges, and the frames whose poses are given.
        seen: [N] frames where the face was found now.
        cuts: [N-1].
        solving: whether other stages solve the rest of the shot first; else it stands as the artist has it.

    Raises:
        FaceSolveError: a range that ends before it starts; no known frame beside any gap.
    """
    known = shot.held_mask | seen
    fill = in_ranges(shot.frames, shot.infill_ranges) if shot.infill_ranges else ~known
    fill = grown(fill & ~shot.held_mask, ~known)
    pinned = shot.pinned_mask()
    gaps = gaps_of(fill, known & ~fill, cuts)
    lonely = [gap for gap in gaps if not gap.anchors and not pinned[gap.frames].any()]
    if not solving and lonely and len(lonely) == len(gaps):
        raise FaceSolveError(
            "There is no frame to fill from: none beside the infill ranges is solved or locked.",
            "Leave a frame out of the range, or pose one and lock it.",
        )
    notes = []
    for gap in lonely if solving else []:
        fill[gap.frames] = False
        first, last = shot.frames[gap.frames[[0, -1]]]
        notes.append(
            f"The infill range {first}-{last} leaves no frame to fill it from; its frames are solved like the others."
        )
    if not fill.any() and not lonely:
        notes.append("No frame needs to be filled in.")
    return FillChoice(fill, known & ~fill, notes)


def in_ranges(frames: Ints, ranges: Sequence[tuple[int, int]]) -> Bools:
    """[N] which scene frames lie in any of the ranges; ranges may overlap and reach beyond the shot.

    Raises:
        FaceSolveError: a range that ends before it starts.
    """
    inside = np.zeros(len(frames), bool)
    for first, last in ranges:
        if last < first:
            raise FaceSolveError(
                f"The infill range {first}-{last} ends before it starts.",
                "Give its first frame first, or switch it off.",
            )
        inside |= (frames >= first) & (frames <= last)
    return inside


def grown(fill: Bools, unknown: Bools) -> Bools:
    """The frames to fill, with the unknown ones that touch them: those are no anchors."""
    fill = fill.copy()
    for order in (range(1, len(fill)), range(len(fill) - 2, -1, -1)):
        for i in order:
            beside = i - 1 if order.step > 0 else i + 1
            fill[i] |= unknown[i] and fill[beside]
    return fill


def stretches(marked: Bools, cuts: Bools, least: int = 1) -> list[Ints]:  # marked [N], cuts [N-1]
    """Indices of marked frames that follow each other without a cut, in order.

    Stretches of fewer than `least` are left out.
    """
    wanted = np.flatnonzero(marked)
    apart = (np.diff(wanted) > 1) | cuts[wanted[:-1]]
    return [part for part in np.split(wanted, np.flatnonzero(apart) + 1) if len(part) >= least]


def gaps_of(fill: Bools, known: Bools, cuts: Bools) -> list[Gap]:
    """The gaps, in order; none crosses a cut, and only known frames beside a gap are its anchors.

    Args:
        fill: [N].
        known: [N] frames whose pose can be trusted.
        cuts: [N-1] true where a cut lies between a frame and the next.
    """
    gaps = []
    for frames in stretches(fill, cuts):
        before, after = int(frames[0]) - 1, int(frames[-1]) + 1
        left = before if before >= 0 and known[before] and not cuts[before] else None
        right = after if after < len(fill) and known[after] and not cuts[after - 1] else None
        gaps.append(Gap(frames, left, right))
    return gaps
