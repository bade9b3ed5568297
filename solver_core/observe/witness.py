"""How far a solved face is from the plate, region by region, as a landmark network sees it that did not solve it.

What was solved by one network's landmarks, with skin baked from the plate, fits that network even where it is wrong: an
iris painted on a lid is an open eye to it. So another network looks, and not at the render alone: lids and lips are
also compared where they are on the rig itself, which no paint can move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Floats
from solver_core.common.errors import FaceSolveError
from solver_core.face.blocks import RigidMotion
from solver_core.face.joints import JAW
from solver_core.face.landmark_embedding import LandmarkEmbedding, embed_landmarks
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig, unmoved
from solver_core.networks.detector import FaceDetector
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
CHIN = 152  # landmark
OPENED, JAW_TURN = 0.5, 0.15  # of a key's range; radians
LOWERED = 0.02  # of the head's radius: what lowers the chin by less does not open the mouth
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
            placed = region in ON_RIG and bool(np.isfinite(self.rig[on]).all())  # else behind the camera
            seen = [self.render, self.rig] if placed else [self.render]
            apart = [float(np.linalg.norm(one[on] - self.plate[on], axis=1).mean()) for one in seen]
            found[region] = sum(apart) / len(apart) * 1e3 / self.size
        return found

    def opening(self, eye: str) -> tuple[float, float]:
        """How far an eye is open in the plate, and on the rig: the lids' distance over that of the corners."""
        return aperture(self.plate[list(LIDS[eye])]), aperture(self.rig[list(LIDS[eye])])


def aperture(lids: Floats) -> float:  # [6,2 or 3], in the order of LIDS
    """The distance of an eye's lids over that of its corners."""
    height = (np.linalg.norm(lids[1] - lids[5]) + np.linalg.norm(lids[2] - lids[4])) / 2
    return float(height) / max(float(np.linalg.norm(lids[0] - lids[3])), 1e-9)


def with_lips(
    rig: Rig, embedding: LandmarkEmbedding, network: LandmarkNetwork, detector: FaceDetector
) -> LandmarkEmbedding:
    """The same landmarks, those of the lips found again with the mouth open.

    On lips that meet the network cannot tell the upper one's edge from the lower one's. Where nothing opens the mouth,
    or no face is seen then, they stay as they are.

    Args:
        rig: the actor.
        embedding: its landmarks.
        network: of `NETWORK`.
        detector: that finds the face.
    """
    pose = opened(rig, embedding)
    if pose is None:
        return embedding
    open_mouth = (rig.local(pose)[0] / rig.scale).astype(rig.neutral.dtype)
    try:
        found = embed_landmarks(replace(rig, neutral=open_mouth), network, detector)
    except FaceSolveError:
        return embedding
    lips = list(REGIONS["mouth"])
    triangle, barycentric = embedding.triangle.copy(), embedding.barycentric.copy()
    triangle[lips], barycentric[lips] = found.triangle[lips], found.barycentric[lips]
    return replace(embedding, triangle=triangle, barycentric=barycentric)


def opened(rig: Rig, embedding: LandmarkEmbedding) -> Pose | None:
    """One frame with the mouth half open, by the key or else the jaw bone that lowers the chin most; None without."""
    at = [CHIN]

    def lowered(poses: Pose) -> Floats:  # B poses -> [B]
        shape = (len(poses), 1)
        triangle = np.broadcast_to(embedding.triangle[at], shape)
        chin = rig.sample(triangle, np.broadcast_to(embedding.barycentric[at], (*shape, 3))).local(poses)[:, 0]
        return -(chin @ embedding.up)

    rest = unmoved(np.zeros((1, len(rig.names))))
    tried = unmoved(np.diag(OPENED * rig.maximum))
    for sign in (-1, 1) if JAW in rig.joints else ():
        axes = rig.joints[JAW].rest[:3, :3]
        side = np.cross(embedding.up, embedding.front)
        turn = Rotation.from_rotvec(sign * JAW_TURN * side).as_matrix()
        pose = unmoved(np.zeros((1, len(rig.names))))
        pose.joints[JAW] = RigidMotion((axes.T @ turn @ axes)[None], np.zeros((1, 3)))
        if lowered(pose)[0] - lowered(rest)[0] > LOWERED * rig.radius:
            return pose
    drop = lowered(tried) - lowered(rest) if len(rig.names) else np.zeros(0)
    drop[~rig.solved] = 0.0
    most = int(drop.argmax()) if len(drop) else -1
    return tried[np.array([most])] if most >= 0 and drop[most] > LOWERED * rig.radius else None


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
