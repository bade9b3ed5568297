"""Keys that undo each other, and keys that are each other's mirror image, are told by shapes and names."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from solver_core.face.key_relations import key_relations


def relations(solved=None, **shapes):
    """Of keys with these shapes, a number a vertex."""
    names, values = tuple(shapes), np.array(list(shapes.values()), float)
    held = np.ones(len(names), bool) if solved is None else np.isin(names, solved)
    rig = SimpleNamespace(names=names, solved=held, key_shapes=lambda keys: values[keys][..., None])
    found = key_relations(rig)
    opposite = {tuple(sorted((names[a], names[b]))) for a, b in np.argwhere(found.opposite)}
    return opposite, {(names[a], names[b]) for a, b in found.mirrors}


def test_keys_whose_shapes_cancel_are_opposites_whatever_their_names():
    opposite, _ = relations(one=[1, 1, 0], two=[-1, -0.8, 0.1], three=[0, 0, 1])
    assert opposite == {("one", "two")}


def test_a_smile_and_a_frown_of_one_side_are_opposites_and_those_of_two_sides_are_not():
    opposite, _ = relations(mouthSmile_L=[1, 0], mouthFrown_L=[0, 1], mouthFrown_R=[0, 1])
    assert opposite == {("mouthFrown_L", "mouthSmile_L")}


def test_mirrored_keys_are_paired_by_what_rigs_call_their_sides():
    shapes = {"browDown_L": [1, 0], "browDown_R": [0, 1], "blink.L": [1, 1], "blink.R": [1, 2], "smileLeft": [2, 1]}
    _, mirrors = relations(**shapes, smileRight=[0, 2], jawOpen=[1, 1])
    assert mirrors == {("browDown_L", "browDown_R"), ("blink.L", "blink.R"), ("smileLeft", "smileRight")}


def test_a_jaw_to_the_left_is_no_mirror_of_one_to_the_right_nor_are_eyes_that_both_look_in():
    opposite, mirrors = relations(jawLeft=[1, 0, 0], jawRight=[-1, 0, 0], eyeLookIn_L=[0, 1, 0], eyeLookIn_R=[0, 0, 1])
    assert opposite == {("jawLeft", "jawRight")}
    assert mirrors == set()


def test_keys_that_are_not_solved_and_keys_that_move_nothing_have_no_relations():
    opposite, mirrors = relations(["one", "two_L", "two_R"], one=[0, 0], other=[-1, 0], two_L=[1, 0], two_R=[0, 0])
    assert opposite == set()
    assert mirrors == {("two_L", "two_R")}
