"""Energies of several frames that share weights and focal lengths, as one least-squares problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.energies.energy import FaceProblem
from solver_core.energies.reprojection import ReprojectionEnergy
from solver_core.face.blocks import RIGID
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.optimise.dogleg import Quadratic


@dataclass
class Together:
    """B frames whose shared keys have the same weights in all of them, and C cameras."""

    pose: Pose  # B frames
    zoom: Floats  # [C] natural logarithms of what each camera's focal length is multiplied by

    def copy(self) -> Together:
        """A deep copy."""
        return Together(self.pose.copy(), self.zoom.copy())


@dataclass(frozen=True)
class Sight:
    """What one camera says of one of the B frames."""

    frame: int
    camera: int  # of C
    energy: ReprojectionEnergy  # of one frame


@dataclass(frozen=True)
class Shared:
    """What the frames have in common, and how it is held.

    The residuals are `root @ (weights - centre)` and `zoom_root * (zoom - zoom_centre)`.
    """

    keys: Ints  # [q] shape keys with one weight for all frames
    centre: Floats  # [q]
    root: Floats  # [m,q] 1 per unit of weight
    zoom_centre: Floats  # [C]
    zoom_root: float  # 1 per unit of the logarithm
    zoom_free: bool


class SharedProblem:
    """One problem (optimise.dogleg.Problem) in every frame's own parameters, then the shared weights, then the zooms.

    Sliders bound the weights, so the frames' own parameters cannot be eliminated in closed form (Schur complement): the
    whole box is solved at once. For the eight frames that a fit takes it has some 600 unknowns.
    """

    def __init__(self, sights: Sequence[Sight], own: FaceProblem, rig: Rig, shared: Shared) -> None:
        """`own` has the energies of each frame alone (priors) and its free parameters, none of them shared."""
        self.sights, self.own, self.shared = sights, own, shared
        self._low, self._high = rig.minimum[shared.keys], rig.maximum[shared.keys]
        self._each = own.free.size

    def cost(self, state: Together, index: Ints) -> Floats:
        """[1] sum of all energies; infinite where a residual is not finite."""
        total = self.own.cost(state.pose, np.arange(len(state.pose))).sum() + (self._held(state) ** 2).sum()
        for sight in self.sights:
            total += (self._seen(sight, state).residual(*_one(state.pose, sight)).astype(np.float64) ** 2).sum()
        return np.full(len(index), total if np.isfinite(total) else np.inf)

    def quadratic(self, state: Together, index: Ints) -> Quadratic:
        """The Gauss-Newton model."""
        start = len(state.pose) * self._each
        size = start + len(self.shared.keys) + len(state.zoom)
        alone = self.own.quadratic(state.pose, np.arange(len(state.pose)))
        held = linalg.block_diag(self.shared.root, self.shared.zoom_root * np.eye(len(state.zoom)))
        gradient = np.concatenate([alone.gradient.ravel(), held.T @ self._held(state)])
        hessian = linalg.block_diag(*alone.hessian, held.T @ held)
        free = replace(self.own.free, keys=np.concatenate([self.shared.keys, self.own.free.keys]))
        for sight in self.sights:
            energy, one = self._seen(sight, state), _one(state.pose, sight)
            residual, jacobian = energy.linear(*one, free)
            columns = np.concatenate([jacobian[0], energy.focal_derivative(*one)[0][:, None]], 1).astype(np.float64)
            own = sight.frame * self._each + np.arange(self._each)
            common = start + np.arange(len(self.shared.keys))
            place = np.concatenate([own[:RIGID], common, own[RIGID:], [size - len(state.zoom) + sight.camera]])
            gradient[place] += columns.T @ residual[0]
            hessian[np.ix_(place, place)] += columns.T @ columns
        return Quadratic(self.cost(state, index), gradient[None], hessian[None])

    def stepped(self, state: Together, step: Floats) -> Together:
        """The state after a step [1,P]; weights never leave their sliders."""
        start = len(state.pose) * self._each
        pose = self.own.stepped(state.pose, step[0, :start].reshape(len(state.pose), -1))
        weights, zoom = np.split(step[0, start:], [len(self.shared.keys)])
        # adding a step that ends at a bound can round past it
        pose.weights[:, self.shared.keys] = np.clip(pose.weights[:, self.shared.keys] + weights, self._low, self._high)
        return Together(pose, state.zoom + zoom)

    def bounds(self, state: Together) -> tuple[Floats, Floats]:
        """Sliders bound the weights; a focal length that is not asked for may not move."""
        weights = state.pose.weights[0, self.shared.keys]
        zoom = np.full(len(state.zoom), np.inf if self.shared.zoom_free else 0.0)
        low, high = self.own.bounds(state.pose)
        return (
            np.concatenate([low.ravel(), np.minimum(self._low - weights, 0), -zoom])[None],
            np.concatenate([high.ravel(), np.maximum(self._high - weights, 0), zoom])[None],
        )

    def select(self, state: Together, index: Ints | Bools) -> Together:
        """A copy: there is one problem only."""
        del index
        return state.copy()

    def assign(self, state: Together, index: Ints, value: Together) -> None:
        """Write it back, in place."""
        if len(index):
            state.pose.assign(np.arange(len(state.pose)), value.pose)
            state.zoom[:] = value.zoom

    def _held(self, state: Together) -> Floats:
        """[m+C] residuals of what is shared."""
        weights = self.shared.root @ (state.pose.weights[0, self.shared.keys] - self.shared.centre)
        return np.concatenate([weights, self.shared.zoom_root * (state.zoom - self.shared.zoom_centre)])

    @staticmethod
    def _seen(sight: Sight, state: Together) -> ReprojectionEnergy:
        return sight.energy.zoomed(float(np.exp(state.zoom[sight.camera])))


def _one(pose: Pose, sight: Sight) -> tuple[Pose, Ints]:
    """One frame's pose, and its index in an energy of one frame."""
    return pose[np.array([sight.frame])], np.array([0])
