"""The paper's recipe, from the command line: the energy of equation 2 minimised itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from little_shot import START

from solver_core.documents.shot import load_shot
from solver_core.documents.solution import load_solution
from solver_core.face.pose import Pose
from solver_core.networks.registry import LAYOUTS
from solver_core.service.cli import main
from solver_core.solve import prepare_context
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.shared.observing import observe
from solver_core.stages.stage_file import read_stages

FRAME = 1  # of the shot's


@pytest.fixture(scope="module")
def begun(little_shot):
    """One frame's solve."""
    context = prepare_context(load_shot(little_shot.folder).at(np.array([FRAME])), lambda _done, _total: True)
    context.known = context.seen
    return context


def apart(context) -> float:
    """Pixels between the landmarks of the first frame's plate and render."""
    view, light = context.views[0], context.look.lights[0]
    (said,) = observe(context, view, light, np.array([0]), {"landmarks": 1.0})
    return said["landmarks"].error_px


def turn(pose: Pose, truth: Pose) -> float:
    """Degrees."""
    chord = np.linalg.norm(pose.rotation - truth.rotation[[FRAME]], axis=(1, 2)) / np.sqrt(8)
    return float(np.degrees(2 * np.arcsin(chord))[0])


def run(begun, step):
    context = replace(begun, pose=begun.pose.copy())
    context.begun = context.pose.copy()
    moved = [int(i) for chunk in step.run(context) for i in chunk]
    assert moved == [0] * step.rounds
    return context


def test_the_rigid_stage_solves_from_the_command_line(little_shot, tmp_path):
    out = tmp_path / "out.npz"
    frame = START + FRAME
    arguments = ["solve", str(little_shot.folder), "--out", str(out), "--frames", f"{frame}-{frame}"]
    assert main([*arguments, "--stage-file", "paper", "--stages", "rigid"]) == 0
    solution = load_solution(out)
    assert solution.status == ["solved"]
    assert solution.settings["stage_file"] == "paper"
    assert turn(solution.pose, little_shot.truth) < 2.5
    assert turn(load_shot(little_shot.folder).start(), little_shot.truth) > 4


@pytest.mark.parametrize("jacobian", ["exact", "material"])
def test_a_deep_step_minimises_its_energy(begun, jacobian):
    """The landmarks of render and plate come together, from some 15 pixels apart."""
    context = run(begun, Deep(rounds=1, jacobian=jacobian, iterations=5, observers={"landmarks": 68.0}))
    before = replace(context, pose=begun.pose.copy())
    errors = [apart(one) for one in (before, context)]
    assert errors[1] < errors[0] / 4


def test_translation_alone_leaves_the_rotation_to_the_bit(begun):
    context = run(begun, Deep(rounds=1, jacobian="material", iterations=2, rotation=False))
    np.testing.assert_array_equal(context.pose.rotation, begun.pose.rotation)
    assert (context.pose.translation != begun.pose.translation).any()


def test_lambda_holds_keys_and_near_holds_the_head(begun):
    """Section 9.2's E2 and Section 6's prior."""
    free = Deep(rounds=1, jacobian="material", iterations=3, keys=("mouth",), observers={"landmarks": 68.0})
    moved = [run(begun, step).pose for step in (free, replace(free, lambda_=1e9), replace(free, near=1e6))]
    keys = [np.abs(pose.weights).max() for pose in moved]
    shift = [np.linalg.norm(pose.translation - begun.pose.translation) for pose in moved]
    assert keys[1] < 1e-3 < keys[0]
    assert shift[2] < 1e-3 * shift[0]


def test_the_shipped_file_is_the_recipe_of_section_9():
    """Landmark regions, edges and the prior where the paper has them."""
    stages = read_stages(Path("paper"), LAYOUTS["fan"])
    rigid, expression = stages["rigid"], stages["expression"]
    oval = LAYOUTS["fan"].regions["face_oval"]
    assert set(oval) == set(range(17))  # the jaw markers of 3D-FAN's 68
    assert [dict(step.regions) for step in rigid] == [{"face_oval": 0.0}] * 2 + [{"face_oval": 1.0}, {}]
    assert all(step.edges for step in rigid)
    assert expression[0].keys == ("jaw bone", "jawOpen")
    assert stages["infill"][0].renders
    assert stages["refinement"][0].renders
    assert stages["refinement"][0].picture
