"""The demo's performance, its footage, how a solve of it is measured, and what is said where a step fails."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from demo import head as heads
from demo import performance, pictures, run
from solver_core.camera.camera import Camera
from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import Shot
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.pose import Pose
from solver_core.look.look import Look
from solver_core.networks.detector import as_float
from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.landmarks import Found, locate
from solver_core.networks.short_range import ShortRangeDetector
from solver_core.render.renderer import Renderer
from solver_core.render.shading import vertex_normals

FOOTAGE = Path(run.SHOT)


@pytest.fixture(scope="module")
def acted() -> performance.Performance:
    return performance.perform(heads.build().names)


def test_performance_is_a_performance(acted: performance.Performance) -> None:
    assert performance.FRAMES >= 36
    assert len(acted.frames) == performance.FRAMES + 2
    assert ((acted.weights >= 0) & (acted.weights <= 1)).all()
    assert (acted.weights.max(0) > 0.2).sum() >= 20
    yaw = np.degrees(acted.rotation[:, 2])
    assert yaw.max() > 20
    assert yaw.min() < -20
    assert np.abs(yaw).max() < 40
    assert np.abs(np.degrees(np.diff(acted.rotation, axis=0))).max() < 6  # degrees a frame


def test_footage_is_whole_and_small() -> None:
    plates = sorted((FOOTAGE / "plates").glob("*.jpg"))
    first = performance.START
    assert [int(p.stem) for p in plates] == list(range(first, first + performance.FRAMES))
    assert sum(p.stat().st_size for p in plates) < 2.5e6
    for plate in plates[:: len(plates) // 4]:
        assert cv2.imread(str(plate)).shape == (performance.HEIGHT, performance.WIDTH, 3)


def test_truth_is_what_was_acted(acted: performance.Performance) -> None:
    with np.load(FOOTAGE / "truth.npz") as truth:
        assert set(truth) == {"frames", "rotation", "translation", "weights", "names", "hidden"}
        assert (truth["frames"] == acted.frames[1:-1]).all()
        expected = Rotation.from_euler("xyz", acted.rotation[1:-1]).as_matrix()
        assert np.abs(truth["rotation"] - expected).max() < 1e-6
        assert np.abs(truth["translation"] - acted.location[1:-1]).max() < 1e-6
        assert np.abs(truth["weights"] - acted.weights[1:-1]).max() < 1e-6
        assert tuple(truth["names"]) == heads.build().names


@pytest.mark.parametrize("frame", [1001, 1016, 1030, 1045])
def test_plates_show_the_head_where_the_answer_says(frame: int) -> None:
    """FaceMesh sees the same face in the plate and in a plain render of the head at the known answer."""
    head, index = heads.build(), frame - performance.START
    with np.load(FOOTAGE / "truth.npz") as truth:
        rotation, translation, weights = (truth[k][index] for k in ("rotation", "translation", "weights"))
    world = (head.vertices + np.tensordot(weights, head.deltas, 1)) @ rotation.T + translation
    place, aim = performance.camera_at(frame)
    forward = (aim - place) / np.linalg.norm(aim - place)
    right = np.cross(forward, [0, 0, 1]) / np.linalg.norm(np.cross(forward, [0, 0, 1]))
    axes = np.stack([right, np.cross(right, forward), -forward])
    focal = performance.WIDTH * performance.LENS / performance.SENSOR
    view = np.concatenate([axes, (-axes @ place)[:, None]], 1)[None]
    camera = Camera("A", performance.WIDTH, performance.HEIGHT, np.array([[focal, focal, 360.0, 270.0]]), view)
    points, depth = camera.project(world[None])
    light = np.zeros((9, 3))
    light[0], light[1], light[2], light[3] = 1.6, -0.4, 0.3, -0.4
    plate = cv2.cvtColor(cv2.imread(str(run.plate_of(frame))), cv2.COLOR_BGR2RGB)
    normals = vertex_normals(world[None], head.triangles)
    picture = (
        Renderer(head.triangles)
        .render(points, depth, normals, Look(head.colors, (light,)), None, *plate.shape[:2])
        .image[0]
    )
    network, detector = FaceMesh(), ShortRangeDetector()
    seen = locate(plate, network, detector)
    assert isinstance(seen, Found)
    shown = torch.from_numpy(seen.crop.sample(as_float(picture))).permute(2, 0, 1)[None]
    offset = seen.points - seen.crop.to_plate(network(shown)[0][0].double().numpy())
    assert np.linalg.norm(offset.mean(0)) < 1.75  # pixels; the face is 220 wide
    assert np.sqrt((offset**2).sum(1).mean()) < 3.0


def one_frame_shot() -> Shot:
    head = heads.build()
    keys = len(head.names)
    ones = np.ones(keys, np.float32)
    rig = BlendshapeRig(
        neutral=head.vertices,
        triangles=head.triangles,
        names=head.names,
        deltas=head.deltas,
        minimum=0 * ones,
        maximum=ones,
        groups=("mouth",) * keys,
        solved=ones > 0,
        strength=ones,
        scale=np.ones(3, np.float32),
    )
    look = np.array([[[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, -0.8]]])  # from 0.8 m in front, along +Y
    camera = Camera("A", 160, 120, np.array([[220.0, 220, 80, 60]]), look)
    pose = Pose(np.eye(3)[None], np.zeros((1, 3)), np.zeros((1, keys)))
    return Shot("one", Path(), np.array([1001]), 24.0, (camera,), rig, pose)


def test_overlay_draws_on_the_head_alone(tmp_path: Path) -> None:
    shot = one_frame_shot()
    overlay = pictures.Overlay(shot, shot.initial, heads.grid_lines(heads.build()))
    plate = np.full((120, 160, 3), 90, np.uint8)
    drawn = overlay.draw(0, plate)
    pixels, _ = shot.cameras[0].project(shot.rig.neutral[None])
    low, high = pixels[0].min(0), pixels[0].max(0)
    rows, columns = np.mgrid[:120, :160] + 0.5
    outside = (columns < low[0] - 1) | (columns > high[0] + 1) | (rows < low[1] - 1)
    assert (drawn[outside] == 90).all()
    greener = drawn[..., 1].astype(int) - drawn[..., 0]
    assert (greener[~outside] > 40).sum() > 200

    path = tmp_path / "plate.png"
    cv2.imwrite(str(path), plate)
    frames_done: list[int] = []
    movie = tmp_path / "movie.mp4"
    pictures.side_by_side(movie, shot, overlay, lambda _frame: path, lambda: frames_done.append(1))
    assert len(frames_done) == 1
    shown, picture = cv2.VideoCapture(str(movie)).read()
    assert shown
    assert picture.shape == (120, 320, 3)
    assert abs(float(picture[:, :160].mean()) - 90) < 3


def test_missing_footage_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "SHOT", tmp_path)
    monkeypatch.setattr(run, "BLENDER", Path(sys.executable))
    monkeypatch.setattr(run, "ROOT", Path(sys.executable).parents[1])
    with pytest.raises(FaceSolveError, match="footage is not complete"):
        run.check_ready()


def test_missing_blender_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "BLENDER", tmp_path / "none")
    with pytest.raises(FaceSolveError, match="make setup"):
        run.check_ready()


def test_the_newest_blender_is_taken(tmp_path: Path) -> None:
    assert run.newest_blender(tmp_path).parts[-3] == ".venv-bpy-4.5"
    for name in ("4.5", "10.0", "5.3"):
        (tmp_path / f".venv-bpy-{name}").mkdir()
        if name != "10.0":  # which an interrupted installation has left behind
            (tmp_path / f".venv-bpy-{name}" / ".installed").touch()
    assert run.newest_blender(tmp_path).parts[-3] == ".venv-bpy-5.3"


def test_a_failing_step_says_what_its_program_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "OUT", tmp_path)
    (tmp_path / "blender").write_text(
        "#!/bin/sh\necho 'Face Solve: rigid 40 %'\necho 'FAILED The plate is missing.'\nexit 1\n"
    )
    (tmp_path / "blender").chmod(0o755)
    monkeypatch.setattr(run, "BLENDER", tmp_path / "blender")
    shown: list[tuple[str, int]] = []
    with pytest.raises(FaceSolveError, match=r"The plate is missing\.") as caught:
        run.solve(tmp_path / "a.zip", lambda stage, percent: shown.append((stage, percent)))
    assert shown == [("rigid", 40)]
    assert "solve.log" in caught.value.remedy


def test_a_solve_without_a_result_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "OUT", tmp_path)
    (tmp_path / "trace.npz").write_bytes(b"an older run's")
    monkeypatch.setattr(run, "BLENDER", Path("/bin/true"))
    with pytest.raises(FaceSolveError, match="without a result"):
        run.solve(tmp_path / "a.zip", lambda *_: None)
