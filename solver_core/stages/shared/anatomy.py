"""What no face can do: lips that cross, a movement together with its opposite, an eye shut that is seen open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.pose import Pose
from solver_core.face.rig import IDENTITY, Rig, unmoved
from solver_core.observe.witness import LIDS, Testimony, aperture

UPPER_LIP, LOWER_LIP = [38, 12, 268], [86, 15, 316]  # landmarks on the lips beside their inner edges, in pairs
INNER = 13, 14  # the inner edges
CORNERS = [61, 291]  # of the mouth
CROSSED = 0.05  # of the mouth's width: lips that pass each other by more are no press of the lips
GAPES = 0.08  # the same: landmarks of closed lips are less apart in the picture of a head
BOTH_ON = 0.2  # of a slider's range: above, a key is on
OPPOSITE = -0.9  # cosine of the movements of two keys below which one undoes the other
# Words for movements that are opposites although other parts of the face move by them as well, each with that cosine.
# A brow that is lowered while its inner end is raised is none: grief does that.
OPPOSITES = (
    *(("smile", "frown", 0.0), ("brow.?down", "brow.?(outer.?)?up", 0.0), ("blink", "wide", 0.0)),
    ("left", "right", -0.5),
)
SAMPLED, PART = 4000, 32  # vertices that keys are compared at; keys whose shapes are made together
SHUT = 0.55  # of the lids' distance at rest: closer, and an eye is shut; landmarks on lids slip as these close
OPEN, WIDER = 0.16, 1.6  # lids over corners of an eye that is seen open, and how much wider it is than on the rig


class Anatomy:
    """The rig's mouth, eyes and opposite keys, found once a solve.

    Args:
        rig: the head.
        embedding: the landmarks of the attention mesh on it.
        weights: [K] of the keys that make the actor of it.
    """

    def __init__(self, rig: Rig, embedding: LandmarkEmbedding, weights: Floats) -> None:
        self._rig, self._embedding = rig, embedding
        self._opposites = list(opposites(rig))
        # where lips meet, which may be not where they are at rest
        actor = np.where(rig.in_group(IDENTITY), weights, 0.0)[None]
        rest = self._lips(unmoved(actor))
        gape = np.linalg.norm(np.subtract(*embedding.points[list(INNER)]))
        gape /= np.linalg.norm(np.subtract(*embedding.points[CORNERS]))
        self._rest = self._openings(unmoved(actor))
        self._meet = rest - (float(gape) if gape > GAPES else 0.0)

    def contradictions(self, pose: Pose) -> list[str]:
        """What of one frame's pose no face can do, in words."""
        found = []
        crossed = self._meet - self._lips(pose)
        if crossed > CROSSED:
            found.append(f"the lips cross by {crossed:.0%} of the mouth's width")
        weights, rig = pose.weights[0], self._rig
        share = np.abs(weights) / np.maximum(np.maximum(rig.maximum, -rig.minimum), 1e-9)
        both = [(one, other) for one, other in self._opposites if min(share[one], share[other]) > BOTH_ON]
        if both:
            one, other = max(both, key=lambda pair: min(share[list(pair)]))
            more = f", and {len(both) - 1} more such pairs" if len(both) > 1 else ""
            found.append(f"{rig.names[one]} and {rig.names[other]} are both on{more}")
        return found

    def shut_eyes(self, pose: Pose, heard: Sequence[Testimony]) -> list[str]:
        """The eyes that one frame's pose has shut, and that all cameras see open, in words."""
        found = []
        for eye, opening in self._openings(pose).items():
            seen = [said.opening(eye) for said in heard]
            if seen and opening < SHUT * self._rest[eye] and all(p > max(OPEN, WIDER * rig) for p, rig in seen):
                found.append(f"the {eye} eye is shut, and open in the plate")
        return found

    def _openings(self, pose: Pose) -> dict[str, float]:
        """By eye, the lids' distance over that of the corners."""
        still = unmoved(pose.weights)
        still.joints = pose.joints
        return {eye: aperture(self._points(still, list(lids))) for eye, lids in LIDS.items()}

    def _lips(self, pose: Pose) -> float:
        """How far the points on the lips are apart, as a share of the mouth's width."""
        still = unmoved(pose.weights)
        still.joints = pose.joints
        upper, lower, corners = (self._points(still, on) for on in (UPPER_LIP, LOWER_LIP, CORNERS))
        width = np.linalg.norm(corners[0] - corners[1])
        return float(((upper - lower) @ self._embedding.up).mean() / max(width, 1e-9))

    def _points(self, pose: Pose, landmarks: list[int]) -> Floats:
        """[l,3] where landmarks are on the head."""
        at = self._embedding
        return self._rig.sample(at.triangle[None, landmarks], at.barycentric[None, landmarks]).world(pose)[0]


def opposites(rig: Rig) -> Iterator[tuple[int, int]]:
    """Pairs of keys of which one undoes what the other does: by how they move the head, and by their names."""
    keys = np.flatnonzero(rig.solved)
    if not len(keys):
        return
    every = max(1, len(rig.neutral) // SAMPLED)
    parts = [rig.key_shapes(keys[k : k + PART])[:, ::every] for k in range(0, len(keys), PART)]
    flat = np.concatenate(parts).reshape(len(keys), -1)
    length = np.linalg.norm(flat, axis=1)
    cosine = flat @ flat.T / np.maximum(np.outer(length, length), 1e-30)
    for a, b in zip(*np.nonzero(np.triu(np.ones_like(cosine), 1)), strict=True):
        if cosine[a, b] < max(OPPOSITE, _named(rig, keys[[a, b]])):
            yield int(keys[a]), int(keys[b])


def _named(rig: Rig, keys: Ints) -> float:
    """The cosine below which two keys are opposites because their names say so; -1 where they do not."""
    names = [rig.names[k] for k in keys]
    for first, second, cosine in OPPOSITES:
        for one, other in (names, names[::-1]):
            rest = re.sub(first, "", one, flags=re.IGNORECASE), re.sub(second, "", other, flags=re.IGNORECASE)
            if rest[0] != one and rest[1] != other and rest[0] == rest[1]:  # of one side of the face
                return cosine
    return -1.0
