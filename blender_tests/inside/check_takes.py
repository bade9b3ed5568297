"""Takes: every solve is kept, plays again to the bit, is adjusted without a new one, never over the artist's keys."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import close, known_motion, ready_scene, refused, world_matches


def import_known(face, scale=1.0):
    """Import the known motion with its weights scaled: another take of the same shot."""
    arrays = harness.solution_arrays(face)
    weights = arrays["weights"]
    values = type(weights.values)("d", (scale * value for value in weights.values))
    path = harness.FOLDER / f"take{scale}.npz"
    harness.module("scene.shot.npz").write_npz(path, {**arrays, "weights": type(weights)(values, weights.shape)})
    bpy.ops.face_solve.import_solution(filepath=str(path))


def weight(face, frame, name="jawOpen"):
    record = harness.module("scene.keys.record")
    return record.weight_channels(face)[name].find().evaluate(frame)


def check_every_solve_is_a_take_and_comes_back_to_the_bit():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    bpy.ops.face_solve.solve_shot()
    assert [take.name for take in settings.takes] == ["Solve Shot 1"] == [settings.take]
    first = harness.keys_to_the_bit(face)
    import_known(face, 0.5)
    assert settings.take == "Import take0.5 1"
    assert len(settings.takes) == 2
    second = harness.keys_to_the_bit(face)
    assert first != second
    bpy.ops.face_solve.swap_takes()
    assert settings.take == "Solve Shot 1"
    for name, keys in first.items():  # handles of keys that were moved along may differ by rounding
        assert {frame: key[:8] for frame, key in keys.items()} == {
            frame: key[:8] for frame, key in harness.keys_to_the_bit(face)[name].items()
        }
    world_matches(scene, face)
    bpy.ops.face_solve.play_take(take="Import take0.5 1")
    close(weight(face, 6), 0.5 * known_motion(6)[2], 1e-6)
    assert next(item.error_px for item in settings.results) == 0.5
    refused(bpy.ops.face_solve.play_take, "no take", take="nonsense")
    refused(bpy.ops.face_solve.delete_take, "what plays", take=settings.take)
    bpy.ops.face_solve.delete_take(take="Solve Shot 1")
    assert len(settings.takes) == 1
    refused(bpy.ops.face_solve.swap_takes, "no other take")


def check_the_artist_s_keys_and_locks_stay_whatever_plays():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    import_known(face)
    import_known(face, 0.5)
    keys = face.data.shape_keys
    keys.key_blocks["jawOpen"].value = 0.77
    keys.key_blocks["jawOpen"].keyframe_insert("value", frame=5)
    scene.frame_set(9)
    bpy.ops.face_solve.lock_frame()
    locked = weight(face, 9)
    bpy.ops.face_solve.swap_takes()
    close(weight(face, 5), 0.77, 1e-6)
    close(weight(face, 9), locked, 1e-7)
    close(weight(face, 6), known_motion(6)[2], 1e-6)
    fixes = harness.module("scene.keys.fixes")
    assert fixes.fixed_frames(settings) == {5}


def check_strength_and_neutral_act_without_a_solve_and_can_be_undone():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    import_known(face, 0.5)
    solved = {frame: weight(face, frame) for frame in range(1, 13)}
    smile = weight(face, 6, "mouthSmile_L")
    take = settings.takes[settings.take]
    take.strengths["jaw"].value = 1.5
    assert {item.error for item in settings.results} == {-1.0}  # nobody has measured what plays now
    for frame, value in solved.items():
        close(weight(face, frame), min(1.5 * value, 1.0), 1e-6)
    close(weight(face, 6, "mouthSmile_L"), smile, 1e-7)
    take.strengths["jaw"].value = 1.0
    assert settings.results[0].error_px == 0.5
    close([weight(face, frame) for frame in solved], list(solved.values()), 1e-7)
    rest = min(solved, key=solved.get)
    scene.frame_set(rest)
    bpy.ops.face_solve.set_neutral()
    for frame, value in solved.items():
        close(weight(face, frame), max(0.0, value - solved[rest]), 1e-6)
    bpy.ops.face_solve.clear_neutral()
    close([weight(face, frame) for frame in solved], list(solved.values()), 1e-7)
    scene.frame_set(400)
    refused(bpy.ops.face_solve.set_neutral, "no expression at frame 400")


def check_a_blend_lies_between_and_is_a_take_of_its_own():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    face.rotation_mode = "QUATERNION"
    import_known(face)
    import_known(face, 0.5)
    bpy.ops.face_solve.blend_takes(take="Import take1.0 1", share=0.5)
    assert len(settings.takes) == 3
    assert settings.take.startswith("Import take0.5 1 + ")
    close(weight(face, 6), 0.75 * known_motion(6)[2], 1e-6)
    settings.takes[settings.take].label = "my favourite"
    assert settings.take == "my favourite"
    refused(bpy.ops.face_solve.blend_takes, "current take itself", take="my favourite")


def check_many_takes_keep_the_named_ones():
    _scene, face, _camera = ready_scene()
    settings = bpy.context.scene.face_solve
    import_known(face)
    settings.takes[0].label = "first"
    for _ in range(14):
        import_known(face)
    names = [take.name for take in settings.takes]
    assert len(names) == harness.module("scene.takes.takes").KEPT_TAKES
    assert names[0] == "first"
    assert settings.take == names[-1] == "Import take1.0 14"


def check_a_take_outlives_a_renamed_key_and_another_actor():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    import_known(face)
    import_known(face, 0.5)
    face.data.shape_keys.key_blocks["jawOpen"].name = "mouth wide"
    bpy.ops.face_solve.swap_takes()
    close(weight(face, 6, "mouth wide"), known_motion(6)[2], 1e-6)
    other = harness.make_face("Other")
    settings.face = other
    assert not settings.takes
    settings.face = face
    assert len(settings.takes) == 2
    assert settings.take == "Import take1.0 1"


def check_all_that_was_measured_is_forgotten_together():
    """Of a frame that was dragged or adjusted: no error, no region's, and no doubt of what played before."""
    scene, face, _camera = ready_scene()
    import_known(face)
    for item in scene.face_solve.results:
        for part in item.bl_rna.properties:
            if part.identifier.startswith("error"):
                setattr(item, part.identifier, 30.0)
        item.doubt = "the lips cross"
    verdicts = harness.module("scene.results.verdicts")
    assert verdicts.bad_frames(scene.face_solve) == list(range(1, 13))
    verdicts.forget_errors(scene.face_solve.results)
    assert not verdicts.bad_frames(scene.face_solve)
    for item in scene.face_solve.results:
        known = [part.identifier for part in item.bl_rna.properties if part.identifier.startswith("error")]
        assert {getattr(item, name) for name in known} == {-1.0}
        assert item.doubt == ""


harness.run(globals())
