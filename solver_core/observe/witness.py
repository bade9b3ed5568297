"""How far a solved face is from the plate, region by region, as a landmark network sees it that did not solve it.

What was solved by one network's landmarks, with skin baked from the plate, fits that network even where it is wrong: an
iris painted on a lid is an open eye to it. So another network looks, and not at the render alone: lids and lips are
also compared where they are on the rig itself, which no paint can move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.networks.regions import ATTENTION
from solver_core.observe.landmarks import landmarks_of
from solver_core.observe.observer import RenderedFrames

NETWORK = "attention"  # it looks at lips and lids more closely than any other here
_BEHIND = {*ATTENTION.regions["forehead"], *ATTENTION.regions["temples"]}  # the outline under the hair is a guess
REGIONS: Mapping[str, tuple[int, ...]] = {
    "mouth": ATTENTION.regions["lips"],
    "eyes": ATTENTION.regions["eye_rims"],
    "brows": ATTENTION.regions["brows"],
    "outline": tuple(i for i in ATTENTION.regions["face_oval"] if i not in _BEHIND),
}
# Compared on the rig itself too. A head without colours has no brows to be found, and an outline is another place of
# the surface in every view.
ON_RIG = ("mouth", "eyes")
FACE = 468  # landmarks without the irises
# outer corner, two on the upper lid, inner corner, two on the lower lid below them
LIDS = {"right": (33, 160, 158, 133, 153, 144), "left": (263, 387, 385, 362, 380, 373)}


@dataclass(frozen=True)
class Testimony:
    """What the network sees of one frame in one camera: [L,2] plate pixels, in the face's upright."""

    plate: Floats
    render: Floats
    rig: Floats  # where the landmarks' places on the rig are

    @property
    def size(self) -> float:
        """The face's size in the plate: the longer side of the box around its landmarks, plate pixels."""
        return float(np.ptp(self.plate[:FACE], axis=0).max())

    def errors(self) -> dict[str, float]:
        """By region, the mean distance from the plate in thousandths of the face's size.

        It is the mean of two for lips and lids: from the landmarks of the render, and from those on the rig.
        """
        found = {}
        for region, landmarks in REGIONS.items():
            on = list(landmarks)
            seen = [self.render, self.rig] if region in ON_RIG else [self.render]
            apart = [float(np.linalg.norm(one[on] - self.plate[on], axis=1).mean()) for one in seen]
            found[region] = sum(apart) / len(apart) * 1e3 / self.size
        return found

    def opening(self, eye: str) -> tuple[float, float]:
        """How far an eye is open in the plate, and on the rig: the lids' distance over that of the corners."""
        return _aperture(self.plate[list(LIDS[eye])]), _aperture(self.rig[list(LIDS[eye])])


def _aperture(lids: Floats) -> float:  # [6,2]
    height = (np.linalg.norm(lids[1] - lids[5]) + np.linalg.norm(lids[2] - lids[4])) / 2
    return float(height / max(np.linalg.norm(lids[0] - lids[3]), 1e-9))


def testify(network: LandmarkNetwork, embedding: LandmarkEmbedding, frames: RenderedFrames) -> list[Testimony]:
    """What the network sees of b frames of one camera.

    Args:
        network: of `NETWORK`.
        embedding: its landmarks on the rig.
        frames: renders and plates in the same crops.
    """
    on_plate, on_render = landmarks_of(network, frames.plates), landmarks_of(network, frames.renders)
    points = frames.rig.sample(embedding.triangle[None], embedding.barycentric[None])
    found = []
    for b, crop in enumerate(frames.crops):
        pixels, _ = frames.camera(b).project(points.world(frames.pose_of(b)))
        plate, render, rig = (one * crop.scale for one in (on_plate[b], on_render[b], crop.to_crop(pixels[0])))
        found.append(Testimony(plate, render, rig))
    return found
