"""Keys tried one value after another.

Each takes the one at which the render looks most like the plate, where the key moves the surface.

For what is rare, quick and plain to see, as a blink is: flow sees nothing alike to follow on a lid that closes,
landmarks jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints, spread
from solver_core.face.eyes import SIDES
from solver_core.face.parameters import FreeParameters
from solver_core.footage.views import View
from solver_core.look.look import Look
from solver_core.look.synthesis import picture
from solver_core.observe.irises import OPEN, IrisObserver
from solver_core.observe.observer import SIZE
from solver_core.stages.context import Context, blocks_of
from solver_core.stages.kinds.step import Cancelled, Step, never
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.opposites import without_opposites
from solver_core.stages.shared.skin import bake

FRAMES = 16  # spread over the shot, that say how open the eyes usually are
VALUES = 5  # from one end of the slider to the other
MOVED = 0.1  # of a key's largest movement: what moves less does not belong to it
AROUND = 2  # pixels around what it moves
# how much less the pictures must differ, as a share of the squared difference at rest, for a key to leave it
GAIN = 0.1
# the same where eyelids have said that the key does not rest: the picture must not say the contrary
AGREED = 0.02
USUAL = 0.7  # quantile over the shot of an eye's opening: how open it usually is; above the median, for blinks
ALIKE = 0.05  # of the usual opening: values whose openings are as near to the plate's are left to the picture
CHANGES = 0.2  # of the usual opening: a key that changes an eye's by as much says something of that eye


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
        """Try the keys in every frame; context.pose changes in these weights, and in those of keys that undo them.

        Yields:
            [b] indices of the frames that have just been looked at.
        """
        del cancelled
        estimate_lights(context)
        # Baked detail is painted onto the lids where the eye was open (iris, lashes): a lid that closes would be
        # compared with that.
        plain = replace(context.look, detail=None)
        context.look = bake(context)
        keys = self.free(context).keys
        groups = independent_groups(context, keys)
        moved = [_moved(context, group) for group in groups]
        chunks, usual = blocks_of(context.solvable), [_usually_open(context, view) for view in context.views]
        for at, weights in context.over(_scanned, chunks, plain, groups, moved, usual):
            context.pose.weights[chunks[at]] = weights
            yield chunks[at]


def _scanned(
    context: Context,
    plain: Look,
    groups: list[Ints],
    moved: list[Bools],
    usual: list[tuple[Floats, Floats]],
    frames: Ints,
) -> Floats:
    """[b,K] the weights of b frames with the keys of all groups [k] tried; moved [k,T] triangles."""
    for group, own in zip(groups, moved, strict=True):
        values = np.linspace(context.rig.minimum[group], context.rig.maximum[group], VALUES)
        differences, apart = _differences(context, plain, frames, group, values, own, usual)
        context.pose.weights[np.ix_(frames, group)] = best_values(values, differences, apart)
    return without_opposites(context, context.pose.weights[frames], np.concatenate([*groups, np.zeros(0, int)]))


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


def _irises(context: Context) -> IrisObserver:
    observer = context.observer(IrisObserver.name)
    assert isinstance(observer, IrisObserver)
    return observer


def _plate_openings(context: Context, view: View, frames: Ints) -> Floats:
    """[b,2] how open the eyes are in the plate."""
    return _irises(context).plate_irises(view, frames, view.images(frames, SIZE)).opening


def _usually_open(context: Context, view: View) -> tuple[Floats, Floats]:
    """[2] and [2]: how open the plate's and the render's eyes are in most of a camera's frames."""
    frames = spread(np.flatnonzero(view.seen & context.trusted), FRAMES)
    if not len(frames):
        return np.full(2, OPEN), np.full(2, OPEN)
    plates, render = [], []
    light = context.look.lights[context.views.index(view)]
    look = replace(context.look, detail=None).under(light)
    for index in blocks_of(frames):
        images = view.images(index, SIZE)
        plates.append(_plate_openings(context, view, index))
        shown = picture(context.rig, context.renderer, view, context.pose[index], index, SIZE, look, images).rendering
        render.append(_irises(context).irises(shown.image).opening)
    both = (np.quantile(np.concatenate(each), USUAL, axis=0) for each in (plates, render))
    plate_open, render_open = (np.maximum(each, OPEN) for each in both)
    return plate_open, render_open


def _differences(
    context: Context,
    plain: Look,
    frames: Ints,
    keys: Ints,
    values: Floats,
    moved: Bools,
    usual: list[tuple[Floats, Floats]],
) -> tuple[Floats, Floats]:  # values [v,k], moved [k,T]
    """How far render and plate are apart, over the cameras.

    Returns:
        [b,k,v] mean squared difference of the pictures where each key moves the surface; NaN where none sees it.
        [b,k,v] difference of the eyes' openings, in shares of their usual ones; 0 where a key changes none.
    """
    shape = len(frames), len(keys), len(values)
    total, count, apart = np.zeros(shape), np.zeros((*shape[:2], 1)), np.zeros(shape)
    for view, light, openings in zip(context.views, context.look.lights, usual, strict=True):
        seen = np.flatnonzero(view.seen[frames])
        if len(seen):
            found, far = _in_view(context, view, plain.under(light), frames[seen], keys, values, moved, openings)
            shown = np.isfinite(found).all(2, keepdims=True)
            total[seen] += np.where(shown, found, 0.0)
            apart[seen] += np.where(shown, far, 0.0)
            count[seen] += shown
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), apart / np.maximum(count, 1)


def _in_view(
    context: Context,
    view: View,
    look: Look,
    frames: Ints,
    keys: Ints,
    values: Floats,
    moved: Bools,
    usual: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """The same in one camera."""
    plates, pose = view.images(frames, SIZE), context.pose[frames]
    images, triangles = [], []
    for value in values:
        pose.weights[:, keys] = value
        shown = picture(context.rig, context.renderer, view, pose, frames, SIZE, look, plates).rendering
        images.append(shown.image)
        triangles.append(shown.fragments.triangle)
    seen = np.stack(triangles)  # [v,b,S,S]
    apart = np.stack(images) - plates
    found = np.full((len(frames), len(keys), len(values)), np.nan)
    # of groups that share no triangle each eye is one key's
    open_plate = _plate_openings(context, view, frames) / usual[0]
    open_render = np.stack([_irises(context).irises(image).opening / usual[1] for image in images])  # [v,b,2]
    sides = _sides(context, keys)
    far = np.zeros_like(found)
    kernel = np.ones((2 * AROUND + 1,) * 2, np.uint8)
    for k, own in enumerate(moved):
        for b in range(len(frames)):
            says = sides[k] & (np.ptp(open_render[:, b], axis=0) > CHANGES)
            if says.any():
                far[b, k] = np.abs(open_render[:, b] - open_plate[b])[:, says].mean(1)
        # one region for all values: what a lid covers belongs to it too
        regions = np.any((seen >= 0) & own[seen], axis=0)
        for b, region in enumerate(regions):
            place = cv2.dilate(region.astype(np.uint8), kernel) > 0
            if place.any():
                difference = apart[:, b][:, place]  # [v,n,3]
                difference = difference - difference.mean(1, keepdims=True)  # light that is a little off
                found[b, k] = (difference**2).mean((1, 2))
    return found, far


def _sides(context: Context, keys: Ints) -> Bools:
    """[k,2] whether each key moves the rims of the right and of the left eye."""
    embedding, regions = context.embedding, context.layout.regions
    shapes = np.linalg.norm(context.rig.key_shapes(keys), axis=2)
    most = np.maximum(shapes.max(1), 1e-12)
    found = []
    for side in SIDES:
        rims = sorted(set(regions["eye_rims"]) & set(regions[f"eyes_{side}"]))
        moves = shapes[:, context.rig.triangles[embedding.triangle[rims]]].max((1, 2))
        found.append(moves > MOVED * most)
    return np.stack(found, 1)


def best_values(values: Floats, differences: Floats, apart: Floats | None = None) -> Floats:  # [v,k], [b,k,v], [b,k,v]
    """[b,k] the value of the least difference, between the tried ones by a parabola.

    It is the one nearest to rest where none is clearly better. Of an eyelid only those values are looked at whose
    opening is the plate's, as landmarks see it (`apart`): a lid closes only where they and the picture agree.
    """
    rest = np.abs(values).argmin(0)
    apart = np.zeros_like(differences) if apart is None else apart
    best = np.broadcast_to(values[rest, range(values.shape[1])], differences.shape[:2]).copy()
    for b, k in zip(*np.nonzero(np.isfinite(differences).all(2)), strict=True):
        allowed = apart[b, k] <= apart[b, k].min() + ALIKE
        cost = np.where(allowed, differences[b, k], np.inf)
        least = int(cost.argmin())
        gain = GAIN if allowed[rest[k]] else AGREED
        if cost[least] < (1 - gain) * differences[b, k, rest[k]]:
            best[b, k] = _vertex(values[:, k], cost, least)
    return best


def _vertex(values: Floats, cost: Floats, least: int) -> float:
    """Where the parabola through the least of evenly spread values and its neighbours has its lowest point."""
    if not 0 < least < len(values) - 1:
        return float(values[least])
    before, here, after = cost[least - 1 : least + 2]
    if not np.isfinite(before + after):
        return float(values[least])
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(values[least] + shift * (values[1] - values[0]))
