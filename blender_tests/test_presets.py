"""Groups as a value, and presets as files: round trips, invariances, and every way that a file can be wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.problem import FaceSolveProblem
from addon.scene.rig.shape_groups import group_of
from addon.scene.rig.shape_layout import Faults, Group, Layout, complete, faults, move, regroup
from addon.scene.setup.preset import VERSION, Preset, read_preset, write_preset

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.sampled_from(["jawOpen", "mouthSmile_L", "mouthSmile_R", "browUp", "AU45", "Key 1", "ü"])
FEW = st.lists(KEYS, max_size=5)
GROUPS = st.builds(
    Group,
    st.sampled_from(["jaw", "mouth", "brows", "mine"]),
    FEW.map(tuple),
    st.booleans(),
    st.floats(0, 10, allow_nan=False),
)
LAYOUTS = st.builds(Layout, st.lists(GROUPS, max_size=4).map(tuple), st.frozensets(KEYS))
FACES = st.lists(KEYS, unique=True)
ANY_GROUP = st.builds(
    Group, NAMES.filter(bool), st.lists(NAMES, max_size=4).map(tuple), st.booleans(), st.floats(0, 1e6)
)
PRESETS = st.builds(
    Preset,
    st.none() | st.builds(Layout, st.lists(ANY_GROUP, max_size=4).map(tuple), st.frozensets(NAMES, max_size=4)),
    st.dictionaries(NAMES, NAMES | st.booleans() | st.floats(allow_nan=False, allow_infinity=False), max_size=4),
)


@given(PRESETS)
def test_a_preset_outlasts_its_file_to_the_bit(tmp_path_factory, preset):
    path = tmp_path_factory.mktemp("preset") / "new folder" / "a.json"
    write_preset(path, preset)
    assert read_preset(path) == preset
    first = path.read_bytes()
    write_preset(path, read_preset(path))
    assert path.read_bytes() == first
    assert [one.name for one in path.parent.iterdir()] == ["a.json"]


def test_a_preset_reads_as_plain_text(tmp_path):
    group = Group("mouth", ("mouthSmile_L", "mouthSmile_R"), True, 0.5)
    write_preset(tmp_path / "a.json", Preset(Layout((group,), frozenset(["tongueOut"])), {"landmarks": "FAN"}))
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "face_solve_preset": VERSION,
        "settings": {"landmarks": "FAN"},
        "excluded_keys": ["tongueOut"],
        "groups": [{"name": "mouth", "enabled": True, "strength": 0.5, "keys": ["mouthSmile_L", "mouthSmile_R"]}],
    }


WRONG = {
    "not JSON": "{",
    "no preset of Face Solve": '{"name": "something else"}',
    "no preset": "[]",
    "no version": '{"face_solve_preset": "one"}',
    "this add-on reads 1": '{"face_solve_preset": 2}',
    "groups is not a list": '{"face_solve_preset": 1, "groups": {}}',
    "group 1 is not an entry": '{"face_solve_preset": 1, "groups": [3]}',
    "group 2 has no name": '{"face_solve_preset": 1, "groups": [{"name": "jaw"}, {"name": ""}]}',
    "strength": '{"face_solve_preset": 1, "groups": [{"name": "jaw", "strength": "much"}]}',
    "number from 0 up": '{"face_solve_preset": 1, "groups": [{"name": "jaw", "strength": NaN}]}',
    "neither enabled": '{"face_solve_preset": 1, "groups": [{"name": "jaw", "enabled": 1}]}',
    r"keys of group 1 \(jaw\)": '{"face_solve_preset": 1, "groups": [{"name": "jaw", "keys": [1]}]}',
    "excluded_keys": '{"face_solve_preset": 1, "excluded_keys": "jawOpen"}',
    "setting refinement": '{"face_solve_preset": 1, "settings": {"refinement": [1]}}',
    "settings are not names": '{"face_solve_preset": 1, "settings": 5}',
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_file_is_said_with_its_place_and_a_remedy(tmp_path, words):
    (tmp_path / "a.json").write_text(WRONG[words])
    with pytest.raises(FaceSolveProblem, match=words) as caught:
        read_preset(tmp_path / "a.json")
    assert str(tmp_path / "a.json") in caught.value.message
    assert caught.value.remedy


@given(st.binary(max_size=60))
def test_no_bytes_at_all_are_a_defect(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("preset") / "a.json"
    path.write_bytes(content)
    with pytest.raises(FaceSolveProblem):
        read_preset(path)


def test_files_that_cannot_be_read_or_written_are_said(tmp_path):
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(FaceSolveProblem, match="cannot be read"):
            read_preset(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FaceSolveProblem, match="cannot be written"):
        write_preset(tmp_path / "file" / "a.json", Preset())


@given(LAYOUTS, FACES)
def test_mending_leaves_every_key_in_exactly_one_group(layout, face):
    mended = complete(layout, face)
    assert sorted(key for group in mended.groups for key in group.keys) == sorted(face)
    assert faults(mended, face) == Faults((), (), ())
    assert complete(mended, face) == mended
    homes = layout.homes()
    for key, (home,) in mended.homes().items():
        assert home == (homes[key][0] if key in homes else group_of(key))
    before = {group.name: group for group in reversed(layout.groups)}
    for group in mended.groups:
        if group.name in before:
            assert (group.enabled, group.strength) == (before[group.name].enabled, before[group.name].strength)
    assert mended.left_out == layout.left_out & set(face)


@given(LAYOUTS, FACES)
def test_faults_are_what_mending_changes(layout, face):
    found = faults(layout, face)
    assert bool(found) == any(
        (len([h for g in layout.groups for h in g.keys if h == key]) != 1) if key in face else True
        for key in {*face, *layout.homes()}
    )


@given(LAYOUTS, FACES, FEW, st.sampled_from(["jaw", "mouth", "mine", "new"]))
def test_moving_changes_the_home_of_these_keys_alone(layout, face, keys, name):
    start = complete(layout, face)
    keys = [key for key in dict.fromkeys(keys) if key in face]
    after = move(start, keys, name)
    assert faults(after, face) == Faults((), (), ())
    for key in face:
        assert after.homes()[key] == ([name] if key in keys else start.homes()[key])
    assert after.left_out == start.left_out
    assert regroup(after, face).homes() == {key: [group_of(key)] for key in face}
