"""The error of solved frames on a last render, and what that leaves to be drawn over the plate."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.documents.overlay import Overlay
from solver_core.footage.views import View
from solver_core.observe.landmarks import LandmarkObserver
from solver_core.observe.observer import Observation
from solver_core.observe.registry import default_weights
from solver_core.stages.context import Context
from solver_core.stages.kinds.step import Step
from solver_core.stages.shared.observing import observe

YARDSTICK = LandmarkObserver.name  # whose error a frame's error is


def observers_of(steps: Iterable[Step]) -> tuple[str, ...]:
    """The observers that any of the steps asks, by name."""
    return tuple(dict.fromkeys(name for step in steps for name in step.observers))


def judge_block(context: Context, drawn: tuple[str, ...] | None, index: Ints) -> tuple[Floats, Overlay]:
    """[b] landmark errors, and what is to be drawn of these frames: nothing where `drawn` is None."""
    overlay = Overlay()
    return landmark_error(context, index, None if drawn is None else overlay, drawn or ()), overlay


def landmark_error(
    context: Context, index: Ints, overlay: Overlay | None = None, drawn: tuple[str, ...] = ()
) -> Floats:
    """[b] RMS distance between the plate's and the render's landmarks, plate pixels (Section 9.1's E1).

    It is taken over the cameras that see the face.

    Args:
        context: the solve, its lights estimated.
        index: [b] frames.
        overlay: what is to be drawn is added to it.
        drawn: names of the observers that are asked for it beside the landmarks.
    """
    observers = default_weights(YARDSTICK, *(drawn if overlay is not None else ()))
    total, count = np.zeros(len(index)), np.zeros(len(index))
    for view, light in zip(context.views, context.look.lights, strict=True):
        seen = np.flatnonzero(view.seen[index])
        if not len(seen):
            continue
        for b, observations in zip(seen, observe(context, view, light, index[seen], observers), strict=True):
            if overlay is not None:
                _draw(context, view, int(index[b]), observations, overlay)
            total[b] += observations[YARDSTICK].error_px ** 2
            count[b] += 1
    return np.sqrt(total / np.maximum(count, 1))


def _draw(context: Context, view: View, index: int, observations: dict[str, Observation], overlay: Overlay) -> None:
    """Add one frame in one camera."""
    camera = view.camera
    overlay.add({"size": np.array([camera.width, camera.height], np.int32)}, camera.name)
    for name, observation in observations.items():
        observer = context.observer(name)
        overlay.add(observer.shot_layers())
        overlay.add(observer.camera_layers(view), camera.name)
        overlay.add(observation.layers(), camera.name, int(context.shot.frames[index]))
