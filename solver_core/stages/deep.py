"""Rounds of the deep energies: render, ask the networks about render and plate, move the head's material points, again.

Within a round the networks' outputs are taken to move as the surface points that they were found on: a quasi-Newton step on
||N(F*) - N(F)||, whose stationary point is the same (docs/method.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from solver_core.arrays import Bools, Floats, Ints
from solver_core.crop import Crop
from solver_core.energies.energy import Energy, FaceProblem, Free
from solver_core.energies.prior import WeightPrior
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.flow import FlowNetwork, Vectors, sample_vectors, structure_of
from solver_core.imaging import Picture, picture
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.pose import Pose
from solver_core.render.sampling import SurfacePoints as Surface
from solver_core.render.sampling import visible_points
from solver_core.stages.catalog import Deep
from solver_core.stages.context import CHUNK, Context
from solver_core.stages.light import estimate_lights
from solver_core.views import REFERENCE_CROP, View

SIZE = 320  # pixels of the crop in which flow is measured
STEP = 3  # pixels between flow vectors
MARGIN = 3  # pixels at the outline of the face where flow mixes face and background
OBSERVATIONS = 400.0  # flow vectors are strongly correlated: together they weigh as much as this many independent ones
LANDMARKS = 40.0  # likewise for one network's landmarks
TAIL_FLOW, TAIL_LANDMARK = 1.0, 3.0  # reference pixels: a residual this large counts half
LOOKS_ALIKE = (
    0.1  # display-referred difference at which a vector counts half: hair, glasses, hands in front of the face
)
STIFFNESS = 40.0  # squared reference pixels times OBSERVATIONS' scale, for a weight of 1
REWEIGHTINGS = 3


@dataclass(frozen=True)
class Measured:
    """What the networks say of one frame in one camera."""

    crop: Crop  # of SIZE
    triangle: Ints  # [n] surface points where flow vectors start
    barycentric: Floats  # [n,3]
    vectors: Vectors | None  # n
    alike: Floats  # [n] how far the plate looks like the render there, 0 to 1
    plate_landmarks: Floats  # [L,2] crop pixels
    render_landmarks: Floats  # [L,2] crop pixels
    landmark_triangle: Ints  # [L], -1 where a rendered landmark lies on no surface
    landmark_barycentric: Floats  # [L,3]


def deep_round(context: Context, step: Deep, flow: FlowNetwork) -> Iterator[Ints]:
    """One round over all frames: the light anew, then every frame moved; context.pose changes.

    Yields:
        [b] indices of the frames that have just been moved.
    """
    estimate_lights(context)
    free, frames = context.free(step.keys), context.solvable
    for start in range(0, len(frames), CHUNK):
        chunk = frames[start : start + CHUNK]
        seen_by: dict[int, list[tuple[View, Measured]]] = {int(i): [] for i in chunk}
        for view, light in zip(context.views, context.appearance.lights, strict=True):
            visible = chunk[view.seen[chunk]]
            if len(visible):
                measured = measure(context, view, light, visible, flow if step.flow else None)
                for i, m in zip(visible, measured, strict=True):
                    seen_by[int(i)].append((view, m))
        for i, found in seen_by.items():
            improve(context, i, found, free)
        yield chunk


def measure(context: Context, view: View, light: Floats, index: Ints, flow: FlowNetwork | None) -> list[Measured]:
    """Render the frames at their poses and ask the networks about render and plate."""
    rig = context.rig
    plates = view.images(index, SIZE)
    shown = picture(rig, context.renderer, view, context.pose[index], index, SIZE, light, plates)
    images = shown.rendering.image
    on_plate, on_render = landmarks_of(context.network, plates), landmarks_of(context.network, images)
    surface = visible_points(
        shown.rendering.fragments, shown.points, shown.depth, rig.triangles, on_render, radius=SIZE / 8)  # fmt: skip
    forward = backward = None
    if flow is not None:
        forward, backward = flow(images, plates), flow(plates, images)
    return [
        _measured(context, view.crop(int(i), SIZE), shown, plates, forward, backward, on_plate, on_render, surface, b)
        for b, i in enumerate(index)
    ]


def landmarks_of(network: LandmarkNetwork, images: Floats) -> Floats:  # [b,S,S,3]
    """[b,L,2] the network's landmarks in pixels of these images; both plate and render come this way, so that it errs alike."""
    size = images.shape[1]
    small = np.stack(
        [cv2.resize(image, (network.size, network.size), interpolation=cv2.INTER_AREA) for image in images]
    )
    points, _ = network(torch.from_numpy(small).permute(0, 3, 1, 2))
    return points.double().numpy() * (size / network.size)


def _measured(
    context: Context, crop: Crop, shown: Picture, plates: Floats, forward: Floats | None, backward: Floats | None,
    on_plate: Floats, on_render: Floats, surface: Surface, b: int,
) -> Measured:  # fmt: skip
    fragments, image = shown.rendering.fragments, shown.rendering.image[b]
    rows, columns = (np.zeros(0, int), np.zeros(0, int))
    vectors, alike = None, np.zeros(0)
    if forward is not None and backward is not None:
        rows, columns = _grid(_face_mask(context, fragments.triangle[b]))
        structure = np.minimum(structure_of(image), structure_of(plates[b]))
        vectors = sample_vectors(forward[b], backward[b], structure, rows, columns)
        there = np.clip(vectors.end.astype(int), 0, SIZE - 1)
        difference = np.abs(image[rows, columns] - plates[b][there[:, 1], there[:, 0]]).mean(1)
        alike = 1 / (1 + (difference / LOOKS_ALIKE) ** 2)
    return Measured(
        crop, fragments.triangle[b][rows, columns], fragments.barycentric[b][rows, columns], vectors, alike,
        on_plate[b], on_render[b], surface.triangle[b], surface.barycentric[b])  # fmt: skip


def _face_mask(context: Context, triangle: Ints) -> Bools:
    """[S,S] pixels well inside the visible face."""
    mask = (triangle >= 0) & context.face_triangles[triangle]
    return cv2.erode(mask.astype(np.uint8), np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 0


def _grid(mask: Bools) -> tuple[Ints, Ints]:
    """Rows and columns of every STEP-th pixel inside the mask."""
    rows, columns = np.nonzero(mask[1::STEP, 1::STEP])
    return 1 + STEP * rows, 1 + STEP * columns


def improve(context: Context, index: int, measured: list[tuple[View, Measured]], free: Free) -> None:
    """Move one frame's head towards what its cameras measured; context.pose changes."""
    frame = np.array([index])
    pose = context.pose[frame]
    strength = np.full((1, len(context.rig.names)), STIFFNESS) / context.rig.strength**2
    prior = WeightPrior(np.zeros_like(strength), strength)
    # where the rendered landmarks' surface points were when they were measured
    anchors = [
        _project(context, view, m.landmark_triangle, m.landmark_barycentric, pose, index) for view, m in measured
    ]
    for _ in range(REWEIGHTINGS):
        energies: list[Energy] = [prior]
        for (view, m), anchor in zip(measured, anchors, strict=True):
            if m.vectors is not None and len(m.triangle):
                energies.append(_flow_energy(context, view, m, pose, index))
            energies.append(_landmark_energy(context, view, m, anchor, pose, index))
        dogleg(FaceProblem(energies, context.rig, free), pose, 1, Options(iterations=5))
    context.pose.assign(frame, pose)


def _flow_energy(context: Context, view: View, m: Measured, pose: Pose, index: int) -> ReprojectionEnergy:
    assert m.vectors is not None
    pixels = _project(context, view, m.triangle, m.barycentric, pose, index)
    miss = (m.vectors.root @ (m.crop.to_crop(pixels) - m.vectors.end)[..., None])[..., 0]
    far = np.linalg.norm(miss, axis=1) * REFERENCE_CROP / SIZE
    weight = m.alike / (1 + (far / TAIL_FLOW) ** 2)
    information = ((m.vectors.root**2).sum((1, 2)) / 2 * weight).sum()
    root = m.vectors.root * np.sqrt(weight * OBSERVATIONS / max(information, 1e-9))[:, None, None]
    points = context.rig.sample(m.triangle[None], m.barycentric[None])
    return ReprojectionEnergy(
        view.camera[np.array([index])], points, m.crop.to_plate(m.vectors.end)[None], (root @ _to_reference(m.crop))[None])  # fmt: skip


def _landmark_energy(
    context: Context, view: View, m: Measured, anchor: Floats, pose: Pose, index: int
) -> ReprojectionEnergy:
    target = m.crop.to_crop(anchor) + m.plate_landmarks - m.render_landmarks
    pixels = _project(context, view, m.landmark_triangle, m.landmark_barycentric, pose, index)
    far = np.linalg.norm(m.crop.to_crop(pixels) - target, axis=1) * REFERENCE_CROP / SIZE
    weight = (m.landmark_triangle >= 0) / (1 + (far / TAIL_LANDMARK) ** 2) * LANDMARKS / len(anchor)
    points = context.rig.sample(np.maximum(m.landmark_triangle, 0)[None], m.landmark_barycentric[None])
    root = np.sqrt(weight)[:, None, None] * _to_reference(m.crop)
    return ReprojectionEnergy(view.camera[np.array([index])], points, m.crop.to_plate(target)[None], root[None])


def _to_reference(crop: Crop) -> Floats:
    """[2,2] plate pixels to pixels of the reference crop, turned as the crop is."""
    return crop.matrix()[:, :2] * (REFERENCE_CROP / crop.size)


def _project(context: Context, view: View, triangle: Ints, barycentric: Floats, pose: Pose, index: int) -> Floats:
    """[n,2] plate pixels of surface points of one frame."""
    points = context.rig.sample(np.maximum(triangle, 0)[None], barycentric[None])
    pixels, _ = view.camera[np.array([index])].project(points.world(pose))
    return pixels[0]


def landmark_error(context: Context, index: Ints) -> Floats:
    """[b] RMS distance between the plate's and the render's landmarks, plate pixels, over the cameras that see the face."""
    total, count = np.zeros(len(index)), np.zeros(len(index))
    for view, light in zip(context.views, context.appearance.lights, strict=True):
        seen = np.flatnonzero(view.seen[index])
        if not len(seen):
            continue
        for b, m in zip(seen, measure(context, view, light, index[seen], None), strict=True):
            total[b] += ((m.plate_landmarks - m.render_landmarks) ** 2).sum(1).mean() * m.crop.scale**2
            count[b] += 1
    return np.sqrt(total / np.maximum(count, 1))
