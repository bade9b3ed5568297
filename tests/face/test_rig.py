"""The rig: slow twins of its values, finite differences of its derivatives, and every way its file can be wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from slow_rig import slow_world

from solver_core.common.errors import FaceSolveError
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig_file import load_rig

V, T, K = 12, 9, 4


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """A small rig's file."""
    rng = np.random.default_rng(3)
    return {
        "neutral": rng.normal(size=(V, 3)).astype(np.float32),
        "triangles": np.stack([rng.permutation(V)[:3] for _ in range(T)]).astype(np.int32),
        "names": np.array(["jawOpen", "smile_L", "smile_R", "blink"]),
        "deltas": (0.1 * rng.normal(size=(K, V, 3))).astype(np.float32),
        "minimum": np.array([0, -1, 0, 0], np.float32),
        "maximum": np.array([1, 1, 2, 1], np.float32),
        "groups": np.array(["jaw", "mouth", "mouth", "eyes"]),
        "solved": np.array([True, True, False, True]),
        "strength": np.array([1, 0.5, 1, 1], np.float32),
        "scale": np.array([1.0, 2.0, 0.5], np.float32),
        "colors": rng.random((V, 4)).astype(np.float32),
    }


def load(folder, arrays) -> BlendshapeRig:
    np.savez(folder / "rig.npz", **arrays)
    return load_rig(folder / "rig.npz")


@pytest.fixture
def rig(tmp_path, arrays) -> BlendshapeRig:
    return load(tmp_path, arrays)


@pytest.fixture
def pose() -> Pose:
    rng = np.random.default_rng(4)
    return Pose(Rotation.random(3, random_state=5).as_matrix(), rng.normal(size=(3, 3)), rng.random((3, K)))


def test_what_is_written_is_what_is_read(rig, arrays):
    for name in ("neutral", "triangles", "deltas", "minimum", "maximum", "solved", "strength", "scale"):
        np.testing.assert_array_equal(getattr(rig, name), arrays[name])
    assert rig.names == tuple(arrays["names"])
    assert rig.groups == tuple(arrays["groups"])
    np.testing.assert_array_equal(rig.colors, arrays["colors"][:, :3])


def test_what_may_be_left_out_has_a_default(tmp_path, arrays):
    rig = load(tmp_path, {name: arrays[name] for name in ("neutral", "triangles", "names", "deltas")})
    assert (rig.minimum == 0).all()
    assert (rig.maximum == 1).all()
    assert rig.solved.all()
    assert (rig.strength == 1).all()
    assert (rig.scale == 1).all()
    assert rig.colors is None


def test_one_colour_all_over_is_none(arrays, tmp_path):
    """A material's default grey: what shows brows and lips has to come from the plates."""
    for spread, kept in ((0.0, False), (0.001, False), (0.05, True)):
        arrays["colors"] = np.tile(np.float32([0.8, 0.8, 0.8, 1.0]), (V, 1))
        arrays["colors"][0, :3] -= spread
        np.savez(tmp_path / "rig.npz", **arrays)
        assert (load_rig(tmp_path / "rig.npz").colors is not None) == kept


def test_world_is_the_slow_twin(rig, pose):
    world = rig.world(pose)
    for b in range(3):
        for vertex in range(V):
            np.testing.assert_allclose(world[b, vertex], slow_world(rig, pose, b, vertex), atol=2e-6)


def test_surface_points_lie_between_their_corners(rig, pose):
    rng = np.random.default_rng(6)
    triangle, share = rng.integers(0, T, (3, 5)), rng.dirichlet(np.ones(3), (3, 5))
    points = rig.sample(triangle, share).world(pose)
    corners = rig.world(pose)
    for b in range(3):
        for n in range(5):
            expected = share[b, n] @ corners[b, rig.triangles[triangle[b, n]]]
            np.testing.assert_allclose(points[b, n], expected, atol=2e-6)


def test_every_vertex_is_the_rig_itself(rig, pose):
    np.testing.assert_allclose(rig.every_vertex(3).world(pose), rig.world(pose), atol=2e-6)


def test_derivative_is_that_of_a_step(rig, pose):
    """By finite differences of Pose.stepped, for all six rigid parameters and a choice of keys."""
    keys = np.array([3, 0])
    points = rig.every_vertex(3)
    exact = points.derivative(pose, points.world(pose), FreeParameters(keys))
    h = 1e-3  # positions are float32: about 1e-7 / 1e-3 of noise
    for column in range(6 + len(keys)):
        step = np.zeros((3, 6 + K))
        step[:, column if column < 6 else 6 + keys[column - 6]] = h
        numeric = (points.world(pose.stepped(step)) - points.world(pose.stepped(-step))) / (2 * h)
        np.testing.assert_allclose(exact[..., column], numeric, atol=1e-3)


def test_a_face_far_from_the_origin_keeps_its_micrometres(tmp_path, arrays):
    """Ten metres away, a turn of a microradian moves every vertex by the right tenth of a micrometre."""
    rig = load(tmp_path, {**arrays, "neutral": arrays["neutral"] * np.float32(0.1)})
    pose = Pose(np.eye(3)[None], np.array([[10.0, 10.0, 10.0]]), np.zeros((1, K)))
    step = np.zeros((1, 6 + K))
    step[0, 1] = 1e-6
    moved = rig.world(pose.stepped(step)) - rig.world(pose)
    arm = rig.neutral * rig.scale
    np.testing.assert_allclose(moved[0], 1e-6 * np.cross([0, 1, 0], arm), atol=1e-12)


def test_steps_add_up_and_stay_rotations(pose):
    step = np.zeros((3, 6 + K))
    step[:, :3] = [0.3, -0.2, 0.5]
    there = pose.stepped(step)
    np.testing.assert_allclose(
        there.rotation @ there.rotation.swapaxes(1, 2), np.broadcast_to(np.eye(3), (3, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(there.stepped(-step).rotation, pose.rotation, atol=1e-12)
    # the turn is about the head's own origin: it does not move the head
    np.testing.assert_array_equal(there.translation, pose.translation)


def spoiled(name, index, value):
    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][index] = value

    return change


def without(name):
    return lambda arrays: arrays.pop(name)


def shaped(name, array):
    return lambda arrays: arrays.update({name: array})


WRONG = {
    "two keys of one name": (spoiled("names", 2, "smile_L"), "smile_L"),
    "NaN in the Basis": (spoiled("neutral", (3, 1), np.nan), "Basis"),
    "infinity in a key": (spoiled("deltas", (1, 3, 1), np.inf), "smile_L"),
    "NaN in the last key": (spoiled("deltas", (3, 0, 0), np.nan), "blink"),
    "an enormous vertex": (spoiled("neutral", (0, 0), 1e6), "Basis"),
    "an enormous key": (spoiled("deltas", (0, 0, 0), -1e6), "jawOpen"),
    "a slider of no length": (spoiled("maximum", 3, 0.0), "blink"),
    "a slider from high to low": (spoiled("minimum", 1, 1.5), "smile_L"),
    "a slider that is not a number": (spoiled("minimum", 2, np.nan), "smile_R"),
    "a triangle beyond the vertices": (spoiled("triangles", (0, 0), V), "triangles"),
    "a triangle below zero": (spoiled("triangles", (0, 0), -1), "triangles"),
    "no triangles": (shaped("triangles", np.zeros((0, 3), np.int32)), "triangles"),
    "triangles that are quads": (shaped("triangles", np.zeros((5, 4), np.int32)), "triangles"),
    "no neutral": (without("neutral"), "neutral"),
    "no names": (without("names"), "names"),
    "no deltas": (without("deltas"), "deltas"),
    "no triangle list": (without("triangles"), "triangles"),
    "deltas of another mesh": (shaped("deltas", np.zeros((K, V + 1, 3), np.float32)), "deltas"),
    "a flat neutral": (shaped("neutral", np.zeros((V, 2), np.float32)), "neutral"),
    "too few groups": (shaped("groups", np.array(["jaw"])), "groups"),
    "too few sliders": (shaped("minimum", np.zeros(K - 1, np.float32)), "minimum"),
    "colours of another mesh": (shaped("colors", np.zeros((V + 1, 4), np.float32)), "colors"),
    "NaN in a colour": (spoiled("colors", (2, 1), np.nan), "colour"),
    "a scale that is not a number": (spoiled("scale", 1, np.nan), "scale"),
    "a scale of nothing": (spoiled("scale", 1, 0.0), "scale"),
    "a strength below nothing": (spoiled("strength", 1, -0.5), "smile_L"),
    "a strength that is not a number": (spoiled("strength", 1, np.nan), "smile_L"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_rig_is_refused_with_the_name_of_what_is_wrong(tmp_path, arrays, what):
    change, named = WRONG[what]
    change(arrays)
    with pytest.raises(FaceSolveError, match=named) as caught:
        load(tmp_path, arrays)
    assert caught.value.remedy


def test_excluding_a_key_mends_its_slider(tmp_path, arrays):
    """As the remedy says: its value stays, so its range is nobody's business.

    One that fit-rig may set is another matter.
    """
    arrays["minimum"][1] = arrays["maximum"][1]
    with pytest.raises(FaceSolveError, match="smile_L") as caught:
        load(tmp_path, arrays)
    assert "exclude" in caught.value.remedy
    arrays["solved"][1] = False
    assert load(tmp_path, arrays).minimum[1] == arrays["maximum"][1]
    arrays["identity"] = np.arange(K) == 1
    with pytest.raises(FaceSolveError, match="smile_L"):
        load(tmp_path, arrays)


def test_a_strength_of_zero_holds_its_key_without_dividing_by_it(tmp_path, arrays):
    arrays["strength"][1] = 0
    strength = load(tmp_path, arrays).strength
    assert 0 < strength[1] <= 1e-3
    assert strength[0] == 1


@pytest.mark.parametrize("kind", [np.str_, float])
def test_a_rig_without_shape_keys_is_a_rigid_head(tmp_path, arrays, kind):
    """Whatever kind of numbers an array of no names is."""
    for name in ("names", "minimum", "maximum", "groups", "solved", "strength"):
        arrays[name] = arrays[name][:0]
    arrays["names"], arrays["groups"] = np.zeros(0, kind), np.zeros(0, kind)
    arrays["deltas"] = arrays["deltas"][:0]
    rig = load(tmp_path, arrays)
    pose = Pose(np.eye(3)[None], np.ones((1, 3)), np.zeros((1, 0)))
    here = rig.neutral * rig.scale + 1
    np.testing.assert_allclose(rig.world(pose)[0], here, rtol=1e-6)
    points = rig.every_vertex(1)
    np.testing.assert_allclose(points.world(pose)[0], here, rtol=1e-6)
    assert points.derivative(pose, points.world(pose), FreeParameters(np.zeros(0, int))).shape == (
        1,
        len(rig.neutral),
        3,
        6,
    )
    assert rig.as_actor(pose.weights[0]) is rig
    assert not len(rig.fittable)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_rig_is_refused(tmp_path, content):
    (tmp_path / "rig.npz").write_bytes(content)
    with pytest.raises(FaceSolveError, match=r"rig\.npz"):
        load_rig(tmp_path / "rig.npz")


def test_a_lone_array_is_refused(tmp_path):
    with (tmp_path / "rig.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(FaceSolveError, match=r"rig\.npz"):
        load_rig(tmp_path / "rig.npz")


def test_a_rig_that_is_cut_off_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "rig.npz", **arrays)
    whole = (tmp_path / "rig.npz").read_bytes()
    for length in (len(whole) // 3, len(whole) - 30):
        (tmp_path / "rig.npz").write_bytes(whole[:length])
        with pytest.raises(FaceSolveError, match=r"rig\.npz"):
            load_rig(tmp_path / "rig.npz")


def test_an_absent_rig_is_refused(tmp_path):
    with pytest.raises(FaceSolveError, match="no rig file"):
        load_rig(tmp_path / "rig.npz")


def test_objects_in_the_file_are_not_unpickled(tmp_path, arrays):
    arrays["names"] = np.array(["a", "b", "c", {"d": 1}], object)
    with pytest.raises(FaceSolveError, match=r"rig\.npz"):
        load(tmp_path, arrays)
