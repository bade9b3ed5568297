"""The eyeballs: which part of the head they are, where each of them looks out, and what turns them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints, spread
from solver_core.face.head_parts import IRIS, WHITE, pieces, skin_pieces
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.rig import Rig, SurfacePoints, unmoved
from solver_core.networks.regions import Layout

SIDES = ("right", "left")
BESIDE = 0.6  # of the eye's width: how far beside the middle of its rims an eyeball's middle may be
NARROWEST, WIDEST = 0.4, 2.0  # of the eye's width: an eyeball's own
ROUND = 0.1  # of its radius: how far a ball's vertices are from the sphere through them
AROUND = 1.1  # of the radius: iris, cornea and lens lie within
CARRIED = 0.5  # of a vertex: a joint that carries as much of the point that looks turns the eye
TURNS = 0.1  # of the radius: a key that moves that point as far against the ball as a whole turns it
SAMPLED = 60  # points of a ball
IRIS_WIDTH = 0.39  # of the distance between the eye's corners: 11.7 of 30 mm, much the same in all people


@dataclass(frozen=True)
class Eyeball:
    """One eyeball at rest, in metres and the head's own axes."""

    side: str  # the subject's, of `SIDES`
    vertices: Ints  # of the mesh
    iris: Ints  # those of them in the iris, as it is seen from in front
    centre: Floats  # [3]
    radius: float
    triangle: int  # where it looks out of the head: its foremost point
    barycentric: Floats  # [3]


@dataclass(frozen=True)
class Eyes:
    """The head's eyeballs, and which shape keys and joints turn them."""

    balls: tuple[Eyeball, ...]
    keys: Bools  # [K]
    joints: tuple[str, ...]
    front: Floats  # [3] unit, local axes: out of the face
    up: Floats  # [3]

    @property
    def turn(self) -> bool:
        """Whether anything turns them: else nothing can be asked of the gaze."""
        return bool(self.balls) and bool(self.keys.any() or self.joints)

    def ball(self, side: str) -> Eyeball | None:
        """The subject's right or left one; None where the head has none."""
        return next((ball for ball in self.balls if ball.side == side), None)

    def points(self, rig: Rig, count: int) -> SurfacePoints:
        """[count,n] for each ball the point that looks."""
        triangle = np.array([ball.triangle for ball in self.balls])
        barycentric = np.stack([ball.barycentric for ball in self.balls])
        return rig.sample(np.tile(triangle, (count, 1)), np.tile(barycentric, (count, 1, 1)))


def find_eyes(rig: Rig, embedding: LandmarkEmbedding, layout: Layout) -> Eyes:
    """The eyeballs behind the lids and what turns them.

    A ball is a connected piece of the mesh beside the rims of an eye, round and no wider than an eyeball. Heads whose
    eyes are painted onto the skin, or hollow, have none.
    """
    places = (rig.neutral * rig.scale).astype(float)
    piece = pieces(places, rig)
    skin = skin_pieces(piece, rig, embedding, layout)
    balls = [_ball(side, places, piece, skin, rig, embedding, layout) for side in SIDES]
    found = tuple(ball for ball in balls if ball is not None)
    keys = np.zeros(len(rig.names), bool)
    for ball in found:
        keys |= _turning_keys(rig, ball)
    looking = [rig.triangles[ball.triangle] for ball in found]
    joints = tuple(
        name for name, joint in rig.joints.items() if any(joint.weight[corners].mean() > CARRIED for corners in looking)
    )
    return Eyes(found, keys, joints, embedding.front, embedding.up)


def with_eyes(parts: Ints, eyes: Eyes) -> Ints:
    """[V] the parts of a head (`head_parts`) with the eyeballs' whites and irises as parts of their own."""
    painted = parts.copy()
    for ball in eyes.balls:
        painted[ball.vertices] = WHITE
        painted[ball.iris] = IRIS
    return painted


def _ball(
    side: str,
    places: Floats,
    piece: Ints,
    skin: Bools,
    rig: Rig,
    embedding: LandmarkEmbedding,
    layout: Layout,
) -> Eyeball | None:
    rims = sorted(set(layout.regions["eye_rims"]) & set(layout.regions[f"eyes_{side}"]))
    corners = places[rig.triangles[embedding.triangle[rims]]]
    rim = np.einsum("lc,lcx->lx", embedding.barycentric[rims], corners)
    flat = np.stack([np.cross(embedding.up, embedding.front), embedding.up], 1)
    middle, width = rim.mean(0), float(np.ptp(rim @ flat, axis=0).max())
    if width <= 0:
        return None
    best: tuple[float, Floats, float] | None = None
    for one in np.flatnonzero(~skin):
        own = places[piece == one]
        extent = float(np.ptp(own @ flat, axis=0).max())
        beside = float(np.linalg.norm((own.mean(0) - middle) @ flat))
        if len(own) < 8 or not NARROWEST * width < extent < WIDEST * width or beside > BESIDE * width:
            continue
        # what lies in front: a ball may have its nerve behind it
        ahead = own @ embedding.front
        front = own[ahead > ahead.max() - extent / 2]
        centre, radius, apart = sphere(front)
        if radius > 0 and apart < ROUND and radius < extent and (best is None or apart < best[0]):
            best = apart, centre, radius
    if best is None:
        return None
    _, centre, radius = best
    vertices = np.flatnonzero(~skin[piece] & (np.linalg.norm(places - centre, axis=1) < AROUND * radius))
    inside = np.isin(rig.triangles, vertices).all(1)
    if not inside.any():
        return None
    triangle, barycentric = _foremost(places, rig.triangles, np.flatnonzero(inside), centre, embedding.front)
    ahead = (places[vertices] - centre) @ embedding.front > 0
    aside = np.linalg.norm((places[vertices] - centre) @ flat, axis=1)
    iris = vertices[ahead & (aside < IRIS_WIDTH / 2 * width)]
    return Eyeball(side, vertices, iris, centre, radius, triangle, barycentric)


def sphere(points: Floats) -> tuple[Floats, float, float]:
    """Centre [3], radius and relative RMS distance of n points from the sphere that fits them best (linear fit)."""
    if len(points) < 4:
        return points.mean(0), 0.0, np.inf
    origin = points.mean(0)
    near = points - origin
    matrix = np.concatenate([2 * near, np.ones((len(near), 1))], 1)
    solution = np.linalg.lstsq(matrix, (near**2).sum(1), rcond=None)[0]
    radius = float(np.sqrt(max(solution[3] + solution[:3] @ solution[:3], 0.0)))
    if radius == 0.0:
        return origin, 0.0, np.inf
    far = np.linalg.norm(near - solution[:3], axis=1)
    return origin + solution[:3], radius, float(np.sqrt(((far - radius) ** 2).mean())) / radius


def _foremost(places: Floats, triangles: Ints, own: Ints, centre: Floats, front: Floats) -> tuple[int, Floats]:
    """The triangle, of these, that a ray from the centre along the front leaves last, and where: barycentric [3]."""
    corners = places[triangles[own]] - centre
    edges = np.stack([corners[:, 0], corners[:, 1], corners[:, 2]], 2)  # columns
    determinant = np.linalg.det(edges)
    solid = np.abs(determinant) > 1e-12 * np.abs(determinant).max()
    share = np.zeros((len(own), 3))
    share[solid] = np.linalg.solve(edges[solid], np.broadcast_to(front, (int(solid.sum()), 3))[..., None])[..., 0]
    total = share.sum(1)
    hit = solid & (share >= -1e-9).all(1) & (total > 0)
    if not hit.any():  # a hole where it looks: the corner that lies farthest in front
        ahead = (corners @ front).max(1).argmax()
        barycentric = np.zeros(3)
        barycentric[(corners[ahead] @ front).argmax()] = 1.0
        return int(own[ahead]), barycentric
    last = np.where(hit, 1 / np.maximum(total, 1e-12), -np.inf).argmax()
    barycentric = np.clip(share[last] / total[last], 0.0, 1.0)
    return int(own[last]), barycentric / barycentric.sum()


def _turning_keys(rig: Rig, ball: Eyeball) -> Bools:
    """[K] keys that move the point that looks against the ball as a whole."""
    inside = np.flatnonzero(np.isin(rig.triangles, ball.vertices).all(1))
    triangles = np.concatenate([[ball.triangle], inside[spread(np.arange(len(inside)), SAMPLED)]])
    shares = np.concatenate([ball.barycentric[None], np.full((len(triangles) - 1, 3), 1 / 3)])
    points = rig.sample(triangles[None], shares[None])
    count = len(rig.names)
    turns = np.zeros(count, bool)
    rest = points.local(unmoved(np.zeros((1, count))))[0]
    for key in range(count):
        weights = np.zeros((1, count))
        weights[0, key] = 1.0
        moved = points.local(unmoved(weights))[0] - rest
        turns[key] = np.linalg.norm(moved[0] - moved[1:].mean(0)) > TURNS * ball.radius
    return turns
