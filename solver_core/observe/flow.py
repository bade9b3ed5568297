"""Dense optical flow from the render to the plate.

Surface points should be where it takes them: N(F, F*) is driven to zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.flow.colors import middlebury
from solver_core.flow.confidence import sample_vectors, structure_of
from solver_core.footage.views import REFERENCE_CROP, View
from solver_core.observe.correspondences import Correspondences, to_reference
from solver_core.observe.observer import SIZE, Layers, Observation, Observer, RenderedFrames

STEP = 3  # pixels between flow vectors
MARGIN = 1  # pixels at the outline that are left out: the outline itself is well seen
TAIL = 1.0  # reference pixels
LOOKS_ALIKE = 0.1  # display-referred difference at which a vector counts half: hair, glasses, a hand before the face
FULL_COLOR = 2.0  # reference pixels: flow that long has its full colour
STRUCTURE_BYTES = 56 * 2**20  # of a camera's structures of the plate, 1.2 MB each


@dataclass(frozen=True)
class FlowObservation(Observation):
    """With the vectors where they were measured."""

    start: Floats | None = None  # [n,2] crop pixels, at pixel centres
    view: View | None = None
    index: int = 0

    def layers(self) -> Layers:
        """`flow`, a picture, and `crop`, its place in the plate."""
        if self.correspondences is None or self.start is None or self.view is None:
            return {}
        crop = self.view.crop(self.index, SIZE)
        columns, rows = (self.start.astype(int) // STEP).T
        side = len(range(1, SIZE, STEP))
        field = np.full((side, side, 3), np.nan)
        # a vector is fully known where both of its directions are
        worth = self.correspondences.information * self.correspondences.trust
        field[rows, columns] = np.column_stack([self.correspondences.target - crop.to_plate(self.start), worth])
        return {
            "flow": flow_picture(field, full_color(self.view)),
            "crop": crop.inverse() @ np.diag([STEP, STEP, 1.0]),
        }


class FlowObserver(Observer):
    """The shot's flow network, both ways between render and plate."""

    name = "flow"
    weight = 400.0  # flow vectors are strongly correlated
    sees_detail = True

    def observe(self, frames: RenderedFrames, weight: float) -> list[Observation]:
        """As Observer."""
        flow = self.networks.flow
        forward, backward = flow(frames.renders, frames.plates), flow(frames.plates, frames.renders)
        return [self._observation(frames, b, forward[b], backward[b], weight) for b in range(len(frames))]

    def camera_layers(self, view: View) -> Layers:
        """`full_color_px`."""
        return {"full_color_px": np.array(full_color(view))}

    def _observation(
        self, frames: RenderedFrames, b: int, forward: Floats, backward: Floats, weight: float
    ) -> Observation:
        fragments, image, plate = frames.picture.rendering.fragments, frames.renders[b], frames.plates[b]
        index, crop = int(frames.index[b]), frames.crops[b]
        rows, columns = grid(trusted_surface(frames.head, fragments.triangle[b]))
        if not len(rows):
            return Observation(None)
        structure = np.minimum(structure_of(image), plate_structure(frames.view, index))
        vectors = sample_vectors(forward, backward, structure, rows, columns)
        there = np.clip(vectors.end.astype(int), 0, SIZE - 1)
        difference = np.abs(image[rows, columns] - plate[there[:, 1], there[:, 0]]).mean(1)
        triangle = fragments.triangle[b][rows, columns]
        correspondences = Correspondences(
            frames.camera(b),
            frames.rig.sample(triangle[None], fragments.barycentric[b][rows, columns][None]),
            crop.to_plate(vectors.end),
            vectors.root @ to_reference(crop),
            (vectors.root**2).sum((1, 2)) / 2,
            1 / (1 + (difference / LOOKS_ALIKE) ** 2),
            TAIL,
            weight,
            triangle,
        )
        return FlowObservation(correspondences, start=vectors.start, view=frames.view, index=index)


def plate_structure(view: View, index: int) -> Floats:
    """[SIZE,SIZE,3] the structure (flow/confidence.py) of the plate in its crop, made once a shot."""

    def made(unknown: Ints) -> Floats:
        return np.stack([structure_of(image) for image in view.images(unknown, SIZE)])

    return view.derived("structure", np.array([index]), STRUCTURE_BYTES, made)[0]


def trusted_surface(head: Bools, triangle: Ints) -> Bools:
    """[S,S] pixels well inside the part of the head [T] that moves with the skull and the face.

    They are told by a picture's triangles [S,S].
    """
    mask = (triangle >= 0) & head[triangle]
    return cv2.erode(mask.astype(np.uint8), np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 0


def grid(mask: Bools) -> tuple[Ints, Ints]:
    """Rows and columns of every STEP-th pixel inside the mask."""
    rows, columns = np.nonzero(mask[1::STEP, 1::STEP])
    return 1 + STEP * rows, 1 + STEP * columns


def full_color(view: View) -> float:
    """The length of flow, plate pixels, that has its full colour in all frames of a camera."""
    sides = [crop.side for crop in view.crops if crop is not None]
    return FULL_COLOR * float(np.median(sides)) / REFERENCE_CROP


def flow_picture(field: Floats, longest: float) -> np.ndarray:
    """[G,G,4] uint8 in Middlebury's colours, premultiplied: the less a vector counts the more transparent it is.

    Args:
        field: [G,G,3] plate pixels and weight (0 to 1), not a number where there is none.
        longest: plate pixels at full colour.
    """
    # An edge is known across alone, with half the information of a corner: that is enough to be seen.
    alpha = np.clip(2 * np.nan_to_num(field[..., 2:]), 0, 1)
    picture = np.concatenate([middlebury(field[..., :2], longest) * alpha, alpha], axis=-1)
    return (picture * 255 + 0.5).astype(np.uint8)
