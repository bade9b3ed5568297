"""Where a landmark network looks at the render: in the plate's own crop, or where a detector finds the render's face.

Section 5 detects and crops the render anew at every evaluation, `S(C(F, D(F)), D(F))`; a crop that stays gives a
smoother energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.camera.crop import Crop
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.look.look import Look
from solver_core.look.synthesis import projected
from solver_core.networks.detector import FaceDetector
from solver_core.networks.landmarks import Found, LandmarkNetwork, locate
from solver_core.render.renderer import Renderer

LARGEST = 1024  # pixels of the picture that a detector sees


@dataclass(frozen=True)
class Windows:
    """Of b frames."""

    matrices: Floats  # [b,2,3] plate pixels to the window's
    inverses: Floats  # [b,2,3] and back
    background: Floats | None  # [b,S,S,3] linear, what stands behind the head; None: grey
    found: Bools  # [b] false where the render shows no face


class Looking(Protocol):
    """Says where the network looks at the renders of some of B frames, `index`, at their poses."""

    def __call__(self, pose: Pose, index: Ints) -> Windows:
        """Windows of b frames."""


@dataclass(frozen=True)
class PlateWindows:
    """The plate's own crops, with what stands behind the head held still."""

    crops: Sequence[Crop]  # B, of the network's size
    background: Floats  # [B,S,S,3] linear

    def __call__(self, pose: Pose, index: Ints) -> Windows:
        """The same for any pose."""
        del pose
        return _windows([self.crops[i] for i in index], self.background[index], np.ones(len(index), bool))


@dataclass(frozen=True)
class RenderWindows:
    """Where the detector finds the face in a render of the whole picture, which has grey behind the head."""

    rig: Rig
    renderer: Renderer
    network: LandmarkNetwork
    detector: FaceDetector
    camera: Camera  # B frames
    look: Look  # in this camera's light
    # the last answer: an accepted trial is asked for again when it is linearised
    _last: list[tuple[Pose, Ints, Windows]] = field(default_factory=list)

    def __call__(self, pose: Pose, index: Ints) -> Windows:
        """Found anew at every pose; under differentiation the windows are constant, as in the paper."""
        for before, frames, windows in self._last:
            if np.array_equal(frames, index) and not pose.differs(before).any():
                return windows
        windows = self._found(pose, index)
        self._last[:] = [(pose[:], index.copy(), windows)]
        return windows

    def _found(self, pose: Pose, index: Ints) -> Windows:
        whole = self._whole()
        camera = self.camera[index]
        matrices = np.tile(whole.matrix(), (len(index), 1, 1))
        _, points, depth, normals = projected(self.rig, camera, matrices, pose)
        images = self.renderer.render(
            points, depth, normals, self.look, None, whole.size, whole.size, head_rotation=pose.rotation
        ).image
        seen = [locate(image, self.network, self.detector) for image in images]
        crops = [self._placed(one, whole) for one in seen]
        return _windows(crops, None, np.array([isinstance(one, Found) for one in seen]))

    def _whole(self) -> Crop:
        """The smallest square around the plate."""
        side = max(self.camera.width, self.camera.height)
        return Crop((self.camera.width / 2, self.camera.height / 2), side, 0.0, min(side, LARGEST))

    def _placed(self, seen: object, whole: Crop) -> Crop:
        """The window in plate pixels; any where there is none."""
        if not isinstance(seen, Found):
            return Crop(whole.centre, whole.side, 0.0, self.network.size)
        x, y = whole.to_plate(np.array(seen.crop.centre))
        return Crop((float(x), float(y)), seen.crop.side * whole.scale, seen.crop.angle, self.network.size)


def _windows(crops: Sequence[Crop], background: Floats | None, found: Bools) -> Windows:
    matrices, inverses = (np.stack([way(crop) for crop in crops]) for way in (Crop.matrix, Crop.inverse))
    return Windows(matrices, inverses, background, found)
