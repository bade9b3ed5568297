"""Solve a shot: see the face, run the stages, report every frame, write the solution."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from solver_core import protocol
from solver_core.camera.camera import Camera
from solver_core.common.arrays import Bools, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import Asked, Journal
from solver_core.documents.overlay import Overlay, overlay_path
from solver_core.documents.resume import digest, give_back, take_up
from solver_core.documents.shot import Shot, load_shot
from solver_core.documents.solution import Solution, empty_solution
from solver_core.executors.executor import HERE, Executor
from solver_core.face.eyes import find_eyes, with_eyes
from solver_core.face.head_parts import head_parts
from solver_core.face.key_relations import key_relations
from solver_core.face.landmark_embedding import LandmarkEmbedding, embed_landmarks
from solver_core.face.lips import find_lips
from solver_core.face.mouth import mouth_shadow
from solver_core.flow.networks.registry import flow_network
from solver_core.footage.people import Place, Sought, place_of
from solver_core.footage.views import NOT_LOOKED_AT, View, find_faces
from solver_core.look.albedo import albedo_of
from solver_core.look.look import Look
from solver_core.networks.registry import face_detector, landmark_layout, landmark_network
from solver_core.observe.observer import Networks
from solver_core.observe.registry import load_observers
from solver_core.observe.witness import NETWORK
from solver_core.render.renderer import Renderer
from solver_core.render.transfer import shadow_transfer
from solver_core.service.listener import FrameResult, Listener, Progress
from solver_core.stages.catalogue import SOLVE_SHOT, chosen
from solver_core.stages.context import Context, blocks_of
from solver_core.stages.judging import Verdict, in_faces, judge_block, judge_of, observers_of
from solver_core.stages.key_names import ALL
from solver_core.stages.kinds.fill import pose_pinned
from solver_core.stages.kinds.step import Step
from solver_core.stages.shared.joins import join
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.possible import impossible, sound
from solver_core.stages.stage_file import read_stages, unknown_keys

SEEING, JUDGING = 0.15, 0.1  # expected seconds a frame, for the time left


@dataclass(frozen=True)
class Overrides:
    """What the command line says instead of the shot."""

    stages: tuple[str, ...] | None = None
    stage_file: Path | None = None
    frames: tuple[int, int] | None = None
    landmarks: str | None = None
    detector: str | None = None
    flow: str | None = None
    refinement: float | None = None  # amount, 0 to 1
    device: str | None = None
    resume: bool = False  # frames that an ended solve was done with are kept, and not solved again


def in_this_process(_shot: Shot) -> Executor:
    """Every shot."""
    return HERE


def solve_folder(
    folder: Path,
    out: Path,
    listener: Listener,
    overrides: Overrides | None = None,
    executors: Callable[[Shot], Executor] = in_this_process,
) -> Solution:
    """Solve a shot folder and write SOLUTION.npz.

    Every finished frame is in the journal before the listener hears of it.

    Args:
        folder: of the shot.
        out: where the solution goes.
        listener: hears of it.
        overrides: instead of the shot's own settings.
        executors: says for a shot, with the frames that are left to solve, who works on it; it is closed here.

    Raises:
        FaceSolveError: what is wrong with the shot, the weights or the disk, before work starts where possible.
    """
    overrides = overrides or Overrides()
    shot = load_shot(folder)
    named = {name: getattr(overrides, name) for name in ("landmarks", "detector", "flow", "refinement", "device")}
    given = {name: value for name, value in named.items() if value is not None}
    shot = replace(shot, settings=replace(shot.settings, **given))
    if overrides.stages is not None:
        shot = replace(shot, stages=overrides.stages)
    if overrides.stage_file is not None:
        shot = replace(shot, stage_file=overrides.stage_file)
    asked = asked_of(shot, stages_of(shot))
    if overrides.frames is not None:
        shot = shot.between(*overrides.frames)
    if out.is_dir():
        raise FaceSolveError(f"{out} is a folder.", f"Name a file, such as {out / 'SOLUTION.npz'}.")
    journal = Journal(out, shot.rig.names, listener, asked)
    complete, overlay, held = False, Overlay(), set[int]()
    try:
        done = journal.finished() if overrides.resume else {}
        shot, done = take_up(shot, done)
        if done:
            listener.warning(f"{len(done)} of {len(shot.frames)} frames are taken up from the solve that was ended.")
        if done and shot.held_mask.all():
            solution = begun(shot)
        else:
            with contextlib.closing(executors(shot)) as executor:
                solution = solve(shot, journal, overlay, executor)
        give_back(solution, done)
        solution.save(out)
        overlay.save(overlay_path(out))
        held = {
            int(f)
            for f, status in zip(solution.frames, solution.status, strict=True)
            if status != protocol.FRAME_FAILED
        }
        complete = True
    finally:
        journal.close(remove=complete, held=held)
    return solution


def asked_of(shot: Shot, stages: dict[str, tuple[Step, ...]]) -> Asked:
    """What a solve of the shot is asked, for its journal."""
    lasting = [name for name, steps in stages.items() if not all(step.only_fills for step in steps)]
    last = lasting[-1] if lasting else ""
    steps = stages.get(last, ())
    # a step that reports moves tells of each frame in every pass, and a stage that ends with another once when it is
    # over
    tells = sum(step.passes for step in steps if step.reports_moves) + (not (steps and steps[-1].reports_moves))
    settings = {**asdict(shot.settings), "reference_frames": list(shot.settings.reference_frames)}
    return Asked(digest(shot), {**settings, "stage_file": str(shot.stage_file or "")}, tuple(stages), last, tells)


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


def solve(shot: Shot, listener: Listener, overlay: Overlay | None = None, executor: Executor = HERE) -> Solution:
    """Solve a shot.

    A cancelled solve returns what is done; frames that it did not come to are not reported. Frames where no camera sees
    the face are marked failed with the reason. What is to be drawn over the plate is added to the overlay.

    Raises:
        FaceSolveError: weights or device absent, an unknown stage or network, no frame to solve, no face in the rig or
            in any plate.
    """
    stages = stages_of(shot)
    if shot.held_mask.all():
        raise FaceSolveError(
            "There is no frame to solve: all are locked, or neighbours of the part to solve.",
            "Unlock some, or take a longer range.",
        )
    for sentence in [*shot.notes, *(unknown_keys(stages, shot.rig) if shot.stage_file else [])]:
        listener.warning(sentence)
    solution = begun(shot)
    progress = Progress(listener, _shares(stages))

    def seeing(done: int, total: int) -> bool:
        progress.step("detection", done, total)
        return not listener.cancelled()

    if listener.cancelled():
        return solution
    asked = observers_of(step for steps in stages.values() for step in steps)
    with contextlib.closing(prepare_context(shot, seeing, asked, executor)) as context:
        if not listener.cancelled():  # else while faces were looked for: nothing is known of any frame
            for sentence in _notes(context):
                listener.warning(sentence)
            _Run(context, solution, listener, progress).run(stages, overlay)
    return solution


def begun(shot: Shot) -> Solution:
    """The solution before anything is solved: what stays as it is is in it."""
    solution = empty_solution(shot.frames, shot.start(), shot.rig.names)
    solution.settings = {
        **asdict(shot.settings),
        "stages": list(stages_of(shot)),
        "stage_file": str(shot.stage_file or ""),
        "shot": str(shot.folder.resolve()),
    }
    keep(solution, shot, shot.held_mask)
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
            yield (
                f"Camera {name} sees the face in no frame and is left out ({reasons}): check its plate and its frames."
            )
    shot = context.shot
    blind = [str(frame) for frame in shot.frames[~context.seen] if frame in shot.settings.reference_frames]
    if blind:
        yield f"The light is not taken from the reference frame {', '.join(blind)}: no camera sees the face there."


def _shares(stages: dict[str, tuple[Step, ...]]) -> dict[str, float]:
    shares = {"detection": SEEING}
    for name, steps in stages.items():
        shares[name] = sum(step.expected for step in steps)
    return {**shares, "judging": JUDGING}


def prepare_context(
    shot: Shot, step: Callable[[int, int], bool], observers: Iterable[str] = (), executor: Executor = HERE
) -> Context:
    """See the face in every plate, and find the landmarks on the rig; nothing is solved.

    Args:
        shot: whose frames are looked at.
        step: told how many plates of how many are done; false stops, and what is left out by that is no context to
            solve with.
        observers: that will be asked; what they need is loaded before any plate is looked at.
        executor: who works on blocks of frames.

    Raises:
        FaceSolveError: weights absent, an unknown network, no face in the rig.
    """
    flow = flow_network(shot.settings.flow, shot.settings.device)
    network = landmark_network(shot.settings.landmarks, shot.settings.device)
    ready = load_observers(observers, Networks(network, flow, shot.settings.device))
    witness = landmark_network(NETWORK, shot.settings.device)
    detector = face_detector(shot.settings.detector)
    executor.constant(network, landmark_network, shot.settings.landmarks, shot.settings.device)
    executor.constant(detector, face_detector, shot.settings.detector)
    actor = shot.rig.as_actor(shot.initial.weights[0])
    embedding = embed_landmarks(actor, network, detector)
    count, going = len(shot.frames), True
    views = []

    for number, camera in enumerate(shot.cameras):

        def looked(done: int, before: int = number * count) -> bool:
            nonlocal going
            going = going and step(before + done, count * len(shot.cameras))
            return going

        sought = sought_in(shot, camera, embedding)
        views.append(find_faces(camera, shot.frames, (network, detector), sought, looked, shot.fps))
    plain = shot.rig.colors is None
    eyes = find_eyes(actor, embedding, network.layout)
    parts = with_eyes(head_parts(actor, embedding, network.layout), eyes) if plain else None
    shadow = shadow_transfer(actor.neutral * actor.scale, shot.rig.triangles) if going else None
    nowhere = np.zeros(count, bool)
    context = Context(
        shot,
        network,
        detector,
        flow,
        network.layout,
        embedding,
        views,
        Renderer(shot.rig.triangles),
        Look(albedo_of(shot.rig), shadow=shadow, mouth=mouth_shadow(actor, embedding, network.layout), parts=parts),
        shot.start(),
        fill=nowhere,
        known=nowhere,
        error_px=np.full(count, math.nan),
        observers=ready,
        lips=find_lips(actor, embedding, network.layout),
        relations=key_relations(shot.rig),
        executor=executor,
        eyes=eyes,
        witness=witness,
    )
    context.leave_out_behind()
    context.travel()
    return context


def sought_in(shot: Shot, camera: Camera, embedding: LandmarkEmbedding) -> Sought:
    """Who is looked for in a camera's plate: the face where the artist's head stands, and the one that they chose."""
    count = len(shot.frames)
    points = shot.rig.sample(
        np.broadcast_to(embedding.triangle, (count, len(embedding.triangle))),
        np.broadcast_to(embedding.barycentric, (count, *embedding.barycentric.shape)),
    )
    pixels, _ = camera.project(points.world(shot.start()))
    heads = [place_of(one) for one in pixels]
    told = {int(i): place for i in np.flatnonzero(shot.locked_mask) if (place := heads[i]) is not None}
    at = {int(frame): i for i, frame in enumerate(shot.frames)}
    told.update({at[p.frame]: Place(p.point) for p in shot.people if p.camera == camera.name and p.frame in at})
    return Sought(heads, told)


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
    solving: bool = True  # whether frames are solved one by one; else what is known stays as it is
    joined: bool = False
    reported: set[int] = field(default_factory=set)  # indices of the frames that the listener knows of

    def run(self, stages: dict[str, tuple[Step, ...]], overlay: Overlay | None) -> None:
        """All of it, until the artist stops it."""
        every = [step for steps in stages.values() for step in steps]
        self.prepare(every)
        self.refuse_unseen()
        for name, steps in stages.items():
            # what is carried over from solved frames, or smooths them, begins when they lead to the frames that stay
            if not self.listener.cancelled() and not all(step.solves for step in steps):
                self.join(every)
            if not self.listener.cancelled():
                self.stage(name, steps)
        if not self.listener.cancelled():
            self.join(every)
        if not self.listener.cancelled() and not any(step.only_fills for step in every):
            self.pose_pinned()
        self.judge(overlay, observers_of(every))

    def prepare(self, steps: Sequence[Step]) -> None:
        """Say which frames are whose.

        A run that solves nothing keeps what is known as it is, and does not report it.
        """
        context, shot = self.context, self.context.shot
        self.solving = any(step.solves for step in steps)
        if self.solving:
            context.known = context.seen | shot.held_mask
        else:
            context.take_up()
        if not any(step.only_fills for step in steps):  # else the step says so
            context.fill = context.fill | (shot.pinned_mask() & ~context.seen)
        notes = [note for step in steps for note in step.prepare(context, solving=self.solving)]
        for note in dict.fromkeys(notes):
            self.listener.warning(note)
        if not self.solving:
            keep(self.solution, shot, context.known)
            for i, filled in context.filled.items():
                self.solution.status[i], self.solution.reason[i] = filled.status, filled.reason

    def refuse_unseen(self) -> None:
        """Mark frames without a face, with the first camera's reason; say so if there is none at all."""
        context = self.context
        for i in np.flatnonzero(context.shot.locked_mask) if self.solving else []:
            self.report_frame(int(i), protocol.LOCKED, math.nan, "detection")
        for i in np.flatnonzero(~context.known & ~context.fill) if self.solving else []:
            reason = next(view.reasons[i] for view in context.views)
            self.report_frame(int(i), protocol.FRAME_FAILED, math.nan, "detection", reason)
        if not context.known.any() and not (context.fill & context.shot.pinned_mask()).any():
            raise no_face(context.views)

    def stage(self, name: str, steps: tuple[Step, ...]) -> None:
        """Run a stage's steps in order and report its results.

        Of a stage that was stopped, those that it has come to are reported.
        """
        context = self.context
        begun = context.begun = context.pose.copy()
        done, total = 0, sum(len(step.frames(context)) * step.passes for step in steps)
        if not total:
            return
        for step, moved in self.moves(steps):
            for i in moved if step.reports_moves else ():
                self.report_frame(int(i), protocol.SOLVED, context.error_px[i], name)
            done += len(moved)
            self.progress.step(name, done, total)
            if self.listener.cancelled():
                break
        frames = np.unique(np.concatenate([step.frames(context) for step in steps]))
        if self.listener.cancelled():
            frames = frames[context.pose[frames].differs(begun[frames])]
        for i in frames:
            filled = context.filled.get(int(i))
            if filled is not None:
                self.report_frame(int(i), filled.status, math.nan, name, filled.reason)
            elif not context.fill[i]:  # else it was not reached before the artist stopped
                self.report_frame(int(i), protocol.SOLVED, context.error_px[i], name)

    def moves(self, steps: tuple[Step, ...]) -> Iterator[tuple[Step, Ints]]:
        """Run the steps that have frames; yields each with the indices of frames as it has moved them."""
        for step in steps:
            if len(step.frames(self.context)):
                for moved in step.run(self.context, self.listener.cancelled):
                    yield step, moved

    def join(self, steps: Sequence[Step]) -> None:
        """Let the solved frames lead to those that stay as they are, once."""
        if self.solving and not self.joined and len(self.context.solvable):
            join(self.context, steps, self.listener.cancelled)
            self.joined = True

    def pose_pinned(self) -> None:
        """Pose the frames where no face is seen and the artist has put pins, where no step fills."""
        for i in pose_pinned(self.context, self.context.free((ALL,))):
            self.report_frame(int(i), protocol.INFILLED, math.nan, "pins")

    def judge(self, overlay: Overlay | None, observers: tuple[str, ...]) -> None:
        """Measure every frame's error on a last render, and keep what it shows to the observers.

        Stopped, it leaves the other frames with the error that their last stage reported.
        """
        if self.listener.cancelled():
            return
        context = self.context
        if not context.look.lights:
            estimate_lights(context)
        wanted = np.array(
            [i for i in sorted(self.reported) if context.seen[i] and self.solution.status[i] != protocol.FRAME_FAILED],
            int,
        )
        judge = judge_of(context)
        if judge is None:  # the errors of the last fit stay
            return
        blocks, done = blocks_of(wanted), 0
        layers = observers if overlay is not None else None
        for at, (verdicts, drawn) in context.over(judge_block, blocks, judge, layers):
            for i, verdict in zip(blocks[at], verdicts, strict=True):
                status, reason = self.solution.status[i], self.solution.reason[i]
                self.report_frame(int(i), status, verdict.error_px, "judging", reason, verdict)
            if overlay is not None:
                overlay.take(drawn)
            done += len(blocks[at])
            self.progress.step("judging", done, len(wanted))
            if self.listener.cancelled():
                return

    def report_frame(
        self, i: int, status: str, error: float, stage: str, reason: str = "", verdict: Verdict | None = None
    ) -> None:
        """Put a frame's latest result into the solution, and let the listener know.

        Until it is judged its error is the last fit's, and nothing is known of its regions.
        """
        if status not in {protocol.FRAME_FAILED, protocol.LOCKED}:
            problem = impossible(self.context, i, seen=status == protocol.SOLVED)
            if problem:
                status, error, reason, verdict = protocol.FRAME_FAILED, math.nan, problem, None
                if not sound(self.context.pose[np.array([i])]):
                    self.context.pose.assign(np.array([i]), self.context.shot.start()[np.array([i])])
        self.reported.add(i)
        solution, pose = self.solution, self.context.pose[np.array([i])]
        result = FrameResult(
            int(solution.frames[i]),
            status,
            error,
            pose.rotation[0],
            pose.translation[0],
            pose.weights[0],
            stage,
            reason,
            pose.joints,
            verdict.error if verdict else in_faces(self.context, i, error),
            verdict.regions if verdict else {},
            verdict.doubt if verdict else "",
        )
        solution.take(i, result)
        solution.pose.assign(np.array([i]), pose)
        self.listener.frame(result)
