"""The shared cases of artists' scenes: each ends right, or is refused or warned of with a remedy that leads to right.

They need no solver: the truth is imported.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from blender_tests.conftest import ROOT, blender_command, missing

CASES = ROOT.parent / "shared" / "cases"
RIGHT_MM = 0.05
RIGHT = (
    # what moves the head, and what comes along
    *(
        "baseline",
        "siblings",
        "separate_eyes",
        "two_actors",
        "two_users",
        "hair_more_keys",
        "body_mesh",
        "mask_helpers",
    ),
    *("head_bone", "head_bone_static", "bone_parent", "body_split_weights", "keyed_constraint", "nonuniform"),
    # shape keys
    *("identity_targets", "smplx_like", "names_wink", "names_vroid", "bone_rig", "partly_driven", "ranges10"),
    *("rename_one", "rename_key", "key_deleted", "lattice_squash"),
    # what is hidden
    *("witness_hidden", "witness_keys", "hidden_head", "excluded_head", "hidden_lens"),
    # animation
    *("slot_none", "nla_replace_tracks_above", "subframe_keys", "rotmode_change"),
    # scenes and footage
    *("scene_100x", "unsaved", "odd_path", "bound_cameras"),
    *("active_clip_only", "use_camera_clip_other", "clip_undistorted", "movie_clip_60", "dropped_frame", "plate_4k"),
)
# case: the button that mends it, words of what is said before anything is written, and how near that leads.
MENDED = {
    "linked_action": ("make_keys_play", "linked from another file", RIGHT_MM),
    "linked_action2": ("make_keys_play", "linked from another file", RIGHT_MM),
    "nla_add": ("make_keys_play", "Nonlinear Animation", RIGHT_MM),
    "muted_curve": ("make_keys_play", "is muted", RIGHT_MM),
    "time_remap": ("make_keys_play", "Time stretching", RIGHT_MM),
    "override_char": ("make_character_local", "linked from another file", RIGHT_MM),
    "override_made_local": ("make_character_local", "linked from another file", RIGHT_MM),
    "collection_instance": ("make_character_local", "only shows a character", RIGHT_MM),
    # a bone turns the jaw, where the truth slides it
    "cc4_jaw": ("turn_drivers", "against each other", 1.0),
    "driven_by_jawbone": ("turn_drivers", "against each other", 1.0),
}
SAID = {
    "mirror_half": "The modifier Mirror reshapes",
    "geo_nodes": "The modifier GN reshapes",
    "shape_by_driver_on_frame": "browInnerUp_L (they follow the frame number)",
    "range_longer": "Give the frames back",
    "smoothed": "Give the frames back",
}


@pytest.fixture(scope="module")
def run_case(zips, tmp_path_factory):
    """Run a case; answers with what it printed."""
    if not CASES.is_dir():
        missing(f"no shared cases at {CASES}")
    python = blender_command("4.5", Path(), [])[0]

    def run(case, mend=""):
        environment = {
            **os.environ,
            "FAST": "1",
            "FACE_SOLVE_ZIP": str(zips[0]),
            "FACE_SOLVE_PYTHON": sys.executable,
            "CASES_OUT": str(tmp_path_factory.mktemp(case)),
            "OMP_NUM_THREADS": "1",
        }
        command = [python, str(Path(__file__).with_name("case_runner.py")), str(CASES), case, *([mend] if mend else [])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        return done.stdout + done.stderr

    return run


def beside_mm(said):
    found = re.search(r"SCORE median vertex_mm ([0-9.]+)", said)
    assert found, said[-3000:]
    return float(found.group(1))


@pytest.mark.parametrize("case", RIGHT)
def test_a_scene_that_plays_what_was_solved(run_case, case):
    said = run_case(case)
    assert "Traceback" not in said, said[-3000:]
    assert beside_mm(said) <= RIGHT_MM, said[-3000:]


@pytest.mark.parametrize("case", MENDED)
def test_a_refusal_whose_button_leads_on(run_case, case):
    mend, words, right = MENDED[case]
    said = run_case(case, mend)
    refused = next((line for line in said.splitlines() if line.startswith("REFUSED")), "")
    assert words in refused, said[-3000:]
    assert "MENDED {'FINISHED'}" in said, said[-3000:]
    assert beside_mm(said) <= right, said[-3000:]


@pytest.mark.parametrize("case", SAID)
def test_a_scene_that_is_not_silently_wrong(run_case, case):
    said = run_case(case)
    assert SAID[case] in said, said[-3000:]


def test_half_a_head_with_its_mirror_is_placed(run_case):
    places = re.findall(r"OBJECT \d+ rot ([0-9.]+) deg, place ([0-9.]+) mm", run_case("mirror_half"))
    assert len(places) == 4
    assert max(float(one) for place in places for one in place) <= RIGHT_MM, places
