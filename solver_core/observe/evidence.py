"""What the networks say of one frame in one camera, as material points of the head and the places where they should be seen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from solver_core.camera.camera import Camera
from solver_core.camera.crop import Crop
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.face.pose import Pose
from solver_core.face.rig import SurfacePoints
from solver_core.flow.confidence import sample_vectors, structure_of
from solver_core.flow.network import FlowNetwork
from solver_core.footage.views import REFERENCE_CROP, View
from solver_core.look.synthesis import Picture, picture
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.render.sampling import visible_points
from solver_core.stages.context import Context

SIZE = 320  # pixels of the crop in which flow is measured
STEP = 3  # pixels between flow vectors
MARGIN = 1  # pixels at the outline that are left out: the outline itself is good evidence
FLOW_TOTAL = 400.0  # flow vectors are strongly correlated: all of them weigh as much as this many independent points
LANDMARK_TOTAL = 10.0  # likewise one network's landmarks: where flow sees, their bias between render and plate does more harm than they help
TIED_TOTAL = 40.0  # landmarks without a render, which nothing stands beside
FLOW_TAIL, LANDMARK_TAIL = 1.0, 3.0  # reference pixels: a point that far from its place counts half
LOOKS_ALIKE = 0.1  # display-referred difference at which a vector counts half: hair, glasses, a hand before the face
LEAST_SHARE = 0.05  # of the points: evidence that is nearly all distrusted does not gain weight by being scaled up


@dataclass(frozen=True)
class Evidence:
    """n material points of one frame in one camera."""

    camera: Camera  # one frame
    points: SurfacePoints  # [1,n]
    target: Floats  # [n,2] plate pixels
    root: Floats  # [n,2,2] plate pixels to reference pixels, times the root of each point's information (0 to 1)
    information: Floats  # [n] its mean over directions
    trust: Floats  # [n] 0 to 1
    tail: float  # reference pixels
    total: float  # what the points together weigh, as a number of independent points
    # [n] where on the head the points lie, where they are the surface's own detail and no landmarks
    triangle: Ints | None = None

    def energy(self, pose: Pose) -> ReprojectionEnergy:
        """Weighed by how far each point is from its place at this pose (iteratively reweighted least squares)."""
        pixels, _ = self.camera.project(self.points.world(pose))
        far = np.linalg.norm((self.root @ (pixels[0] - self.target)[..., None])[..., 0], axis=1)
        weight = np.where(np.isfinite(far), self.trust / (1 + (far / self.tail) ** 2), 0.0)
        share = max(float((weight * self.information).sum()), LEAST_SHARE * len(weight))
        root = self.root * np.sqrt(weight * self.total / share)[:, None, None]
        return ReprojectionEnergy(self.camera, self.points, self.target[None], root[None])


@dataclass(frozen=True)
class Testimony:
    """One frame in one camera: all evidence, and how far render and plate are apart."""

    evidence: tuple[Evidence, ...]
    error_px: float  # RMS distance between the plate's and the render's landmarks, plate pixels
    landmarks: Floats  # [2,L,2] the plate's and the render's, plate pixels
    flow: (
        Floats | None
    )  # [S,S,2] from the crop's pixels of the render to the plate, plate pixels, NaN off the trusted surface


def measure(context: Context, view: View, light: Floats, index: Ints, flow: FlowNetwork | None) -> list[Testimony]:
    """Render the frames at their poses and ask the networks about render and plate (equation 2)."""
    pose = context.pose[index]
    plates = view.images(index, SIZE)
    shown = picture(context.rig, context.renderer, view, pose, index, SIZE, context.look.under(light), plates)
    images = shown.rendering.image
    on_plate, on_render = landmarks_of(context.network, plates), landmarks_of(context.network, images)
    flows = None if flow is None else (flow(images, plates), flow(plates, images))
    seen = visible_points(
        shown.rendering.fragments, shown.points, shown.depth, context.rig.triangles, on_render, SIZE / 8
    )
    testimonies = []
    for b, i in enumerate(index):
        crop, camera = view.crop(int(i), SIZE), view.camera[index[b : b + 1]]
        points = context.rig.sample(np.maximum(seen.triangle[b : b + 1], 0), seen.barycentric[b : b + 1])
        shift, field = on_plate[b] - on_render[b], None
        evidence = [_landmarks(camera, crop, points, seen.triangle[b] >= 0, shift, pose[np.array([b])])]
        if flows is not None:
            dense = _flow(context, camera, crop, shown, b, plates[b], flows[0][b], flows[1][b])
            if dense is not None:
                evidence.append(dense)
                field = _flow_field(context, crop, shown, b, dense)
        error = float(np.sqrt((shift**2).sum(1).mean())) * crop.scale
        landmarks = crop.to_plate(np.stack([on_plate[b], on_render[b]]))
        testimonies.append(Testimony(tuple(evidence), error, landmarks, field))
    return testimonies


def tied_landmarks(context: Context, view: View, index: int) -> Evidence:
    """The plate's landmarks against their fixed places on the rig: evidence without a render."""
    count = context.network.count
    points = context.rig.sample(context.tie.triangle[None], context.tie.barycentric[None])
    root = np.broadcast_to(to_reference(view.crop(index, SIZE)), (count, 2, 2))
    camera = view.camera[np.array([index])]
    return Evidence(camera, points, view.points[index], root, np.ones(count), np.ones(count), LANDMARK_TAIL, TIED_TOTAL)


def landmarks_of(network: LandmarkNetwork, images: Floats) -> Floats:  # [b,S,S,3]
    """[b,L,2] the network's landmarks in pixels of these images; plate and render both come this way, so that it errs alike."""
    size = (network.size, network.size)
    small = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])
    points, _ = network(torch.from_numpy(small).permute(0, 3, 1, 2))
    return points.cpu().double().numpy() * (images.shape[1] / network.size)


def _landmarks(
    camera: Camera, crop: Crop, points: SurfacePoints, on_surface: Bools, shift: Floats, pose: Pose
) -> Evidence:
    """The rendered landmarks' surface points should move by as much as the plate's landmarks differ (Section 9.1, E1)."""
    pixels, _ = camera.project(points.world(pose))
    target = crop.to_plate(crop.to_crop(pixels[0]) + shift)
    count = len(shift)
    root = np.broadcast_to(to_reference(crop), (count, 2, 2))
    return Evidence(
        camera, points, target, root, np.ones(count), on_surface.astype(float), LANDMARK_TAIL, LANDMARK_TOTAL
    )


def _flow(
    context: Context,
    camera: Camera,
    crop: Crop,
    shown: Picture,
    b: int,
    plate: Floats,
    forward: Floats,
    backward: Floats,
) -> Evidence | None:
    """Surface points should be where the flow from the render to the plate takes them: N(F, F*) driven to zero.

    None where no part of the head is in the crop.
    """
    fragments, image = shown.rendering.fragments, shown.rendering.image[b]
    rows, columns = grid(trusted_surface(context, fragments.triangle[b]))
    if not len(rows):
        return None
    vectors = sample_vectors(forward, backward, np.minimum(structure_of(image), structure_of(plate)), rows, columns)
    there = np.clip(vectors.end.astype(int), 0, SIZE - 1)
    difference = np.abs(image[rows, columns] - plate[there[:, 1], there[:, 0]]).mean(1)
    points = context.rig.sample(
        fragments.triangle[b][rows, columns][None], fragments.barycentric[b][rows, columns][None]
    )
    information = (vectors.root**2).sum((1, 2)) / 2
    return Evidence(
        camera,
        points,
        crop.to_plate(vectors.end),
        vectors.root @ to_reference(crop),
        information,
        1 / (1 + (difference / LOOKS_ALIKE) ** 2),
        FLOW_TAIL,
        FLOW_TOTAL,
        fragments.triangle[b][rows, columns],
    )


def _flow_field(context: Context, crop: Crop, shown: Picture, b: int, evidence: Evidence) -> Floats:
    """The flow vectors in their places, as Testimony has them; a vector is fully known where both of its directions are."""
    rows, columns = grid(trusted_surface(context, shown.rendering.fragments.triangle[b]))
    start = crop.to_plate(np.stack([columns, rows], 1) + 0.5)
    side = len(range(1, SIZE, STEP))
    field = np.full((side, side, 3), np.nan)
    field[rows // STEP, columns // STEP] = np.column_stack(
        [evidence.target - start, evidence.information * evidence.trust]
    )
    return field


def trusted_surface(context: Context, triangle: Ints) -> Bools:
    """[S,S] pixels well inside the part of the head that moves with the skull and the face."""
    mask = (triangle >= 0) & context.head_triangles[triangle]
    return cv2.erode(mask.astype(np.uint8), np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 0


def grid(mask: Bools) -> tuple[Ints, Ints]:
    """Rows and columns of every STEP-th pixel inside the mask."""
    rows, columns = np.nonzero(mask[1::STEP, 1::STEP])
    return 1 + STEP * rows, 1 + STEP * columns


def to_reference(crop: Crop) -> Floats:
    """[2,2] plate pixels to pixels of the reference crop, turned as the crop is."""
    matrix: Floats = crop.matrix()[:, :2] * (REFERENCE_CROP / crop.size)
    return matrix
