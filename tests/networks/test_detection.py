"""Faces and their landmarks are found where they are, at any place and size, and what fails says why."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from painted_face import painted_face

from solver_core.common.errors import FaceSolveError
from solver_core.networks.detector import Detection, merge, overlap, tiles
from solver_core.networks.landmarks import Found, NotFound, faces_in, locate

PLACES = list(itertools.product([(320.0, 240.0), (200.5, 180.25), (450.0, 300.0)], [130.0, 200.0, 300.0]))


@pytest.mark.parametrize(("centre", "height"), PLACES)
def test_a_face_is_found_the_same_at_any_place_and_size(detector, centre, height):
    """Boxes and key points, measured in faces, stay within a twentieth of a face."""
    first, *rest = detector.detect(painted_face(centre=centre, height=height))
    reference = detector.detect(painted_face())[0]
    assert not rest
    box = (np.reshape(first.box, (2, 2)) - centre) / height
    expected = (np.reshape(reference.box, (2, 2)) - (320, 240)) / 240
    np.testing.assert_allclose(box, expected, atol=0.066)
    eyes = (first.keypoints[:2] - centre) / height
    np.testing.assert_allclose(eyes, [[-0.15, -0.04], [0.15, -0.04]], atol=0.047)


@pytest.mark.parametrize(("centre", "height"), PLACES)
def test_landmarks_are_found_the_same_at_any_place_and_size(detector, network, centre, height):
    result = locate(painted_face(centre=centre, height=height), network, detector)
    reference = locate(painted_face(), network, detector)
    assert isinstance(result, Found)
    moved = (reference.points - (320, 240)) / 240 * height + centre
    assert np.linalg.norm(result.points - moved, axis=1).mean() < 0.0055 * height


@pytest.mark.parametrize("height", [40.0, 55.0])
def test_a_small_face_is_found_by_looking_at_parts_of_the_picture(detector, network, height):
    picture = painted_face(size=(720, 1280), centre=(950.0, 200.0), height=height)
    whole = detector._in_squares(picture, 1280, [(0, -280)])
    assert not whole
    result = locate(picture, network, detector)
    assert isinstance(result, Found)
    assert np.linalg.norm(result.points.mean(axis=0) - (950, 200)) < 0.175 * height


def test_bytes_and_floats_give_the_same(detector, face):
    as_bytes = np.round(face * 255).astype(np.uint8)
    a, b = detector.detect(as_bytes)[0], detector.detect(face)[0]
    np.testing.assert_allclose(a.box, b.box, atol=1.0)


def test_the_landmarks_lie_on_the_painted_features(detector, network, face):
    result = locate(face, network, detector)
    regions, points = network.layout.regions, result.points
    at = {name: points[list(indices)].mean(axis=0) for name, indices in regions.items()}
    np.testing.assert_allclose(at["eyes_right"], (320 - 36, 240 - 10), atol=1.5)
    np.testing.assert_allclose(at["eyes_left"], (320 + 36, 240 - 10), atol=2.5)
    np.testing.assert_allclose(at["lips"], (320, 240 + 64), atol=1.5)
    np.testing.assert_allclose(at["brows"], (320, 240 - 29), atol=3.1)
    assert result.presence > 0.9
    assert result.score > 0.8


@pytest.fixture(scope="module")
def two():
    """A large face and a small one, beside each other, and the small one's place."""
    picture = painted_face(size=(540, 960), centre=(250.0, 270.0), height=380)
    return painted_face(centre=(800.0, 300.0), height=70, onto=picture), (800.0, 300.0)


def places(found):
    return sorted(face.points[:, 0].mean() for face in found)


def test_every_face_is_found_the_small_one_by_looking_everywhere(detector, network, two):
    picture, (x, _) = two
    assert len(faces_in(picture, network, detector)) == 1
    large, small = places(faces_in(picture, network, detector, everywhere=True))
    assert abs(large - 250) < 20
    assert abs(small - x) < 7


def test_looking_everywhere_leaves_what_is_seen_in_the_whole_picture_as_it_is(detector, two):
    whole, *_ = detector.detect(two[0])
    assert any(face.box == whole.box for face in detector.detect(two[0], everywhere=True))


def test_a_face_of_the_frame_before_is_followed_where_the_detector_sees_a_larger_one(detector, network, two):
    picture, (x, y) = two
    before = faces_in(picture, network, detector, everywhere=True)
    moved = painted_face(size=(540, 960), centre=(250.0, 270.0), height=380)
    moved = painted_face(centre=(x + 12, y), height=70, onto=moved)
    _, small = places(faces_in(moved, network, detector, before))
    assert abs(small - x - 12) < 7


def test_a_window_much_too_large_settles_on_the_face(network):
    """A window of 2.6 times the face's is what a detector gives of a small face in a large picture."""
    picture = painted_face(size=(720, 1280), centre=(640.0, 360.0), height=150)
    (right,) = faces_in(picture, network, Guess((565.0, 285.0, 715.0, 435.0)))
    (found,) = faces_in(picture, network, Guess((505.0, 225.0, 775.0, 495.0)))
    assert abs(found.crop.side / right.crop.side - 1) < 0.12
    assert np.abs(found.points - right.points).mean() < 3


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_picture_has_no_face(detector, network, value):
    result = locate(np.full((300, 400, 3), value, np.float32), network, detector)
    assert result == NotFound("No face was found in the picture.")


def test_a_picture_without_a_face_says_so(detector, network, plate):
    background = plate.copy()
    background[60:] = background[:60].repeat(8, axis=0)
    result = locate(background, network, detector)
    assert isinstance(result, NotFound)
    assert result.reason.endswith(".")


def test_a_rendered_plate(detector, network, plate):
    result = locate(plate, network, detector)
    assert isinstance(result, Found)
    assert result.presence > 0.9


def test_a_picture_with_nan_is_refused(detector, network, face):
    broken = face.copy()
    broken[7, 9, 2] = np.nan
    for attempt in (lambda: detector.detect(broken), lambda: locate(broken, network, detector)):
        with pytest.raises(FaceSolveError, match="not numbers"):
            attempt()


class Guess:
    """A detector that sees a face in one box, whatever the picture."""

    name = "guess"

    def __init__(self, box):
        self.box = box

    def detect(self, image, *, everywhere=False):
        return [Detection(self.box, 0.9)]


def test_what_the_detector_takes_for_a_face_must_convince_the_landmark_network(network, face):
    result = locate(face, network, Guess((0.0, 0.0, 60.0, 60.0)))
    assert isinstance(result, NotFound)
    assert "does not see a face" in result.reason


def test_overlapping_detections_become_one_weighted_by_score():
    a = Detection((0, 0, 10, 10), 0.9, np.zeros((6, 2)))
    b = Detection((1, 0, 11, 10), 0.6, np.ones((6, 2)))
    far = Detection((50, 50, 60, 60), 0.95)
    assert overlap(a.box, b.box) == pytest.approx(90 / 110)
    assert overlap(a.box, far.box) == 0.0
    first, second = merge([b, a, far], 0.3)
    assert first.box == far.box
    assert second.box == pytest.approx((0.4, 0, 10.4, 10))
    assert second.score == 0.9
    np.testing.assert_allclose(second.keypoints, 0.4)


@pytest.mark.parametrize(("width", "height", "side"), [(1920, 1080, 648), (640, 480, 144), (100, 300, 200)])
def test_tiles_cover_the_picture_and_overlap_by_half(width, height, side):
    corners = list(tiles(width, height, side))
    seen = np.zeros((height, width), int)
    for x, y in corners:
        assert x >= 0
        assert y >= 0
        seen[y : y + side, x : x + side] += 1
    assert seen.min() >= 1
    for starts, length in ((sorted({x for x, _ in corners}), width), (sorted({y for _, y in corners}), height)):
        assert all(b - a <= side // 2 for a, b in itertools.pairwise(starts))
        assert starts[-1] + side == length or length <= side
