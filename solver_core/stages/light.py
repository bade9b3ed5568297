"""Estimating each camera's light from several frames together (Figure 1 b)."""

from __future__ import annotations

import cv2
import numpy as np

from solver_core.appearance import fit_light
from solver_core.arrays import Floats, spread
from solver_core.imaging import picture
from solver_core.render.sampling import interpolate
from solver_core.render.shading import rotation_of_basis, sh_basis
from solver_core.stages.context import Context
from solver_core.views import View

FRAMES = 8  # spread over the shot: no single frame's misalignment decides
SIZE = 160  # pixels; light is smooth
START = np.concatenate([np.full((1, 3), 2.0), np.zeros((8, 3))])


def estimate_lights(context: Context) -> None:
    """Fit the light of every camera that sees the face, on frames that are not left to infill; context.appearance changes."""
    context.appearance.lights = [_light(context, view) for view in context.views]


def _light(context: Context, view: View) -> Floats:
    rig = context.rig
    # frames that the artist posed are the surest, then an even spread of the others
    posed = view.seen & ~context.fill
    locked = np.flatnonzero(context.shot.locked_mask & posed)
    others = np.setdiff1d(np.flatnonzero(posed), locked)
    index = np.sort(np.concatenate([locked[:FRAMES], spread(others, max(FRAMES - len(locked), 0))]))
    named = np.flatnonzero(np.isin(context.shot.frames, context.shot.settings.reference_frames) & posed)
    index = named if len(named) else index  # the artist's own choice
    if not len(index):
        return START
    plates = view.linear_images(index, SIZE)
    pose = context.pose[index]
    shown = picture(rig, context.renderer, view, pose, index, SIZE, START, np.zeros_like(plates))
    seen = shown.rendering.fragments
    mask = (seen.triangle >= 0) & context.face_triangles[seen.triangle]
    mask = np.stack([cv2.erode(m.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for m in mask])
    if not mask.any():
        return START
    normals = interpolate(shown.normals, rig.triangles, seen.triangle, seen.barycentric)
    basis = sh_basis(normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9))
    if context.renderer.shadow is not None:
        shadow = interpolate(context.renderer.shadow, rig.triangles, seen.triangle, seen.barycentric)
        basis = basis + np.einsum("bhwk,blk->bhwl", shadow, rotation_of_basis(pose.rotation))
    albedo = interpolate(context.appearance.albedo, rig.triangles, seen.triangle, seen.barycentric)
    light, _ = fit_light(basis[mask], albedo[mask], plates[mask])
    return light
