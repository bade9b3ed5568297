"""Fit the rig to the actor: identity shape keys, and if asked the focal length, from several frames together."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Floats, Ints, spread
from solver_core.common.errors import FaceSolveError
from solver_core.common.files import replacing
from solver_core.documents.shot import Shot, load_shot
from solver_core.face.landmark_embedding import embed_landmarks
from solver_core.networks.registry import face_detector
from solver_core.service.listener import Listener, Progress
from solver_core.solve import no_face, prepare_context
from solver_core.stages.catalogue import STAGES
from solver_core.stages.context import Context
from solver_core.stages.kinds.step import Step
from solver_core.stages.shared.shared_solve import (
    ZOOM_SIGMA,
    Observed,
    at_rest,
    observe_landmarks,
    observe_render,
    solve_shared,
)

LOOKED_AT, CHOSEN, MOST = 24, 8, 32  # frames: looked at over the shot, taken of those, and allowed to an artist
TURN = np.radians(10.0)  # of the head, that makes two frames as different as the first and the last one of the shot
# The networks' landmarks are off by constant pixels on a head without its actor's colours: held hard, they bring the
# poses and hardly a shape.
HOLD_LANDMARKS, HOLD = 300.0, 120.0
ROUNDS = 4
GROUPS = 4  # of frames, each left out once to see how sure the focal lengths are
LIKELY = 2.0  # standard errors to either side within which a focal length lies in 19 of 20 shots
SHARES = {"detection": 3.0, "landmarks": 3.0, "render": 12.0}  # expected time


@dataclass(frozen=True)
class FittedRig:
    """What holds for the whole shot: M identity keys, C cameras."""

    names: tuple[str, ...]  # M
    weights: Floats  # [M]
    cameras: tuple[str, ...]  # C
    focal: Floats  # [C] factors of the focal lengths; 1 where they were not asked for
    focal_range: Floats  # [C,2] the lowest and the highest that the frames allow (95 %)
    frames: Ints  # [n] scene frames that it was fitted on
    error_px: tuple[
        float, float
    ]  # median landmark distance in those frames, plate pixels: with the keys at rest, and as fitted
    settings: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write FITTED.npz (docs/shot_format.md) beside its place and move it there.

        Raises:
            FaceSolveError: where it cannot be written.
        """
        try:
            with replacing(path) as file:
                np.savez_compressed(
                    file,
                    names=np.array(self.names, np.str_),
                    weights=self.weights,
                    cameras=np.array(self.cameras, np.str_),
                    focal=self.focal,
                    focal_range=self.focal_range,
                    frames=self.frames,
                    error_px=np.array(self.error_px),
                    settings=np.array(json.dumps(self.settings)),
                )
        except OSError as error:
            raise FaceSolveError(
                f"The fitted rig cannot be written to {path}: {error.strerror or error}.",
                "Free some space or choose a folder that can be written.",
            ) from error


def fit_folder(
    folder: Path, out: Path, listener: Listener, *, focal: bool, frames: Sequence[int] = ()
) -> FittedRig | None:
    """Fit the rig of a shot folder and write FITTED.npz; None where the listener cancelled.

    Arguments and errors as `fit_rig` has them.
    """
    fitted = fit_rig(load_shot(folder), listener, focal=focal, frames=frames)
    if fitted is not None:
        fitted.save(out)
    return fitted


def fit_rig(shot: Shot, listener: Listener, *, focal: bool = False, frames: Sequence[int] = ()) -> FittedRig | None:
    """Fit identity keys and focal lengths.

    Args:
        shot: any shot; its stages and locked frames play no part.
        listener: hears of progress; where it cancels, nothing comes back.
        focal: whether the cameras' focal lengths are fitted too.
        frames: scene frames to fit on; empty: chosen here, spread over the shot and over the head's turns.

    Raises:
        FaceSolveError: no identity keys, frames that are not the shot's, no frame with a face.
    """
    if not len(shot.rig.fittable):
        raise FaceSolveError(
            "The face has no identity shape keys that can be fitted.",
            "Name them identity..., id_... or shape_001, press Group by Name, and leave them switched on.",
        )
    shot = _without_identity(shot.at(_looked_at(shot, frames)))
    progress = Progress(listener, SHARES)

    def step(stage: str, done: int, total: int) -> bool:
        progress.step(stage, done, total)
        return not listener.cancelled()

    with contextlib.closing(prepare_context(shot, lambda done, total: step("detection", done, total))) as context:
        return None if listener.cancelled() else _fitted(context, step, focal=focal, given=bool(len(frames)))


def _fitted(context: Context, step: Callable[[str, int, int], bool], *, focal: bool, given: bool) -> FittedRig | None:
    """Fit to what is seen of the frames, all of them where they are `given`; None where a step says stop."""
    shot = context.shot
    if not len(context.solvable):
        raise no_face(context.views)
    _run(context, STAGES["rigid"])
    context = context.at(context.solvable if given else choose(context))
    before = _run(context, STAGES["expression"])
    zoom = solve_shared(context, observe_landmarks(context), np.zeros(len(context.views)), HOLD_LANDMARKS, focal=focal)
    if not step("landmarks", 1, 1):
        return None
    deviation: Floats = np.zeros(len(zoom))
    for number in range(ROUNDS):
        observed = observe_render(context)
        if focal and number == ROUNDS - 1:
            deviation = _uncertainty(context, observed, zoom)
        zoom = solve_shared(context, observed, zoom, HOLD, focal=focal)
        if not step("render", number + 1, ROUNDS):
            return None
    rig, weights = context.rig, context.pose.weights[0]
    context.embedding = embed_landmarks(rig.as_actor(weights), context.network, face_detector(shot.settings.detector))
    after = _run(context, STAGES["expression"][-1:])
    return FittedRig(
        tuple(rig.names[k] for k in rig.fittable),
        weights[rig.fittable],
        tuple(view.camera.name for view in context.views),
        np.exp(zoom),
        np.exp(zoom + deviation * [[-LIKELY], [LIKELY]]).T,
        context.shot.frames,
        (float(np.nanmedian(before)), float(np.nanmedian(after))),
        {**asdict(shot.settings), "focal": focal, "shot": str(shot.folder.resolve())},
    )


def _uncertainty(context: Context, observed: list[Observed], zoom: Floats) -> Floats:
    """[C] standard errors of the focal lengths' logarithms: the jackknife over groups of frames, each left out once.

    Nothing changes. What is wrong by the same in every frame, a head that is not the actor's above all, is not in it.

    Args:
        context: before its last solve.
        observed: what that solve is to fit.
        zoom: [C] logarithms of the focal lengths' factors so far.
    """
    groups = min(GROUPS, len(context.pose))
    if groups < 2:
        return np.full(len(zoom), ZOOM_SIGMA)  # one frame says nothing of it
    found = []
    for group in range(groups):
        part = replace(context, pose=context.pose.copy(), views=[replace(view) for view in context.views])
        kept = [one for one in observed if one.frame % groups != group]
        found.append(solve_shared(part, kept, zoom, HOLD, focal=True))
    return np.sqrt((groups - 1) * np.var(found, axis=0))


def choose(context: Context) -> Ints:
    """Indices of up to CHOSEN frames.

    The surest comes first, then always the one least like those taken (farthest point sampling).
    """
    frames = context.solvable
    turns = Rotation.from_matrix(context.pose.rotation[frames])
    middle = turns.mean()
    taken = [int(np.argmin((turns * middle.inv()).magnitude()))]
    while len(taken) < min(CHOSEN, len(frames)):
        apart = [
            np.hypot((turns * turns[t].inv()).magnitude() / TURN, (frames - frames[t]) / len(context.pose))
            for t in taken
        ]
        taken.append(int(np.argmax(np.min(apart, axis=0))))
    return np.sort(frames[taken])


def _looked_at(shot: Shot, frames: Sequence[int]) -> Ints:
    """Indices of the frames where the face is looked for.

    Raises:
        FaceSolveError: where the artist's list names frames that the shot has not, or too many.
    """
    if not len(frames):
        return spread(np.arange(len(shot.frames)), LOOKED_AT)
    unknown = sorted(set(frames) - set(shot.frames.tolist()))
    if unknown:
        raise FaceSolveError(
            f"The shot has no frame {unknown[0]}; it goes from {shot.frames[0]} to {shot.frames[-1]}.",
            "Choose frames of the shot.",
        )
    if len(set(frames)) > MOST:
        raise FaceSolveError(
            f"A rig is fitted on at most {MOST} frames, and {len(set(frames))} are named.",
            "Name some eight that show the head from several sides.",
        )
    return np.flatnonzero(np.isin(shot.frames, list(frames)))


def _without_identity(shot: Shot) -> Shot:
    """The fit starts from the rig's own shape, whatever an earlier one has set, so that it comes to the same twice."""
    initial = shot.initial.copy()
    initial.weights[:, shot.rig.fittable] = at_rest(shot.rig)
    return replace(shot, initial=initial, locked=())


def _run(context: Context, steps: Sequence[Step]) -> Floats:
    """Landmark steps of the ordinary solve; the last one's [N] errors in plate pixels."""
    for one in steps:
        for _ in one.run(context):
            pass
    return context.error_px
