"""Landmarks of render and plate by one network.

The rendered ones' surface points should move by as much as both differ (Section 9.1, E1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import torch

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.rig import Rig
from solver_core.footage.views import View
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.networks.regions import PARTITION, Layout
from solver_core.networks.registry import landmark_network
from solver_core.observe.correspondences import Correspondences, to_reference
from solver_core.observe.observer import SIZE, Layers, Networks, Observation, Observer, RenderedFrames
from solver_core.render.sampling import visible_points

TAIL = 3.0  # reference pixels
ATTENTION = "attention"  # the network that sees regions
REGION_TAIL = 10.0  # a mouth that is open in one picture alone is a far way, and no outlier
# Reference pixels by which render and plate differ at the truth (benchmarks/region_bias.py): what is nearer is left to
# flow.
REGION_BIAS = 2.0
EMBEDDED_TOTAL = 40.0  # weight of landmarks without a render, which nothing stands beside
KEPT_BYTES = 4 * 2**20  # of a camera's landmarks of the plate, 7 kB each


@dataclass(frozen=True)
class LandmarkObservation(Observation):
    """With the landmarks themselves."""

    landmarks: Floats | None = None  # [2,L,2] the plate's and the render's, plate pixels

    def layers(self) -> Layers:
        """`landmarks`."""
        return {} if self.landmarks is None else {"landmarks": self.landmarks.astype(np.float32)}


class LandmarkObserver(Observer):
    """The shot's landmark network on render and plate. Its error is the RMS distance of their landmarks."""

    name = "landmarks"
    tail, bias, of_head = TAIL, 0.0, True
    weight = 10.0  # few: where flow sees, the bias of landmarks between render and plate does more harm than they help

    def observe(self, frames: RenderedFrames, weight: float) -> list[Observation]:
        """As Observer."""
        network = self.network
        on_plate, on_render = plate_landmarks(network, frames), render_landmarks(network, frames)
        shown = frames.picture
        seen = visible_points(
            shown.rendering.fragments, shown.points, shown.depth, frames.rig.triangles, on_render, SIZE / 8
        )
        carries = self.asked(network.layout)
        found: list[Observation] = []
        for b, crop in enumerate(frames.crops):
            points = frames.rig.sample(np.maximum(seen.triangle[b : b + 1], 0), seen.barycentric[b : b + 1])
            shift, count = on_plate[b] - on_render[b], len(on_plate[b])
            pixels, _ = frames.camera(b).project(points.world(frames.pose_of(b)))
            correspondences = Correspondences(
                frames.camera(b),
                points,
                crop.to_plate(crop.to_crop(pixels[0]) + shift),
                np.broadcast_to(to_reference(crop), (count, 2, 2)),
                np.ones(count),
                (carries & (seen.triangle[b] >= 0)).astype(float),
                self.tail,
                weight,
                bias=self.bias,
                of_head=self.of_head,
            )
            error = float(np.sqrt((shift[carries] ** 2).sum(1).mean())) * crop.scale
            landmarks = crop.to_plate(np.stack([on_plate[b], on_render[b]]))
            found.append(LandmarkObservation(correspondences, error, landmarks))
        return found

    @property
    def network(self) -> LandmarkNetwork:
        """The shot's."""
        return self.networks.landmarks

    def asked(self, layout: Layout) -> Bools:
        """[L] the landmarks that say something."""
        return carried(layout)

    def shot_layers(self) -> Layers:
        """`regions`, their names, and `region`: [L] uint8, where among these each landmark's is."""
        layout = self.networks.landmarks.layout
        region = np.zeros(len(layout.mirror), np.uint8)
        for number, name in enumerate(PARTITION):
            region[list(layout.regions[name])] = number
        return {"regions": np.array(PARTITION, np.str_), "region": region}


class RegionObserver(LandmarkObserver):
    """The landmarks of one region, where flow leaves errors that they see.

    By the attention mesh, whatever the shot's network is: it looks at lips and eyes again in windows of their own.
    What it says stands beside what all landmarks say, which is all that is drawn.
    """

    tail, bias, of_head = REGION_TAIL, REGION_BIAS, False
    regions: ClassVar[tuple[str, ...]]

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks)
        given = networks.landmarks
        self._own = given if given.name == ATTENTION else landmark_network(ATTENTION, networks.device)

    @property
    def network(self) -> LandmarkNetwork:
        """The attention mesh."""
        return self._own

    def asked(self, layout: Layout) -> Bools:
        """[L] the region's."""
        own = np.zeros(len(layout.mirror), bool)
        for region in self.regions:
            own[list(layout.regions[region])] = True
        return own & carried(layout)

    def observe(self, frames: RenderedFrames, weight: float) -> list[Observation]:
        """As Observer."""
        return [Observation(one.correspondences, one.error_px) for one in super().observe(frames, weight)]

    def shot_layers(self) -> Layers:
        """Nothing beside the landmarks'."""
        return {}


class LipObserver(RegionObserver):
    """Lips: few pixels that move far, which flow loses where the mouth opens."""

    name = "lips"
    weight = 100.0
    regions = ("lips",)


class LidObserver(RegionObserver):
    """The rims of the eyes."""

    name = "lids"
    weight = 60.0
    regions = ("eye_rims",)


def carried(layout: Layout) -> Bools:
    """[L] the landmarks that the head carries along; irises turn in it by themselves and say nothing of its pose."""
    carries = np.ones(len(layout.mirror), bool)
    carries[list(layout.regions["irises"])] = False
    return carries


def landmarks_of(network: LandmarkNetwork, images: Floats) -> Floats:  # [b,S,S,3]
    """[b,L,2] the network's landmarks in pixels of these images.

    Plate and render both come this way, so that it errs alike.
    """
    size = (network.size, network.size)
    small = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])
    points, _ = network(torch.from_numpy(small).permute(0, 3, 1, 2))
    return points.cpu().double().numpy() * (images.shape[1] / network.size)


def render_landmarks(network: LandmarkNetwork, frames: RenderedFrames) -> Floats:
    """[b,L,2] of the renders, crop pixels: once for all observers."""
    if network.name not in frames.landmarks:
        frames.landmarks[network.name] = landmarks_of(network, frames.renders)
    return frames.landmarks[network.name]


def plate_landmarks(network: LandmarkNetwork, frames: RenderedFrames) -> Floats:
    """[b,L,2] of the plates, crop pixels: through the network once a shot."""
    position = {int(i): b for b, i in enumerate(frames.index)}

    def found(unknown: Ints) -> Floats:
        return landmarks_of(network, frames.plates[[position[int(i)] for i in unknown]])

    return frames.view.derived(f"landmarks by {network.name}", frames.index, KEPT_BYTES, found)


def embedded_landmarks(
    rig: Rig, embedding: LandmarkEmbedding, layout: Layout, view: View, index: int
) -> Correspondences:
    """The plate's landmarks against their fixed places on the rig, without a render."""
    count = len(embedding.triangle)
    points = rig.sample(embedding.triangle[None], embedding.barycentric[None])
    root = np.broadcast_to(to_reference(view.crop(index, SIZE)), (count, 2, 2))
    camera, trust = view.camera[np.array([index])], carried(layout).astype(float)
    return Correspondences(camera, points, view.points[index], root, np.ones(count), trust, TAIL, EMBEDDED_TOTAL)
