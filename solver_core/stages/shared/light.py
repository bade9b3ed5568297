"""Estimating each camera's light, and the colours of a plain head's parts (Figure 1 b).

Several frames are taken together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints, spread
from solver_core.executors.executor import in_order
from solver_core.face.head_parts import SKIN
from solver_core.footage.views import View
from solver_core.look.albedo import DARKEST, PLAIN, part_colors
from solver_core.look.light import fit_light
from solver_core.look.synthesis import picture
from solver_core.render.rasteriser import Fragments
from solver_core.render.sampling import interpolate
from solver_core.render.shading import rotation_of_basis, sh_basis
from solver_core.stages.context import Context

FRAMES = 8  # spread over the shot: no single frame's misalignment decides
SIZE = 160  # pixels; light is smooth
EDGE = 2  # pixels that are left out at the face's outline: a misalignment shows the background there
SEAM = 1  # and where two parts meet
START = np.concatenate([np.full((1, 3), 2.0), np.zeros((8, 3))])


@dataclass(frozen=True)
class _Pixels:
    """n pixels of the head in one camera's plates: the face's skin, and other parts wherever they are."""

    basis: Floats  # [n,9] irradiance of each for a unit of each coefficient of the light
    albedo: Floats  # [n,3] of the rig, linear
    radiance: Floats  # [n,3] as filmed, linear
    part: Ints  # [n] what they show (head_parts)

    @property
    def skin(self) -> Bools:
        """[n]."""
        return self.part == SKIN

    @classmethod
    def together(cls, parts: list[_Pixels]) -> _Pixels:
        """Those of several frames."""
        none = cls(np.zeros((0, 9)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, int))
        every = [none, *parts]
        names = ("basis", "albedo", "radiance", "part")
        return cls(*(np.concatenate([getattr(one, name) for one in every]) for name in names))

    def light(self) -> Floats:
        """[9,3] that explains the skin."""
        return fit_light(self.basis[self.skin], self.albedo[self.skin], self.radiance[self.skin])[0]

    def others(self, light: Floats) -> tuple[Ints, Floats]:
        """Part [m] and albedo [m,3] of the pixels that are no skin and well lit."""
        irradiance = self.basis @ light
        lit = ~self.skin & (irradiance.min(1) > DARKEST * irradiance.max(initial=0.0))
        return self.part[lit], self.radiance[lit] / irradiance[lit]


def estimate_lights(context: Context) -> None:
    """Fit the light of every camera that sees the face, and the colours of a plain head's parts.

    `context.look` is replaced.

    Frames that are left to infill have no say. The skin's detail, where there is some, stays as it is.
    """
    look = context.look
    blocks = [(number, int(i)) for number, view in enumerate(context.views) for i in _chosen(context, view)]
    each = in_order(context.over(_pixels, blocks))
    seen = [
        _Pixels.together([own for (camera, _), own in zip(blocks, each, strict=True) if camera == number])
        for number in range(len(context.views))
    ]
    lights = tuple(pixels.light() if pixels.skin.any() else START for pixels in seen)
    albedo = look.albedo
    if look.parts is not None:
        found = [pixels.others(light) for pixels, light in zip(seen, lights, strict=True) if pixels.skin.any()]
        albedo = np.tile(PLAIN, (len(look.parts), 1))
        if found:
            for part, color in part_colors(*(np.concatenate(each) for each in zip(*found, strict=True))).items():
                albedo[look.parts == part] = color
    context.look = replace(look, albedo=albedo, lights=lights)


def _chosen(context: Context, view: View) -> Ints:
    """Frames spread over the shot, in which the camera sees the face."""
    # frames that the artist posed are the surest, then an even spread of the others
    posed = view.seen & ~context.fill
    locked = np.flatnonzero(context.shot.locked_mask & posed)
    others = np.setdiff1d(np.flatnonzero(posed), locked)
    index = np.sort(np.concatenate([locked[:FRAMES], spread(others, max(FRAMES - len(locked), 0))]))
    named = np.flatnonzero(np.isin(context.shot.frames, context.shot.settings.reference_frames) & posed)
    return named if len(named) else index  # the artist's own choice


def _pixels(context: Context, block: tuple[int, int]) -> _Pixels:
    """Pixels of one frame: the number of a camera and the frame's index."""
    rig, look = context.rig, context.look
    view, index = context.views[block[0]], np.array([block[1]])
    plates = view.linear_images(index, SIZE)
    pose = context.pose[index]
    shown = picture(rig, context.renderer, view, pose, index, SIZE, look.under(START), np.zeros_like(plates))
    seen = shown.rendering.fragments
    mask, part = _usable(context, seen)
    normals = interpolate(shown.normals, rig.triangles, seen.triangle, seen.barycentric)
    basis = sh_basis(normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9))
    if shown.look.shadow is not None:
        shadow = interpolate(shown.look.shadow, rig.triangles, seen.triangle, seen.barycentric)
        basis = basis + np.einsum("bhwk,blk->bhwl", shadow, rotation_of_basis(pose.rotation))
    albedo = interpolate(look.albedo, rig.triangles, seen.triangle, seen.barycentric)
    return _Pixels(basis[mask], albedo[mask], plates[mask], part[mask])


def _usable(context: Context, seen: Fragments) -> tuple[Bools, Ints]:
    """[b,h,w] pixels that tell of light or of a part's colour, and which part each shows."""
    face = _without_rim((seen.triangle >= 0) & context.face_triangles[seen.triangle], EDGE)
    if context.look.parts is None:
        return face, np.full(face.shape, SKIN)
    corners = context.look.parts[context.rig.triangles[seen.triangle]]
    part = np.where((seen.triangle >= 0) & (corners == corners[..., :1]).all(-1), corners[..., 0], -1)
    other = _without_rim(seen.triangle >= 0, EDGE) & _alike_around(part, SEAM) & (part >= 0)
    return np.where(part == SKIN, face, other), part


def _alike_around(labels: Ints, pixels: int) -> Bools:  # [b,h,w]
    """Pixels whose neighbours up to some pixels away have the same label."""
    square = np.ones((2 * pixels + 1,) * 2, np.uint8)
    return np.stack([cv2.erode(one, square) == cv2.dilate(one, square) for one in labels.astype(np.float32)])


def _without_rim(masks: Bools, pixels: int) -> Bools:  # [b,h,w]
    """Masks that are narrower by some pixels all around."""
    square = np.ones((2 * pixels + 1,) * 2, np.uint8)
    return np.stack([cv2.erode(mask.astype(np.uint8), square) > 0 for mask in masks])
