"""A rig fitted to an actor whose shape is known, on footage made here; what cannot be fitted is refused in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_shot import camera, performance, write_shot
from scipy.spatial.transform import Rotation

from solver_core import fit_rig as module
from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import load_shot
from solver_core.face.pose import Pose
from solver_core.face.rig import IDENTITY
from solver_core.fit_rig import choose, fit_rig
from solver_core.service.listener import Silent

COUNT = 4
TRUE = np.array([1.0, -0.8])


@pytest.fixture(scope="module")
def stock(demo_rig):
    """The demo's head with two identity keys: a wider face, and a nose that stands out farther."""
    x, y, z = demo_rig.neutral.T
    low = np.clip((0.03 - z) / 0.08, 0, 1)  # from the chin up to the eyes
    wide = np.stack([0.1 * x * low, 0 * y, 0 * z], 1)
    nose = np.stack([0 * x, -0.012 * np.exp(-((x / 0.014) ** 2) - ((z + 0.01) / 0.02) ** 2) * (y < 0), 0 * z], 1)
    deltas = np.concatenate([demo_rig.deltas, np.stack([wide, nose])]).astype(np.float32)
    count = len(demo_rig.names)
    return replace(
        demo_rig,
        names=(*demo_rig.names, "id_wide", "id_nose"),
        deltas=deltas,
        groups=(*demo_rig.groups, IDENTITY, IDENTITY),
        minimum=np.r_[np.zeros(count), -2, -2],
        maximum=np.r_[np.ones(count), 2, 2],
        strength=np.ones(count + 2),
        solved=np.r_[np.ones(count, bool), False, False],
    )


def filmed(folder, rig, identity):
    """Footage of the head with these identity weights; the shot itself knows nothing of them."""
    plain = performance(replace(rig, names=rig.names[:-2]), COUNT)
    weights = np.concatenate([plain.weights, np.tile(identity, (COUNT, 1))], 1)
    pose = Pose(plain.rotation, plain.translation, weights)
    return load_shot(write_shot(folder, rig, pose, (camera("A", COUNT, (0.1, -0.75, 0.02)),)).folder)


@pytest.fixture(scope="module")
def shot(tmp_path_factory, stock):
    return filmed(tmp_path_factory.mktemp("actor") / "shot", stock, TRUE)


@pytest.fixture(scope="module", autouse=True)
def few_rounds():
    """Enough to see where it goes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROUNDS", 2)
        yield


@pytest.fixture(scope="module")
def fitted(shot):
    return fit_rig(shot, Silent())


def test_the_actors_shape_is_found(fitted):
    assert fitted.names == ("id_wide", "id_nose")
    np.testing.assert_allclose(fitted.weights, TRUE, atol=0.5)
    np.testing.assert_array_equal(fitted.focal, 1.0)
    np.testing.assert_array_equal(fitted.focal_range, [[1.0, 1.0]])


def test_what_an_earlier_fit_has_set_plays_no_part(shot, monkeypatch):
    """And so two fits are equal to the bit."""
    monkeypatch.setattr(module, "ROUNDS", 1)
    initial = shot.initial.copy()
    initial.weights[:, -2:] = -0.7
    first, again = (fit_rig(one, Silent(), frames=[1002]) for one in (shot, replace(shot, initial=initial)))
    np.testing.assert_array_equal(again.weights, first.weights)
    assert again.error_px == first.error_px


def test_a_rig_that_is_the_actors_already_stays(tmp_path, stock):
    found = fit_rig(filmed(tmp_path / "same", stock, np.zeros(2)), Silent(), frames=[1001, 1004])
    np.testing.assert_allclose(found.weights, 0.0, atol=0.053)


def test_a_focal_length_says_how_sure_it_is(shot, monkeypatch):
    """The interval lies around it; one frame alone says nothing but what was believed before."""
    monkeypatch.setattr(module, "ROUNDS", 1)
    several, alone = (fit_rig(shot, Silent(), focal=True, frames=frames) for frames in ([1001, 1003, 1004], [1003]))
    for found in (several, alone):
        ((low, high),) = found.focal_range
        assert low < found.focal[0] < high
        np.testing.assert_allclose(found.focal[0] ** 2, low * high, rtol=1e-9)
    widths = [np.log(found.focal_range[0, 1] / found.focal_range[0, 0]) for found in (several, alone)]
    assert 1e-4 < widths[0] < 0.5 * widths[1]
    np.testing.assert_allclose(widths[1], 2 * module.LIKELY * module.ZOOM_SIGMA)


def test_frames_that_are_not_taken_play_no_part(shot, monkeypatch):
    """Chosen here or given: the same frames give the same head."""
    monkeypatch.setattr(module, "CHOSEN", 2)
    monkeypatch.setattr(module, "ROUNDS", 1)
    chosen = fit_rig(shot, Silent())
    assert 2 <= len(chosen.frames) < COUNT
    given = fit_rig(shot, Silent(), frames=chosen.frames.tolist())
    np.testing.assert_allclose(chosen.weights, given.weights, atol=1e-6)


def test_the_file_holds_what_was_found(tmp_path, fitted):
    fitted.save(tmp_path / "deep" / "FITTED.npz")
    with np.load(tmp_path / "deep" / "FITTED.npz") as file:
        np.testing.assert_array_equal(file["weights"], fitted.weights)
        assert tuple(file["names"]) == fitted.names
        np.testing.assert_array_equal(file["frames"], fitted.frames)


def test_frames_are_chosen_for_their_turns_and_over_the_shot(monkeypatch):
    """Of three hundred frames that nearly all look ahead, those that turn are among the chosen; none are neighbours."""
    angles = np.zeros(300)
    angles[120:125], angles[200] = 0.5, -0.6
    turns = Rotation.from_euler("Z", angles[:, None]).as_matrix()
    solvable = np.setdiff1d(np.arange(300), [200])

    class Seen:
        pose = Pose(turns, np.zeros((300, 3)), np.zeros((300, 0)))

    Seen.solvable = solvable
    taken = choose(Seen)
    assert len(taken) == module.CHOSEN
    assert 200 not in taken
    assert set(taken) & set(range(120, 125))
    assert np.diff(taken).min() > 5


@pytest.mark.parametrize(
    ("frames", "words"), [([999], "no frame 999"), (list(range(1001, 1007)) * 1 + list(range(1, 40)), "no frame 1")]
)
def test_frames_that_the_shot_has_not_are_refused(shot, frames, words):
    with pytest.raises(FaceSolveError, match=words):
        fit_rig(shot, Silent(), frames=frames)


def test_a_rig_without_identity_keys_is_refused(shot):
    rig = replace(shot.rig, identity=np.zeros(len(shot.rig.names), bool))
    with pytest.raises(FaceSolveError, match="no identity shape keys"):
        fit_rig(replace(shot, rig=rig), Silent())


def test_a_cancelled_fit_comes_to_nothing(shot):
    class Impatient(Silent):
        def cancelled(self):
            return True

    assert fit_rig(shot, Impatient()) is None
