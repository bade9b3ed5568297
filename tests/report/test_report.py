"""The report of the bundled footage.

The page and its pictures, a good solve beside a bad one, and what is said where something lacks.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_footage import FOOTAGE, known_answer, shot_folder

from solver_core.common.errors import FaceSolveError
from solver_core.documents.solution import Solution
from solver_core.networks.regions import FACEMESH
from solver_core.report import pictures
from solver_core.report.compare import by_axis
from solver_core.report.page import Page
from solver_core.report.report import report
from solver_core.service import cli

NUMBERS = [1002, 1012, 1030]
SIZE = pictures.SIZE * pictures.ZOOM


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shot_folder(tmp_path_factory.mktemp("shot"), NUMBERS)


@pytest.fixture(scope="module")
def reported(shot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The known answer, with one frame turned by 5 degrees and moved by 10 mm, and one failed."""
    folder = tmp_path_factory.mktemp("report")
    solution = known_answer(NUMBERS, shot)
    angle = np.radians(5)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    solution.pose.rotation[1] = turn @ solution.pose.rotation[1]
    solution.pose.translation[1] += [0.01, 0, 0]
    solution.error_px[1] = 9.0
    solution.status[2], solution.error_px[2], solution.reason[2] = "failed", np.nan, "a hand <covers> it"
    solution.save(folder / "solution.npz")
    arguments = [
        "report",
        str(folder / "solution.npz"),
        "--out",
        str(folder / "out"),
        "--truth",
        str(FOOTAGE / "truth.npz"),
    ]
    assert cli.main(arguments) == 0
    return folder / "out"


def test_everything_that_the_page_shows_lies_beside_it(reported: Path) -> None:
    text = (reported / "index.html").read_text()
    names = re.findall(r'src="([^"]+)"', text)
    assert set(names) >= {
        "error.png",
        "motion.png",
        "weights.png",
        "comparison.png",
        "axes.png",
        "frames/1002_0.jpg",
        "frames/1012_0.jpg",
        "frames/1012_0_flow.jpg",
    }
    assert not re.search(r"(src|href)=\"(/|\w+:)", text)
    for name in names:
        picture = cv2.imread(str(reported / name))
        assert picture is not None, name
        assert picture.std() > 3, name
    files = {str(p.relative_to(reported)) for p in reported.rglob("*") if p.is_file()}
    assert files == {*names, "index.html", "table.md", "table.json"}


def test_failed_frames_are_listed_with_their_reason_and_not_shown(reported: Path) -> None:
    text = (reported / "index.html").read_text()
    assert "<td>1030</td><td>a hand &lt;covers&gt; it</td>" in text
    assert "1030_0" not in text
    assert "2 solved, 1 failed" in text


def test_numbers_are_the_injected_errors(reported: Path) -> None:
    document = json.loads((reported / "table.json").read_text())
    good, bad = document["frames"]
    assert (good["frame"], bad["frame"], document["failed"]) == (1002, 1012, [1030])
    assert good["rotation_deg"] == pytest.approx(0, abs=1e-5)
    assert good["vertex_mm"] == pytest.approx(0, abs=1e-3)
    assert bad["rotation_deg"] == pytest.approx(5, abs=1e-5)
    assert np.hypot(bad["lateral_mm"], bad["depth_mm"]) == pytest.approx(10, abs=1e-6)
    assert bad["shape_mm"] == pytest.approx(0, abs=1e-6)
    assert 5 < bad["vertex_mm"] < 20
    assert bad["weight_mae"] == pytest.approx(0, abs=1e-6)
    assert document["summary"]["rotation_deg"][0] == pytest.approx(2.5, abs=1e-5)
    assert "| rotation_deg | 2.500 |" in (reported / "table.md").read_text()


def test_a_true_pose_looks_like_the_plate_and_a_wrong_one_does_not(reported: Path) -> None:
    """Between plate and render, and between their landmarks, as the page says and as its pictures show."""
    text = (reported / "index.html").read_text()
    said = {
        int(f): (float(e), float(d))
        for f, e, d in re.findall(
            r'alt="frame (\d+)[^"]*?landmarks ([\d.]+) pixels apart, mean difference ([\d.]+)"', text
        )
    }
    assert said[1002][0] < 3.5
    assert said[1012][0] > 6
    assert said[1002][1] < said[1012][1]
    picture = cv2.imread(str(reported / "frames" / "1002_0.jpg")).astype(float)
    assert picture.shape == (SIZE, 4 * SIZE, 3)
    centre = slice(SIZE // 3, 2 * SIZE // 3)
    plate, render, difference = (picture[centre, i * SIZE :][:, centre] for i in range(3))
    assert np.corrcoef(plate.mean(2).ravel(), render.mean(2).ravel())[0, 1] > 0.9
    shown = np.clip(pictures.GAIN * np.abs(plate - render), 0, 255)
    assert np.corrcoef(shown.mean(2).ravel(), difference.mean(2).ravel())[0, 1] > 0.8  # JPEG, enlarged


def test_residual_lines_join_the_landmarks() -> None:
    plate = np.zeros((pictures.SIZE, pictures.SIZE, 3))
    on_plate = np.tile([[60.25, 80.0]], (468, 1))
    on_render = on_plate + np.array([40.0, 0.0])
    image = pictures.landmark_picture(plate, on_plate, on_render, FACEMESH.edges).astype(int)
    row = image[80 * pictures.ZOOM]
    red = np.flatnonzero((row[:, 0] > 100) & (row[:, 1] < 90))
    assert abs(red.min() + 0.5 - 60.25 * pictures.ZOOM) <= 1
    assert abs(red.max() + 0.5 - 100.25 * pictures.ZOOM) <= 1
    assert len(red) == red.max() - red.min() + 1
    assert not image[: 70 * pictures.ZOOM].any()


def test_the_flow_picture_is_coloured_on_the_head_alone() -> None:
    plate, flow, mask = (
        np.full((pictures.SIZE, pictures.SIZE, 3), 0.5),
        np.zeros((pictures.SIZE, pictures.SIZE, 2)),
        np.zeros((pictures.SIZE, pictures.SIZE), bool),
    )
    mask[150:250, 100:200] = True
    flow[..., 0], flow[:, 150:, 0] = 4.0, 0.0
    image = pictures.flow_picture(plate, flow, mask, 4.0)
    assert image[2 * 200, 2 * 120].tolist() == [255, 0, 0]
    assert image[2 * 200, 2 * 180].tolist() == [255, 255, 255]
    assert image[2 * 100, 2 * 180].tolist() == [38, 38, 38]
    middle = image[pictures.KEY // 2, pictures.KEY // 2]
    assert middle.min() > 240


def test_a_wrong_pose_has_the_longer_flow(reported: Path) -> None:
    said = re.findall(
        r'alt="frame (\d+)[^"]*?optical flow \(dis\)[^"]*?colours are ([\d.]+) pixels"',
        (reported / "index.html").read_text(),
    )
    longest = {int(frame): float(pixels) for frame, pixels in said}
    assert longest.keys() == {1002, 1012}
    assert longest[1012] > 2 * longest[1002]


def test_frames_are_chosen_over_the_whole_shot_and_the_worst_are_among_them() -> None:
    solution = known_answer(list(range(1001, 1049)), Path())
    solution.error_px[:] = np.random.default_rng(0).uniform(0.5, 1, 48)
    solution.error_px[[3, 20, 21, 33, 40]] = [5, 9, 7, 6, 8]
    solution.error_px[10], solution.status[30], solution.error_px[30] = np.nan, "failed", 50.0
    assert pictures.worst_frames(solution).tolist() == [20, 40, 21, 33, 3]
    chosen = pictures.chosen_frames(solution)
    assert {0, 3, 20, 21, 33, 40, 47} <= set(chosen.tolist())
    assert 30 not in chosen
    assert np.diff(chosen).max() <= 10
    solution.status[:] = ["failed"] * 48
    assert pictures.chosen_frames(solution).tolist() == []


def small_solution(**changes: object) -> Solution:
    return replace(known_answer([1002], Path("gone")), **changes)


@pytest.mark.parametrize(
    ("settings", "said"), [({}, "does not name its shot"), ({"shot": "gone"}, "The shot folder gone is gone")]
)
def test_without_a_shot_there_are_curves_and_a_sentence(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    small_solution(settings=settings).save(tmp_path / "s.npz")
    page = report(tmp_path / "s.npz", tmp_path / "out", None, FOOTAGE / "truth.npz")
    assert said in page.read_text()
    assert "Without the shot" in page.read_text()
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "index.html",
        "error.png",
        "motion.png",
        "weights.png",
        "comparison.png",
        "axes.png",
        "table.md",
        "table.json",
    }
    assert set(json.loads((tmp_path / "out" / "table.json").read_text())["summary"]) == {"rotation_deg", "weight_mae"}


def test_a_head_without_shape_keys_is_compared_by_its_pose(tmp_path: Path) -> None:
    solution = small_solution(names=(), settings={})
    solution.pose.shape.values = solution.pose.weights[:, :0]
    solution.save(tmp_path / "s.npz")
    page = report(tmp_path / "s.npz", tmp_path / "out", None, FOOTAGE / "truth.npz")
    assert "Against the known answer" in page.read_text()
    assert set(json.loads((tmp_path / "out" / "table.json").read_text())["summary"]) == {"rotation_deg"}


def test_a_shot_where_nothing_was_solved_has_a_page(tmp_path: Path, shot: Path) -> None:
    solution = known_answer(NUMBERS, shot)
    solution.status[:], solution.error_px[:] = ["failed"] * 3, np.nan
    solution.save(tmp_path / "s.npz")
    text = report(tmp_path / "s.npz", tmp_path / "out", None, FOOTAGE / "truth.npz").read_text()
    assert "3 failed" in text
    assert "No frame that can be compared was solved." in text


def test_a_take_is_compared_with_another_take(tmp_path: Path) -> None:
    """`report --against`: axis by axis, and without the frames that failed in the other."""
    two = known_answer([1002, 1012], Path("gone"))
    two.save(tmp_path / "s.npz")
    other = known_answer([1002, 1012], Path("gone"))
    other.pose.translation[:] += [0.0, 0.003, 0.0]
    other.status[0] = "failed"
    other.save(tmp_path / "other.npz")
    arguments = ["report", str(tmp_path / "s.npz"), "--out", str(tmp_path / "out")]
    assert cli.main([*arguments, "--against", str(tmp_path / "other.npz")]) == 0
    assert "Against other.npz" in (tmp_path / "out" / "index.html").read_text()
    table = json.loads((tmp_path / "out" / "against_table.json").read_text())
    assert len(table["frames"]) == len(other.status) - 1
    assert table["summary"]["rotation_deg"] == [0.0, 0.0]
    turn, shift = by_axis(two.pose, other.pose)
    np.testing.assert_allclose(turn, 0.0, atol=1e-9)
    np.testing.assert_allclose(shift, np.broadcast_to([0.0, -3.0, 0.0], shift.shape), atol=1e-9)
    assert (tmp_path / "out" / "against_axes.png").exists()
    other.status[:] = ["failed"] * len(other.status)
    other.save(tmp_path / "other.npz")
    with pytest.raises(FaceSolveError, match="No frame of"):
        report(tmp_path / "s.npz", tmp_path / "out", against_path=tmp_path / "other.npz")


def test_what_does_not_belong_together_is_said(tmp_path: Path, shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_solution().save(tmp_path / "s.npz")
    small_solution(frames=np.array([7])).save(tmp_path / "frames.npz")
    renamed = tuple(f"x{i}" for i in range(38))
    small_solution(names=renamed).save(tmp_path / "names.npz")
    out = tmp_path / "out"
    for name in ("frames", "names"):
        with pytest.raises(FaceSolveError, match="its frames or shape keys differ"):
            report(tmp_path / f"{name}.npz", out, shot)
    with pytest.raises(FaceSolveError, match="none of the solution's frames"):
        report(tmp_path / "frames.npz", out, None, FOOTAGE / "truth.npz")
    with pytest.raises(FaceSolveError, match="none of the solution's shape keys"):
        report(tmp_path / "names.npz", out, None, FOOTAGE / "truth.npz")
    assert not out.exists()
    assert cli.main(["report", str(tmp_path / "absent.npz"), "--out", str(out)]) == 1
    assert "There is no solution" in capsys.readouterr().err
    out.write_text("a file stands where the folder should be")
    with pytest.raises(FaceSolveError, match="cannot be written"):
        report(tmp_path / "s.npz", out)


def test_a_page_shows_text_as_it_is(tmp_path: Path) -> None:
    page = Page("a <b>")
    page.table([["x", "&"], ["1", '"2"']])
    page.image('p".png', "<i>")
    page.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "<b>" not in text.replace("<body>", "")
    assert "<i>" not in text
    assert "<th>&amp;</th></tr><tr><td>1</td><td>&quot;2&quot;</td>" in text
    assert 'src="p&quot;.png"' in text
