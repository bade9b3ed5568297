"""A quadratic over several frames that are linked with each other.

It is solved by sweeps, all frames in parallel or one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Floats
from solver_core.optimise.box import box_minimum

# Of parallel steps: second differences couple a frame's neighbours so strongly that whole steps would overshoot.
DAMPING = 0.5


@dataclass
class ChainQuadratic:
    """`g.s + s'As/2` over n frames' steps `s` [n,P]; `A` is symmetric, positive semidefinite, and mostly zero."""

    gradient: Floats  # [n,P]
    diagonal: Floats  # [n,P,P] each frame's own curvature
    across: dict[tuple[int, int], Floats]  # (a, b) with a < b: [P,P], the curvature between two frames

    @classmethod
    def zero(cls, count: int, size: int) -> ChainQuadratic:
        """Nothing is known of `count` frames with `size` parameters."""
        return cls(np.zeros((count, size)), np.zeros((count, size, size)), {})

    def add(self, frames: tuple[int, ...], residual: Floats, jacobians: list[Floats]) -> None:
        """Add the sum of squares of `residual + sum(jacobian @ s[frame])`, halved.

        Args:
            frames: which frames the residual depends on, each once.
            residual: [M].
            jacobians: [M,P] for each of the frames.
        """
        for position, (a, first) in enumerate(zip(frames, jacobians, strict=True)):
            self.gradient[a] += first.T @ residual
            self.diagonal[a] += first.T @ first
            for b, second in zip(frames[position + 1 :], jacobians[position + 1 :], strict=True):
                low, high, product = (a, b, first.T @ second) if a < b else (b, a, second.T @ first)
                self.across[low, high] = self.across.get((low, high), 0.0) + product.astype(np.float64)

    def take(self, other: ChainQuadratic, frames: Sequence[int]) -> None:
        """Add another over fewer frames, which are these."""
        index = np.asarray(frames, int)
        np.add.at(self.gradient, index, other.gradient)
        np.add.at(self.diagonal, index, other.diagonal)
        for (a, b), block in other.across.items():
            low, high, own = (frames[a], frames[b], block) if frames[a] < frames[b] else (frames[b], frames[a], block.T)
            self.across[low, high] = self.across.get((low, high), 0.0) + own

    def value(self, step: Floats) -> float:
        """At a step [n,P]."""
        return float((step * (self.gradient + 0.5 * self._curved(step))).sum())

    def _curved(self, step: Floats) -> Floats:
        """[n,P] A s."""
        out = np.einsum("npq,nq->np", self.diagonal, step)
        for (a, b), block in self.across.items():
            out[a] += block @ step[b]
            out[b] += block.T @ step[a]
        return out

    def minimum(
        self, low: Floats, high: Floats, sweeps: int, *, parallel: bool = False, tolerance: float = 1e-6
    ) -> Floats:
        """The step that minimises it inside the box, frame by frame with the others held (Section 8's step k).

        Args:
            low: [n,P], not above zero.
            high: [n,P], not below zero.
            sweeps: at most this many.
            parallel: all frames from the last sweep's values (Jacobi), instead of each from the newest ones, forward
                through the frames and backward in turns (Gauss-Seidel). Both rest at the same place.
            tolerance: stop where no parameter moves by more than this share of the largest move so far of its kind.

        Returns:
            [n,P].
        """
        step = np.zeros_like(self.gradient)
        neighbours: list[list[tuple[int, Floats]]] = [[] for _ in step]
        for (a, b), block in self.across.items():
            neighbours[a].append((b, block))
            neighbours[b].append((a, block.T))

        def pull(frame: int) -> Floats:
            total = self.gradient[frame].copy()
            for other, block in neighbours[frame]:
                total += block @ step[other]
            return total

        largest = np.zeros(step.shape[1])
        for sweep in range(sweeps):
            before = step.copy()
            if parallel:
                wanted = box_minimum(self.diagonal, np.stack([pull(f) for f in range(len(step))]), low, high)
                step += DAMPING * (wanted - step)
            else:
                order = range(len(step)) if sweep % 2 == 0 else range(len(step) - 1, -1, -1)
                for f in order:
                    one = slice(f, f + 1)
                    step[f] = box_minimum(self.diagonal[one], pull(f)[None], low[one], high[one])[0]
            moved = np.abs(step - before).max(0)
            largest = np.maximum(largest, np.abs(step).max(0))
            if np.all(moved <= tolerance * np.maximum(largest, 1e-12)):
                break
        return step
