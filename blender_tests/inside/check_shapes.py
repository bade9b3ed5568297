"""Groups of shape keys and presets inside Blender.

Moving, mending, searching, saving and loading through the operators.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import environment, ready_scene, refused

ARKIT = ("jawOpen", "mouthSmile_L", "mouthSmile_R", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight")


def _homes(settings):
    return {key.name: group.name for group in settings.shape_groups for key in group.keys}


def _shown(settings):
    shown = harness.module("scene.rig.shape_settings").shown_keys(settings)
    return [block.name for block, one in zip(settings.face.data.shape_keys.key_blocks, shown, strict=True) if one]


def _arkit_scene():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    settings.face = harness.make_face("Arkit", ARKIT)
    bpy.ops.face_solve.setup_from_scene()
    assert settings.face.name == "Arkit"
    return settings


def check_a_key_moves_with_its_other_side_and_stays_there():
    settings = _arkit_scene()
    assert _homes(settings)["mouthSmile_L"] == "mouth"
    bpy.ops.face_solve.move_shape_key(key="mouthSmile_L", group="cheeks")
    assert {_homes(settings)[key] for key in ARKIT[1:3]} == {"cheeks"}
    assert "mouth" not in [group.name for group in settings.shape_groups]
    settings.key_index = 5  # eyeBlinkLeft, the Basis among them
    bpy.ops.face_solve.move_shape_key(group="my lids", both_sides=False)
    assert _homes(settings)["eyeBlinkLeft"] == "my lids"
    assert _homes(settings)["eyeBlinkRight"] == "eyes"
    bpy.ops.face_solve.setup_from_scene()  # set up again: what was moved stays
    assert _homes(settings)["mouthSmile_R"] == "cheeks"
    assert _homes(settings)["eyeBlinkLeft"] == "my lids"
    folder = harness.FOLDER / "moved"
    bpy.ops.face_solve.export_shot(filepath=str(folder))
    with (folder / "shot.json").open() as stream:
        assert json.load(stream)["settings"]["detector"] == "short_range"
    arrays = harness.module("scene.shot.npz").read_npz(folder / "rig.npz")
    by_key = dict(zip(arrays["names"].values, arrays["groups"].values, strict=True))
    assert by_key == _homes(settings)
    bpy.ops.face_solve.group_shape_keys()
    assert _homes(settings)["mouthSmile_R"] == "mouth"
    refused(bpy.ops.face_solve.move_shape_key, "no shape key", key="nobody", group="jaw")
    refused(bpy.ops.face_solve.move_shape_key, "no group is named", key="jawOpen", group=" ")
    settings.key_index = 0
    refused(bpy.ops.face_solve.move_shape_key, "No shape key of the list is active", group="jaw")


def check_contradictions_are_said_and_mended():
    settings = _arkit_scene()
    prechecks = harness.module("scene.setup.prechecks").prechecks
    assert prechecks(settings) == []
    settings.shape_groups["brows"].keys.add().name = "jawOpen"
    settings.shape_groups["brows"].keys.add().name = "gone"
    eyes = settings.shape_groups["eyes"]
    eyes.strength = 0.5
    eyes.keys.remove(0)
    said = prechecks(settings)
    assert [problem.level for problem in said] == ["WARNING"] * 3, said
    for problem, word in zip(said, ("jawOpen", "gone", "eyeBlinkLeft"), strict=True):
        assert word in problem.message, problem
        assert problem.mend == "face_solve.mend_groups"
    bpy.ops.face_solve.mend_groups()
    assert prechecks(settings) == []
    assert _homes(settings) == {
        "jawOpen": "jaw",
        "mouthSmile_L": "mouth",
        "mouthSmile_R": "mouth",
        "browInnerUp": "brows",
        "eyeBlinkLeft": "eyes",
        "eyeBlinkRight": "eyes",
    }
    assert settings.shape_groups["eyes"].strength == 0.5


def check_search_and_filters():
    settings = _arkit_scene()
    settings.key_of_group = False
    assert _shown(settings) == list(ARKIT)
    settings.key_search = "LEFT blink"
    assert _shown(settings) == ["eyeBlinkLeft"]
    settings.key_search = ""
    settings.key_of_group = True
    settings.shape_group_index = [group.name for group in settings.shape_groups].index("mouth")
    assert _shown(settings) == ["mouthSmile_L", "mouthSmile_R"]
    bpy.ops.face_solve.switch_shape_keys(enabled=False)
    settings.key_of_group = False
    blocks = settings.face.data.shape_keys.key_blocks
    blocks["browInnerUp"].mute = True
    blocks["jawOpen"].driver_add("value")
    settings.shape_groups["eyes"].enabled = False
    settings.key_state = "SOLVED"
    assert _shown(settings) == []
    settings.key_state = "LEFT_OUT"
    assert _shown(settings) == list(ARKIT)
    settings.shape_groups["eyes"].enabled = True
    settings.key_state = "SOLVED"
    assert _shown(settings) == ["eyeBlinkLeft", "eyeBlinkRight"]


def check_a_preset_carries_the_way_to_solve_to_another_face():
    settings = _arkit_scene()
    path = harness.FOLDER / "presets" / "mine"
    with environment(XDG_DATA_HOME=str(harness.FOLDER / "data")):
        bpy.ops.face_solve.move_shape_key(key="mouthSmile_L", group="cheeks")
        settings.shape_groups["jaw"].strength = 0.3
        settings.shape_groups["brows"].enabled = False
        settings.shape_groups["eyes"].keys["eyeBlinkRight"].enabled = False
        settings.landmarks, settings.detector = "FAN", "DLIB_CNN"
        settings.refinement, settings.bad_above = 0.7, 4.5
        settings.overlays.wireframe, settings.overlays.opacity = True, 0.3
        settings.overlays.show = True  # of the moment: not in the preset
        bpy.ops.face_solve.save_preset(filepath=str(path))
    document = json.loads(path.with_name("mine.json").read_text())
    assert document["settings"]["refinement"] == 0.7  # as an artist would write it
    before = path.with_name("mine.json").read_bytes()

    scene, _face, _camera = ready_scene()  # a fresh scene, with other keys
    settings = scene.face_solve
    settings.face = harness.make_face("Second", (*ARKIT[:3], "noseSneer_L"))
    settings.frame_start, settings.frame_end = 3, 7
    operators = harness.module("operators.presets")
    lines = harness.module("scene.setup.preset_settings").apply_preset(
        settings, harness.module("scene.setup.preset").read_preset(path.with_name("mine.json"))
    )
    assert len(lines) == 2, lines
    assert lines[0].startswith("Second has no shape keys "), lines
    assert all(key in lines[0] for key in ARKIT[3:]), lines
    assert lines[1] == "The preset does not name noseSneer_L: grouped by their names."
    assert operators.FACE_SOLVE_OT_load_preset.bl_idname == "face_solve.load_preset"
    assert bpy.ops.face_solve.load_preset(filepath=str(path.with_name("mine.json"))) == {"FINISHED"}
    assert _homes(settings) == {
        "jawOpen": "jaw",
        "mouthSmile_L": "cheeks",
        "mouthSmile_R": "cheeks",
        "noseSneer_L": "nose",
    }
    harness.close(settings.shape_groups["jaw"].strength, 0.3, 1e-6)
    assert (settings.landmarks, settings.detector) == ("FAN", "DLIB_CNN")
    harness.close((settings.refinement, settings.bad_above), (0.7, 4.5), 1e-6)
    assert settings.overlays.wireframe
    harness.close(settings.overlays.opacity, 0.3, 1e-6)
    assert not settings.overlays.show
    assert (settings.frame_start, settings.frame_end) == (3, 7)
    assert len(settings.cameras) == 1

    settings.face = harness.make_face("Third", ARKIT)  # the first face's keys: the same file comes out
    bpy.ops.face_solve.load_preset(filepath=str(path.with_name("mine.json")))
    bpy.ops.face_solve.save_preset(filepath=str(path.with_name("again.json")))
    assert path.with_name("again.json").read_bytes() == before


def check_a_preset_of_before_holds_its_bound_in_pixels():
    settings = _arkit_scene()
    old = harness.FOLDER / "old.json"
    old.write_text(json.dumps({"face_solve_preset": 1, "groups": [], "settings": {"bad_error_px": 6.0}}))
    bpy.ops.face_solve.load_preset(filepath=str(old))
    harness.close(settings.bad_above, 2.0 * settings.bl_rna.properties["bad_above"].default, 1e-5)


def check_the_shipped_presets_lead_to_the_papers_recipe_and_back():
    settings = _arkit_scene()
    settings.shape_groups["jaw"].strength = 0.3
    homes = _homes(settings)
    folders = harness.module("scene.shot.folders")
    presets = {path.stem: str(path) for path in folders.shipped_presets()}
    assert sorted(presets) == ["Default", "Paper"]
    assert bpy.ops.face_solve.load_preset(filepath=presets["Paper"]) == {"FINISHED"}
    assert (settings.stage_file, settings.refinement) == ("paper", 1.0)
    assert harness.module("scene.shot.export").stage_file(settings) == "paper"
    assert bpy.ops.face_solve.load_preset(filepath=presets["Default"]) == {"FINISHED"}
    assert (settings.stage_file, settings.refinement) == ("", 0.0)
    assert _homes(settings) == homes  # a preset without groups leaves them as they are
    harness.close(settings.shape_groups["jaw"].strength, 0.3, 1e-6)


def check_wrong_presets_change_nothing():
    settings = _arkit_scene()
    before = _homes(settings)
    wrong = harness.FOLDER / "wrong.json"
    refused(bpy.ops.face_solve.load_preset, "cannot be read", filepath=str(harness.FOLDER / "nowhere.json"))
    refused(bpy.ops.face_solve.load_preset, "No path", filepath="")
    wrong.write_text("no preset")
    refused(bpy.ops.face_solve.load_preset, "not JSON", filepath=str(wrong))
    wrong.write_text('{"face_solve_preset": 99}')
    refused(bpy.ops.face_solve.load_preset, "Update the add-on", filepath=str(wrong))
    assert _homes(settings) == before
    wrong.write_text(
        json.dumps(
            {
                "face_solve_preset": 1,
                "groups": [{"name": "a", "keys": ["jawOpen"]}, {"name": "b", "keys": ["jawOpen"]}],
                "settings": {"landmarks": "TELEPATHY", "refinement": 7.0, "bad_error_px": True, "overlays.magic": 1},
            }
        )
    )
    read = harness.module("scene.setup.preset").read_preset(wrong)
    lines = harness.module("scene.setup.preset_settings").apply_preset(settings, read)
    assert len(lines) == 6, lines  # doubled, not named, and four settings
    assert _homes(settings)["jawOpen"] == "a"
    assert (settings.landmarks, settings.refinement) == ("FACEMESH", 0.0)
    settings.face = None
    refused(bpy.ops.face_solve.load_preset, "No face is chosen", filepath=str(wrong))


def check_a_stage_says_what_it_lacks_until_it_has_it():
    harness.empty_scene()
    settings = bpy.context.scene.face_solve
    needs = harness.module("scene.setup.needs").stage_needs
    (problem,) = needs(settings, "rigid_alignment")
    assert problem.mend == "face_solve.setup_from_scene"
    assert "No face is chosen" in problem.message
    assert "more, at the head of the tab" in problem.remedy
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    assert needs(settings, "rigid_alignment") == needs(settings, "solve_shot") == []
    for stage in ("expression", "dense_alignment", "infill", "temporal_refinement"):
        (problem,) = needs(settings, stage)
        assert problem.mend == "face_solve.rigid_alignment"
    bpy.ops.face_solve.rigid_alignment()  # its button
    assert needs(settings, "expression") == []
    (problem,) = needs(settings, "dense_alignment")
    assert problem.mend == "face_solve.expression"
    bpy.ops.face_solve.expression()
    assert needs(settings, "dense_alignment") == []
    (problem,) = needs(settings, "temporal_refinement")
    assert "amount is 0" in problem.message
    settings.refinement = 0.5
    assert needs(settings, "temporal_refinement") == []
    run = settings.runs["Expression"]
    assert all(words in run.text for words in ("12 of 12 frames", " s", "median error 0.50 px")), run.text


harness.run(globals())
