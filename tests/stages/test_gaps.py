"""Which frames infill fills, and from where: odd ranges, locked frames, cuts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver_core.common.errors import FaceSolveError
from solver_core.stages.shared.gaps import choose_fill, gaps_of, in_ranges

FRAMES = np.arange(101, 113)
COUNT = len(FRAMES)
EVERYWHERE = np.ones(COUNT, bool)
UNCUT = np.zeros(COUNT - 1, bool)


def only(*frames):
    return np.isin(FRAMES, frames)


def shot(ranges=(), kept=(), pinned=()):
    return SimpleNamespace(
        frames=FRAMES, infill_ranges=ranges, held_mask=only(*kept), pinned_mask=lambda: only(*pinned)
    )


def frames_of(choice):
    return FRAMES[choice.fill].tolist()


def test_ranges_may_overlap_and_reach_beyond_the_shot():
    assert FRAMES[in_ranges(FRAMES, [(103, 105), (104, 107), (90, 101), (112, 200)])].tolist() == [
        101,
        *range(103, 108),
        112,
    ]
    assert not in_ranges(FRAMES, [(1, 5)]).any()


def test_a_reversed_range_is_refused():
    with pytest.raises(FaceSolveError, match="105-103 ends before it starts"):
        choose_fill(shot([(105, 103)]), EVERYWHERE, UNCUT, solving=True)


def test_locked_frames_inside_a_range_are_anchors():
    choice = choose_fill(shot([(103, 107)], kept=[105]), EVERYWHERE, UNCUT, solving=False)
    assert frames_of(choice) == [103, 104, 106, 107]
    gaps = gaps_of(choice.fill, choice.known, UNCUT)
    assert [(FRAMES[g.frames].tolist(), g.anchors) for g in gaps] == [([103, 104], [1, 4]), ([106, 107], [4, 7])]


def test_a_range_at_an_end_of_the_shot_has_one_anchor():
    choice = choose_fill(shot([(101, 102), (110, 112)]), EVERYWHERE, UNCUT, solving=True)
    assert [g.anchors for g in gaps_of(choice.fill, choice.known, UNCUT)] == [[2], [8]]


def test_a_range_over_the_whole_shot():
    """Solved like other frames in a solve; refused where there is nothing else to do."""
    choice = choose_fill(shot([(101, 112)]), EVERYWHERE, UNCUT, solving=True)
    assert not choice.fill.any()
    assert choice.known.all()
    assert "101-112" in choice.notes[0]
    with pytest.raises(FaceSolveError, match="no frame to fill from"):
        choose_fill(shot([(101, 112)]), EVERYWHERE, UNCUT, solving=False)


def test_a_failed_frame_that_touches_a_range_is_filled_with_it():
    seen = ~only(106, 107, 110)
    choice = choose_fill(shot([(104, 105)]), seen, UNCUT, solving=True)
    assert frames_of(choice) == [104, 105, 106, 107]
    assert not choice.known[FRAMES == 110].any()


def test_without_ranges_the_frames_without_a_face_are_found_unless_their_pose_is_given():
    seen = ~only(104, 108, 109)
    choice = choose_fill(shot(kept=[108]), seen, UNCUT, solving=False)
    assert frames_of(choice) == [104, 109]
    assert choice.known[FRAMES == 108].all()


def test_nothing_to_do_is_said():
    assert choose_fill(shot(), EVERYWHERE, UNCUT, solving=False).notes == ["No frame needs to be filled in."]


def test_no_gap_crosses_a_cut():
    cuts = UNCUT.copy()
    cuts[4] = True  # between 105 and 106
    gaps = gaps_of(only(104, 105, 106, 107), ~only(104, 105, 106, 107), cuts)
    assert [(FRAMES[g.frames].tolist(), g.left, g.right) for g in gaps] == [
        ([104, 105], 2, None),
        ([106, 107], None, 7),
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.booleans(), min_size=COUNT, max_size=COUNT),
    st.lists(st.booleans(), min_size=COUNT, max_size=COUNT),
    st.lists(st.booleans(), min_size=COUNT - 1, max_size=COUNT - 1),
)
def test_every_frame_to_fill_is_in_one_gap_and_anchors_are_known(fill, known, cuts):
    fill, known, cuts = (np.array(one) for one in (fill, known, cuts))
    known &= ~fill
    gaps = gaps_of(fill, known, cuts)
    np.testing.assert_array_equal(np.concatenate([g.frames for g in gaps]) if gaps else [], np.flatnonzero(fill))
    for gap in gaps:
        assert (np.diff(gap.frames) == 1).all()
        ends = [gap.frames[0] if gap.left is None else gap.left, gap.frames[-1] if gap.right is None else gap.right]
        assert not cuts[ends[0] : ends[1]].any()
        assert all(known[anchor] for anchor in gap.anchors)
