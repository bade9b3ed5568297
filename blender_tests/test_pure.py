"""The add-on's modules that need no Blender.

Arrays, groups, plate rules, camera geometry, numbers of the frame stepping.
"""

import math
from array import array
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from addon.problem import FaceSolveProblem
from addon.scene.camera.camera_model import Backdrop, FrameFormat, Lens, intrinsics, plate_placement, world_to_camera
from addon.scene.camera.plate_map import ClipTiming, ImageTiming, sequence_pattern
from addon.scene.rig.shape_groups import GROUPS, group_of, grouped, other_side
from addon.scene.shot.npz import Array, read_npz, write_npz
from addon.wrapping import wrapped


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
def test_numpy_reads_what_we_write_and_we_read_what_numpy_writes(tmp_path, dtype):
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(3, 5, 2)) * 1e3).astype(dtype)
    code = {"f4": "f", "f8": "d", "i4": "i", "i8": "q"}[dtype]
    write_npz(tmp_path / "a.npz", {"values": Array(array(code, values.ravel().tolist()), values.shape)})
    with np.load(tmp_path / "a.npz") as found:
        assert found["values"].dtype == values.dtype
        np.testing.assert_array_equal(found["values"], values)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "b.npz", values=values)
        ours = read_npz(tmp_path / "b.npz")["values"]
        assert ours.shape == values.shape
        np.testing.assert_array_equal(np.array(ours.values), values.ravel())


@given(
    names=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20), max_size=8)
)
def test_texts_of_any_script_survive(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    write_npz(path, {"names": Array(names, (len(names),)), "flags": Array(array("b", [True] * 3), (3,), boolean=True)})
    with np.load(path) as found:
        assert found["names"].tolist() == names
        assert found["flags"].dtype == bool
    assert read_npz(path)["names"].values == names


@given(hnp.arrays(np.float64, (), elements=st.floats(allow_nan=False)))
def test_scalars_keep_their_shape(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(path, value=value)
    assert read_npz(path)["value"].shape == ()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(30), b"no zip at all"])
def test_a_broken_file_is_a_problem_in_words(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(FaceSolveProblem, match="cannot be read") as caught:
        read_npz(tmp_path / "a.npz")
    assert caught.value.remedy


ARKIT = {
    "jaw": ["jawOpen", "jawLeft", "jawForward"],
    "mouth": [
        "mouthSmile_L",
        "mouthSmileLeft",
        "mouthPucker",
        "mouthFunnel",
        "mouthUpperUp_R",
        "tongueOut",
        "lipsTogether",
        "smile.L",
    ],
    "brows": ["browInnerUp", "browDown_L", "browOuterUpRight", "Brow_Raise.R"],
    "eyes": ["eyeBlink_L", "eyeSquintLeft", "eyeLookDown_R", "EyeWide.L", "lidUpper.R", "Blink"],
    "cheeks": ["cheekPuff", "cheekSquint_R"],
    "nose": ["noseSneer_L", "nostrilFlare.R"],
    "head": ["neckStretch", "HeadTilt"],
    "other": ["Key 1", "", "Basis.001"],
}
FACS = {
    "brows": ["AU1", "AU02_L", "fcl_AU4", "AU_L_1", "ActionUnit2", "Inner Brow Raiser"],
    "cheeks": ["AU6", "Cheek Raiser", "AUL6"],
    "nose": ["AU09.R", "Nose Wrinkler", "Nostril Dilator"],
    "mouth": [
        "AU12",
        "AU25_L",
        "au_17",
        "AU12L",
        "FACS_12_R",
        "Lip Corner Puller",
        "Chin Raiser",
        "nasolabial_deepener",
    ],
    "jaw": ["AU26", "AU27", "Jaw Drop"],
    "eyes": ["AU45_R", "Lid Tightener", "Upper Lid Raiser"],
    "head": ["AU21", "AU51", "Neck Tightener"],
}
MUSCLES = {
    "brows": ["frontalis_medial_L", "Corrugator_Supercilii", "depressorSuperciliiLeft", "procerus"],
    "cheeks": ["orbicularisOculi_parsOrbitalis.L"],
    "eyes": ["Orbicularis Oculi", "levatorPalpebraeSuperioris.R"],
    "nose": ["levator_labii_superioris_alaeque_nasi", "Nasalis.L", "depressor_septi_nasi"],
    "mouth": [
        "levatorLabiiSuperioris",
        "ZygomaticusMajor_L",
        "depressor_anguli_oris.R",
        "risoriusLeft",
        "buccinator",
        "mentalis",
        "orbicularis_oris",
        "Caninus_R",
    ],
    "jaw": ["masseter.L", "temporalis", "LateralPterygoid", "digastric"],
    "head": ["platysma_L", "sternocleidomastoid"],
}


@pytest.mark.parametrize(
    ("group", "name"),
    [(group, name) for table in (ARKIT, FACS, MUSCLES) for group, names in table.items() for name in names],
)
def test_shape_keys_are_grouped_by_their_names(group, name):
    assert group_of(name) == group


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("mouthSmile_L", "mouthSmile_R"),
        ("smile.L", "smile.R"),
        ("smile.L.001", "smile.R.001"),
        ("smile_left", "smile_right"),
        ("mouthSmileLeft", "mouthSmileRight"),
        ("AU12L", "AU12R"),
        ("L_smile", "R_smile"),
        ("leftSmile", "rightSmile"),
        ("brow-l", "brow-r"),
    ],
)
def test_the_other_side_of_a_shape_key(left, right):
    assert (other_side(left), other_side(right)) == (right, left)
    assert group_of(left) == group_of(right)


@pytest.mark.parametrize(
    "name", ["jawOpen", "upright", "AU12", "", "bright", "L", "mouthPucker", "tongueRoll", "LipsUp"]
)
def test_a_key_without_a_side_has_no_other_side(name):
    assert other_side(name) is None


@given(st.text(st.sampled_from("LRlr._- 1aZ"), max_size=8) | st.text(max_size=12))
def test_the_other_side_of_the_other_side_is_the_name(name):
    other = other_side(name)
    if other is not None:
        assert other != name
        assert other_side(other) == name


@given(st.lists(st.text(max_size=12), unique=True))
def test_grouping_keeps_every_name_once(names):
    found = grouped(names)
    assert sorted(name for keys in found.values() for name in keys) == sorted(names)
    assert list(found) == [group for group in GROUPS if group in found]


@given(st.integers(-20, 20), st.integers(1, 12), st.integers(-5, 30), st.integers(-60, 60))
def test_a_cyclic_plate_repeats_and_a_plain_one_ends(start, duration, offset, frame):
    plain = ImageTiming(start, duration, offset).plate_frame(frame)
    cyclic = ImageTiming(start, duration, offset, use_cyclic=True)
    if plain is not None:
        assert plain == frame - start + 1 + offset == cyclic.plate_frame(frame)
    assert cyclic.plate_frame(frame) == cyclic.plate_frame(frame + duration)


def test_a_clip_shows_its_files_from_its_start():
    clip = ClipTiming(first=101, frame_start=10, frame_offset=2, frame_duration=5)
    assert [clip.plate_frame(frame) for frame in range(7, 15)] == [None, 101, 102, 103, 104, 105, None, None]


def test_sequence_patterns():
    assert sequence_pattern("/a{b}/take2_v10.0007.exr") == ("/a{{b}}/take2_v10.{frame:04d}.exr", 7)
    assert sequence_pattern("/12/plain.png") is None
    assert sequence_pattern("C:\\12\\f9.png") == ("C:\\12\\f{frame:01d}.png", 9)


LENS, FRAME = Lens(50.0, 36.0, 24.0), FrameFormat(1920, 1080)


def test_a_centred_camera_has_its_focal_length_in_pixels():
    assert intrinsics(LENS, FRAME, Backdrop(1920, 1080)) == pytest.approx([1920 * 50 / 36, 1920 * 50 / 36, 960, 540])


@pytest.mark.parametrize("method", ["STRETCH", "FIT", "CROP"])
def test_a_plate_of_the_frames_aspect_lies_the_same_by_every_method(method):
    small = intrinsics(LENS, FRAME, Backdrop(960, 540, method))
    assert small == pytest.approx([0.5 * value for value in intrinsics(LENS, FRAME, Backdrop(1920, 1080))])


def test_fit_and_crop_of_a_narrow_plate():
    # A square plate in a frame of 16:9: Fit fills the height, Crop fills the width.
    fit = intrinsics(LENS, FRAME, Backdrop(1000, 1000, "FIT"))
    crop = intrinsics(LENS, FRAME, Backdrop(1000, 1000, "CROP"))
    assert fit == pytest.approx([1000 * 50 / 36 * 16 / 9] * 2 + [500, 500])
    assert crop == pytest.approx([1000 * 50 / 36] * 2 + [500, 500])


@given(st.floats(0.2, 4), st.floats(-1, 1), st.floats(-1, 1), st.sampled_from(["STRETCH", "FIT", "CROP"]))
def test_a_moved_and_scaled_plate_shows_the_same_ray_where_it_lies(scale, x, y, method):
    """The plate's corners in the frame, found again through the intrinsics: both ways to the same place."""
    backdrop = Backdrop(640, 480, method, offset_x=x, offset_y=y, scale=scale)
    width, height, centre_x, centre_y = plate_placement(LENS, FRAME, backdrop)
    fx, fy, cx, cy = intrinsics(LENS, FRAME, backdrop)
    for u, v in ((0.0, 0.0), (640.0, 480.0), (320.0, 240.0)):
        ray = ((u - cx) / fx, (cy - v) / fy)
        in_frame = (0.5 + ray[0] * 50 / 36, 0.5 + ray[1] * 50 / 36 * 16 / 9)
        assert in_frame[0] == pytest.approx(0.5 + centre_x + width * (u / 640 - 0.5), abs=1e-9)
        assert in_frame[1] == pytest.approx(0.5 + centre_y + height * (0.5 - v / 480), abs=1e-9)


def test_a_flipped_plate_is_seen_in_a_mirror():
    plain, flipped = (intrinsics(LENS, FRAME, Backdrop(640, 480, offset_x=0.1, flip_x=flip)) for flip in (False, True))
    for ray in (-0.2, 0.0, 0.3):
        assert 640 - (plain[2] + plain[0] * ray) == pytest.approx(flipped[2] + flipped[0] * ray)


def test_a_camera_without_orientation_or_with_shear_is_refused():
    with pytest.raises(FaceSolveProblem, match="scale of zero"):
        world_to_camera([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(FaceSolveProblem, match="sheared"):
        world_to_camera([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    angle = 0.3
    turned = [
        [math.cos(angle), -math.sin(angle), 0, 1],
        [math.sin(angle), math.cos(angle), 0, 2],
        [0, 0, 1, 3],
        [0, 0, 0, 1],
    ]
    world = np.array(turned) @ np.diag([2, 3, 0.5, 1])
    np.testing.assert_allclose(np.array(world_to_camera(world)), np.linalg.inv(np.array(turned))[:3], atol=1e-12)


@given(st.text("ab /.", max_size=60), st.integers(1, 20))
def test_wrapped_lines_fit_lose_nothing_and_are_as_long_as_they_can_be(text, room):
    lines = wrapped(text, lambda line: len(line) <= room)
    assert all(len(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    for line, after in pairwise(lines):
        assert len(line) + 1 + len(after.split(" ")[0]) > room
