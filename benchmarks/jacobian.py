"""The exact Jacobian of the deep energy against the paper's way: one backward pass for each landmark coordinate.

usage: python -m benchmarks.jacobian [--landmarks 468] (with OMP_NUM_THREADS=1)

FaceMesh on the demo's head, the six columns of the head's motion, at a pose that is a little off: processor time of
each (the best of three; of backward, which takes a minute, once), their ratio, and how far apart the two are. With
fewer landmarks the backward passes are timed on those, and counted up to all.
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

from little_shot import LIGHT, camera, demo_rig, film, performance

from solver_core.energies.landmark import LandmarkEnergy
from solver_core.energies.windows import PlateWindows
from solver_core.face.parameters import FreeParameters
from solver_core.look.look import Look
from solver_core.look.synthesis import backdrop, projected
from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.landmarks import Found, locate
from solver_core.networks.short_range import ShortRangeDetector
from solver_core.render.renderer import Renderer

ONE = np.array([0])
WANTED_RATIO, WANTED_DIFFERENCE = 40.0, 1e-4


def scene() -> tuple[LandmarkEnergy, object]:
    """The energy of one frame, and a pose 2 degrees and 4 mm off."""
    rig, network, view = demo_rig(), FaceMesh(), camera("A", 1, (0.1, -0.95, 0.02))
    truth = performance(rig, 5)[np.array([1])]
    plate = film(rig, truth, view)[0]
    found = locate(plate, network, ShortRangeDetector())
    if not isinstance(found, Found):
        sys.exit(found.reason)
    step = np.zeros((1, 6 + len(rig.names)))
    step[0, :6] = [0.02, -0.03, 0.02, 0.002, -0.003, 0.001]
    off = truth.stepped(step)
    renderer, look = Renderer(rig.triangles), Look(rig.colors, (LIGHT,))
    _, points, depth, _ = projected(rig, view, found.crop.matrix()[None], off)
    behind = backdrop(renderer, points, depth, found.crop.sample(plate)[None])
    windows = PlateWindows([found.crop], behind)
    root = np.ones((1, network.count))
    return LandmarkEnergy(rig, renderer, network, view, found.points[None], windows, look, root), off


class Some:
    """FaceMesh's first landmarks alone, for the derivative."""

    def __init__(self, network: FaceMesh, count: int) -> None:
        self.network, self.count = network, count
        self.name, self.size, self.layout = network.name, network.size, network.layout

    def __getattr__(self, name: str) -> object:
        return getattr(self.network, name)

    def jvp(self, images, tangents):
        points, moved = self.network.jvp(images, tangents)
        return points[:, : self.count], moved[:, :, : self.count]

    def differentiable(self, images):
        return self.network.differentiable(images)[:, : self.count]


def seconds(function: Callable[[], object]) -> float:
    """Of processor time."""
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    """Print the table; the exit status says whether the exact one is fast and equal enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--landmarks", type=int, default=468)
    arguments = parser.parse_args()
    energy, pose = scene()
    count = arguments.landmarks
    some = replace(
        energy,
        network=Some(energy.network, count),
        target=energy.target[:, :count],
        root=energy.root[:, :count],
    )
    free = FreeParameters(np.zeros(0, int))
    found = {}

    def linear(how: str, of: LandmarkEnergy = energy) -> Callable[[], None]:
        def run() -> None:
            found[how] = replace(of, jacobian=how).linear(pose, ONE, free)[1][0].astype(float)

        return run

    linear("exact")()  # compiles
    times = {how: min(seconds(linear(how)) for _ in range(3)) for how in ("exact", "material")}
    times["backward"] = seconds(linear("backward", some)) * energy.network.count / count
    exact = found["exact"][: 2 * count]
    apart = np.linalg.norm(found["backward"] - exact, axis=0) / np.linalg.norm(exact, axis=0)
    print("| Jacobian, FaceMesh, 6 columns | seconds | over exact |\n| --- | ---: | ---: |")
    for how, one in times.items():
        print(f"| {how} | {one:.3f} | {one / times['exact']:.1f} |")
    ratio = times["backward"] / times["exact"]
    print(f"exact and backward differ by {apart.max():.1e} of a column; wanted: {WANTED_DIFFERENCE:g}")
    print(f"exact is {ratio:.0f} times faster; wanted: {WANTED_RATIO:g}")
    sys.exit(0 if ratio >= WANTED_RATIO and apart.max() <= WANTED_DIFFERENCE else 1)


if __name__ == "__main__":
    main()
