"""Irises of render and plate by the attention mesh: eyeballs should turn by as much as they differ between the lids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.eyes import SIDES
from solver_core.footage.views import View
from solver_core.networks.attention import AttentionMesh
from solver_core.networks.regions import ATTENTION
from solver_core.observe.correspondences import Correspondences, to_reference
from solver_core.observe.landmarks import landmarks_of
from solver_core.observe.observer import Networks, Observation, Observer, RenderedFrames

KEPT_BYTES = 4 * 2**20  # of a camera's landmarks of the plate, 8 kB each
TAIL = 6.0  # reference pixels: a saccade may be far, and no other point is there to contradict
# Height over width of the opening: below the first the network guesses where the iris is, above the second it sees it.
SHUT, OPEN = 0.12, 0.2
GAIN = 0.65  # of an iris's way from the middle of its eye: what the network says of it; it shies away from the corners
FACING = 0.35  # cosine of the angle between the face's front and the way to the camera
CORNERS = {"right": (33, 133), "left": (263, 362)}  # outer, inner
# the upper lid's landmark above the lower lid's
LIDS = {"right": ((160, 144), (159, 145), (158, 153)), "left": ((387, 373), (386, 374), (385, 380))}


@dataclass(frozen=True)
class Irises:
    """What the attention mesh says of the eyes in b pictures, in the pictures' pixels. Of each the right eye first."""

    points: Floats  # [b,478,2]

    @cached_property
    def middle(self) -> Floats:
        """[b,2,2] of the iris: the mean of its centre and its rim."""
        regions = ATTENTION.regions
        return np.stack([self.points[:, list(regions[f"irises_{side}"])].mean(1) for side in SIDES], 1)

    @cached_property
    def between(self) -> Floats:
        """[b,2,2] the middle of the eye's corners, which lids and gaze do not move."""
        return np.stack([self.points[:, list(CORNERS[side])].mean(1) for side in SIDES], 1)

    @cached_property
    def opening(self) -> Floats:
        """[b,2] height of the opening over the distance of the eye's corners."""
        found = []
        for side in SIDES:
            upper, lower = (self.points[:, list(ids)] for ids in zip(*LIDS[side], strict=True))
            outer, inner = (self.points[:, corner] for corner in CORNERS[side])
            width = np.maximum(np.linalg.norm(outer - inner, axis=-1), 1e-6)
            found.append(np.linalg.norm(upper - lower, axis=-1).mean(1) / width)
        return np.stack(found, 1)

    @property
    def seen(self) -> Floats:
        """[b,2] 0 to 1: how far the iris is seen and not guessed."""
        return np.clip((self.opening - SHUT) / (OPEN - SHUT), 0.0, 1.0)


class IrisObserver(Observer):
    """The point of each eyeball that looks, moved by as much as the irises of plate and render differ.

    Irises are measured from the middle of their eye's corners: where lids lie beside the plate's, the gaze does not
    make up for it. It says nothing of an eye that is shut in the plate, nor of a head whose eyeballs nothing turns.
    """

    name = "irises"
    weight = 60.0

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks)
        own = self.networks.landmarks
        self._network = own if isinstance(own, AttentionMesh) else AttentionMesh(self.networks.device)

    def irises(self, images: Floats) -> Irises:  # [b,S,S,3]
        """Of pictures in the shot's crops."""
        return Irises(landmarks_of(self._network, images))

    def plate_irises(self, view: View, index: Ints, plates: Floats) -> Irises:
        """Of the plates [b,S,S,3] of these frames [b], once a shot."""
        position = {int(i): b for b, i in enumerate(index)}

        def found(unknown: Ints) -> Floats:
            return landmarks_of(self._network, plates[[position[int(i)] for i in unknown]])

        return Irises(view.derived("landmarks by attention", index, KEPT_BYTES, found))

    def observe(self, frames: RenderedFrames, weight: float) -> list[Observation]:
        """As Observer."""
        eyes = frames.eyes
        if eyes is None or not eyes.turn:
            return [Observation(None) for _ in range(len(frames))]
        plate, render = self.plate_irises(frames.view, frames.index, frames.plates), self.irises(frames.renders)
        own = np.array([SIDES.index(ball.side) for ball in eyes.balls])
        found = []
        for b, crop in enumerate(frames.crops):
            trust = plate.seen[b, own]
            if not trust.any():
                found.append(Observation(None))
                continue
            points = eyes.points(frames.rig, 1)
            pixels, _ = frames.camera(b).project(points.world(frames.pose_of(b)))
            place = crop.to_crop(pixels[0])
            # where the render's own lid hides it the network guesses there: then it is where it is
            shown = render.seen[b, own, None]
            is_at = shown * render.middle[b, own] + (1 - shown) * place
            shift = (plate.middle - plate.between)[b, own] - (is_at - render.between[b, own])
            correspondences = Correspondences(
                frames.camera(b),
                points,
                crop.to_plate(place + shift / GAIN),
                np.broadcast_to(to_reference(crop), (len(own), 2, 2)),
                np.ones(len(own)),
                trust * eyes_facing(frames, b),
                TAIL,
                weight,
            )
            error = float(np.sqrt((shift[trust > 0] ** 2).sum(1).mean())) * crop.scale
            found.append(Observation(correspondences, error))
        return found


def eyes_facing(frames: RenderedFrames, b: int) -> Bools:
    """[n] which eyes the camera sees from in front: of one in profile, or behind the nose, the network guesses."""
    eyes = frames.eyes
    assert eyes is not None
    camera = frames.camera(b)
    matrix = camera.world_to_camera[0]
    pose = frames.pose_of(b)
    front = pose.rotation[0] @ eyes.front
    eye = -matrix[:, :3].T @ matrix[:, 3]
    towards = eye - eyes.points(frames.rig, 1).world(pose)[0]
    cosine = (towards @ front) / np.maximum(np.linalg.norm(towards, axis=1), 1e-9)
    facing: Bools = cosine > FACING
    return facing
