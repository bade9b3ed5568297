"""The performance's table, and what is done to a take's values: no Blender."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.problem import FaceSolveProblem
from addon.scene.performance.table import ARKIT, TURNS, plain, read_table, sample, timecode, write_table
from addon.scene.takes.adjust import blended, strengthened

RATES = (24.0, 25.0, 30.0, 60.0)
values = st.floats(0, 1).map(lambda value: round(value, 6))


def test_the_table_has_arkits_columns():
    assert len(ARKIT) == len(set(ARKIT)) == 52
    header = write_table([(0.0, {})], 24.0).splitlines()[0].split(",")
    assert header[:2] == ["Timecode", "BlendShapeCount"]
    assert header[2:] == [*ARKIT, *TURNS]


@pytest.mark.parametrize("name", ["EyeBlinkLeft", "eyeBlinkLeft", "eyeBlink_L", "eye_blink.L", "eye blink left"])
def test_one_key_has_many_spellings(name):
    assert plain(name) == "eyeblinkleft"
    assert plain("mouthLowerDown_R") == plain("MouthLowerDownRight")
    assert plain("jawLeft") == plain("JawLeft") != plain("jaw_R")


@given(st.lists(values, min_size=1, max_size=200), st.sampled_from(RATES))
def test_what_is_written_is_read(weights, rate):
    rows = [(frame / rate, {"jawOpen": weight, "my own key": 1 - weight}) for frame, weight in enumerate(weights)]
    read = read_table(write_table(rows, rate), rate)
    assert sample(read, "JawOpen", rate) == pytest.approx(dict(enumerate(weights)), abs=2e-6)
    assert sample(read, "my own key", rate) == pytest.approx({n: 1 - w for n, w in enumerate(weights)}, abs=2e-6)


@pytest.mark.parametrize("rate", RATES)
def test_the_rate_of_a_whole_second_is_found(rate):
    read = read_table(write_table([(frame / rate, {}) for frame in range(int(rate) + 1)], rate))
    assert read.seconds[-1] == pytest.approx(1.0, abs=1e-3)


@given(st.integers(0, 500_000), st.sampled_from(RATES))
def test_timecodes_count(frame, rate):
    hours, minutes, seconds, frames = timecode(frame / rate, rate).split(":")
    assert ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * rate + float(frames) == pytest.approx(frame)


def test_another_rate_is_sampled_and_gaps_stay_empty():
    times = [0.0, 0.5, 1.0, 4.0, 4.5]
    read = read_table(write_table([(at, {"jawOpen": at / 10}) for at in times], 60.0), 60.0)
    found = sample(read, "JawOpen", 10.0)
    assert set(found) == {*range(11), *range(40, 46)}
    assert found[7] == pytest.approx(0.07)


def test_rows_out_of_order_and_twice_are_put_right():
    table = "Timecode,A\n00:00:01:00,3\n00:00:00:00,1\n00:00:00:30,2\n00:00:00:30,9\n"
    read = read_table(table, 60.0)
    assert read.seconds == [0.0, 0.5, 1.0]
    assert read.columns["A"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "no Live Link Face table"),
        ("frame,jawOpen\n1,0", "no Live Link Face table"),
        ("Timecode,A\n", "no rows"),
        ("Timecode,A\nyesterday,0", "Line 2"),
        ("Timecode,A,B\n00:00:00:00,0", "Line 2"),
        ("Timecode,A\n00:00:00:00,nan", "A in line 2"),
        ("Timecode,A\n00:00:00:00,wide", "A in line 2"),
        ("Timecode,A\n00:00:00:00,1e300", "A in line 2"),
        ("Timecode,A,A\n00:00:00:00,0,0", "twice"),
    ],
)
def test_a_bad_table_is_said(table, words):
    with pytest.raises(FaceSolveProblem, match=words):
        read_table(table)


@given(st.dictionaries(st.integers(0, 99), values, min_size=1), st.floats(0, 1.5), values)
def test_strength_stays_in_the_keys_range_and_one_changes_nothing(solved, strength, neutral):
    found = strengthened(solved, strength, neutral, (0.0, 1.0))
    assert all(0.0 <= value <= 1.0 for value in found.values())
    assert strengthened(solved, 1.0, 0.0, (0.0, 1.0)) == solved
    assert set(strengthened(solved, 0.0, 0.0, (0.0, 1.0)).values()) == {0.0}
    rest = next(iter(solved))
    assert strengthened(solved, strength, solved[rest], (0.0, 1.0))[rest] == 0.0


def test_a_blend_of_turns_takes_the_short_way():
    half = math.sqrt(0.5)
    one = {f"rotation_quaternion[{i}]": {1: value} for i, value in enumerate((1.0, 0.0, 0.0, 0.0))}
    other = {f"rotation_quaternion[{i}]": {1: value} for i, value in enumerate((-half, 0.0, 0.0, -half))}
    mixed = [blended(one, other, 0.5)[f"rotation_quaternion[{i}]"][1] for i in range(4)]
    assert mixed == pytest.approx([math.cos(math.pi / 8), 0, 0, math.sin(math.pi / 8)])
    euler = blended({"rotation_euler[2]": {1: 3.1}}, {"rotation_euler[2]": {1: -3.1}}, 0.5)
    assert euler["rotation_euler[2]"][1] == pytest.approx(math.pi)


@given(st.dictionaries(st.integers(0, 9), values), st.dictionaries(st.integers(0, 9), values), st.floats(0, 1))
def test_a_blend_keeps_every_frame_and_lies_between(first, second, share):
    mixed = blended({"key:a": first}, {"key:a": second}, share).get("key:a", {})
    assert mixed.keys() == first.keys() | second.keys()
    for frame, value in mixed.items():
        ends = [one[frame] for one in (first, second) if frame in one]
        assert min(ends) - 1e-12 <= value <= max(ends) + 1e-12
