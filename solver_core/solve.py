"""Solve a shot: see the face, run the stages, tell the listener, write the solution."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from solver_core import protocol
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import Journal
from solver_core.documents.overlay import Overlay, overlay_path
from solver_core.documents.shot import Shot, load_shot
from solver_core.documents.solution import Solution, empty_solution
from solver_core.face.head_parts import head_parts
from solver_core.face.landmark_embedding import tie_landmarks
from solver_core.flow.dis import FlowNetwork
from solver_core.flow.networks.registry import flow_network
from solver_core.footage.views import NOT_LOOKED_AT, View, observe
from solver_core.look.appearance import Appearance, albedo_of
from solver_core.networks.registry import face_detector, landmark_layout, landmark_network
from solver_core.render.renderer import Renderer
from solver_core.render.transfer import shadow_transfer
from solver_core.service.listener import FrameResult, Listener, Progress
from solver_core.stages.catalogue import SOLVE_SHOT, Deep, Fill, Fit, Refine, Scan, Smooth, Step, chosen
from solver_core.stages.context import CHUNK, Context
from solver_core.stages.deep import deep_round, landmark_error
from solver_core.stages.fit import fit
from solver_core.stages.infill import infill
from solver_core.stages.refine import refine, refined_frames
from solver_core.stages.scan import scan
from solver_core.stages.shared.gaps import mark
from solver_core.stages.shared.joins import join
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.smooth import smooth
from solver_core.stages.stage_file import read_stages, unknown_keys

# expected seconds a frame, for the time left
SEEING, JUDGING = 0.15, 0.1
SECONDS: dict[type[Step], float] = {
    Fit: 0.05,
    Deep: 0.3,
    Scan: 0.2,
    Fill: 0.9,
    Refine: 0.3,
    Smooth: 0.001,
}  # a step, or a round of it


@dataclass(frozen=True)
class Overrides:
    """What the command line says instead of the shot."""

    stages: tuple[str, ...] | None = None
    stage_file: Path | None = None
    frames: tuple[int, int] | None = None
    landmarks: str | None = None
    flow: str | None = None
    device: str | None = None


def solve_folder(folder: Path, out: Path, listener: Listener, overrides: Overrides | None = None) -> Solution:
    """Solve a shot folder and write SOLUTION.npz; every finished frame is in the journal before the listener hears of it.

    Raises:
        FaceSolveError: what is wrong with the shot, the weights or the disk, before work starts where possible.
    """
    overrides = overrides or Overrides()
    shot = load_shot(folder)
    said = {name: getattr(overrides, name) for name in ("landmarks", "flow", "device")}
    shot = replace(shot, settings=replace(shot.settings, **{name: value for name, value in said.items() if value}))
    if overrides.stages is not None:
        shot = replace(shot, stages=overrides.stages)
    if overrides.stage_file is not None:
        shot = replace(shot, stage_file=overrides.stage_file)
    if overrides.frames is not None:
        shot = shot.between(*overrides.frames)
    stages_of(shot)
    if out.is_dir():
        raise FaceSolveError(f"{out} is a folder.", f"Name a file, such as {out / 'SOLUTION.npz'}.")
    journal = Journal(out, shot.rig.names, listener)
    complete, overlay = False, Overlay()
    try:
        solution = solve(shot, journal, overlay)
        solution.save(out)
        overlay.save(overlay_path(out))
        complete = True
    finally:
        journal.close(remove=complete)
    return solution


def stages_of(shot: Shot) -> dict[str, tuple[Step, ...]]:
    """The stages that the shot asks for, of its stage file where it has one.

    Raises:
        FaceSolveError: no stage, an unknown one or one named twice, or what is wrong in the stage file, with its line.
    """
    own = read_stages(shot.stage_file, landmark_layout(shot.settings.landmarks)) if shot.stage_file else None
    wanted = shot.stages
    if wanted is None and own is None:
        wanted = (
            *SOLVE_SHOT,
            *(["infill"] if shot.infill_ranges else []),
            *(["refinement"] if shot.settings.refinement else []),
        )
    if wanted is not None and not wanted:
        raise FaceSolveError(
            "No stage is asked for.", "Name some, or leave the list out for all that Solve Shot takes."
        )
    twice = next((name for name in wanted or () if (wanted or ()).count(name) > 1), None)
    if twice is not None:
        raise FaceSolveError(
            f"The stage {twice} is named twice.", "Name each stage once; a stage file may give its steps twice."
        )
    return chosen(wanted, own)


def solve(shot: Shot, listener: Listener, overlay: Overlay | None = None) -> Solution:
    """Solve a shot.

    A cancelled solve returns what is done; nothing is told of frames that it did not come to. Frames where no camera sees the face are
    marked failed with the reason. What is to be drawn over the plate is added to the overlay.

    Raises:
        FaceSolveError: weights or device absent, an unknown stage or network, no frame to solve, no face in the rig or in any plate.
    """
    stages = stages_of(shot)
    if shot.held_mask.all():
        raise FaceSolveError(
            "There is no frame to solve: all are locked, or neighbours of the part to solve.",
            "Unlock some, or take a longer range.",
        )
    flow = flow_network(shot.settings.flow, shot.settings.device)
    for sentence in [*shot.notes, *(unknown_keys(stages, shot.rig) if shot.stage_file else [])]:
        listener.warning(sentence)
    solution = empty_solution(shot.frames, shot.start(), shot.rig.names)
    solution.settings = {
        **asdict(shot.settings),
        "stages": list(stages),
        "stage_file": str(shot.stage_file or ""),
        "shot": str(shot.folder.resolve()),
    }
    keep(solution, shot, shot.held_mask)
    progress = Progress(listener, _shares(stages))

    def seeing(done: int, total: int) -> bool:
        progress.step("detection", done, total)
        return not listener.cancelled()

    if listener.cancelled():
        return solution
    with contextlib.closing(prepare_context(shot, seeing)) as context:
        if not listener.cancelled():  # else while faces were looked for: nothing is known of any frame
            for sentence in _notes(context):
                listener.warning(sentence)
            _Run(context, solution, listener, progress, flow, np.full(len(shot.frames), math.nan)).run(stages, overlay)
    return solution


def keep(solution: Solution, shot: Shot, stays: Bools) -> None:
    """What stays as it is [N], is in the solution without a word to the listener."""
    for i in np.flatnonzero(stays):
        solution.status[i] = protocol.LOCKED if shot.locked_mask[i] else protocol.SOLVED
        solution.reason[i] = ""


def _notes(context: Context) -> Iterator[str]:
    """What the artist should know of what was seen: other faces, cameras and reference frames without the face."""
    for view in context.views:
        name = view.camera.name
        yield from (f"Camera {name}: {note}" for note in view.notes)
        looked = view.plate is not None and NOT_LOOKED_AT not in view.reasons
        if looked and context.seen.any() and not view.seen.any():
            reasons = ", ".join(dict.fromkeys(reason for reason in view.reasons if reason))
            yield f"Camera {name} sees the face in no frame and is left out ({reasons}): check its plate and its frames."
    shot = context.shot
    blind = [str(frame) for frame in shot.frames[~context.seen] if frame in shot.settings.reference_frames]
    if blind:
        yield f"The light is not taken from the reference frame {', '.join(blind)}: no camera sees the face there."


def measures_flow(stages: dict[str, tuple[Step, ...]]) -> bool:
    """Whether any step asks for optical flow."""
    return any(isinstance(step, Deep) and step.flow for steps in stages.values() for step in steps)


def _shares(stages: dict[str, tuple[Step, ...]]) -> dict[str, float]:
    shares = {"detection": SEEING}
    for name, steps in stages.items():
        shares[name] = sum(_passes(step) * SECONDS[type(step)] for step in steps)
    return {**shares, "judging": JUDGING}


def _passes(step: Step) -> int:
    """How often a step says of each of its frames that it is done."""
    return step.rounds if isinstance(step, Deep) else 1


def prepare_context(shot: Shot, step: Callable[[int, int], bool]) -> Context:
    """See the face in every plate, and find the landmarks on the rig; nothing is solved.

    Args:
        shot: whose frames are looked at.
        step: told how many plates of how many are done; false stops, and what is left out by that is no context to solve with.

    Raises:
        FaceSolveError: weights absent, an unknown network, no face in the rig.
    """
    network = landmark_network(shot.settings.landmarks, shot.settings.device)
    detector = face_detector(shot.settings.detector)
    actor = shot.rig.as_actor(shot.initial.weights[0])
    tie = tie_landmarks(actor, network, detector)
    count, going = len(shot.frames), True
    views = []

    for number, camera in enumerate(shot.cameras):

        def looked(done: int, before: int = number * count) -> bool:
            nonlocal going
            going = going and step(before + done, count * len(shot.cameras))
            return going

        views.append(observe(camera, count, network, detector, looked, shot.fps))
    plain = shot.rig.colors is None
    appearance = Appearance(albedo_of(shot.rig), head_parts(actor, tie, network.layout) if plain else None)
    shadow = shadow_transfer(actor.neutral * actor.scale, shot.rig.triangles) if going else None
    nowhere = np.zeros(count, bool)
    context = Context(
        shot,
        network,
        network.layout,
        tie,
        views,
        Renderer(shot.rig.triangles, appearance.albedo, shadow),
        appearance,
        shot.start(),
        fill=nowhere,
        known=nowhere,
    )
    context.leave_out_behind()
    return context


def no_face(views: list[View]) -> FaceSolveError:
    """That no camera sees the face in any frame, with the reasons."""
    reasons = sorted({reason for view in views for reason in view.reasons if reason})
    return FaceSolveError(
        f"No frame of the plate shows a face that can be solved: {'; '.join(reasons[:3])}.",
        "Check the plate, the camera's frame offset, and that the head stands where the camera looks.",
    )


@dataclass
class _Run:
    """Runs steps on a context and keeps the solution up to date."""

    context: Context
    solution: Solution
    listener: Listener
    progress: Progress
    flow: FlowNetwork
    errors: Floats  # [N] landmark distances of the last fit, pixels
    solving: bool = True  # whether frames are solved one by one; else what is known stays as it is
    joined: bool = False
    told: set[int] = field(default_factory=set)  # indices of the frames that the listener has heard of

    def run(self, stages: dict[str, tuple[Step, ...]], overlay: Overlay | None) -> None:
        """All of it, until the artist stops it."""
        self.mark_frames(stages)
        self.refuse_unseen()
        for name, steps in stages.items():
            # what is carried over from solved frames, or smooths them, begins when they lead to the frames that stay
            if not self.listener.cancelled() and any(isinstance(step, Fill | Refine | Smooth) for step in steps):
                self.join(stages)
            if not self.listener.cancelled():
                self.stage(name, steps)
        if not self.listener.cancelled():
            self.join(stages)
        self.judge(overlay, measures_flow(stages))

    def mark_frames(self, stages: dict[str, tuple[Step, ...]]) -> None:
        """Say which frames infill is to fill; a run that only fills keeps the others as they are, and does not tell of them."""
        context, shot = self.context, self.context.shot
        steps = [step for several in stages.values() for step in several]
        self.solving = any(isinstance(step, Fit | Deep | Scan) for step in steps)
        if any(isinstance(step, Fill) for step in steps):
            marks = mark(shot, context.seen, context.cuts, solving=self.solving)
            context.fill, context.known = marks.fill, marks.known
            for note in marks.notes:
                self.listener.warning(note)
        elif self.solving:
            context.known = context.seen | shot.held_mask
        else:
            context.take_up()
        if any(isinstance(step, Refine | Smooth) for step in steps) and not shot.settings.refinement:
            self.listener.warning("The amount of temporal refinement is 0: it changes nothing.")
        if not self.solving:
            keep(self.solution, shot, context.known)
            for i, filled in context.filled.items():
                self.solution.status[i], self.solution.reason[i] = filled.status, filled.reason

    def refuse_unseen(self) -> None:
        """Mark frames without a face, with the first camera's reason; say so if there is none at all."""
        context = self.context
        for i in np.flatnonzero(context.shot.locked_mask) if self.solving else []:
            self._tell(int(i), protocol.LOCKED, math.nan, "detection")
        for i in np.flatnonzero(~context.known & ~context.fill) if self.solving else []:
            reason = next(view.reasons[i] for view in context.views)
            self._tell(int(i), protocol.FRAME_FAILED, math.nan, "detection", reason)
        if not context.known.any():
            raise no_face(context.views)

    def stage(self, name: str, steps: tuple[Step, ...]) -> None:
        """Run a stage's steps in order and tell its results; of a stage that was stopped, those that it has come to."""
        begun = self.context.begun = self.context.pose.copy()
        done, total = 0, sum(len(self._frames(step)) * _passes(step) for step in steps)
        if not total:
            return
        for moved in self._moves(name, steps):
            done += len(moved)
            self.progress.step(name, done, total)
            if self.listener.cancelled():
                break
        frames = np.unique(np.concatenate([self._frames(step) for step in steps]))
        if self.listener.cancelled():
            frames = frames[self.context.pose[frames].differs(begun[frames])]
        for i in frames:
            filled = self.context.filled.get(int(i))
            if filled is not None:
                self._tell(int(i), filled.status, math.nan, name, filled.reason)
            elif not self.context.fill[i]:  # else it was not reached before the artist stopped
                self._tell(int(i), protocol.SOLVED, self.errors[i], name)

    def _frames(self, step: Step) -> Ints:
        """Indices of the frames that a step changes."""
        if isinstance(step, Fill):
            return np.flatnonzero(self.context.fill)
        if isinstance(step, Refine | Smooth):
            return refined_frames(self.context)
        return self.context.solvable

    def _moves(self, name: str, steps: tuple[Step, ...]) -> Iterator[Ints]:
        """Run the steps; yields the indices of frames as they have been moved."""
        for step in steps:
            if not len(self._frames(step)):
                continue
            if isinstance(step, Fit):
                self.errors = fit(self.context, step, self.listener.cancelled)
                yield self.context.solvable
            elif isinstance(step, Fill):
                yield from infill(self.context, step, self.flow, self.listener.cancelled)
            elif isinstance(step, Refine):
                yield from refine(self.context, step, self.flow)
            elif isinstance(step, Smooth):
                smooth(self.context, step)
                yield self._frames(step)
            elif isinstance(step, Scan):
                yield from scan(self.context, step)
            else:
                for _ in range(step.rounds):
                    for moved in deep_round(self.context, step, self.flow):
                        for i in moved:  # frames appear, and a solve that is killed keeps them
                            self._tell(int(i), protocol.SOLVED, self.errors[i], name)
                        yield moved

    def join(self, stages: dict[str, tuple[Step, ...]]) -> None:
        """Let the solved frames lead to those that stay as they are, once."""
        if self.solving and not self.joined and len(self.context.solvable):
            join(
                self.context, [step for steps in stages.values() for step in steps], self.flow, self.listener.cancelled
            )
            self.joined = True

    def judge(self, overlay: Overlay | None, with_flow: bool) -> None:
        """Measure every frame's landmark error on a last render (Section 9.1's E1 as RMS pixels), and keep what it shows.

        Stopped, it leaves the other frames with the error that their last stage told.
        """
        if self.listener.cancelled():
            return
        context = self.context
        flow = self.flow if overlay is not None and with_flow else None
        witness = None if overlay is None else partial(overlay.add, context)
        if not context.appearance.lights:
            estimate_lights(context)
        wanted = np.array(
            [i for i in sorted(self.told) if context.seen[i] and self.solution.status[i] != protocol.FRAME_FAILED], int
        )
        for start in range(0, len(wanted), CHUNK):
            index = wanted[start : start + CHUNK]
            errors = landmark_error(context, index, flow, witness)
            for i, error in zip(index, errors, strict=True):
                self._tell(int(i), self.solution.status[i], float(error), "judging", self.solution.reason[i])
            self.progress.step("judging", min(start + CHUNK, len(wanted)), len(wanted))
            if self.listener.cancelled():
                return

    def _tell(self, i: int, status: str, error: float, stage: str, reason: str = "") -> None:
        self.told.add(i)
        solution, pose = self.solution, self.context.pose[np.array([i])]
        solution.status[i], solution.error_px[i], solution.reason[i] = status, error, reason
        solution.pose.assign(np.array([i]), pose)
        self.listener.frame(
            FrameResult(
                int(solution.frames[i]),
                status,
                error,
                pose.rotation[0],
                pose.translation[0],
                pose.weights[0],
                stage,
                reason,
                pose.joints,
            )
        )
