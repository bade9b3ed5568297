"""What each region's landmarks are worth: how far plate and render are apart at the true parameters, by network.

usage: python -m benchmarks.region_bias [--shared ../shared] [--every 6]

Prints for each shot, appearance and network, in % of the distance between the outer corners of the eyes: what is
constant over the shot for each landmark (RMS over the region), and what scatters around it. *Stiff* is the light and a
colour for each part of the head; *skin* has the plates' detail baked at the true poses.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core.look.look import Look
from solver_core.look.synthesis import picture
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.networks.registry import landmark_network
from solver_core.observe.landmarks import landmarks_of
from solver_core.observe.observer import SIZE
from solver_core.solve import prepare_context
from solver_core.stages.context import Context
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.skin import bake

SHOTS = ("talk", "dressed")
NETWORKS = ("facemesh", "attention")
EYE_CORNERS = 33, 263  # the outer ones, of both networks
REGIONS = ("lips", "eye_rims", "brows", "nose", "cheeks", "jaw_line")


def apart(context: Context, look: Look, network: LandmarkNetwork) -> np.ndarray:
    """[N,L,2] render minus plate, % of the eyes' distance in the plate."""
    (view,) = context.views
    index = np.flatnonzero(view.seen)
    plates = view.images(index, SIZE)
    look = look.under(look.lights[0])
    shown = picture(context.rig, context.renderer, view, context.pose[index], index, SIZE, look, plates)
    on_plate, on_render = landmarks_of(network, plates), landmarks_of(network, shown.rendering.image)
    eyes = np.linalg.norm(on_plate[:, EYE_CORNERS[0]] - on_plate[:, EYE_CORNERS[1]], axis=1)
    return (on_render - on_plate) / eyes[:, None, None] * 100


def row(difference: np.ndarray, network: LandmarkNetwork) -> list[str]:
    """Constant part and scatter of each region."""
    cells = []
    for region in REGIONS:
        part = difference[:, list(network.layout.regions[region])]
        constant = np.median(part, 0)
        scatter = np.sqrt(((part - constant) ** 2).sum(2).mean())
        cells.append(f"{np.sqrt((constant**2).sum(1).mean()):.1f}, {scatter:.1f}")
    return cells


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--every", type=int, default=6)
    arguments = parser.parse_args()
    print("| shot, grey | appearance | network | " + " | ".join(REGIONS) + " |")
    print("| --- | --- | --- |" + " --- |" * len(REGIONS))
    with tempfile.TemporaryDirectory() as scratch:
        for name in SHOTS:
            shot, truth = exported(arguments.shared, name, Path(scratch), arguments.every)
            shot = replace(shot, rig=replace(shot.rig, colors=None))
            context = prepare_context(shot, lambda _done, _total: True)
            context.pose = truth.at(shot.frames, shot.rig.names)
            estimate_lights(context)
            for appearance, look in (("stiff", context.look), ("skin", bake(context))):
                for network in (landmark_network(one) for one in NETWORKS):
                    cells = row(apart(context, look, network), network)
                    print(f"| {name} | {appearance} | {network.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
