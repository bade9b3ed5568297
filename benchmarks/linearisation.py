"""Times of one frame's linearisation.

usage: python -m benchmarks.linearisation [--points N] [--keys K] (with OMP_NUM_THREADS=1)

5,000 points of the demo's head with 53 keys, without and with a jaw joint, in milliseconds, the best of thirty:
sampling them, their residuals, their residuals and Jacobian, and the whole Gauss-Newton model.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from little_shot import camera, demo_rig, jaw_performance, performance, with_jaw_bone

from solver_core.energies.energy import FaceProblem
from solver_core.energies.reprojection import ReprojectionEnergy, isotropic
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.parameters import FreeParameters

TIMES = 30
ONE = np.array([0])


def with_keys(rig: BlendshapeRig, count: int) -> BlendshapeRig:
    """The rig with its keys repeated, or cut off, to `count`."""
    take = np.arange(count) % len(rig.names)
    return replace(
        rig,
        names=tuple(f"{rig.names[k]} {i}" if i >= len(rig.names) else rig.names[k] for i, k in enumerate(take)),
        groups=tuple(rig.groups[k] for k in take),
        deltas=rig.deltas[take],
        **{name: getattr(rig, name)[take] for name in ("minimum", "maximum", "solved", "strength")},
    )


def best(function: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=5000)
    parser.add_argument("--keys", type=int, default=53)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| ms | sample | residual | linear | quadratic |\n| --- | ---: | ---: | ---: | ---: |")
    plain = with_keys(demo_rig(), arguments.keys)
    for name, rig in (("keys", plain), ("keys and a jaw", with_jaw_bone(plain))):
        pose = (jaw_performance if rig.joints else performance)(rig, 2)[ONE]
        view = camera("A", 1, (0.1, -0.95, 0.02))
        # in the order in which a picture shows them, as the solver asks
        triangle = np.sort(rng.integers(0, len(rig.triangles), arguments.points))[None]
        share = rng.dirichlet(np.ones(3), (1, arguments.points))
        points = rig.sample(triangle, share)
        target = view.project(points.world(pose))[0] + 1.0
        energy = ReprojectionEnergy(view, points, target, isotropic(np.ones(target.shape[:2])))
        free = FreeParameters(np.arange(len(rig.names)), {name: joint.solved for name, joint in rig.joints.items()})
        problem = FaceProblem([energy], rig, free)
        times = [
            best(lambda r=rig, t=triangle, s=share: r.sample(t, s)),
            best(lambda e=energy, p=pose: e.residual(p, ONE)),
            best(lambda e=energy, p=pose, f=free: e.linear(p, ONE, f)),
            best(lambda q=problem, p=pose: q.quadratic(p, ONE)),
        ]
        print(f"| {name} | {' | '.join(f'{t:.1f}' for t in times)} |")


if __name__ == "__main__":
    main()
