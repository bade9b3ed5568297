"""Stage files: what is written is read back, and whatever is wrong is said with the line that it stands on."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tomllib
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from little_shot import START, changed

from solver_core.common.errors import FaceSolveError
from solver_core.networks.registry import LAYOUTS
from solver_core.service.cli import main
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, solve_folder
from solver_core.stages.catalogue import KINDS, LANDMARKS_AND_FLOW, STAGES
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.kinds.fit import Fit
from solver_core.stages.kinds.scan import Scan
from solver_core.stages.kinds.smooth import Smooth
from solver_core.stages.stage_file import line_of, read_stages, unknown_keys, write_stages

LAYOUT = LAYOUTS["facemesh"]
APART = ("forehead", "brows", "eyes", "nose", "cheeks", "chin")  # regions that share no landmark

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda word: word != "*")
keys = st.one_of(st.just(("*",)), st.lists(words, unique=True, max_size=3).map(tuple))
amounts = st.floats(0, 1e6)
fits = st.builds(
    Fit,
    iterations=st.integers(1, 1000),
    rotation=st.booleans(),
    keys=keys,
    regions=st.dictionaries(st.sampled_from(APART), amounts, max_size=3),
    elsewhere=st.floats(0.001, 100),
    edges=amounts,
    near=amounts,
    smooth=amounts,
)
observers = st.dictionaries(st.sampled_from(["landmarks", "flow"]), st.floats(0.001, 1e6), min_size=1)
deeps = st.one_of(
    st.builds(Deep, rounds=st.integers(1, 1000), keys=keys, observers=observers, sparse=st.booleans()),
    st.builds(
        Deep,
        rounds=st.integers(1, 1000),
        keys=keys,
        rotation=st.booleans(),
        jacobian=st.sampled_from(["exact", "material", "backward"]),
        crop=st.sampled_from(["plate", "render"]),
        iterations=st.integers(1, 1000),
        regions=st.dictionaries(st.sampled_from(APART), amounts, max_size=3),
        elsewhere=st.floats(0.001, 100),
        edges=amounts,
        near=amounts,
        lambda_=amounts,
    ),
)
smooths = st.builds(Smooth, keys=keys, head=st.booleans())
scans = st.builds(Scan, keys=keys)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda n: n not in {"loading", "detection", "judging"}
)
stage_lists = st.dictionaries(
    names, st.lists(st.one_of(fits, deeps, scans, smooths), min_size=1, max_size=4).map(tuple), min_size=1, max_size=3
)


def read(folder, text, layout=LAYOUT):
    path = folder / "stages.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_stages(path, layout)


def refused(folder, text, layout=LAYOUT):
    """The problem's message and remedy; it names the file."""
    with pytest.raises(FaceSolveError) as caught:
        read(folder, text, layout)
    assert str(folder / "stages.toml") in caught.value.message
    assert caught.value.remedy
    return caught.value


def test_every_kind_of_step_can_be_written():
    assert set(KINDS.values()) >= {type(step) for steps in STAGES.values() for step in steps}


@pytest.mark.parametrize("network", LAYOUTS)
def test_the_printed_stages_are_the_built_in_ones(tmp_path, capsys, network):
    assert main(["stages"]) == 0
    assert read(tmp_path, capsys.readouterr().out, LAYOUTS[network]) == STAGES


@settings(max_examples=60, deadline=None)
@given(stages=stage_lists, windows=st.booleans())
def test_what_is_written_is_read(tmp_path_factory, stages, windows):
    text = write_stages(stages)
    text = "\ufeff" + text.replace("\n", "\r\n") if windows else text
    assert read(tmp_path_factory.mktemp("stages"), text) == stages


@settings(max_examples=60, deadline=None)
@given(stages=stage_lists, data=st.data())
def test_a_wrong_setting_is_named_with_its_line(tmp_path_factory, stages, data):
    """Comments, empty lines and lists over several lines stand between; one setting becomes one that does not exist."""
    lines = []
    for line in write_stages(stages).split("\n"):
        lines += data.draw(st.lists(st.sampled_from(["", "# note", "  # [[stage]]"]), max_size=2))
        if line.startswith("keys = ["):
            lines += [
                "keys = [  # which",
                *(f"  {item}," for item in map(json_string, tomllib.loads(line)["keys"])),
                "]",
            ]
        else:
            lines.append(line)
    begins = [
        i
        for i, line in enumerate(lines)
        if re.match(r"(iterations|rounds|keys|elsewhere|observers|rotation|regions) = ", line)
    ]
    assume(begins)  # where all settings have their defaults none is written
    wrong = data.draw(st.sampled_from(begins))
    lines[wrong] = "unheard_of" + lines[wrong][lines[wrong].index(" =") :]
    problem = refused(tmp_path_factory.mktemp("stages"), "\n".join(lines))
    assert f"line {wrong + 1}: " in problem.message
    assert "unheard_of" in problem.message
    assert "keys" in problem.remedy


def json_string(text):
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


HEAD = '[[stage]]\nname = "own"\n\n'
STEP = '[[stage.step]]\nkind = "fit"\niterations = 5\n'
DEEP = STEP.replace("fit", "deep").replace("iterations", "rounds")
WRONG = {
    "no TOML": ("[[stage]\n", "line 1", "line 1", "Mend"),
    "no TOML further down": (HEAD + "[[stage.step]]\nkind = fit\n", "line 5", "no TOML", "Mend"),
    "nothing": ("", "line 1", "no stage", "[[stage]]"),
    "another table": (HEAD + STEP + "[stages]\n", "line 7", "no setting stages", "stage"),
    "one table for a list": ("# mine\n[stage]\nname = 'a'\n", "line 2", "no list of tables", "[[stage]]"),
    "numbers for tables": ("stage = [1, 2]\n", "line 1", "no list of tables", "[[stage]]"),
    "no steps": (HEAD, "line 1", "no step", "[[stage.step]]"),
    "an empty list of steps": (HEAD + "step = []\n", "line 4", "no step", "[[stage.step]]"),
    "no name": ("[[stage]]\n" + STEP, "line 1", "no name", "letters"),
    "a number for a name": ("[[stage]]\nname = 3\n" + STEP, "line 2", "no name", "letters"),
    "a name with a comma": ("[[stage]]\nname = 'a,b'\n" + STEP, "line 2", "no name", "letters"),
    "a name of the solver's own": ("[[stage]]\nname = 'judging'\n" + STEP, "line 2", "no name", "judging"),
    "the same name again": (HEAD + STEP + HEAD + STEP, "line 8", "another stage called own", "own name"),
    "no kind": (HEAD + "[[stage.step]]\niterations = 5\n", "line 4", "no kind", "fit, deep"),
    "an unknown kind": (HEAD + STEP + "[[stage.step]]\nkind = 'dream'\n", "line 8", "'dream'", "fit, deep"),
    "a kind that is a list": (HEAD + "[[stage.step]]\nkind = ['fit']\n", "line 5", "'fit'", "fit, deep"),
    "no iterations": (HEAD + "[[stage.step]]\nkind = 'fit'\n", "line 4", "no iterations", "whole number"),
    "another kind's setting": (HEAD + STEP + "flow = true\n", "line 7", "no setting of a fit step flow", "iterations"),
    "negative iterations": (HEAD + STEP.replace("5", "-5"), "line 6", "iterations is -5", "1 to 1000"),
    "no iteration": (HEAD + STEP.replace("5", "0"), "line 6", "iterations is 0", "1 to 1000"),
    "endless iterations": (HEAD + STEP.replace("5", "1_000_000"), "line 6", "1000000", "1 to 1000"),
    "half an iteration": (HEAD + STEP.replace("5", "2.5"), "line 6", "2.5", "whole number"),
    "a bundle of nothing": (
        HEAD + "[[stage.step]]\nkind = 'deep'\nrounds = 1\nflow = true\nbundle = true\n",
        "line 8",
        "no detail",
        "sparse",
    ),
    "a word for the old flow": (HEAD + DEEP + "flow = 'yes'\n", "line 7", "flow is 'yes'", "true or false"),
    "the old flow beside observers": (
        HEAD + DEEP + "flow = true\nobservers = { flow = 1 }\n",
        "line 7",
        "flow stands beside observers",
        "Leave flow out",
    ),
    "an unknown observer": (
        HEAD + DEEP + "[stage.step.observers]\nlandmarks = 1\n\nears = 1\n",
        "line 10",
        "no observer ears",
        "landmarks, flow",
    ),
    "no observer": (HEAD + DEEP + "observers = {}\n", "line 7", "no observer has a weight", "above 0"),
    "observers without a weight": (
        HEAD + DEEP + "observers = { landmarks = 0 }\n",
        "line 7",
        "no observer has a weight",
        "above 0",
    ),
    "a list of observers": (HEAD + DEEP + "observers = ['flow']\n", "line 7", "['flow']", "{ landmarks = 10.0"),
    "an unknown Jacobian": (
        HEAD + DEEP + "\njacobian = 'guessed'\n",
        "line 8",
        "jacobian is 'guessed'",
        '"exact", "material", "backward"',
    ),
    "a number for a Jacobian": (HEAD + DEEP + "jacobian = 1\n", "line 7", "jacobian is 1", '"exact"'),
    "an unknown crop": (HEAD + DEEP + "jacobian = 'exact'\ncrop = 'none'\n", "line 8", "crop is 'none'", '"render"'),
    "an unknown region of a deep step": (
        HEAD + DEEP + "jacobian = 'exact'\n[stage.step.regions]\nbeard = 1\n",
        "line 9",
        "region beard",
        "brows",
    ),
    "an energy's setting without its Jacobian": (
        HEAD + DEEP + "lambda = 100\n",
        "line 7",
        "lambda is of the energy",
        'jacobian = "exact"',
    ),
    "the Jacobian of flow": (
        HEAD + DEEP + "jacobian = 'exact'\nobservers = { landmarks = 68, flow = 400 }\n",
        "line 8",
        "flow is asked beside them",
        "leave jacobian out",
    ),
    "skin beside a Jacobian": (
        HEAD + DEEP + "jacobian = 'exact'\nskin = true\n",
        "line 8",
        "skin stands beside jacobian",
        "one of them",
    ),
    "a word for the old head": (HEAD + DEEP + "head = 'still'\n", "line 7", "head is 'still'", "true or false"),
    "a word for a number": (HEAD + STEP.replace("5", "'many'"), "line 6", "'many'", "whole number"),
    "true for a number": (HEAD + STEP.replace("5", "true"), "line 6", "True", "whole number"),
    "a number for a switch": (HEAD + STEP + "rotation = 1\n", "line 7", "rotation is 1", "true or false"),
    "a word for a weight": (HEAD + STEP + "elsewhere = 'all'\n", "line 7", "'all'", "0 or more"),
    "a negative weight": (HEAD + STEP + "regions = { jaw = -1 }\n", "line 7", "jaw is -1", "0 or more"),
    "a weight that is no number": (HEAD + STEP + "elsewhere = nan\n", "line 7", "nan", "0 or more"),
    "an infinite weight": (HEAD + STEP + "elsewhere = inf\n", "line 7", "inf", "0 or more"),
    "an unknown region": (
        HEAD + STEP + "[stage.step.regions]\njaw = 0\n\nbeard = 1\n",
        "line 10",
        "region beard",
        "brows",
    ),
    "a list of regions": (HEAD + STEP + "regions = ['jaw']\n", "line 7", "regions is ['jaw']", "{ jaw = 0.0"),
    "contradictory regions": (
        HEAD + STEP + "regions.lips = 1\nregions.mouth = 2\n",
        "line 8",
        "lips and mouth share landmarks",
        "overlap",
    ),
    "no landmark left": (HEAD + STEP + "elsewhere = 0\n", "line 4", "no landmark has a weight", "above 0"),
    "a word for keys": (HEAD + STEP + "keys = 'jaw'\n", "line 7", "keys is 'jaw'", '["jaw", "mouth"]'),
    "numbers for keys": (HEAD + STEP + "keys = [\n  1,\n]\n", "line 7", "keys is [1]", '["jaw", "mouth"]'),
    "a key twice": (HEAD + STEP + "keys = ['jaw', 'mouth', 'jaw']\n", "line 7", "jaw twice", "once"),
    "all and one": (HEAD + STEP + "keys = ['jaw', '*']\n", "line 7", "all of them", "alone"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_with_file_line_and_remedy(tmp_path, what):
    text, *expected, remedy = WRONG[what]
    problem = refused(tmp_path, text)
    for words in expected:
        assert words in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(("flow", "observers"), [("true", LANDMARKS_AND_FLOW), ("false", {"landmarks": 10.0})])
def test_a_file_of_an_earlier_version_is_read(tmp_path, flow, observers):
    """Where `flow` was a switch."""
    (step,) = read(tmp_path, HEAD + DEEP + f"flow = {flow}\n")["own"]
    assert step == Deep(rounds=5, observers=observers)


def test_a_head_that_was_held_as_a_whole_is_read(tmp_path):
    """Where `head` was turning and moving in one."""
    (step,) = read(tmp_path, HEAD + DEEP + "head = false\n")["own"]
    assert step == Deep(rounds=5, rotation=False, translation=False)
    assert not step.moves_head


@pytest.mark.parametrize("network", LAYOUTS)
def test_the_paper_s_recipe_is_found_by_its_name(network, tmp_path, monkeypatch):
    """Every solving step is a deep step of the energy itself; a file of that name goes before it."""
    stages = read_stages(Path("paper"), LAYOUTS[network])
    assert list(stages) == ["rigid", "expression", "infill", "refinement"]
    steps = [step for name in ("rigid", "expression") for step in stages[name]]
    assert all(isinstance(step, Deep) and step.jacobian == "exact" and step.crop == "render" for step in steps)
    assert [step.rotation for step in steps] == [False, True, True, True, True, False, True]
    assert [step.lambda_ for step in steps] == [0.0] * 4 + [100.0] * 3
    assert read(tmp_path, write_stages(stages), LAYOUTS[network]) == stages
    monkeypatch.chdir(tmp_path)
    Path("paper").write_text(HEAD + STEP)
    assert list(read_stages(Path("paper"), LAYOUTS[network])) == ["own"]


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    refused(tmp_path, b"\xff\xfe\x00")
    with pytest.raises(FaceSolveError, match=r"absent\.toml cannot be read"):
        read_stages(tmp_path / "absent.toml", LAYOUT)
    with pytest.raises(FaceSolveError, match="cannot be read"):
        read_stages(tmp_path, LAYOUT)


def test_regions_that_a_network_has_no_landmarks_for_leave_nothing(tmp_path):
    """3D-FAN has none on the forehead; FaceMesh has."""
    text = HEAD + STEP + "regions = { forehead = 1.0 }\nelsewhere = 0\n"
    assert read(tmp_path, text)["own"][0].regions == {"forehead": 1.0}
    assert "no landmark has a weight" in refused(tmp_path, text, LAYOUTS["fan"]).message


def test_the_line_of_a_setting_is_where_it_begins():
    text = 'a = 1\n\n# b\nb = [\n  1,\n\n  2,\n]\nc = """\n[d]\n"""\n[d]\ne.f = 2\n'
    assert [line_of(text, where) for where in (("a",), ("b",), ("b", 1), ("c",), ("d",), ("d", "e", "f"), ("g",))] == [
        1,
        4,
        4,
        9,
        12,
        13,
        1,
    ]


def test_keys_that_the_face_has_not_are_named_once(demo_rig):
    stages = {
        "one": (Fit(5, keys=("jaw", "beard")), Deep(1, keys=("beard", "jawOpen", "ears"))),
        "two": (Fit(5, keys=("*",)),),
    }
    (sentence,) = unknown_keys(stages, demo_rig)
    assert "stage one" in sentence
    assert sentence.count("beard") == 1
    assert "ears" in sentence
    assert "jaw," not in sentence
    assert "jawOpen" not in sentence


class Warnings(Silent):
    def __init__(self):
        self.said = []

    def warning(self, message):
        self.said.append(message)


OWN = {"near": (Fit(20),), "mine": (Fit(20, keys=("jaw", "beard")),)}


def test_a_shot_is_solved_by_its_own_stages(little_shot, tmp_path):
    """The same steps give the same answer to the bit, from a file or built in; the file is found beside shot.json."""
    plain = Overrides(stages=("rigid",), frames=(START, START))
    expected = solve_folder(little_shot.folder, tmp_path / "expected.npz", Silent(), plain)
    folder = changed(little_shot, tmp_path / "shot", stage_file="ours.toml", stages=None)
    (folder / "ours.toml").write_text(write_stages({"ours": STAGES["rigid"]}))
    own = solve_folder(folder, tmp_path / "own.npz", Silent(), Overrides(frames=(START, START)))
    np.testing.assert_array_equal(own.pose.rotation, expected.pose.rotation)
    np.testing.assert_array_equal(own.pose.translation, expected.pose.translation)
    assert own.settings["stages"] == ["ours"]
    assert own.settings["stage_file"].endswith("ours.toml")


def test_the_command_line_s_stage_file_goes_before_the_shot_s(little_shot, tmp_path, capsys):
    path = tmp_path / "ours.toml"
    path.write_text(write_stages(OWN))
    notes = Warnings()
    overrides = Overrides(stages=("mine",), stage_file=path, frames=(START, START))
    solve_folder(
        changed(little_shot, tmp_path / "shot", stage_file="absent.toml"), tmp_path / "out.npz", notes, overrides
    )
    assert any("beard" in sentence for sentence in notes.said)
    command = ["solve", str(little_shot.folder), "--out", str(tmp_path / "out.npz"), "--stage-file", str(path)]
    assert main([*command, "--stages", "rigid"]) == 1
    assert "The stage file has no stage rigid" in capsys.readouterr().err
    path.write_text(write_stages(OWN).replace("iterations = 20", "iterations = -20"))
    assert main(command) == 1
    assert f"{path}, line 6: iterations is -20" in capsys.readouterr().err


def test_steps_are_frozen():
    """Stages are data that nobody changes on the way."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        OWN["near"][0].iterations = 3
