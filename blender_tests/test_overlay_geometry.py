"""The overlays' geometry and files without Blender.

Places of pixels, marks for the graphics card, and what is kept of several solves.
"""

import math
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.overlay.marks import LINE, NO_REGION, REGION_COLORS, RING, Marks, landmark_marks, region_colors
from addon.overlay.plate_place import place_frame, place_plate
from addon.problem import FaceSolveProblem
from addon.scene.camera.camera_model import Backdrop, FrameFormat, Lens, intrinsics, plate_placement
from addon.scene.results.sidecar import keep, open_sidecar
from solver_core.networks.regions import PARTITION

numbers = st.floats(-500, 500)
WHITE = (1.0, 1.0, 1.0, 1.0)


def window_of(left, right, bottom, top, near=0.1, far=100.0):
    """OpenGL's perspective matrix of a view that need not be centred."""
    return [
        [2 * near / (right - left), 0, (right + left) / (right - left), 0],
        [0, 2 * near / (top - bottom), (top + bottom) / (top - bottom), 0],
        [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
        [0, 0, -1, 0],
    ]


@given(
    lens=st.tuples(st.floats(50, 5000), st.floats(50, 5000), numbers, numbers),
    sides=st.tuples(st.floats(-0.2, -0.01), st.floats(0.01, 0.2), st.floats(-0.2, -0.01), st.floats(0.01, 0.2)),
    point=st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-20, -0.5)),
)
def test_a_pixel_of_the_plate_is_drawn_where_what_the_camera_sees_there_is_drawn(lens, sides, point):
    width, height = 1920, 1080
    window = np.array(window_of(*sides))
    x, y, _z, w = window @ [*point, 1]
    expected = (0.5 * (x / w + 1) * width, 0.5 * (y / w + 1) * height)
    fx, fy, cx, cy = lens
    u, v = cx + fx * point[0] / -point[2], cy - fy * point[1] / -point[2]
    place = place_plate(lens, window.tolist(), width, height)
    np.testing.assert_allclose(place.at(u, v), expected, rtol=1e-6, atol=1e-4)
    scale_x, scale_y, move_x, move_y = place.clip(width, height)
    np.testing.assert_allclose((scale_x * u + move_x, scale_y * v + move_y), (x / w, y / w), rtol=1e-6, atol=1e-6)


@given(
    fit=st.sampled_from(["AUTO", "HORIZONTAL", "VERTICAL"]),
    shift=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    size=st.tuples(st.integers(100, 4000), st.integers(100, 4000)),
    aspect=st.floats(0.5, 2.0),
    method=st.sampled_from(["STRETCH", "FIT", "CROP"]),
    plate=st.tuples(st.integers(100, 4000), st.integers(100, 4000)),
)
def test_the_plate_lies_in_the_camera_frame_as_blender_puts_it(fit, shift, size, aspect, method, plate):
    lens, frame = Lens(35.0, 36.0, 24.0, fit, *shift), FrameFormat(*size, 1.0, aspect)
    backdrop = Backdrop(*plate, frame_method=method)
    window = window_of(-0.03, 0.05, -0.04, 0.02)
    outer = place_frame(lens, frame, window, 800, 600)
    inner = place_plate(intrinsics(lens, frame, backdrop), window, 800, 600)
    wide, high, x, y = plate_placement(lens, frame, backdrop)
    low, top = inner.at(0, plate[1]), inner.at(plate[0], 0)
    np.testing.assert_allclose(low, outer.at(0.5 + x - wide / 2, 0.5 + y - high / 2), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(top, outer.at(0.5 + x + wide / 2, 0.5 + y + high / 2), rtol=1e-6, atol=1e-6)


def corners(marks):
    """[n,4,2] of each mark: its place in plate pixels and how far its corners are from there on the screen."""
    return np.reshape(marks.place, (-1, 4, 2)), np.reshape(marks.away, (-1, 4, 2))


@given(x=numbers, y=numbers, radius=st.floats(0.5, 20))
def test_a_dot_has_room_for_its_disc(x, y, radius):
    marks = Marks()
    marks.dot(x, y, radius, WHITE)
    place, away = corners(marks)
    np.testing.assert_allclose(place[0], np.float32([[x, y]] * 4))
    assert np.abs(away).min() >= np.float32(radius + 0.5)
    assert np.array(marks.corners).max() == 3


@given(start=st.tuples(numbers, numbers), end=st.tuples(numbers, numbers), half=st.floats(0.5, 5))
def test_a_line_is_a_rectangle_across_its_direction(start, end, half):
    marks = Marks()
    marks.line(*start, *end, half, WHITE)
    if math.dist(start, end) == 0:
        assert len(marks) == 0
        return
    place, away = corners(marks)
    np.testing.assert_allclose(place[0], np.float32([start, end, end, start]))
    along = np.array([end[0] - start[0], -(end[1] - start[1])]) / math.dist(start, end)  # the screen's y points up
    np.testing.assert_allclose(away[0] @ along, 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(away[0], axis=1), half + 1, rtol=1e-5)
    np.testing.assert_allclose(away[0][0], -away[0][3], rtol=1e-5)


def test_landmarks_are_a_dot_a_ring_and_a_line_as_long_as_the_residual():
    plate, render = [10.0, 20.0, 30.0, 40.0], [11.0, 20.0, 30.0, 38.0]
    green, red, line = (0, 1, 0, 1), (1, 0, 0, 1), (1, 1, 0, 1)
    marks = landmark_marks(plate, render, (green, red), line, [], scale=2.0, stretch=10.0)
    place, _away = corners(marks)
    shape, color = np.reshape(marks.shape, (-1, 4, 2))[:, 0], np.reshape(marks.color, (-1, 4, 4))[:, 0]
    lines, dots, rings = ([i for i, c in enumerate(color) if tuple(c) == wanted] for wanted in (line, green, red))
    assert [len(lines), len(dots), len(rings)] == [2, 2, 2]
    np.testing.assert_allclose(place[lines][:, 1] - place[lines][:, 0], [[10, 0], [0, -20]])
    np.testing.assert_allclose(place[dots][:, 0].ravel(), plate)
    np.testing.assert_allclose(place[rings][:, 0].ravel(), render)
    assert (shape[lines][:, 0] == 2 * LINE).all()
    assert (shape[rings] > 0).all()  # they have a hole
    assert (shape[rings][:, 0] == 2 * RING).all()
    assert (shape[dots][:, 1] < 0).all()
    assert len(landmark_marks(plate, render, (green, red), (1, 1, 0, 0.0), [])) == 4 * 4  # invisible lines are left out


def test_every_region_of_the_solver_has_a_colour_of_its_own():
    assert set(REGION_COLORS) == set(PARTITION)
    assert len(set(REGION_COLORS.values())) == len(PARTITION)
    assert region_colors([1, 0], PARTITION, 2) == [REGION_COLORS[PARTITION[1]], REGION_COLORS[PARTITION[0]]]
    assert region_colors([1, 0], PARTITION, 68) == [NO_REGION] * 68


def overlay_file(path, frames, camera="A.1/left", flow=True, shift=0.0):
    """What the solver writes of some frames, told apart by `shift`."""
    arrays = {"regions": np.array(["brows", "lips"]), "region": np.array([0, 1, 1], np.uint8)}
    arrays[f"size/{camera}"] = np.array([720, 540], np.int32)
    for frame in frames:
        landmarks = np.arange(12, dtype=np.float32).reshape(2, 3, 2) + frame + shift
        arrays[f"landmarks/{camera}/{frame}"] = landmarks
        if flow:
            arrays[f"flow/{camera}/{frame}"] = np.full((4, 4, 4), frame % 256, np.uint8)
            arrays[f"crop/{camera}/{frame}"] = np.array([[1.0, 0, frame], [0, 1.0, 2]])
    np.savez_compressed(path, **arrays)
    return path


def test_an_overlay_file_is_read_a_frame_at_a_time(tmp_path):
    sidecar = open_sidecar(overlay_file(tmp_path / "a.npz", [1, 2]))
    assert sidecar.sizes("A.1/left") == (720, 540)
    assert sidecar.sizes("B") is None
    assert (sidecar.regions, sidecar.region) == (["brows", "lips"], [0, 1, 1])
    plate, render = sidecar.landmarks("A.1/left", 2)
    np.testing.assert_array_equal([*plate, *render], np.arange(12) + 2)
    picture, place = sidecar.flow("A.1/left", 1)
    assert picture.shape == (4, 4, 4)
    assert set(picture.values) == {1}
    assert list(place) == [1, 0, 1, 0, 1, 2]
    assert sidecar.has("A.1/left", 1)
    assert not sidecar.has("A.1/left", 3)
    assert sidecar.landmarks("A.1/left", 3) is None
    assert sidecar.flow("A.1/left", 3) is None


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_table_of_a_long_shot_is_read_once_and_not_for_every_frame(tmp_path, monkeypatch, save):
    path, points = tmp_path / "a.npz", np.ones((2, 3, 2), np.float32)
    save(path, **{"size/A": np.array([720, 540], np.int32), "landmarks/A/1": points, "landmarks/A/2": 2 * points})
    sidecar = open_sidecar(path)
    monkeypatch.delattr(zipfile, "ZipFile")
    assert [sidecar.landmarks("A", frame)[0][0] for frame in (2, 1)] == [2.0, 1.0]
    assert sidecar.sizes("A") == (720, 540)
    path.write_bytes(bytes(path.stat().st_size))  # replaced while it is shown
    assert sidecar.landmarks("A", 1) is None
    assert sidecar.sizes("A") == (720, 540)  # asked at every redraw, and known


def test_a_range_solved_again_replaces_its_own_frames_alone(tmp_path):
    before, kept = tmp_path / "overlay_1.npz", tmp_path / "overlay_2.npz"
    assert keep(overlay_file(tmp_path / "first.npz", [1, 2, 3]), None, before)
    unchanged = before.read_bytes()
    assert keep(overlay_file(tmp_path / "again.npz", [2, 4], flow=False, shift=100.0), before, kept)
    assert before.read_bytes() == unchanged  # an undo finds it
    sidecar = open_sidecar(kept)
    first = {frame: sidecar.landmarks("A.1/left", frame)[0][0] for frame in (1, 2, 3, 4)}
    assert first == {1: 1.0, 2: 102.0, 3: 3.0, 4: 104.0}
    assert sidecar.flow("A.1/left", 1) is not None
    assert sidecar.flow("A.1/left", 2) is None  # the later solve measured none
    np.load(kept).close()


def test_what_cannot_be_read_is_not_there(tmp_path):
    assert open_sidecar(tmp_path / "none.npz") is None
    assert not keep(tmp_path / "none.npz", None, tmp_path / "overlay.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 no archive")
    assert open_sidecar(broken) is None
    whole = overlay_file(tmp_path / "whole.npz", [1])
    assert keep(whole, broken, broken)  # a broken file of earlier solves is given up
    assert open_sidecar(broken).has("A.1/left", 1)
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr("landmarks/A.1/left/2.npy", b"no array")
    assert open_sidecar(whole).landmarks("A.1/left", 2) is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    new = overlay_file(tmp_path / "new.npz", [1])
    with pytest.raises(FaceSolveProblem, match="cannot be kept"):
        keep(new, None, tmp_path / "absent" / "overlay.npz")
