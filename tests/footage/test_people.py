"""Who of several people is solved: the one on whom the artist's head stands, followed from frame to frame."""

from __future__ import annotations

import numpy as np
import pytest

from solver_core.footage.people import Place, Sought, choose_person, spans

NO_CUTS = np.zeros(39, bool)


def place(x, y=200.0, size=100.0):
    return Place(np.array([x, y], float), size)


def walk(start, end, count=40, size=100.0):
    return [place(x, size=size) for x in np.linspace(start, end, count)]


def chosen(faces, head, *, cuts=NO_CUTS, told=None):
    """Which list of places the person is in, frame by frame; faces are shuffled as a detector's scores would."""
    random = np.random.default_rng(3)
    order = [random.permutation(len(faces)) for _ in range(len(faces[0]))]
    here = [[faces[k][i] for k in order[i] if faces[k][i] is not None] for i in range(len(faces[0]))]
    names = [[int(k) for k in order[i] if faces[k][i] is not None] for i in range(len(faces[0]))]
    choice = choose_person(here, Sought([head] * len(here), told or {}), cuts)
    return [None if face is None else names[i][face] for i, face in enumerate(choice.person)], choice


@pytest.mark.parametrize("size", [40.0, 100.0, 260.0])
def test_the_face_where_the_head_stands_is_taken_whatever_the_other_s_size(size):
    person, choice = chosen([walk(200, 240), walk(600, 560, size=size)], place(230))
    assert person == [0] * 40
    assert (choice.people, choice.doubtful, choice.unsure.any()) == (2, False, False)


def test_two_who_cross_keep_their_names_and_the_frames_are_named():
    person, choice = chosen([walk(200, 600), walk(600, 200)], place(205))
    assert person == [0] * 40
    assert choice.doubtful  # both stood where the head stands
    close = [i for i in range(40) if abs(walk(200, 600)[i].centre[0] - walk(600, 200)[i].centre[0]) < 60]
    assert np.flatnonzero(choice.unsure).tolist() == close
    frames = np.arange(1001, 1041)
    assert any(spans(frames[close]) in note for note in choice.notes(frames))


def test_a_poster_is_nobody_also_where_the_person_is_away():
    poster, actor = [place(700)] * 40, walk(200, 260)
    actor[15:30] = [None] * 15
    person, _ = chosen([actor, poster], place(230))
    assert person == [0] * 15 + [None] * 15 + [0] * 10


def test_a_poster_that_is_seen_alone_first_is_not_the_person_who_comes_in_later():
    actor = [None] * 10 + walk(300, 200, 30)
    person, _ = chosen([actor, [place(700)] * 40], place(200))
    assert person == [None] * 10 + [0] * 30


def test_a_face_that_is_alone_is_solved_wherever_the_head_stands():
    person, choice = chosen([walk(200, 600)], place(5000))
    assert person == [0] * 40
    assert not choice.doubtful
    assert not choice.notes(np.arange(40))


def test_a_head_between_two_faces_says_so():
    _, choice = chosen([walk(200, 200), walk(400, 400)], place(310))
    assert choice.doubtful
    assert "Choose Person" in choice.notes(np.arange(40))[0]


def test_a_head_out_of_the_picture_leaves_the_longest_seen_and_says_so():
    person, choice = chosen([walk(200, 200), [*walk(400, 400, 20), *[None] * 20]], None)
    assert person == [0] * 40
    assert choice.doubtful


def test_who_is_told_is_taken_from_there_on_both_sides():
    told = {25: Place(np.array([601.0, 200.0]))}
    person, choice = chosen([walk(200, 240), walk(600, 560)], place(230), told=told)
    assert person == [1] * 40
    assert not choice.doubtful


def test_two_told_frames_change_where_both_came_nearest():
    """The tracks took one for the other as they met; the artist says who is who on both sides of it."""
    left = [place(400 - 20 * abs(i - 20)) for i in range(40)]
    right = [place(410 + 20 * abs(i - 20)) for i in range(40)]
    told = {2: left[2], 37: right[37]}
    person, _ = chosen([left, right], place(0), told=told)
    assert person == [0] * 21 + [1] * 19


def test_behind_a_cut_the_head_says_again_who_it_is():
    cuts = NO_CUTS.copy()
    cuts[19] = True
    first = [*walk(200, 220, 20), *walk(600, 600, 20)]
    second = [*walk(600, 600, 20), *walk(230, 210, 20)]
    person, _ = chosen([first, second], place(215), cuts=cuts)
    assert person == [0] * 20 + [1] * 20


def test_nobody_is_nobody():
    assert choose_person([[], []], Sought([None, None]), np.zeros(1, bool)).person == [None, None]
