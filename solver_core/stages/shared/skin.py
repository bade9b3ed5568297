"""The skin's own detail (brows, lips, freckles): albedo at every vertex, averaged over many frames' plates.

Colours taken from few frames would lock those frames' errors in. Averaged over the shot they make its frames agree with
each other, and leave one constant offset of the whole shot undecided (Section 9.1's energy does not see it):
`deep.hold_mean` and `bundle` hold that.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from solver_core.color.srgb import srgb_decode
from solver_core.common.arrays import Floats, Ints, spread
from solver_core.executors.executor import in_order
from solver_core.footage.views import View
from solver_core.look.albedo import DARKEST
from solver_core.look.look import Look
from solver_core.look.synthesis import geometry_of, on_head, sample_image
from solver_core.render.shading import rotation_of_basis, sh_basis
from solver_core.stages.context import Context, blocks_of

FRAMES = 16  # spread over the shot
LEAST = 4  # frames from which the solver's own poses may colour the skin: fewer would lock their errors in
SIZE = 320  # pixels of the crop that colours are taken from
EDGE = 3  # pixels at the outline that are left out: a misalignment shows the background there
FACING = 0.35  # cosine to the viewer below which a vertex is seen too slantingly
NEARER = 0.01  # of the head's radius: what stands this much before a vertex hides it
# frames facing a vertex that weigh as much as the stiff albedo: a colour for each part, and the rig's own colours
STIFF, OWN = 0.3, 5.0
DISAGREES = 0.15  # relative difference between frames at which one counts a quarter: highlights, occluders
REWEIGHTINGS = 3
POSED = 4.0  # frames that the artist posed count so often: their colours lie where they belong


def bake(context: Context) -> Look:
    """The context's look with the skin's detail: the stiff albedo, and what the plates add to it where they agree."""
    blocks = [
        (number, index) for number, view in enumerate(context.views) for index in blocks_of(_chosen(context, view))
    ]
    found = in_order(context.over(_colours, blocks))
    if not found:
        return replace(context.look, detail=None)
    colour, weight = (np.concatenate(part) for part in zip(*found, strict=True))
    agreed = weight
    for _ in range(REWEIGHTINGS):
        # the frames' own mean: measured from the stiff colour, brows and lips would be outliers in every frame
        mean = _mean(colour, agreed)
        difference = np.linalg.norm(colour - mean, axis=-1) / np.maximum(np.linalg.norm(mean, axis=-1), 1e-3)
        agreed = weight / (1 + (difference / DISAGREES) ** 2) ** 2
    total = agreed.sum(0)[:, None]
    firm = STIFF if context.rig.colors is None else OWN
    return replace(context.look, detail=(firm * context.look.albedo + total * _mean(colour, agreed)) / (firm + total))


def _chosen(context: Context, view: View) -> Ints:
    """The artist's own frames, and others spread over the shot where there are enough of them."""
    seen = np.flatnonzero(view.seen & context.trusted)
    given = context.held[seen]
    if len(seen) < LEAST:
        return seen[given]
    return np.union1d(spread(seen, FRAMES), seen[context.shot.posed_mask[seen]][:FRAMES])


def _mean(colour: Floats, weight: Floats) -> Floats:  # [F,V,3], [F,V]
    """[V,3] weighted over frames; zero where no frame counts."""
    mean: Floats = np.einsum("fv,fvc->vc", weight, colour) / np.maximum(weight.sum(0), 1e-9)[:, None]
    return mean


def _colours(context: Context, block: tuple[int, Ints]) -> tuple[Floats, Floats]:
    """[b,V,3] the plate's colour over the light that falls there, and [b,V] how much the vertex counts there.

    Args:
        context: the solve.
        block: the number of a camera, and [b] frames.
    """
    camera, index = block
    view, light = context.views[camera], context.look.lights[camera]
    rig, pose = context.rig, context.pose[index]
    vertices, points, depth, normals = geometry_of(rig, view, pose, index, SIZE)
    fragments = context.renderer.rasterise(points, depth, SIZE, SIZE)
    basis = sh_basis(normals)
    shadow = context.look.shadowed(on_head(pose, vertices)).shadow
    if shadow is not None:
        every = np.broadcast_to(shadow, (len(index), *shadow.shape[-2:]))
        basis = basis + np.einsum("bvk,blk->bvl", every, rotation_of_basis(pose.rotation))
    irradiance = basis @ light
    at = np.clip(points.astype(int), 0, SIZE - 1)
    frame = np.arange(len(index))[:, None]
    surface = np.stack([cv2.erode(m.astype(np.uint8), np.ones((2 * EDGE + 1,) * 2, np.uint8)) for m in fragments.mask])
    plain = fragments.depth[frame, at[..., 1], at[..., 0]] > depth - NEARER * rig.radius
    facing = (normals * _towards(view, index, vertices)).sum(-1)
    lit = irradiance.min(-1) > DARKEST * irradiance.max()
    usable = plain & lit & (facing > FACING) & (surface[frame, at[..., 1], at[..., 0]] > 0)
    plates = srgb_decode(view.images(index, SIZE))
    colour = np.stack([sample_image(plate, where) for plate, where in zip(plates, points, strict=True)])
    times = np.where(context.shot.posed_mask[index], POSED, 1.0)[:, None]
    return colour / np.maximum(irradiance, 1e-3), times * np.where(usable, facing**2, 0.0)


def _towards(view: View, index: Ints, vertices: Floats) -> Floats:
    """[b,V,3] unit vectors from the vertices to the camera."""
    matrix = view.camera[index].world_to_camera
    eye = -np.einsum("bji,bj->bi", matrix[:, :, :3], matrix[:, :, 3])
    way = eye[:, None] - vertices
    return way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
