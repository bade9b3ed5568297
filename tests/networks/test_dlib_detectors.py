"""dlib's detectors find the demo's head where the other does, and say what is missing where they cannot run."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from little_shot import START, changed
from painted_face import painted_face

from solver_core.common.errors import FaceSolveError
from solver_core.networks import registry, weights
from solver_core.networks.detector import overlap
from solver_core.networks.dlib_detectors import CnnDetector, HogDetector
from solver_core.networks.landmarks import Found, NotFound, locate
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, solve_folder

pytest.importorskip("dlib", reason="the extra 'dlib' is not installed")

PLATES = Path(__file__).resolve().parents[2] / "demo" / "shot" / "plates"


@pytest.fixture(scope="module")
def hog() -> HogDetector:
    return HogDetector()


def _demo(number):
    return cv2.imread(str(PLATES / f"{number}.jpg"))[..., ::-1]


@pytest.mark.parametrize("number", [1001, 1016, 1032, 1048])
def test_hog_finds_the_demos_head_and_the_same_landmarks(hog, network, detector, number):
    plate = _demo(number)
    (face,) = hog.detect(plate)
    (other,) = detector.detect(plate)
    assert overlap(face.box, other.box) > 0.6
    assert 0.5 < face.score <= 1
    by_hog, by_other = locate(plate, network, hog), locate(plate, network, detector)
    assert isinstance(by_hog, Found)
    assert np.linalg.norm(by_hog.points - by_other.points, axis=1).mean() < 0.02 * np.ptp(by_other.points[:, 0])


def test_the_cnn_finds_the_demos_head(detector):
    if not (weights.folder() / weights.entry("dlib_cnn").source.file).exists():
        pytest.skip("run 'python -m solver_core weights fetch dlib_cnn' for this test")
    (face,) = CnnDetector().detect(_demo(1001))
    (other,) = detector.detect(_demo(1001))
    assert overlap(face.box, other.box) > 0.6
    assert 0.5 < face.score <= 1


@pytest.mark.parametrize("factor", [0.5, 2.0, 4.0])
def test_the_pictures_resolution_does_not_matter(hog, factor):
    picture = painted_face(size=(480, 640), height=240)
    sized = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    (face,), (reference,) = hog.detect(sized), hog.detect(picture)
    np.testing.assert_allclose(np.array(face.box) / factor, reference.box, atol=0.08 * 240)


def test_a_small_face_is_found_at_the_second_look(hog):
    picture = painted_face(size=(720, 1280), centre=(950.0, 200.0), height=85.0)
    first = hog._find(
        np.ascontiguousarray(
            np.round(cv2.resize(picture, (720, 405), interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
        )
    )
    (face,) = hog.detect(picture)
    assert not first
    x0, y0, x1, y1 = face.box
    assert np.hypot((x0 + x1) / 2 - 950, (y0 + y1) / 2 - 215) < 12


def test_the_surest_face_comes_first(hog):
    picture = painted_face(centre=(180.0, 240.0), height=220)
    faces = hog.detect(painted_face(centre=(460.0, 250.0), height=200, onto=picture))
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score


def test_a_picture_without_a_face_is_a_reason_and_not_a_guess(hog, network):
    empty = np.random.default_rng(0).random((300, 400, 3)).astype(np.float32)
    assert hog.detect(empty) == []
    assert locate(empty, network, hog) == NotFound("No face was found in the picture.")


def test_a_picture_with_nan_is_refused(hog, face):
    broken = face.copy()
    broken[3, 4, 1] = np.nan
    with pytest.raises(FaceSolveError, match="not numbers"):
        hog.detect(broken)


def test_without_dlib_the_command_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(FaceSolveError, match=r"not installed.*face-solve\[dlib\]"):
        HogDetector()


def test_without_its_weights_the_command_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("FACE_SOLVE_CACHE", str(tmp_path))
    with pytest.raises(FaceSolveError, match=r"mmod_human_face_detector\.dat.*weights fetch dlib_cnn"):
        CnnDetector()


@pytest.mark.parametrize("name", ["facemesh", "short_range", "dlib_hog"])
def test_settings_choose_by_name(name):
    choose = registry.landmark_network if name in registry.LANDMARKS else registry.face_detector
    assert choose(name).name == name


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(FaceSolveError, match=r"face detector called 'haar'.*short_range, dlib_hog, dlib_cnn"):
        registry.face_detector("haar")
    with pytest.raises(FaceSolveError, match=r"landmark network called 'dlib'.*facemesh, attention, fan"):
        registry.landmark_network("dlib")


def test_a_shot_is_solved_with_the_detector_of_its_settings(little_shot, tmp_path):
    """Frame START + 3 shows no face: it fails with the reason, the others are solved."""
    folder = changed(little_shot, tmp_path / "shot", settings={"detector": "dlib_hog"})
    overrides = Overrides(stages=("rigid",), frames=(START + 2, START + 3))
    solution = solve_folder(folder, tmp_path / "out.npz", Silent(), overrides)
    assert solution.settings["detector"] == "dlib_hog"
    assert solution.status == ["solved", "failed"]
    assert "No face was found" in solution.reason[1]
    assert solution.error_px[0] < 2.3
