"""Optical flow between the plate's own frames, as links between the head's poses in them (Sections 7 and 8)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.camera.crop import Crop
from solver_core.common.arrays import Floats, Ints
from solver_core.energies.flow import FlowLink
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints
from solver_core.flow.confidence import GRADIENT, Vectors, information_root, sample_vectors, structure_of
from solver_core.flow.dis import between_plates
from solver_core.flow.network import FlowNetwork
from solver_core.footage.cache import remembered
from solver_core.footage.plates import PlateFrameError
from solver_core.footage.views import View
from solver_core.look.synthesis import picture
from solver_core.observe.correspondences import LEAST_SHARE, to_reference
from solver_core.observe.flow import LOOKS_ALIKE, TAIL, grid, plate_structure, trusted_surface
from solver_core.observe.observer import SIZE
from solver_core.stages.context import Context
from solver_core.stages.shared.light import estimate_lights

KEPT_BYTES = 144 * 2**20  # of a camera's flow fields, 0.8 MB each
CONSISTENT = 1.0  # crop pixels: forward and backward flow that disagree by more do not follow anything
FOLLOWED = 0.3  # share of the face's vectors that must be consistent and alike for a pair of plates to say anything
EMPTY = 0.02  # mean worth of a vector below which a plate shows nothing that could be followed
TOTAL = 400.0  # one pair's vectors weigh as much as this many independent points, as flow from a render does


@dataclass
class Tracker:
    """One camera's plates and the flow between them, computed when it is first asked for."""

    view: View
    flow: FlowNetwork
    light: Floats | None = None  # [9,3] of renders to compare the plate's flow with; None: with the mesh's exact motion
    _kept: dict[tuple[int, int], Floats] = field(default_factory=dict)  # flow by the frames that it is between

    def comparable(self, first: int, second: int) -> bool:
        """Whether both plates show the place where the head should be, without a cut between them."""
        cut = self.view.cuts[min(first, second) : max(first, second)].any()
        return not cut and all(self.view.crops[index] is not None for index in (first, second))

    def between(self, first: int, second: int) -> Floats:
        """[S,S,2] crop pixels: where the first crop's pixels are in the second crop."""

        def followed() -> Floats:
            images = self.view.images(np.array([first, second]), SIZE)
            return self.flow(images[:1], images[1:])[0]

        return remembered(self._kept, (first, second), followed, KEPT_BYTES)

    def kept_bytes(self) -> int:
        """What is kept of flow in memory."""
        return sum(one.nbytes for one in self._kept.values())

    def structure(self, index: int) -> Floats:
        """[S,S,3] of a crop."""
        return plate_structure(self.view, index)


def trackers(context: Context, *, renders: bool = False) -> list[Tracker]:
    """One for each camera, with a crop also where no face was found; for renders its light is estimated here."""
    network = between_plates(context.flow)
    lights: list[Floats | None] = [None] * len(context.views)
    if renders:
        estimate_lights(context)
        lights = list(context.look.lights)
    found = [Tracker(with_crops(view), network, light) for view, light in zip(context.views, lights, strict=True)]
    for tracker in found:
        context.executor.constant(tracker)
    return found


def with_crops(view: View) -> View:
    """The same view with crops wherever the plate has a picture.

    New ones lie between those of the nearest frames where the face was found.
    """
    known = np.flatnonzero(view.seen)
    if not len(known) or view.plate is None:
        return view
    crops: list[Crop | None] = list(view.crops)
    for i in np.flatnonzero(~view.seen):
        number = view.camera.plate["frames"][i]
        if number is None:
            continue
        try:
            view.plate.read_display(int(number))
        except PlateFrameError:
            continue
        crops[i] = _crop_between(view, known, int(i))
    return replace(view, crops=crops)  # with the same pictures kept


def _crop_between(view: View, known: Ints, i: int) -> Crop:
    before, after = known[known < i], known[known > i]
    ends = [view.crop(int(one[at]), SIZE) for one, at in ((before, -1), (after, 0)) if len(one)]
    if len(ends) == 1:
        return ends[0]
    share = (i - before[-1]) / (after[0] - before[-1])
    mix = (1 - share, share)
    turn = np.angle(np.exp(1j * (ends[1].angle - ends[0].angle)))
    return Crop(
        tuple(sum(m * np.asarray(end.centre) for m, end in zip(mix, ends, strict=True)).tolist()),
        sum(m * end.side for m, end in zip(mix, ends, strict=True)),
        float(ends[0].angle + share * turn),
        SIZE,
    )


@dataclass(frozen=True)
class Shown:
    """What every few pixels of the rendered head in one plate's crop show."""

    camera: Camera  # one frame
    crop: Crop
    rows: Ints  # [n]
    columns: Ints  # [n]
    points: SurfacePoints  # [1,n]

    @property
    def pixels(self) -> Floats:
        """[n,2] the places in plate pixels."""
        return self.crop.to_plate(np.stack([self.columns, self.rows], 1) + 0.5)

    def root_of(self, structure: Floats) -> Floats:  # [S,S,3]
        """[n,2,2] 1/plate pixel: how well the plate's detail tells each place.

        All together tell as much as `TOTAL` independent points.
        """
        root = information_root(structure[self.rows, self.columns])
        total = max(float((root**2).sum() / 2), LEAST_SHARE * len(root))
        scaled: Floats = root @ to_reference(self.crop) * np.sqrt(TOTAL / total)
        return scaled


def surface_in(context: Context, tracker: Tracker, pose: Pose, index: int) -> Shown | None:
    """The head's surface points that one frame's crop shows at a pose; None where no part of the head is in it."""
    camera, crop = tracker.view.camera[index : index + 1], tracker.view.crop(index, SIZE)
    pixels, depth = camera.project(context.rig.world(pose))
    shown = context.renderer.rasterise(crop.to_crop(pixels), depth, SIZE, SIZE)
    rows, columns = grid(trusted_surface(context.head_triangles, shown.triangle[0]))
    if not len(rows):
        return None
    points = context.rig.sample(shown.triangle[0][rows, columns][None], shown.barycentric[0][rows, columns][None])
    return Shown(camera, crop, rows, columns, points)


@dataclass(frozen=True)
class Followed:
    """A pair of plates: the link that it makes, and how much of the face could be followed."""

    link: FlowLink
    share: float  # 0 to 1


def follow(
    context: Context, tracker: Tracker, pose: Pose, first: int, second: int, weight: float = 1.0
) -> Followed | None:
    """Follow the head from one plate to another.

    Args:
        context: the solve.
        tracker: the camera.
        pose: N poses; where the head stands in `first` says which material point each pixel shows.
        first: index of a frame.
        second: index of another.
        weight: of this pair, 1 as much as the flow from a render.

    Returns:
        None where a plate is missing or no part of the head is in the picture.
    """
    view = tracker.view
    if not tracker.comparable(first, second):
        return None
    shown = surface_in(context, tracker, pose[first : first + 1], first)
    if shown is None:
        return None
    rows, columns, points = shown.rows, shown.columns, shown.points
    crops = view.crop(first, SIZE), view.crop(second, SIZE)
    cameras = shown.camera, view.camera[second : second + 1]
    poses = pose[first : first + 1], pose[second : second + 1]
    structure = np.minimum(tracker.structure(first), tracker.structure(second))
    vectors = sample_vectors(tracker.between(first, second), tracker.between(second, first), structure, rows, columns)
    image, other = view.images(np.array([first, second]), SIZE)
    there = np.floor(vectors.end).astype(int)
    inside = ((there >= 0) & (there < SIZE)).all(1)
    there = np.clip(there, 0, SIZE - 1)
    difference = np.abs(image[rows, columns] - other[there[:, 1], there[:, 0]]).mean(1)
    trust = inside / (1 + (difference / LOOKS_ALIKE) ** 2)
    aim = vectors
    if tracker.light is not None:
        aim = _against_renders(
            context, tracker, tracker.light, shown, pose[np.array([first, second])], (first, second), vectors
        )
    link = FlowLink(
        (first, second),
        cameras,
        points,
        crops[0].to_plate(aim.start),
        crops[1].to_plate(aim.end),
        crops[1].inverse()[:, :2] @ crops[0].matrix()[:, :2],
        aim.root @ to_reference(crops[1]),
    )
    far = np.linalg.norm((link.root @ link.difference(poses)[..., None])[..., 0], axis=1)
    robust = np.where(np.isfinite(far), trust / (1 + (far / TAIL) ** 2), 0.0)
    total = max(float((robust * _information(aim)).sum()), LEAST_SHARE * len(robust))
    link = replace(link, root=link.root * np.sqrt(robust * TOTAL * weight / total)[:, None, None])
    followed = inside & (vectors.disagreement < CONSISTENT) & (difference < LOOKS_ALIKE)
    detail = np.trace(tracker.structure(first)[rows, columns][:, [[0, 1], [1, 2]]], axis1=1, axis2=2)
    worth = detail / (detail + GRADIENT**2)  # a vector where the first plate shows nothing says nothing
    share = float(
        (worth * followed * (_information(vectors) > 0.3 * worth)).sum() / max(worth.sum(), EMPTY * len(worth))
    )
    return Followed(link, share)


def _information(vectors: Vectors) -> Floats:
    """[n] 0 to 1, the mean over directions."""
    mean: Floats = (vectors.root**2).sum((1, 2)) / 2
    return mean


def _against_renders(
    context: Context,
    tracker: Tracker,
    light: Floats,
    shown: Shown,
    poses: Pose,
    frames: tuple[int, int],
    plate: Vectors,
) -> Vectors:
    """Section 7's own term: the plate's flow against the flow between two renders.

    Both are by one network, whose errors cancel.

    At the poses as they are its residual is N(F1, F2) - N(F1*, F2*). Around them N(F1, F2) is taken to change as the
    mesh's exact motion does, so that a point's aim is where the second frame shows it now, moved by the difference of
    both flows.

    Args:
        context: the solve.
        tracker: the camera.
        light: [9,3] of the renders.
        shown: n points in the first frame.
        poses: of both frames.
        frames: their indices.
        plate: the plate's flow at the points.

    Returns:
        The plate's vectors with these ends; each is worth what the less certain of both flows is.
    """
    index, view, flow = np.array(frames), tracker.view, tracker.flow
    plates = view.images(index, SIZE)
    images = picture(
        context.rig, context.renderer, view, poses, index, SIZE, context.look.under(light), plates
    ).rendering.image
    least = np.minimum.reduce([*(tracker.structure(i) for i in frames), *map(structure_of, images)])
    forward, backward = flow(images[:1], images[1:])[0], flow(images[1:], images[:1])[0]
    rendered = sample_vectors(forward, backward, least, shown.rows, shown.columns)
    now, _ = view.camera[index[1:]].project(shown.points.world(poses[1:]))
    end = view.crop(frames[1], SIZE).to_crop(now[0]) + plate.end - rendered.end
    return replace(plate, end=end, root=rendered.root * np.sqrt(plate.consistency)[:, None, None])
