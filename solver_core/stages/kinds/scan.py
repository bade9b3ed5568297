"""Keys tried one value after another.

Each takes the one at which the render looks most like the plate, where the key moves the surface.

For what is rare, quick and plain to see, as a blink is: flow sees nothing alike to follow on a lid that closes,
landmarks jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.parameters import FreeParameters
from solver_core.footage.views import View
from solver_core.look.synthesis import picture
from solver_core.observe.observer import SIZE
from solver_core.stages.context import Context, blocks_of
from solver_core.stages.kinds.step import Cancelled, Step, never
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.skin import bake

VALUES = 5  # from one end of the slider to the other
MOVED = 0.1  # of a key's largest movement: what moves less does not belong to it
AROUND = 2  # pixels around what it moves
# how much less the pictures must differ, as a share of the squared difference at rest, for a key to leave it
GAIN = 0.1


@dataclass(frozen=True)
class Scan(Step):
    """Keys tried one value after another.

    Each takes the one at which the render looks most like the plate where the key moves.
    """

    kind = "scan"
    seconds = 0.2

    keys: tuple[str, ...] = ()

    @property
    def moves_head(self) -> bool:
        """Never."""
        return False

    def free(self, context: Context) -> FreeParameters:
        """Its keys alone."""
        return context.free(self.keys, rotation=False, translation=False)

    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """Try the step's keys in every frame; context.pose changes in these weights alone.

        Yields:
            [b] indices of the frames that have just been looked at.
        """
        del cancelled
        estimate_lights(context)
        context.look = bake(context)
        keys = self.free(context).keys
        groups = independent_groups(context, keys)
        moved = [_moved(context, group) for group in groups]
        chunks = blocks_of(context.solvable)
        for at, weights in context.over(_scanned, chunks, groups, moved):
            context.pose.weights[chunks[at]] = weights
            yield chunks[at]


def _scanned(context: Context, groups: list[Ints], moved: list[Bools], frames: Ints) -> Floats:
    """[b,K] the weights of b frames with the keys of all groups [k] tried; moved [k,T] triangles."""
    for group, own in zip(groups, moved, strict=True):
        values = np.linspace(context.rig.minimum[group], context.rig.maximum[group], VALUES)
        best = best_values(values, _differences(context, frames, group, values, own))
        context.pose.weights[np.ix_(frames, group)] = best
    return context.pose.weights[frames]


def independent_groups(context: Context, keys: Ints) -> list[Ints]:
    """The keys, in groups whose members move different parts of the head and can be tried at once."""
    groups: list[list[int]] = []
    moved = dict(zip(map(int, keys), _moved(context, keys), strict=True))
    for key, own in moved.items():
        for group in groups:
            if not any((own & moved[other]).any() for other in group):
                group.append(key)
                break
        else:
            groups.append([key])
    return [np.array(group) for group in groups]


def _moved(context: Context, keys: Ints) -> Bools:
    """[k,T] triangles that each key moves."""
    rig = context.rig
    distance = np.linalg.norm(rig.key_shapes(keys), axis=2)
    vertices = distance > MOVED * np.maximum(distance.max(1, keepdims=True), 1e-12)
    moved: Bools = vertices[:, rig.triangles].any(2)
    return moved


def _differences(
    context: Context, frames: Ints, keys: Ints, values: Floats, moved: Bools
) -> Floats:  # values [v,k], moved [k,T]
    """[b,k,v] mean squared difference of render and plate where each key moves the surface, over the cameras.

    It is NaN where none sees it.
    """
    total, count = np.zeros((len(frames), len(keys), len(values))), np.zeros((len(frames), len(keys), 1))
    for view, light in zip(context.views, context.look.lights, strict=True):
        seen = np.flatnonzero(view.seen[frames])
        if len(seen):
            found = _in_view(context, view, light, frames[seen], keys, values, moved)
            shown = np.isfinite(found).all(2, keepdims=True)
            total[seen] += np.where(shown, found, 0.0)
            count[seen] += shown
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _in_view(
    context: Context, view: View, light: Floats, frames: Ints, keys: Ints, values: Floats, moved: Bools
) -> Floats:
    """The same in one camera."""
    plates, pose = view.images(frames, SIZE), context.pose[frames]
    images, triangles = [], []
    for value in values:
        pose.weights[:, keys] = value
        shown = picture(
            context.rig, context.renderer, view, pose, frames, SIZE, context.look.under(light), plates
        ).rendering
        images.append(shown.image)
        triangles.append(shown.fragments.triangle)
    seen = np.stack(triangles)  # [v,b,S,S]
    apart = np.stack(images) - plates
    found = np.full((len(frames), len(keys), len(values)), np.nan)
    kernel = np.ones((2 * AROUND + 1,) * 2, np.uint8)
    for k, own in enumerate(moved):
        # one region for all values: what a lid covers belongs to it too
        regions = np.any((seen >= 0) & own[seen], axis=0)
        for b, region in enumerate(regions):
            place = cv2.dilate(region.astype(np.uint8), kernel) > 0
            if place.any():
                difference = apart[:, b][:, place]  # [v,n,3]
                difference = difference - difference.mean(1, keepdims=True)  # light that is a little off
                found[b, k] = (difference**2).mean((1, 2))
    return found


def best_values(values: Floats, differences: Floats) -> Floats:  # [v,k], [b,k,v]
    """[b,k] the value of the least difference, between the tried ones by a parabola.

    It is the one nearest to rest where none is clearly better.
    """
    rest = np.abs(values).argmin(0)
    best = np.broadcast_to(values[rest, range(values.shape[1])], differences.shape[:2]).copy()
    for b, k in zip(*np.nonzero(np.isfinite(differences).all(2)), strict=True):
        cost = differences[b, k]
        least = int(cost.argmin())
        if cost[least] < (1 - GAIN) * cost[rest[k]]:
            best[b, k] = _vertex(values[:, k], cost, least)
    return best


def _vertex(values: Floats, cost: Floats, least: int) -> float:
    """Where the parabola through the least of evenly spread values and its neighbours has its lowest point."""
    if not 0 < least < len(values) - 1:
        return float(values[least])
    before, here, after = cost[least - 1 : least + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(values[least] + shift * (values[1] - values[0]))
