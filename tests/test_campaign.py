"""A small part of the campaign (docs/reliability.md), and each of the cases that were once wrong, by name."""

from __future__ import annotations

import json
import struct
import time
import zlib

import numpy as np
import pytest

from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import Asked, Journal, journal_path, recover
from solver_core.documents.resume import give_back, take_up
from solver_core.documents.shot import load_shot
from solver_core.documents.solution import empty_solution
from solver_core.face.rig_file import load_rig
from solver_core.footage.plates import open_plate
from solver_core.footage.plates.images import read_image
from solver_core.footage.plates.pattern import FramePattern
from solver_core.service.listener import FrameResult, Silent
from solver_core.stages.shared.possible import impossible
from solver_core.stages.stage_file import read_stages
from tests.campaign import deaths, seeds
from tests.campaign.inputs import try_kind
from tests.campaign.readers import READERS

TRIED = {"report of a solution": 1, "movie": 6, "OCIO configuration": 4}


@pytest.mark.parametrize("kind", READERS)
def test_damaged_inputs_end_in_a_sentence(kind):
    tally = try_kind(kind, TRIED.get(kind, 60), 5, time.monotonic() + 60)
    assert tally.outcomes.total() == TRIED.get(kind, 60)
    assert tally.bad == []


@pytest.fixture
def folder(tmp_path):
    seeds.write_pictures(tmp_path)
    np.savez(tmp_path / "rig.npz", **seeds.rig())
    return tmp_path


def loaded(folder, **changes):
    (folder / "shot.json").write_text(json.dumps({**seeds.shot(folder), **changes}))
    return load_shot(folder)


def test_nonsense_in_a_shot_is_refused_by_name(folder):
    assert len(loaded(folder).cameras) == 2
    camera = seeds.shot(folder)["cameras"][0]
    for words, changes in (
        ("schema version True", {"schema": True}),
        ("Two cameras are called A", {"cameras": [camera, camera]}),
        ("focal length of over", {"cameras": [{**camera, "intrinsics": [[1e308, 1e308, 32, 24]] * 3}]}),
        ("width has", {"cameras": [{**camera, "width": 10**400}]}),
        ("frames has", {"frames": [1001, 1002, 2_000_000]}),
        (
            "initial.weights has a value beyond",
            {"initial": {**seeds.shot(folder)["initial"], "weights": [[1e30, 0]] * 3}},
        ),
        (
            "initial.weights has a value that is not a number",
            {"initial": {**seeds.shot(folder)["initial"], "weights": [["1", "0"]] * 3}},
        ),
    ):
        with pytest.raises(FaceSolveError, match=words):
            loaded(folder, **changes)
    (folder / "shot.json").write_text("[" * 200_000)
    with pytest.raises(FaceSolveError, match="nested too deeply"):
        load_shot(folder)


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (
            "triangles has values that are not from",
            {"triangles": seeds.TETRAHEDRON["triangles"].astype(np.uint64) + 2**32},
        ),
        ("triangles has values that are not whole", {"triangles": seeds.TETRAHEDRON["triangles"] + 0.5}),
        ("triangles name vertices that do not exist", {"triangles": seeds.TETRAHEDRON["triangles"] - 1}),
        ("turns it inside out", {"scale": -np.ones(3, np.float32)}),
        ("not numbers", {"neutral": seeds.TETRAHEDRON["neutral"].astype("U9")}),
    ],
)
def test_nonsense_in_a_rig_is_refused_by_name(tmp_path, words, changes):
    np.savez(tmp_path / "rig.npz", **{**seeds.rig(), **changes})
    with pytest.raises(FaceSolveError, match=words):
        load_rig(tmp_path / "rig.npz")


def test_a_mirrored_head_whose_triangles_were_turned_is_read(tmp_path):
    """As the add-on writes it."""
    turned = seeds.TETRAHEDRON["triangles"][:, ::-1]
    np.savez(tmp_path / "rig.npz", **{**seeds.rig(), "scale": np.float32([-1, 1, 1]), "triangles": turned})
    assert load_rig(tmp_path / "rig.npz").scale.tolist() == [-1, 1, 1]


def png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_enormous_pictures_are_refused_before_anything_is_allocated(folder):
    (folder / "a.png").write_bytes(png(20_000, 20_000))
    with pytest.raises(FaceSolveError, match="20000 x 20000"):
        read_image(folder / "a.png")
    with pytest.raises(FaceSolveError, match="20000 x 20000 pixels, more than 100 million"):
        open_plate({"kind": "image", "path": str(folder / "a.png")})


def test_a_pattern_is_a_number_in_a_path_and_nothing_else():
    for pattern, frame, path in (
        ("a/{frame:04d}.png", 7, "a/0007.png"),
        ("{{x}}{frame}", -5, "{x}-5"),
        ("{frame:04d}", -5, "-005"),
        ("{frame:01d}", 12, "12"),
        ("still.png", 3, "still.png"),
    ):
        assert str(FramePattern(pattern).path(frame)) == path
        assert pattern.format(frame=frame) == path
    for pattern in (
        "{frame:>2000000000}",
        "{frame:2000000000d}",
        "{frame.__class__}",
        "{frame!r}",
        "{",
        "a\0",
        "{frame:{frame}}",
    ):
        with pytest.raises(FaceSolveError, match="cannot be understood"):
            FramePattern(pattern)


def test_a_stage_file_that_is_no_stage_file_is_refused_at_once(tmp_path):
    from solver_core.networks.registry import landmark_layout

    for text in ("a = " + "[" * 5000, "\n" * 100_000, "a = " + "9" * 5000, "x" * 100_000):
        (tmp_path / "stages.toml").write_text(text)
        began = time.monotonic()
        with pytest.raises(FaceSolveError):
            read_stages(tmp_path / "stages.toml", landmark_layout("facemesh"))
        assert time.monotonic() - began < 5


# solves that end and begin again


def told(frame, value, stage="dense", status="solved"):
    return FrameResult(frame, status, 0.5, np.eye(3), np.full(3, value), np.full(1, value), stage)


ASKED = Asked("shot", {}, ("rigid", "dense"), "dense", 2)


def journal(out, *results, asked=ASKED, names=("a",)):
    one = Journal(out, names, Silent(), asked)
    for result in results:
        one.frame(result)
    one.close(remove=False)
    return one


def values(out):
    found = recover(out)
    return dict(zip(found.frames.tolist(), found.pose.weights[:, 0].tolist(), strict=True))


def test_a_solve_begun_again_goes_on_from_what_is_there(tmp_path):
    out = tmp_path / "a.npz"
    journal(out, told(1, 0.1, "rigid"), told(1, 0.2), told(1, 0.3), told(2, 0.4, "rigid"))
    with journal_path(out).open("a") as file:
        file.write('{"frame": 3, "stat')  # torn
    second = journal(out, told(1, 0.5, "rigid"), told(2, 0.6), told(3, 0.7, status="failed"))
    assert values(out) == {1: 0.3, 2: 0.6, 3: 0.7}  # of each frame what came furthest
    assert list(second.finished()) == [1]
    third = journal(out, told(2, 0.8, status="failed"))
    assert values(out) == {1: 0.3, 2: 0.6, 3: 0.7}
    assert list(third.finished()) == [1]
    last = Journal(out, ("a",), Silent(), ASKED)
    last.close(remove=True, held={1})
    assert values(out)[2] == 0.6  # the solution has not all of it
    last.close(remove=True, held={1, 2})
    assert recover(out) is None


def test_what_another_solve_left_is_kept_beside(tmp_path):
    out = tmp_path / "a.npz"
    journal(out, told(1, 0.1))
    journal(out, told(2, 0.2), asked=Asked("another"))
    journal(out, told(3, 0.3), names=("b",), asked=Asked("another"))
    assert (values(tmp_path / "a.before-1.npz"), values(tmp_path / "a.before-2.npz"), values(out)) == (
        {1: 0.1},
        {2: 0.2},
        {3: 0.3},
    )


def test_frames_that_are_done_are_held(folder):
    shot = loaded(folder, neighbours=[], locked=[])
    done = {
        1003: FrameResult(
            1003, "solved", 0.25, np.eye(3), np.full(3, 0.5), np.full(2, 0.75), "judging", "", shot.initial[:1].joints
        )
    }
    taken, kept = take_up(shot, done)
    assert (taken.held_mask.tolist(), list(kept)) == ([False, False, True], [1003])
    solution = empty_solution(taken.frames, taken.start(), taken.rig.names)
    give_back(solution, kept)
    assert (solution.status[2], solution.error_px[2], solution.pose.weights[2].tolist()) == (
        "solved",
        0.25,
        [0.75, 0.75],
    )
    assert take_up(loaded(folder, neighbours=[1003], locked=[]), done)[1] == {}  # held already


def test_a_killed_solve_is_begun_again_killed_again_and_resumed(little_shot, tmp_path):
    """The real thing, once."""
    found = deaths.kills(little_shot.folder, 3, 2, time.monotonic() + 60)
    assert [wrong for *_, wrong in found] == [[], []]


# results that cannot be


def test_a_head_where_no_camera_sees_it_is_no_answer(little_shot):
    from solver_core.solve import prepare_context

    context = prepare_context(load_shot(little_shot.folder), lambda _done, _total: True)
    truth, index = little_shot.truth, 0
    context.pose = truth.copy()
    assert impossible(context, index, seen=True) == ""
    for words, shift in (
        ("behind camera A", [0, -2.5, 0]),
        ("beside the face", [0.4, 0, 0]),
        ("times as large", [-10, 95, -2]),
        ("ran away", [1e9, 0, 0]),
        ("left the numbers", [np.nan, 0, 0]),
    ):
        context.pose = truth.copy()
        context.pose.translation[index] += shift
        assert words in impossible(context, index, seen=True), (words, impossible(context, index, seen=True))
    context.close()
