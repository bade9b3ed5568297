"""Where a rig's lips touch: pairs of points on their inner edges, found by opening the mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.blocks import RigidMotion
from solver_core.face.head_parts import pieces
from solver_core.face.joints import JAW
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig, SurfacePoints, unmoved
from solver_core.networks.regions import Layout
from solver_core.render.rasteriser import Fragments
from solver_core.render.renderer import Renderer

PAIRS = 9
REACH = 0.6  # of the mouth's width, over which the pairs are spread: lips touch at the corners whatever the mouth does
LEAST_PAIRS = 3
OPENS = 0.1  # of the mouth's width: a motion that parts the lips by less does not open the mouth
JAW_OPEN = 0.3  # radians by which a jaw bone is turned to see what it opens
PIXELS = 384  # of the picture
MARGIN = 0.75  # half of its side, in widths of the mouth or heights of the opened one
PRESSED = 0.015  # of the mouth's width: by so much lips that are closed are pressed into each other, 0.7 mm
DEEP = 0.4  # of the mouth's width: what is seen at rest this far behind the lips is inside an open mouth


@dataclass(frozen=True)
class Lips:
    """n pairs of material points that meet when the mouth is closed."""

    triangle: Ints  # [2n] the upper lip's, then the lower one's
    barycentric: Floats  # [2n,3]
    up: Floats  # [3] unit, on the head's axes: from a lower point to its upper one
    least: Floats  # [n] metres, the distance along it at which they push: pressed a little, or further than at rest

    def points(self, rig: Rig, count: int) -> SurfacePoints:
        """[count,2n]."""
        shape = (count, *self.triangle.shape)
        return rig.sample(np.broadcast_to(self.triangle, shape), np.broadcast_to(self.barycentric, (*shape, 3)))

    def gap(self, local: Floats) -> Floats:  # [B,2n,3] metres, on the head's axes
        """[B,n] metres, how far apart the lips are; below 0 they have passed."""
        n = len(self.least)
        apart: Floats = (local[:, :n] - local[:, n:]) @ self.up - self.least
        return apart


def find_lips(rig: Rig, embedding: LandmarkEmbedding, layout: Layout) -> Lips | None:
    """The inner edges of the lips of a head at rest.

    None where nothing in the rig parts its lips, or where nothing is seen between them when they are parted.
    """
    opened = _opened(rig, embedding, layout)
    if opened is None:
        return None
    rest = rig.local(_rest(rig))[0].astype(float)
    axes = np.stack([np.cross(embedding.up, embedding.front), embedding.up, embedding.front], 1)
    lips = list(layout.regions["lips"])
    at = _embedded(rig, embedding, lips, opened) @ axes
    renderer, view = Renderer(rig.triangles), _Front(axes, at)
    seen, before = (view.shown(renderer, vertices) for vertices in (opened, rest))
    lips_at_rest = _embedded(rig, embedding, lips, rest) @ axes
    near = before.depth[0] < view.far - (lips_at_rest[:, 2].max() - view.centre[2] - DEEP * view.width) / view.pixel
    outside = np.isin(seen.triangle[0], np.unique(before.triangle[0][near]))
    inside = ~(outside & _skin(rig, embedding, layout)[seen.triangle[0]])
    edges = [_edges(column, inside, view) for column in view.columns]
    found = [edge for edge in edges if edge is not None]
    if len(found) < LEAST_PAIRS:
        return None
    columns, rows = np.array(found).T[0], np.array(found).T[1:]
    triangle = np.concatenate([seen.triangle[0][row, columns] for row in rows])
    barycentric = np.concatenate([seen.barycentric[0][row, columns] for row in rows]).astype(float)
    meeting = Lips(triangle, barycentric, embedding.up, np.zeros(len(found)))
    gap = meeting.gap(np.einsum("nc,ncx->nx", barycentric, rest[rig.triangles[triangle]])[None])[0]
    return Lips(triangle, barycentric, embedding.up, np.minimum(gap, 0.0) - PRESSED * np.ptp(lips_at_rest[:, 0]))


@dataclass(frozen=True)
class _Front:
    """A parallel picture of the mouth from in front."""

    far = 1e3 * PIXELS  # the camera's distance in pixels: perspective does nothing from there

    axes: Floats  # [3,3] columns: to the right, up, and out of the face
    lips: Floats  # [l,3] landmarks of the lips along these

    @property
    def width(self) -> float:
        """Of the mouth, metres."""
        return float(np.ptp(self.lips[:, 0]))

    @property
    def centre(self) -> Floats:
        """[3]."""
        middle: Floats = (self.lips.max(0) + self.lips.min(0)) / 2
        return middle

    @property
    def pixel(self) -> float:
        """Metres."""
        return 2 * MARGIN * float(np.ptp(self.lips[:, :2], axis=0).max()) / PIXELS

    @property
    def columns(self) -> Ints:
        """[PAIRS]."""
        across = np.linspace(-REACH / 2, REACH / 2, PAIRS) * self.width / self.pixel
        return np.rint(PIXELS / 2 + across).astype(int)

    def shown(self, renderer: Renderer, vertices: Floats) -> Fragments:
        """Of one shape of the head [V,3]."""
        places = (vertices @ self.axes - self.centre) / self.pixel
        points = np.stack([PIXELS / 2 + places[:, 0], PIXELS / 2 - places[:, 1]], 1)
        return renderer.rasterise(points[None], (self.far - places[:, 2])[None], PIXELS, PIXELS)


def _skin(rig: Rig, embedding: LandmarkEmbedding, layout: Layout) -> Bools:
    """[T+1] triangles of the piece of the mesh that the face's skin is; the last stands for none (-1)."""
    piece = pieces((rig.neutral * rig.scale).astype(float), rig)[rig.triangles[:, 0]]
    around = piece[np.delete(embedding.triangle, [*layout.regions["eyes"], *layout.regions["lips"]])]
    return np.append(piece == np.bincount(around).argmax(), False)


def _edges(column: int, inside: Bools, view: _Front) -> tuple[int, int, int] | None:
    """A column, the row of the last pixel of the upper lip and of the first one of the lower lip."""
    reach = float(np.ptp(view.lips[:, 1])) / 2 / view.pixel
    rows = np.arange(max(int(PIXELS / 2 - reach), 1), min(int(PIXELS / 2 + reach), PIXELS - 2) + 1)
    inner = inside[rows, column]
    best: tuple[int, int] = (0, 0)
    start = None
    for k, is_inner in enumerate([*inner, False]):
        if is_inner and start is None:
            start = k
        elif not is_inner and start is not None:
            best, start = max(best, (start, k), key=lambda run: run[1] - run[0]), None
    first, last = best
    # a gap that reaches beyond the lips is none between them
    if last - first < OPENS / 2 * view.width / view.pixel or first == 0 or last == len(rows):
        return None
    return column, int(rows[first - 1]), int(rows[last])


def _opened(rig: Rig, embedding: LandmarkEmbedding, layout: Layout) -> Floats | None:
    """[V,3] the head with its mouth open, by the one key or turn of the jaw bone that parts the lips furthest."""
    upper, lower = list(layout.regions["upper_lip"]), list(layout.regions["lower_lip"])
    landmarks = upper + lower
    points = rig.sample(embedding.triangle[landmarks][None], embedding.barycentric[landmarks][None])

    def parted(pose: Pose) -> float:
        heights = points.local(pose)[0] @ embedding.up
        return float(heights[: len(upper)].mean() - heights[len(upper) :].mean())

    rest = _rest(rig)
    poses = [_with_key(rig, key) for key in map(int, np.flatnonzero(rig.solved))]
    if JAW in rig.joints:
        for axis in np.eye(3):
            for angle in (-JAW_OPEN, JAW_OPEN):
                turn = RigidMotion(Rotation.from_rotvec(angle * axis).as_matrix()[None], np.zeros((1, 3)))
                poses.append(Pose(rest.rotation, rest.translation, rest.weights, {JAW: turn}))
    if not poses:
        return None
    best = max(poses, key=parted)
    lips = _embedded(rig, embedding, list(layout.regions["lips"]), rig.local(rest)[0].astype(float))
    width = np.ptp(lips @ np.cross(embedding.up, embedding.front))
    if parted(best) - parted(rest) < OPENS * width:
        return None
    opened: Floats = rig.local(best)[0].astype(float)
    return opened


def _rest(rig: Rig) -> Pose:
    return unmoved(np.zeros((1, len(rig.names))))


def _with_key(rig: Rig, key: int) -> Pose:
    pose = _rest(rig)
    pose.weights[0, key] = rig.maximum[key]
    return pose


def _embedded(rig: Rig, embedding: LandmarkEmbedding, landmarks: list[int], local: Floats) -> Floats:
    """[l,3] places of landmarks on one shape of the head [V,3]."""
    corners = local[rig.triangles[embedding.triangle[landmarks]]]
    placed: Floats = np.einsum("lc,lcx->lx", embedding.barycentric[landmarks], corners)
    return placed
