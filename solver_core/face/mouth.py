"""The light inside the mouth, which changes as the lips part: teeth in the shadow of closed lips would stay black.

The head's own shadow (render/transfer.py) is computed once, at rest. What the mouth hides there sees more of the sky
when it opens, and the difference is computed for each pose, of the mesh around the mouth alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.rig import Rig
from solver_core.networks.regions import Layout
from solver_core.render.renderer import Renderer
from solver_core.render.transfer import blocked_by, sphere_directions, transfer_of

# in widths of the closed mouth, from the lips' middle: what is hidden this near is inside it
ASIDE, ABOVE, BEHIND = 0.6, 0.6, 1.0
AROUND = 1.0  # and what is this near may take its light
DIRECTIONS = 64  # over the whole sphere; half of them come from before the face, and no other changes
RESOLUTION = 64
SAME = 1e-5  # of the mouth's width: a mouth that has moved no further has the same shadow
KEPT = 32  # shapes whose shadow is kept: light, skin and render ask for the same


@dataclass(frozen=True)
class MouthShadow:
    """How the shadow transfer of what is inside the mouth differs from that at rest.

    Attributes:
        near: [u] vertices of the mesh around the mouth.
        inside: [m] which of these are inside it, as places in `near`.
        renderer: of the triangles between these.
        directions: [D,3] unit, on the head's axes, from before the face.
        share: of the sphere that each stands for, steradians.
        width: of the mouth at rest, metres.
        rest: [m,9] transfer at rest.
    """

    near: Ints
    inside: Ints
    renderer: Renderer
    directions: Floats
    share: float
    width: float
    rest: Floats
    _kept: dict[bytes, Floats] = field(default_factory=dict, repr=False)

    @property
    def vertices(self) -> Ints:
        """[m] of the whole mesh."""
        return self.near[self.inside]

    def change(self, local: Floats) -> Floats:  # [B,V,3] metres, on the head's axes
        """[B,m,9] what is added to the rows `near[inside]` of the transfer at rest."""
        return np.stack([self._change(one[self.near]) for one in local])

    def _change(self, near: Floats) -> Floats:  # [u,3]
        key = np.rint(near / (SAME * self.width)).astype(np.int32).tobytes()
        found = self._kept.pop(key, None)
        if found is None:
            found = self.transfer(near) - self.rest
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
        self._kept[key] = found  # last used last
        return found

    def transfer(self, near: Floats) -> Floats:  # [u,3]
        """[m,9] of these vertices, by what is around the mouth and light from before the face alone."""
        return _transfer(self.renderer, near, self.inside, self.directions, self.share)


def mouth_shadow(rig: Rig, embedding: LandmarkEmbedding, layout: Layout) -> MouthShadow | None:
    """Of a head at rest; None where nothing is hidden behind its lips."""
    places = (rig.neutral * rig.scale).astype(float)
    side = np.cross(embedding.up, embedding.front)
    axes = np.stack([side, embedding.up, embedding.front], 1)
    lips = list(layout.regions["lips"])
    corners = places[rig.triangles[embedding.triangle[lips]]]
    outline = np.einsum("lc,lcx->lx", embedding.barycentric[lips], corners) @ axes
    width = float(np.ptp(outline[:, 0]))
    if width <= 0:
        return None
    from_lips = np.abs((places @ axes - (outline.max(0) + outline.min(0)) / 2) / width)
    behind = (places @ axes)[:, 2] > outline[:, 2].min() - BEHIND * width
    hidden = (from_lips[:, 0] < ASIDE) & (from_lips[:, 1] < ABOVE) & behind & ~embedding.face
    around = (from_lips[:, :2] < AROUND).all(1) & behind
    if not hidden.any():
        return None
    used, triangles = _part(rig.triangles, around | hidden)
    inside = np.flatnonzero(hidden[used])
    if not len(inside):
        return None
    ways = sphere_directions(DIRECTIONS)
    ways = ways[ways @ embedding.front > 0]
    renderer = Renderer(triangles)
    share = 4 * np.pi / DIRECTIONS
    rest = _transfer(renderer, places[used], inside, ways, share)
    return MouthShadow(used, inside, renderer, ways, share, width, rest)


def _part(triangles: Ints, chosen: Bools) -> tuple[Ints, Ints]:  # [T,3], [V]
    """The vertices [u] of the triangles that touch chosen ones, and these triangles [t,3] between them."""
    part = triangles[chosen[triangles].any(1)]
    used, own = np.unique(part, return_inverse=True)
    return used, own.reshape(-1, 3)


def _transfer(renderer: Renderer, near: Floats, inside: Ints, directions: Floats, share: float) -> Floats:
    stopped = blocked_by(renderer, near, directions, RESOLUTION)[:, inside]
    return transfer_of(near, renderer.triangles, inside, directions, stopped, share)
