"""What no face can do: lips that cross, a movement together with its opposite, an eye shut that is seen open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.pose import Pose
from solver_core.face.rig import IDENTITY, Rig, unmoved
from solver_core.observe.witness import LIDS, Testimony

UPPER_LIP, LOWER_LIP = [38, 12, 268], [86, 15, 316]  # landmarks on the lips beside their inner edges, in pairs
INNER = 13, 14  # the inner edges
CORNERS = [61, 291]  # of the mouth
CROSSED = 0.05  # of the mouth's width: lips that pass each other by more are no press of the lips
GAPES = 0.08  # the same: landmarks of closed lips are less apart in the picture of a head
BOTH_ON = 0.2  # of a slider's range: above, a key is on
OPPOSITE = -0.75  # cosine of the movements of two keys below which one undoes the other
# words for movements that are opposites although other parts of the face move by them as well
OPPOSITES = (("smile", "frown"), ("brow.?down", "brow.?(outer.?)?up"), ("eye.?blink", "eye.?wide"))
SAMPLED, PART = 4000, 32  # vertices that keys are compared at; keys whose shapes are made together
SHUT, OPEN = 0.4, 0.16  # lids on the rig, against those in the plate; lids over corners of an eye that is seen open


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
        rest = self._lips(unmoved(np.where(rig.in_group(IDENTITY), weights, 0.0)[None]))
        gape = np.linalg.norm(np.subtract(*embedding.points[list(INNER)]))
        gape /= np.linalg.norm(np.subtract(*embedding.points[CORNERS]))
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

    def shut_eyes(self, heard: Sequence[Testimony]) -> list[str]:
        """The eyes that all cameras which see them see open, and that were solved shut, in words."""
        found = []
        for eye in LIDS:
            openings = [said.opening(eye) for said in heard]
            if openings and all(plate > OPEN and rig < SHUT * plate for plate, rig in openings):
                found.append(f"the {eye} eye is shut, and open in the plate")
        return found

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
        if cosine[a, b] < OPPOSITE or (cosine[a, b] < 0 and _named(rig, keys[[a, b]])):
            yield int(keys[a]), int(keys[b])


def _named(rig: Rig, keys: Ints) -> bool:
    one, other = (rig.names[k] for k in keys)
    for first, second in OPPOSITES:
        for a, b in ((one, other), (other, one)):
            rest = tuple(re.sub(word, "", name, flags=re.IGNORECASE) for word, name in ((first, a), (second, b)))
            if rest[0] != a and rest[1] != b and rest[0] == rest[1]:  # of one side of the face
                return True
    return False
