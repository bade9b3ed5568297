"""Solves for benchmarks/paper.py: the paper's recipe in its variants on a shot with a known answer, kept by name."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.exported import exported
from solver_core.documents.shot import Shot
from solver_core.documents.solution import load_solution
from solver_core.face.pose import Pose
from solver_core.networks.registry import LAYOUTS
from solver_core.optimise.dogleg import dogleg
from solver_core.report.compare import Face, Truth, measure
from solver_core.solve import prepare_context
from solver_core.stages.catalogue import SOLVE_SHOT, STAGES
from solver_core.stages.context import Context
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.kinds.step import Step
from solver_core.stages.shared import deep_energy
from solver_core.stages.stage_file import read_stages, write_stages

SHOT = "talk"
SOLVED = ("rigid", "expression")  # of the recipe: Sections 9.1 and 9.2


@dataclass(frozen=True)
class Variant:
    """A row of the table."""

    name: str
    cameras: str
    changes: dict[str, object]  # settings of the recipe's deep steps
    default: bool = False  # Solve Shot's own stages instead of the recipe
    options: tuple[str, ...] = ()  # of the command line, where it is solved there


EXACT = Variant("exact", "A", {})
TWO_CAMERAS = Variant("exact, two cameras", "A,B", {})
MATERIAL = Variant("material", "A", {"jacobian": "material"})
BACKWARD = Variant("backward", "A", {"jacobian": "backward"})
HELD = Variant("exact, the plate's crop held", "A", {"crop": "plate"})
OTHER_READING = Variant("exact, lambda = 10000", "A", {"lambda_": 1e4})
DEFAULT = Variant("Solve Shot's default", "A", {}, default=True)


@dataclass(frozen=True)
class Solved:
    """What came of a variant."""

    pose: Pose
    seconds: float  # of processor time, a frame
    iterations: float | None  # accepted steps a frame; None where they are not counted


@dataclass(frozen=True)
class Footage:
    """Some frames of the shot as the solver sees them, with two cameras, and their answer."""

    context: Context
    known: Truth

    @property
    def shot(self) -> Shot:
        """Of these frames."""
        return self.context.shot

    @property
    def truth(self) -> Pose:
        """The known answer at these frames."""
        return self.known.at(self.shot.frames, tuple(self.shot.rig.names))

    def seen_by(self, cameras: str) -> Context:
        """A solve that has not begun, by these cameras."""
        wanted = [i for i, camera in enumerate(self.shot.cameras) if camera.name in cameras.split(",")]
        shot = replace(self.shot, cameras=[self.shot.cameras[i] for i in wanted])
        views = [self.context.views[i] for i in wanted]
        begun = replace(self.context, shot=shot, views=views, pose=shot.start(), filled={}, begun=None)
        begun.known = begun.seen.copy()
        return begun

    def errors(self, pose: Pose) -> dict[str, float]:
        """Medians of the measures."""
        face = Face(self.shot.rig, self.context.embedding.face)
        measured = measure(pose, self.truth, face, self.shot.cameras[0].position)
        return {name: float(np.median(values)) for name, values in measured.items()}


def footage(shared: Path, scratch: Path, frames: list[int]) -> Footage:
    """These indices of the shot's frames, with both cameras."""
    shot, known = exported(shared, SHOT, scratch, camera="A,B")
    return Footage(prepare_context(shot.at(np.array(frames)), lambda _done, _total: True), known)


def recipe(variant: Variant) -> dict[str, tuple[Step, ...]]:
    """The stages of a variant."""
    if variant.default:
        return {name: STAGES[name] for name in SOLVE_SHOT}
    stages = read_stages(Path("paper"), LAYOUTS["facemesh"])
    return {name: tuple(_changed(step, variant.changes) for step in stages[name]) for name in SOLVED}


def _changed(step: Step, changes: dict[str, object]) -> Step:
    if not isinstance(step, Deep):
        return step
    return replace(step, **{name: value for name, value in changes.items() if name != "lambda_" or step.lambda_})


def solved(variant: Variant, on: Footage, keep: Path, say: Callable[[str], None] = print) -> Solved:
    """Solve, or take what an earlier run left in the folder."""
    name = f"{variant.name} {on.shot.frames[0]} to {on.shot.frames[-1]} {len(on.shot.frames)}".replace(" ", "_")
    file, notes = keep / f"{name}.npz", keep / f"{name}.json"
    if notes.exists():
        with np.load(file) as data:
            pose = Pose(data["rotation"], data["translation"], data["weights"])
        return Solved(pose, **json.loads(notes.read_text()))
    say(f"solving: {variant.name}, {len(on.shot.frames)} frames")
    found = _by_command(variant, on, keep) if variant.options else _here(variant, on)
    np.savez(file, rotation=found.pose.rotation, translation=found.pose.translation, weights=found.pose.weights)
    notes.write_text(json.dumps({"seconds": found.seconds, "iterations": found.iterations}))
    return found


def _here(variant: Variant, on: Footage) -> Solved:
    context, accepted = on.seen_by(variant.cameras), [0]

    def counted(*arguments):  # as dogleg
        outcome = dogleg(*arguments)
        accepted[0] += int(outcome.iterations.sum())
        return outcome

    stages, began = recipe(variant), time.process_time()
    deep_energy.dogleg = counted
    try:
        for steps in stages.values():
            context.begun = context.pose.copy()
            for step in steps:
                for _ in step.run(context):
                    pass
    finally:
        deep_energy.dogleg = dogleg
    count = len(on.shot.frames)
    seconds = (time.process_time() - began) / count
    return Solved(context.pose, seconds, None if variant.default else accepted[0] / count)


def _by_command(variant: Variant, on: Footage, keep: Path) -> Solved:
    """By the command line, with the options that choose another renderer and minimiser; the first frame alone."""
    stages, out = keep / f"{variant.name}.toml", keep / f"{variant.name} solution.npz"
    stages.write_text(write_stages(recipe(variant)))
    frame = int(on.shot.frames[0])
    command = [sys.executable, "-m", "solver_core", "solve", on.shot.folder, "--out", out, "--stage-file", stages]
    before = time.perf_counter()
    done = subprocess.run(
        [*command, "--frames", f"{frame}-{frame}", *variant.options], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{variant.name}:\n{done.stderr[-2000:]}")
    return Solved(load_solution(out).pose, time.perf_counter() - before, None)
