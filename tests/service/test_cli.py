"""The command line: a range of frames, refusals in a sentence, and a solution of what a killed solve has left."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from little_shot import START, changed

from solver_core.documents.journal import Journal, journal_path
from solver_core.documents.solution import load_solution
from solver_core.footage.plates import open_plate
from solver_core.service.cli import main
from solver_core.service.listener import FrameResult, Silent
from solver_core.stages.shared.light import estimate_lights


def test_the_command_line_recovers_what_a_killed_solve_had_finished(tmp_path, capsys):
    """A torn last line is dropped; a solution that is there is not replaced; where nothing is left, that is said."""
    out = tmp_path / "out.npz"
    assert main(["recover", str(out)]) == 1
    assert "left anything" in capsys.readouterr().err
    journal = Journal(out, ("jawOpen",), Silent())
    for frame in (7, 8, 7):
        weights = np.array([frame / 10 + len(journal_path(out).read_text()) / 1e4])
        journal.frame(FrameResult(frame, "solved", 1.5, np.eye(3), np.arange(3.0), weights, "rigid"))
    journal.close(remove=False)
    with journal_path(out).open("a") as file:
        file.write('{"frame": 9, "stat')
    assert main(["recover", str(out)]) == 0
    assert "2 frames recovered, 7 to 8" in capsys.readouterr().out
    left = load_solution(out)
    assert left.frames.tolist() == [7, 8]
    assert left.pose.weights[0] == weights
    assert left.status == ["solved"] * 2
    assert main(["recover", str(out)]) == 1
    assert "--out" in capsys.readouterr().err
    assert main(["recover", str(out), "--out", str(tmp_path / "again.npz")]) == 0
    assert load_solution(tmp_path / "again.npz").frames.tolist() == [7, 8]


def test_the_command_line_says_what_is_wrong_in_a_sentence(tmp_path, capsys):
    assert main(["solve", str(tmp_path), "--out", str(tmp_path / "out.npz")]) == 1
    said = capsys.readouterr().err
    assert "no shot.json" in said
    assert "Traceback" not in said


def test_a_solve_that_breaks_off_says_how_to_get_what_was_finished(little_shot, tmp_path, capsys, monkeypatch):
    """The plate is taken away while it is being solved, and is larger than what is kept in memory of it."""
    plates = tmp_path / "A"
    shutil.copytree(little_shot.folder / "A", plates)
    document = json.loads((little_shot.folder / "shot.json").read_text())
    document["cameras"][0]["plate"]["path"] = str(plates / "{frame:04d}.png")
    folder = changed(little_shot, tmp_path / "shot", cameras=document["cameras"])
    monkeypatch.setitem(open_plate.__kwdefaults__, "cache_bytes", 0)
    monkeypatch.setattr("solver_core.footage.views.KEPT_BYTES", 0)
    monkeypatch.setattr(
        "solver_core.solve.estimate_lights", lambda context: (shutil.rmtree(plates), estimate_lights(context))
    )
    out = tmp_path / "out.npz"
    assert main(["solve", str(folder), "--out", str(out), "--stages", "rigid"]) == 1
    said = capsys.readouterr().err
    assert "Frame 1001 of the plate is missing" in said
    assert f"solver_core recover {out}" in said
    assert main(["recover", str(out)]) == 0
    assert load_solution(out).status.count("solved") == 4


def test_a_solution_below_a_file_is_refused(little_shot, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["solve", str(little_shot.folder), "--out", str(tmp_path / "file" / "out.npz")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("frames", ["a-b", "1001-", "1001-1002-1003", "--5", "-", "5-1", "0-99999999999", "1-2000000"])
def test_a_range_that_is_none_is_refused(tmp_path, capsys, frames):
    assert main(["solve", str(tmp_path), "--out", str(tmp_path / "out.npz"), f"--frames={frames}"]) == 1
    assert frames in capsys.readouterr().err


@pytest.mark.parametrize("amount", ["1.5", "-0.1", "nan"])
def test_an_amount_of_refinement_that_is_none_is_refused(tmp_path, capsys, amount):
    assert main(["solve", str(tmp_path), "--out", str(tmp_path / "out.npz"), f"--refinement={amount}"]) == 1
    assert amount in capsys.readouterr().err


@pytest.mark.parametrize(
    ("frames", "said"), [("-5-10", "-5 to 10"), ("-10--5", "-10 to -5"), ("-5", "-5 to -5"), ("7", "7 to 7")]
)
@pytest.mark.parametrize("joined", [True, False])
def test_negative_frames_are_frames(little_shot, tmp_path, capsys, frames, said, joined):
    asked = [f"--frames={frames}"] if joined else ["--frames", frames]
    assert main(["solve", str(little_shot.folder), "--out", str(tmp_path / "out.npz"), *asked]) == 1
    assert f"not from {said}" in capsys.readouterr().err


def test_the_command_line_solves_a_range(little_shot, tmp_path, capsys):
    out = tmp_path / "out.npz"
    wanted = ["--stages", "rigid", "--frames", f"{START + 2}-{START + 3}"]
    assert main(["solve", str(little_shot.folder), "--out", str(out), *wanted]) == 0
    said = capsys.readouterr().out
    assert "1 of 2 frames solved" in said
    assert f"failed: {START + 3}" in said
    assert load_solution(out).frames.tolist() == [START + 2, START + 3]
    assert json.loads(str(np.load(out)["settings"]))["stages"] == ["rigid"]
