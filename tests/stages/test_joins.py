"""Joins: solved frames lead to those that stay without a jump, and nothing else moves."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from little_shot import START, Rotation, camera, changed, performance, write_shot

from solver_core import solve as solving
from solver_core.documents.shot import load_shot
from solver_core.face.pose import Pose
from solver_core.service.listener import Silent
from solver_core.stages.catalogue import SOLVE_SHOT, STAGES
from solver_core.stages.key_names import ALL, EYELIDS
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.kinds.fit import Fit
from solver_core.stages.shared.joins import beside, departure, faded, join, limited, reach_of, widest

REACH = 6  # frames
numbers = st.floats(-10.0, 10.0, allow_nan=False)


def poses(count, seed=0, keys=3):
    rng = np.random.default_rng(seed)
    return Pose(
        Rotation.random(count, random_state=seed).as_matrix(), rng.normal(size=(count, 3)), rng.random((count, keys))
    )


def test_a_step_from_one_pose_to_another_leads_there():
    here, there = poses(20, 1), poses(20, 2)
    led = here.stepped(there.step_from(here))
    np.testing.assert_allclose(led.rotation, there.rotation, atol=1e-12)
    np.testing.assert_allclose(led.translation, there.translation, atol=1e-12)
    np.testing.assert_allclose(led.weights, there.weights, atol=1e-12)


@given(numbers, numbers)
def test_what_is_carried_over_is_never_more_than_either_and_never_against_them(change, jump):
    got = float(limited(np.array([change]), np.array([jump]))[0])
    assert abs(got) == (min(abs(change), abs(jump)) if np.sign(change) == np.sign(jump) else 0.0)
    assert got == 0.0 or np.sign(got) == np.sign(change)


def test_an_even_motion_does_not_depart():
    count = 7
    turn = Rotation.from_rotvec(np.outer(np.arange(count), [0.0, 0.02, 0.05])).as_matrix()
    pose = Pose(turn, np.outer(np.arange(count), [0.1, 0.0, -0.3]), np.outer(np.arange(count), [0.1, 0.05]))
    frames, anchors = np.arange(count) + 10, np.array([0, 3, 6])
    solved = ~np.isin(np.arange(count), anchors)
    np.testing.assert_allclose(departure(frames, pose, anchors, solved), 0.0, atol=1e-12)
    pose.translation[3] += [0.0, 0.2, 0.0]
    np.testing.assert_allclose(departure(frames, pose, anchors, solved)[1, 3:6], [0.0, 0.2, 0.0], atol=1e-12)


@given(st.sets(st.integers(0, 39), min_size=1, max_size=6), st.sets(st.integers(0, 39), max_size=4))
def test_a_change_fades_from_its_anchor_and_stops_at_what_stays(anchors, failed):
    frames = np.arange(40) + 1001
    solved = ~np.isin(np.arange(40), [*anchors, *failed])
    at = beside(frames, np.isin(np.arange(40), list(anchors)), solved)
    step = faded(frames, at, np.ones((len(at), 2)), solved, REACH)
    assert np.all(step[~solved] == 0.0)
    assert np.all(step >= 0.0)
    for i in np.flatnonzero(solved):
        reaching = [a for a in at if abs(i - a) <= REACH and solved[min(a, i) : max(a, i) + 1].sum() == abs(i - a)]
        assert bool(step[i].any()) == bool(reaching)
    for a in at:  # alone, a change falls from frame to frame
        alone = faded(frames, np.array([a]), np.ones((1, 1)), solved, REACH)[:, 0]
        for side in (alone[a + 1 :], alone[:a][::-1]):
            run = side[: np.argmin(side > 0.0)] if (side == 0.0).any() else side
            assert np.all(np.diff(run) < 0.0)
            assert not len(run) or run[0] > 0.4


def test_a_change_takes_the_same_time_at_any_rate():
    assert [reach_of(fps) for fps in (0.5, 24.0, 25.0, 60.0)] == [1, REACH, REACH, 15]
    frames = np.arange(40)
    step = faded(frames, np.array([0]), np.ones((1, 1)), frames > 0, reach_of(60.0))[:, 0]
    assert np.flatnonzero(step).tolist() == list(range(1, 16))


def test_frames_that_are_not_there_end_a_change():
    frames = np.array([1, 2, 3, 10, 11])
    solved = np.array([False, True, True, True, True])
    step = faded(frames, np.array([0]), np.ones((1, 1)), solved, REACH)[:, 0]
    assert step[1] > step[2] > 0.0
    assert not step[3:].any()
    assert list(beside(frames, ~solved, solved)) == [0]
    assert list(beside(frames, np.array([False, False, True, False, False]), np.array([0, 0, 0, 1, 1], bool))) == []


@pytest.fixture(scope="module")
def fixed(little_shot, tmp_path_factory):
    """The little shot solved by landmarks with its second frame turned by the artist, and its last one kept.

    Returns (shot, with joins, without).
    """

    turned = Rotation.from_rotvec([0.0, 0.0, 0.06]) * Rotation.from_matrix(little_shot.truth.rotation[1])
    locked = {
        "frame": START + 1,
        "rotation": turned.as_matrix().ravel().tolist(),
        "translation": little_shot.truth.translation[1].tolist(),
        "weights": little_shot.truth.weights[1].tolist(),
    }
    folder = tmp_path_factory.mktemp("fixed")
    shot = load_shot(
        changed(little_shot, folder, locked=[locked], neighbours=[START + 4], stages=["rigid", "expression"])
    )
    joined = solving.solve(shot, Silent())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solving, "join", lambda *_: None)
        apart = solving.solve(shot, Silent())
    return shot, joined, apart


def test_anchors_and_neighbours_keep_every_bit(fixed):
    shot, joined, _apart = fixed
    start = shot.start()
    for i in (1, 4):
        for name in ("rotation", "translation", "weights"):
            assert getattr(joined.pose, name)[i].tobytes() == getattr(start, name)[i].tobytes()
    assert joined.status[4] == "solved"
    assert joined.status[1] == "locked"


def test_the_artists_turn_is_followed_on_both_sides_and_no_jump_is_left(fixed):
    shot, joined, apart = fixed
    index, solved = np.array([1]), np.isin(np.arange(len(shot.frames)), [0, 2])

    def jump(solution):
        return abs(departure(shot.frames, solution.pose, index, solved)[0, 2])

    assert jump(apart) > 0.03
    assert jump(joined) < 0.6 * jump(apart)
    assert json.dumps(joined.settings) == json.dumps(apart.settings)


SHIPPED = [step for name in SOLVE_SHOT for step in STAGES[name]]
OPENS = 2  # the frame where the jaw opens


@pytest.fixture(scope="module")
def opening(demo_rig, tmp_path_factory):
    """The jaw stays at 0.1 and opens in one frame alone, with a blink.

    All frames are solved right, and that one is posed right by the artist.
    """
    truth = performance(demo_rig, 15)[np.arange(5) + 5]
    truth.weights[:] = 0.0
    keys = [demo_rig.names.index(name) for name in ("jawOpen", "eyeBlink_L", "eyeBlink_R")]
    truth.weights[:, keys] = 0.1, 0.0, 0.0
    truth.weights[OPENS, keys] = 0.6, 0.9, 0.9
    made = write_shot(
        tmp_path_factory.mktemp("opening"), demo_rig, truth, (camera("A", 5, (0.1, -0.95, 0.02), drift=0.003),)
    )
    posed = {"rotation": truth.rotation.reshape(5, 9), "translation": truth.translation, "weights": truth.weights}
    initial = {name: values.tolist() for name, values in posed.items()}
    locked = [{"frame": START + OPENS, **{name: values[OPENS] for name, values in initial.items()}}]
    shot = load_shot(changed(made, made.folder / "posed", initial=initial, locked=locked))
    return solving.prepare_context(shot, lambda _done, _total: True), keys


@pytest.mark.parametrize("vouched", [True, False])
def test_what_only_one_frame_shows_is_not_carried_into_its_neighbours(opening, vouched):
    """The shipped stages see it in the plate as the artist does, locked or sent as a neighbour.

    There is no difference to carry over.
    """
    context, keys = opening
    shot = context.shot if vouched else replace(context.shot, locked=(), neighbours=(START + OPENS,))
    after = replace(context, shot=shot, pose=context.pose.copy(), known=context.seen)
    join(after, SHIPPED)
    change = np.abs(after.pose.weights[:, keys] - context.pose.weights[:, keys])
    assert change[:, 0].max() < 0.15  # of 0.5 that stand beside each other
    assert not change[:, 1:].any()
    assert after.pose.weights[OPENS].tobytes() == context.pose.weights[OPENS].tobytes()


def test_the_step_that_answers_moves_the_head_and_all_that_any_step_moves(opening):
    context, _ = opening
    assert widest(context, SHIPPED) == STAGES["dense"][4]
    few, lids = Fit(iterations=5), Deep(rounds=1, keys=(EYELIDS,), rotation=False, translation=False)
    assert widest(context, [few, Deep(rounds=1, keys=(ALL,)), Deep(rounds=1, keys=("mouth",)), lids]) == Deep(
        rounds=1, keys=(ALL,)
    )
    assert widest(context, [lids]) is None
    assert widest(context, []) is None
