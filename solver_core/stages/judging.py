"""The error of solved frames on a last render, and what that leaves to be drawn over the plate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from solver_core.camera.crop import MARGIN
from solver_core.common.arrays import Ints
from solver_core.common.errors import FaceSolveError
from solver_core.documents.overlay import Overlay
from solver_core.face.landmark_embedding import LandmarkEmbedding, embed_landmarks
from solver_core.footage.views import View
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.networks.registry import face_detector
from solver_core.observe.landmarks import LandmarkObserver
from solver_core.observe.observer import Observation
from solver_core.observe.registry import default_weights
from solver_core.observe.witness import NETWORK, REGIONS, Testimony, testify, with_lips
from solver_core.stages.context import Context
from solver_core.stages.kinds.step import Step
from solver_core.stages.shared.anatomy import Anatomy
from solver_core.stages.shared.observing import ask, rendered

# Regions that make up a frame's error. Hair, beards and collars hide the outline, and the network guesses it there.
COUNTED = ("mouth", "eyes", "brows")


def observers_of(steps: Iterable[Step]) -> tuple[str, ...]:
    """The observers that any of the steps asks, by name."""
    return tuple(dict.fromkeys(name for step in steps for name in step.observers))


@dataclass(frozen=True)
class Verdict:
    """What is said of one frame."""

    error_px: float  # plate pixels; NaN where no camera sees the face
    error: float  # the same in thousandths of the face's size in the plate
    regions: dict[str, float]  # of each region of protocol.REGIONS, in thousandths too; empty where not known
    doubt: str = ""  # why the face cannot be so, in words; empty where nothing speaks against it


@dataclass
class Judge:
    """Judges the frames of a solve by a landmark network that did not solve them (observe/witness.py)."""

    network: LandmarkNetwork
    embedding: LandmarkEmbedding
    anatomy: Anatomy

    def verdicts(
        self, context: Context, index: Ints, overlay: Overlay | None = None, drawn: tuple[str, ...] = ()
    ) -> list[Verdict]:
        """What is said of the frames [b], all of them seen by a camera at least.

        Args:
            context: the solve, its lights estimated.
            index: [b] frames of it.
            overlay: what is to be drawn is added to it.
            drawn: names of the observers that are asked for it beside the landmarks.
        """
        observers = default_weights(LandmarkObserver.name, *drawn)
        heard: dict[int, list[Testimony]] = {int(i): [] for i in index}
        for view, light in zip(context.views, context.look.lights, strict=True):
            seen = index[view.seen[index]]
            if not len(seen):
                continue
            frames = rendered(context, view, light, seen)
            for i, said in zip(seen, testify(self.network, self.embedding, frames), strict=True):
                heard[int(i)].append(said)
            if overlay is not None:
                for i, observations in zip(seen, ask(context, frames, observers), strict=True):
                    _draw(context, view, int(i), observations, overlay)
        return [replace(error_of(heard[int(i)]), doubt=self.doubt(context, int(i), heard[int(i)])) for i in index]

    def doubt(self, context: Context, i: int, heard: list[Testimony]) -> str:
        """Why the face of a frame cannot be so, or who it is may be another, in words; empty where nothing is wrong."""
        pose = context.pose[np.array([i])]
        guessed = [view.doubts[i] for view in context.views if view.doubts[i]]
        return "; ".join([*guessed, *self.anatomy.contradictions(pose), *self.anatomy.shut_eyes(pose, heard)])


def judge_of(context: Context) -> Judge | None:
    """The judge of a solve; None where it has no witness, or that sees no face in the rig.

    Args:
        context: the solve.
    """
    shot, embedding, network = context.shot, context.embedding, context.witness
    if network is None:
        return None
    actor, detector = shot.rig.as_actor(shot.initial.weights[0]), face_detector(shot.settings.detector)
    try:
        if context.network.name != NETWORK:
            embedding = embed_landmarks(actor, network, detector)
    except FaceSolveError:
        return None
    embedding = with_lips(actor, embedding, network, detector)
    return Judge(network, embedding, Anatomy(shot.rig, embedding, shot.initial.weights[0]))


def judge_block(
    context: Context, judge: Judge, drawn: tuple[str, ...] | None, index: Ints
) -> tuple[list[Verdict], Overlay]:
    """What is said of the frames [b], and what is to be drawn of them: nothing where `drawn` is None."""
    overlay = Overlay()
    return judge.verdicts(context, index, None if drawn is None else overlay, drawn or ()), overlay


def error_of(heard: list[Testimony]) -> Verdict:
    """A frame's error over the cameras that see the face: of each region, and the mean of those that are counted."""
    if not heard:
        return Verdict(math.nan, math.nan, {})
    each = [said.errors() for said in heard]
    regions = {region: rms([one[region] for one in each]) for region in REGIONS}
    whole = [float(np.mean([one[region] for region in COUNTED])) for one in each]
    pixels = [share * said.size / 1e3 for share, said in zip(whole, heard, strict=True)]
    return Verdict(rms(pixels), rms(whole), regions)


def in_faces(context: Context, i: int, error_px: float) -> float:
    """An error in plate pixels as thousandths of the face's size, by the windows that the face was seen in."""
    sides = [crop.side / MARGIN for view in context.views if (crop := view.crops[i]) is not None]
    return 1e3 * error_px / max(sides) if sides else math.nan


def rms(values: list[float]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def _draw(context: Context, view: View, index: int, observations: dict[str, Observation], overlay: Overlay) -> None:
    """Add one frame in one camera."""
    camera = view.camera
    overlay.add({"size": np.array([camera.width, camera.height], np.int32)}, camera.name)
    for name, observation in observations.items():
        observer = context.observer(name)
        overlay.add(observer.shot_layers())
        overlay.add(observer.camera_layers(view), camera.name)
        overlay.add(observation.layers(), camera.name, int(context.shot.frames[index]))
