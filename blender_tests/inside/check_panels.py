"""What the panels say and offer, drawn without a window.

Every button has its operator, every setting is there, and every state has its words.
"""

import os
import sys
from types import SimpleNamespace

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import environment, ready_scene


class Layout:
    """Takes down what is drawn: labels, operators that can be pressed, and settings."""

    def __init__(self, page=None):
        self.page = page or SimpleNamespace(labels=[], operators=[], off=[], settings=[])
        self.enabled = True
        self.alignment = self.operator_context = ""

    def _part(self, **_how):
        part = Layout(self.page)
        part.enabled = self.enabled
        return part

    row = column = box = split = _part

    def label(self, text="", **_how):
        self.page.labels.append(text)

    def operator(self, name, text=None, **_how):
        place, _, called = name.partition(".")
        known = getattr(getattr(bpy.ops, place), called).get_rna_type()
        assert known.description, f"{name} has no tooltip"
        (self.page.operators if self.enabled else self.page.off).append((name, known.name if text is None else text))
        return SimpleNamespace()

    def prop(self, data, name, **_how):
        known = data.bl_rna.properties[name]
        assert known.description, f"{name} has no tooltip"
        self.page.settings.append(name)

    def prop_search(self, data, name, *_where, **how):
        self.prop(data, name, **how)

    def menu(self, name, **_how):
        assert hasattr(bpy.types, name), name

    def template_list(self, kind, *_what, **_how):
        assert hasattr(bpy.types, kind), kind

    def progress(self, **_how):
        pass


def drawn(name):
    """What a panel shows now."""
    panel = getattr(bpy.types, f"FACE_SOLVE_PT_{name}")
    own = {key: getattr(panel, key) for key, value in vars(panel).items() if isinstance(value, staticmethod)}
    layout = Layout()
    panel.draw(SimpleNamespace(layout=layout, **own), without_window())
    return layout.page


def without_window():
    """A context to draw in."""
    return SimpleNamespace(
        scene=bpy.context.scene,
        region=SimpleNamespace(width=400),
        preferences=SimpleNamespace(
            system=SimpleNamespace(ui_scale=1.0),
            ui_styles=bpy.context.preferences.ui_styles,
            addons=bpy.context.preferences.addons,
        ),  # without a window Blender's own scale is 0
        window_manager=bpy.context.window_manager,
        area=None,
        space_data=None,
        region_data=None,
    )


def text(page):
    return " ".join(page.labels)


PANELS = (
    "main",
    "setup",
    "shapes",
    "advanced",
    "rigid",
    "expression",
    "infill",
    "refinement",
    "solve",
    "review",
    "overlays",
)


def check_every_panel_is_drawn_before_and_after_a_solve():
    harness.empty_scene()
    for name in PANELS:
        drawn(name)
    _scene, _face, _camera = ready_scene()
    for name in PANELS:
        drawn(name)
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    for name in PANELS:
        drawn(name)


def check_every_panel_is_drawn_of_a_head_without_shape_keys():
    scene, face, _camera = ready_scene()
    face.shape_key_clear()
    said = text(drawn("main"))
    assert "Head has no shape keys: only its head is solved." in said, said
    assert "The groups name 5 shape keys" in said, said
    bpy.ops.face_solve.mend_groups()
    assert not scene.face_solve.shape_groups
    for _ in range(2):
        for name in PANELS:
            drawn(name)
        bpy.ops.face_solve.rigid_alignment()
    assert ("face_solve.expression", "Expression") in drawn("expression").off
    assert ("face_solve.dense_alignment", "Dense Alignment") not in drawn("expression").off


def check_missing_footage_is_said_before_a_solve():
    scene, _face, camera = ready_scene()
    assert "Ready to solve" in drawn("main").labels
    image = camera.data.background_images[0].image
    there, image.filepath = image.filepath, "/nowhere/v2_0001.png"
    page = drawn("main")
    assert "The plate of Cam is missing at frames 1-12" in text(page), page.labels
    assert "Ready to solve" not in page.labels
    assert ("face_solve.solve_shot", "Solve Shot") in page.off
    image.filepath = there
    assert "Ready to solve" in drawn("main").labels
    scene.face_solve.frame_end = 30  # what the plate does not cover is said without looking at files
    assert "no frame at frames 13-30" in text(drawn("main"))


def check_an_empty_scene_is_told_what_to_add_to_it():
    harness.empty_scene()
    said = text(drawn("main"))
    assert "no mesh of the scene has shape keys" in said
    assert "Load the footage behind the matchmoved camera" in said
    harness.make_face()
    harness.make_camera()
    said = text(drawn("main"))
    assert "No face is chosen. Choose the head's mesh, or press Set Up." in said
    assert "No camera is chosen. Press Set Up" in said


def check_what_a_solve_warns_of_is_said_in_the_panel():
    _scene, face, _camera = ready_scene()
    face.location.x = 0.7
    face.keyframe_insert("location", frame=5)
    bpy.ops.face_solve.solve_shot()
    assert "carry your keys at frame 5" in text(drawn("main")), drawn("main").labels
    face.keyframe_delete("location", frame=5)
    bpy.ops.face_solve.solve_shot()
    assert "carry your keys" not in text(drawn("main"))


def check_a_failure_that_the_preferences_mend_has_the_way_there():
    ready_scene()
    with environment(FACE_SOLVE_FAULT="no_weights"):
        harness.refused(bpy.ops.face_solve.solve_shot, "weights are not there")
    assert ("face_solve.preferences", "Open Preferences") in drawn("main").operators
    with environment(FACE_SOLVE_FAULT="all_failed"):
        harness.refused(bpy.ops.face_solve.solve_shot, "No frame could be solved")
    assert not any(name == "face_solve.preferences" for name, _text in drawn("main").operators)


def check_a_button_that_mends_two_findings_is_drawn_once():
    harness.empty_scene()
    harness.make_face(), harness.make_camera()
    page = drawn("main")
    assert "No face is chosen" in text(page)
    assert "No camera is chosen" in text(page)
    at_the_head = 1
    assert [name for name, _text in page.operators].count("face_solve.setup_from_scene") == at_the_head + 1


def check_what_two_stages_of_a_panel_lack_is_said_once():
    scene, _face, _camera = ready_scene()
    labels = drawn("expression").labels
    assert labels.count("No frame has been aligned yet.") == 1, labels
    scene.face_solve.frame_end = 0
    for name in ("expression", "solve"):
        page = drawn(name)
        assert page.labels.count("The range ends before it starts.") == 1, page.labels
        assert len(page.off) == 2, page.off


def check_what_was_deleted_is_said_before_a_solve():
    scene, face, camera = ready_scene()

    second = harness.make_camera("B", plate="B")
    bpy.ops.face_solve.setup_from_scene()
    harness.delete(camera)
    listed = scene.face_solve.cameras[0]
    assert listed.camera is not None  # it lives on in the list
    assert harness.module("scene.setup.prechecks").enabled_cameras(scene.face_solve) == [second]
    assert "Ready to solve" in drawn("main").labels
    harness.delete(second)
    page = drawn("main")
    assert "Ready to solve" not in page.labels
    assert "No camera is chosen" in text(page)
    harness.delete(face)
    page = drawn("main")
    assert "Head is not in this scene." in page.labels
    assert ("face_solve.setup_from_scene", "Set Up") in page.operators
    harness.refused(bpy.ops.face_solve.solve_shot, "Head is not in this scene")


def check_what_a_script_chose_wrongly_is_said():
    scene, face, camera = ready_scene()
    settings = scene.face_solve
    empty = bpy.data.objects.new("Empty", None)
    scene.collection.objects.link(empty)
    for wrong in (camera, empty):
        settings.face = wrong
        for name in PANELS:
            drawn(name)
        harness.refused(bpy.ops.face_solve.solve_shot, f"{wrong.name} is not a mesh")
    settings.face, settings.cameras[0].camera = face, empty
    for name in PANELS:
        drawn(name)
    harness.refused(bpy.ops.face_solve.solve_shot, "No camera is chosen")


def check_a_failure_is_said_as_of_the_past_and_goes():
    scene, _face, _camera = ready_scene()
    settings, preferences = scene.face_solve, harness.module("solver_choice").preferences(bpy.context)
    lost = "The landmark network's weights are not there."

    def fail(operator):
        with environment(FACE_SOLVE_FAULT="no_weights"):
            harness.refused(operator, "weights are not there")
        page = drawn("main")
        assert lost in page.labels
        layout = Layout()  # in the preferences
        harness.module("panels.weights").draw_check(layout, without_window())
        for shown in (page, layout.page):
            assert any(label.endswith(" failed:") for label in shown.labels), shown.labels

    fail(bpy.ops.face_solve.expression)
    assert "Expression failed:" in drawn("main").labels
    assert lost in text(drawn("expression"))
    assert settings.last_result == ""  # it would be shown as a success where the file is opened again
    bpy.ops.face_solve.check_solver()  # any other job
    for name in ("main", "expression"):
        assert lost not in text(drawn(name)), name
    fail(bpy.ops.face_solve.solve_shot)
    preferences.interpreter = preferences.interpreter  # another Python is chosen
    assert lost not in text(drawn("main"))
    assert lost not in text(drawn("solve"))
    fail(bpy.ops.face_solve.solve_shot)
    for handler in bpy.app.handlers.undo_post:  # there is no undo without a window
        handler(bpy.context.scene)
    assert lost not in text(drawn("main"))


def check_another_python_is_not_judged_by_what_the_last_one_said():
    ready_scene()
    bpy.ops.face_solve.check_solver()
    state, preferences = harness.module("solver_report"), harness.module("solver_choice").preferences(bpy.context)
    assert state.weights()
    preferences.interpreter = preferences.interpreter
    assert not state.weights()


def check_frames_of_the_artist_are_kept_and_not_failures():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    bpy.ops.face_solve.solve_shot()
    assert "Solved 12 of 12 frames" in text(drawn("main"))
    scene.frame_set(4)
    bpy.ops.face_solve.lock_frame()
    settings.refinement = 0.5
    for operator, title in (
        (bpy.ops.face_solve.solve_shot, "Solve Shot"),
        (bpy.ops.face_solve.temporal_refinement, "Temporal Refinement"),
    ):
        operator()
        said = settings.runs[title].text
        assert said.startswith("Solved 11 of 11 frames"), said
        assert "kept 1 of yours" in said, said
    bpy.ops.face_solve.solve_range(frame_start=5, frame_end=8)  # the locked frame is seen from there, and not asked for
    said = settings.runs["Solve Range"].text
    assert said.startswith("Solved 4 of 4 frames"), said
    assert "yours" not in said, said
    with environment(FACE_SOLVE_FAULT="all_failed"):
        harness.refused(bpy.ops.face_solve.solve_shot, "No frame could be solved")


def check_progress_is_said_in_the_panels_words():
    solving, job = harness.module("runs.solve"), harness.module("worker.job")
    running = solving.SolveRun(SimpleNamespace(state=job.State.RUNNING, progress=None), None, "Solve Shot")
    for stage, said in (
        ("dense", "Solve Shot: Dense Alignment, 19%, 29 s left"),
        ("grade of a studio", "Solve Shot: grade of a studio, 19%, 29 s left"),
    ):
        running.job.progress = job.Progress(stage, 0.19, 29.0)
        assert running.describe() == said, running.describe()
    running.title, running.job.progress = "Infill", job.Progress("infill", 0.5, 120.0)
    assert running.describe() == "Infill: 50%, 2 min left"


def check_a_stage_that_would_change_nothing_is_off():
    scene, _face, _camera = ready_scene()
    bpy.ops.face_solve.solve_shot()
    button = ("face_solve.temporal_refinement", "Temporal Refinement")
    page = drawn("refinement")
    assert button in page.off
    assert "Raise the amount" in text(page)
    scene.face_solve.refinement = 0.5
    assert button in drawn("refinement").operators
    assert not text(drawn("expression")), "what is there already is not asked for"


def check_a_search_without_a_hit_says_so():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    settings.shape_group_index = list(settings.shape_groups.keys()).index("jaw")
    settings.key_search = "smile"
    assert "No such key in jaw: the funnel shows all groups." in text(drawn("shapes"))
    settings.key_of_group = False
    assert "No such key" not in text(drawn("shapes"))


def check_solve_range_offers_the_frames_around_a_fix():
    scene, _face, _camera = ready_scene()
    around = harness.module("operators.solve").around_frame
    assert around(scene.face_solve, 6) == (2, 10)
    assert around(scene.face_solve, 1) == (1, 5)
    assert around(scene.face_solve, 99) == (8, 12)


def check_the_list_of_the_worst_follows_the_step_to_a_bad_frame():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    bpy.ops.face_solve.solve_shot()
    for row in (4, 7):
        settings.results[row].mark = "BAD"
    for row in (4, 7, 4):
        bpy.ops.face_solve.next_bad_frame()
        assert settings.result_index == row
        assert scene.frame_current == settings.results[row].frame


def check_why_a_frame_failed_is_said_whole():
    scene, _face, _camera = ready_scene()
    with environment(FACE_SOLVE_FAULT="bad_frames"):
        bpy.ops.face_solve.solve_shot()
    scene.frame_set(2)
    assert "no face was found" in drawn("review").labels
    scene.frame_set(1)
    assert "no face was found" not in drawn("review").labels


def check_one_bad_frame_is_said_as_one():
    scene, _face, _camera = ready_scene()
    bpy.ops.face_solve.solve_shot()
    scene.face_solve.results[4].mark = "BAD"
    assert "1 bad frame" in drawn("review").labels
    assert ("face_solve.next_bad_frame", "Next Bad Frame (1)") in drawn("solve").operators


def check_no_tooltip_ends_in_two_full_stops():
    """Blender ends every tooltip with a full stop of its own."""
    classes = harness.module("registration").CLASSES
    operators = [cls for cls in classes if issubclass(cls, bpy.types.Operator)]
    assert len(operators) > 30
    for cls in operators:
        said = getattr(bpy.ops.face_solve, cls.bl_idname.partition(".")[2]).get_rna_type().description
        assert said, cls
        assert not said.endswith("."), (cls, said)
    for cls in classes:
        if issubclass(cls, bpy.types.PropertyGroup):
            for one in cls.bl_rna.properties:
                assert not (one.description.endswith(".") and one.identifier != "rna_type"), (cls, one.identifier)


harness.run(globals())
