"""What an observer is.

It compares renders of the head with the plate, and says where points of the head should be seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from solver_core.camera.camera import Camera
from solver_core.camera.crop import Crop
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.eyes import Eyes
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.flow.network import FlowNetwork
from solver_core.footage.views import View
from solver_core.look.synthesis import Picture
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.observe.correspondences import Correspondences

SIZE = 320  # pixels of the crop in which render and plate are compared

Layers = Mapping[str, npt.NDArray[Any]]  # arrays to be drawn over the plate, by name (docs/shot_format.md)


@dataclass(frozen=True)
class Networks:
    """What the solve has loaded already; an observer with a network of its own loads that on the same device."""

    landmarks: LandmarkNetwork
    flow: FlowNetwork
    device: str


@dataclass(frozen=True)
class RenderedFrames:
    """b frames of one camera: the head rendered at a pose each, and the plate, in the same crops."""

    rig: Rig
    view: View
    index: Ints  # [b] of the shot's frames
    pose: Pose  # b
    plates: Floats  # [b,SIZE,SIZE,3] display-referred
    picture: Picture  # the renders, and the geometry that they show
    head: Bools  # [T] triangles that move with the skull and the face
    eyes: Eyes | None = None  # where they are known
    landmarks: dict[str, Floats] = field(default_factory=dict)  # of the renders by network: several observers ask

    def __len__(self) -> int:
        """How many frames."""
        return len(self.index)

    @property
    def renders(self) -> Floats:
        """[b,SIZE,SIZE,3] display-referred."""
        return self.picture.rendering.image

    @cached_property
    def crops(self) -> list[Crop]:
        """Of each frame, sampled to SIZE."""
        return [self.view.crop(int(i), SIZE) for i in self.index]

    def camera(self, b: int) -> Camera:
        """The camera in one of the frames."""
        return self.view.camera[self.index[b : b + 1]]

    def pose_of(self, b: int) -> Pose:
        """The pose of one of the frames."""
        return self.pose[np.array([b])]


@dataclass(frozen=True)
class Observation:
    """What an observer saw of one frame in one camera."""

    correspondences: Correspondences | None  # None: nothing of the head could be compared
    error_px: float = float("nan")  # how far render and plate are apart as this observer counts it, plate pixels

    def layers(self) -> Layers:
        """What the add-on draws of this frame.

        An observer that leaves something to be drawn has observations of its own class.
        """
        return {}


class Observer(ABC):
    """Compares renders with the plate.

    A subclass is added to a step's `observers` by its name once it is registered (registry.py).
    """

    name: ClassVar[str]  # in the catalogue and in stage files
    weight: ClassVar[float]  # by default: all that it says of a frame weighs as much as this many independent points
    sees_detail: ClassVar[bool] = False  # whether its points are the surface's own detail, which a bundle can let slide

    def __init__(self, networks: Networks) -> None:
        self.networks = networks

    @abstractmethod
    def observe(self, frames: RenderedFrames, weight: float) -> list[Observation]:
        """B observations, whose correspondences weigh `weight` in total."""

    def shot_layers(self) -> Layers:
        """What drawing needs to know that is the same in the whole shot."""
        return {}

    def camera_layers(self, view: View) -> Layers:
        """What drawing needs to know that is the same in all frames of a camera."""
        del view
        return {}
