"""What docs/architecture.md says of additions, done from outside: a kind of step, and an observer with its energy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from little_shot import START, camera, changed, performance, write_shot

from solver_core.common.errors import FaceSolveError
from solver_core.documents.overlay import Overlay
from solver_core.documents.shot import load_shot
from solver_core.face.parameters import FreeParameters
from solver_core.networks.registry import LAYOUTS
from solver_core.observe import registry as observers
from solver_core.observe.correspondences import Correspondences, to_reference
from solver_core.observe.observer import SIZE, Observation, Observer
from solver_core.render.renderer import Renderer
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, prepare_context, solve_folder
from solver_core.stages import catalogue
from solver_core.stages.judging import judge_of
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.kinds.step import Step, WrongSettingError
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.observing import observe
from solver_core.stages.stage_file import read_stages, write_stages


@dataclass(frozen=True)
class Nudge(Step):
    """Moves every solved frame by so many millimetres along the world's X, one after another."""

    kind = "nudge"
    seconds = 0.001

    millimetres: float
    keys: tuple[str, ...] = ()

    def free(self, context) -> FreeParameters:
        return context.free((), rotation=False)

    def run(self, context, cancelled=None):
        for i in context.solvable:
            context.pose.translation[i, 0] += self.millimetres / 1000
            yield np.array([i])

    def check(self, layout):
        if self.millimetres > 100:
            raise WrongSettingError(("millimetres",), "that is no nudge", "Stay below 100.")


@pytest.fixture
def nudge(monkeypatch):
    monkeypatch.setattr(catalogue, "KINDS", catalogue.KINDS.copy())
    monkeypatch.setattr("solver_core.stages.stage_file.KINDS", catalogue.KINDS)
    return catalogue.register(Nudge)


STAGES = """
[[stage]]
name = "rigid"
[[stage.step]]
kind = "fit"
iterations = 20

[[stage]]
name = "aside"
[[stage.step]]
kind = "nudge"
millimetres = 7
"""


class Ear(Silent):
    def __init__(self):
        self.steps = []

    def progress(self, stage, done, total, fraction, seconds_left):
        self.steps.append((stage, done, total))


def test_a_kind_of_step_from_outside_runs_from_a_stage_file(little_shot, tmp_path, nudge):
    path = tmp_path / "stages.toml"
    path.write_text(STAGES)
    assert read_stages(path, LAYOUTS["facemesh"])["aside"] == (nudge(millimetres=7.0),)
    assert 'kind = "nudge"\nmillimetres = 7.0' in write_stages({"aside": (nudge(7.0),)})
    ear, two = Ear(), (START, START + 1)
    folder = changed(little_shot, tmp_path / "shot", stages=None)
    moved = solve_folder(folder, tmp_path / "moved.npz", ear, Overrides(stage_file=path, frames=two))
    still = solve_folder(
        folder, tmp_path / "still.npz", Silent(), Overrides(stage_file=path, stages=("rigid",), frames=two)
    )
    np.testing.assert_allclose(moved.pose.translation - still.pose.translation, [[0.007, 0, 0]] * 2, atol=1e-12)
    np.testing.assert_array_equal(moved.pose.rotation, still.pose.rotation)
    assert [step for step in ear.steps if step[0] == "aside"] == [("aside", 1, 2), ("aside", 2, 2)]


def test_what_is_wrong_with_it_is_said_with_its_line(tmp_path, nudge):
    path = tmp_path / "stages.toml"
    path.write_text(STAGES.replace("= 7", "= 700"))
    with pytest.raises(FaceSolveError, match="line 12: that is no nudge"):
        read_stages(path, LAYOUTS["facemesh"])
    path.write_text(STAGES.replace("millimetres = 7", ""))
    with pytest.raises(FaceSolveError, match="line 10: the nudge step has no millimetres"):
        read_stages(path, LAYOUTS["facemesh"])


def test_a_name_is_given_once(nudge):
    @dataclass(frozen=True)
    class Other(Nudge):
        pass

    assert catalogue.register(nudge) is nudge
    with pytest.raises(ValueError, match="nudge"):
        catalogue.register(Other)


WALL = 0.9  # the wall behind the head is brighter than any part of it


class OutlineObserver(Observer):
    """The head's outline against a bright wall.

    Each point of the render's outline belongs on the nearest point of the plate's.
    """

    name = "outline"
    weight = 60.0

    def observe(self, frames, weight):
        found = []
        for b, crop in enumerate(frames.crops):
            # inside the crop's border, which cuts the neck off in both
            inside = np.zeros((SIZE, SIZE), np.uint8)
            inside[4:-4, 4:-4] = 1
            plate = self.boundary((frames.plates[b].min(-1) < WALL).astype(np.uint8))
            render = self.boundary(frames.picture.rendering.fragments.mask[b].astype(np.uint8)) & inside
            target = np.argwhere(plate & inside)[:, ::-1] + 0.5
            rows, columns = (one[::3] for one in np.nonzero(render))
            if not len(target) or not len(rows):
                found.append(Observation(None))
                continue
            apart = np.linalg.norm(np.column_stack([columns, rows])[:, None] + 0.5 - target[None], axis=2)
            fragments, count = frames.picture.rendering.fragments, len(rows)
            correspondences = Correspondences(
                frames.camera(b),
                frames.rig.sample(
                    fragments.triangle[b][rows, columns][None], fragments.barycentric[b][rows, columns][None]
                ),
                crop.to_plate(target[apart.argmin(1)]),
                np.broadcast_to(to_reference(crop), (count, 2, 2)),
                np.ones(count),
                np.ones(count),
                5.0,
                weight,
            )
            error = float(np.sqrt((apart.min(1) ** 2).mean())) * crop.scale
            found.append(Mask(correspondences, error, plate))
        return found

    @staticmethod
    def boundary(mask):
        return mask - cv2.erode(mask, np.ones((3, 3), np.uint8))


@dataclass(frozen=True)
class Mask(Observation):
    """With the outline, to be drawn."""

    outline: np.ndarray | None = None

    def layers(self):
        return {"outline": self.outline}


@pytest.fixture
def outline(monkeypatch):
    monkeypatch.setitem(observers.OBSERVERS, OutlineObserver.name, OutlineObserver)
    return OutlineObserver


@pytest.fixture(scope="module")
def walled(demo_rig, tmp_path_factory):
    """Two frames before a bright wall; the solve begins at the truth."""
    truth = performance(demo_rig, 6)[np.array([2, 3])]
    made = write_shot(tmp_path_factory.mktemp("walled"), demo_rig, truth, (camera("A", 2, (0.1, -0.95, 0.02)),))
    for i, frame in enumerate(made.frames):
        file = str(made.folder / "A" / f"{frame}.png")
        world = demo_rig.world(truth[np.array([i])])
        pixels, depth = made.cameras[0][np.array([i])].project(world)
        mask = (
            Renderer(demo_rig.triangles).rasterise(pixels, depth, made.cameras[0].height, made.cameras[0].width).mask[0]
        )
        image = cv2.imread(file)
        image[~mask] = 250
        cv2.imwrite(file, image)
    posed = {"rotation": truth.rotation.reshape(2, 9), "translation": truth.translation, "weights": truth.weights}
    folder = changed(made, made.folder / "posed", initial={name: one.tolist() for name, one in posed.items()})
    return load_shot(folder), truth


def test_an_observer_from_outside_leads_a_step(walled, outline, tmp_path):
    """Alone, without any landmark, it brings the head back to its outline.

    A stage file names it like the solver's own.
    """
    shot, truth = walled
    path = tmp_path / "stages.toml"
    path.write_text(
        '[[stage]]\nname = "own"\n[[stage.step]]\nkind = "deep"\nrounds = 6\nobservers = { outline = 60 }\n'
    )
    (step,) = read_stages(path, LAYOUTS["facemesh"])["own"]
    assert step == Deep(rounds=6, observers=observers.default_weights("outline"))
    context = prepare_context(shot, lambda _done, _total: True)
    context.known = context.seen
    context.pose.head.translation += [0.008, 0.0, 0.006]
    view, index = context.views[0], np.array([0, 1])

    def errors():
        """Of the outline in plate pixels, and of the head across the line of sight in metres."""
        estimate_lights(context)
        seen = observe(context, view, context.look.lights[0], index, step.observers)
        across = (context.pose.translation - truth.translation)[:, [0, 2]]
        return max(one["outline"].error_px for one in seen), np.linalg.norm(across, axis=1).max()

    before = errors()
    assert np.concatenate(list(step.run(context))).tolist() == [0, 1] * 6
    after = errors()
    assert before[0] > 2.0
    assert after[0] < 0.25 * before[0]
    assert after[1] < 0.6 * before[1]


def test_what_it_shows_is_drawn_beside_the_landmarks(walled, outline, tmp_path):
    shot, _ = walled
    context = prepare_context(shot, lambda _done, _total: True, [outline.name])
    estimate_lights(context)
    overlay = Overlay()
    judge_of(context).verdicts(context, np.array([0, 1]), overlay, (outline.name,))
    overlay.save(tmp_path / "shown.npz")
    with np.load(tmp_path / "shown.npz") as shown:
        assert {f"outline/A/{START}", f"landmarks/A/{START}", "size/A", "region"} <= set(shown.files)
        distance = np.linalg.norm(np.diff(shown[f"landmarks/A/{START}"], axis=0)[0], axis=1)
    assert 0 < np.sqrt((distance**2).mean()) < 4
