"""The edge-preserving energy of Section 9.1.

Neighbouring landmarks should lie to each other in the render as they do in the plate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats, Ints
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose


@dataclass(frozen=True)
class Edges:
    """E pairs of neighbouring landmarks in each of B frames; one whose root is 0 takes no part."""

    first: Ints  # [E] landmarks where the edges begin
    second: Ints  # [E] and where they end
    root: Floats  # [B,E] 1/pixel

    def along(self, values: Floats, index: Ints) -> Floats:
        """[b,E,...] differences along the edges, weighed, of values at the landmarks [b,n,...]."""
        difference = values[:, self.first] - values[:, self.second]
        root = self.root[index].astype(values.dtype)
        return difference * root.reshape(*root.shape, *(1,) * (values.ndim - 2))


@dataclass(frozen=True)
class EdgeEnergy:
    """`root * ((p_i - p_j) - (m_i - m_j))` for E edges: p where the render has a landmark, m where the plate has it.

    A shift of the whole face costs nothing; a face that grows, shrinks or turns does.
    """

    landmarks: ReprojectionEnergy  # B frames; its own roots are not used
    edges: Edges

    def residual(self, pose: Pose, index: Ints) -> Floats:
        """[b,2E]."""
        distance = self._plain(index).residual(pose, np.arange(len(index))).reshape(len(index), -1, 2)
        return self.edges.along(distance, index).reshape(len(index), -1)

    def linear(self, pose: Pose, index: Ints, free: FreeParameters) -> tuple[Floats, Floats]:
        """[b,2E] and [b,2E,P]."""
        residual, jacobian = self._plain(index).linear(pose, np.arange(len(index)), free)
        size = (len(index), len(self.landmarks.target[0]), 2)
        edges = self.edges.along(residual.reshape(size), index)
        moving = self.edges.along(jacobian.reshape(*size, -1), index)
        return edges.reshape(len(index), -1), moving.reshape(len(index), -1, jacobian.shape[-1])

    def _plain(self, index: Ints) -> ReprojectionEnergy:
        """The landmarks of these frames in plate pixels, for those at the end of an edge that counts."""
        used = np.zeros((len(index), len(self.landmarks.target[0])), bool)
        frame, edge = np.nonzero(self.edges.root[index])
        used[frame, self.edges.first[edge]] = used[frame, self.edges.second[edge]] = True
        eye = np.where(used[..., None, None], np.eye(2), 0.0)
        return ReprojectionEnergy(
            self.landmarks.camera[index], self.landmarks.points[index], self.landmarks.target[index], eye
        )
