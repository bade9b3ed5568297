"""Both eyes look at one point, unless irises say otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.face.blocks import RIGID
from solver_core.face.eyes import Eyes
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig, SurfacePoints, unmoved

# In radians of one eye against the other, what costs as much as one point a reference pixel from its place. Eyes turn
# inwards together by some degrees to what is near; one higher than the other is a mistake of the network.
ACROSS, UPWARDS = np.radians(1.0), np.radians(0.5)


@dataclass(frozen=True)
class OneGaze:
    """`(turn_right - turn_left) / (ACROSS, UPWARDS)`: sines of the eyes' turns."""

    points: SurfacePoints  # [1,2] the right and the left eye's
    rest: Floats  # [2,3] where they rest, metres
    maps: Floats  # [2,2,3] what of each point's place counts: across and upwards, over its eyeball's radius

    @classmethod
    def of(cls, eyes: Eyes | None, rig: Rig) -> list[OneGaze]:
        """The energy of one frame of a head; none where it has not both eyeballs, or nothing turns them."""
        if eyes is None or not eyes.turn or len(eyes.balls) != 2:
            return []
        points = eyes.points(rig, 1)
        across = np.cross(eyes.up, eyes.front)
        ways = np.stack([across / ACROSS, eyes.up / UPWARDS])
        maps = np.stack([sign * ways / ball.radius for sign, ball in zip((1, -1), eyes.balls, strict=True)])
        return [cls(points, points.local(unmoved(np.zeros((1, len(rig.names)))))[0], maps)]

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,2]."""
        moved = self._points(index).local(pose) - self.rest
        found: Floats = np.einsum("nmx,bnx->bm", self.maps, moved)
        return found

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,2] and [b,2,P]; the head's own motion changes nothing."""
        whole = np.zeros((len(index), 2, 2, free.size), np.float32)
        maps = np.broadcast_to(self.maps, (len(index), *self.maps.shape)).astype(np.float32)
        own = np.zeros((*whole.shape[:3], free.size - RIGID), np.float32)
        self._points(index).local_derivative(pose, free, maps, own)
        whole[..., RIGID:] = own
        return self.residual(pose, index), whole.sum(1)

    def _points(self, index: Ints) -> SurfacePoints:
        return self.points[np.zeros(len(index), int)] if len(index) > 1 else self.points
