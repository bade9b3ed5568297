"""Renders of the head at its poses, and what observers say of them and the plate (equation 2)."""

from __future__ import annotations

from collections.abc import Mapping

from solver_core.common.arrays import Floats, Ints
from solver_core.footage.views import View
from solver_core.look.synthesis import picture
from solver_core.observe.correspondences import Correspondences
from solver_core.observe.observer import SIZE, Observation, RenderedFrames
from solver_core.stages.context import Context


def observe(
    context: Context, view: View, light: Floats, index: Ints, observers: Mapping[str, float]
) -> list[dict[str, Observation]]:
    """Render frames of one camera and ask observers about render and plate.

    Args:
        context: the solve.
        view: the camera's, which sees the face in these frames.
        light: [9,3].
        index: [b] frames.
        observers: their weights, by name.

    Returns:
        b times, by the observers' names, what each says.
    """
    return ask(context, rendered(context, view, light, index), observers)


def rendered(context: Context, view: View, light: Floats, index: Ints) -> RenderedFrames:
    """Renders of frames [b] of one camera in its light [9,3], and their plates."""
    pose, plates = context.pose[index], view.images(index, SIZE)
    shown = picture(context.rig, context.renderer, view, pose, index, SIZE, context.look.under(light), plates)
    return RenderedFrames(context.rig, view, index, pose, plates, shown, context.head_triangles, context.eyes)


def ask(context: Context, frames: RenderedFrames, observers: Mapping[str, float]) -> list[dict[str, Observation]]:
    """What observers say of b rendered frames: see `observe`."""
    found = {name: context.observer(name).observe(frames, weight) for name, weight in observers.items() if weight}
    return [{name: observations[b] for name, observations in found.items()} for b in range(len(frames))]


def correspondences(context: Context, index: Ints, observers: Mapping[str, float]) -> dict[int, list[Correspondences]]:
    """By frame of `index` [b], what the observers say in all cameras that see the face."""
    found: dict[int, list[Correspondences]] = {int(i): [] for i in index}
    for view, light in zip(context.views, context.look.lights, strict=True):
        visible = index[view.seen[index]]
        if len(visible):
            for i, observations in zip(visible, observe(context, view, light, visible, observers), strict=True):
                found[int(i)] += [one.correspondences for one in observations.values() if one.correspondences]
    return found
