"""End-point errors of flow networks from a render to the filmed plate.

Usage: python -m benchmarks.flow_on_shots SHOT_DIR TRUTH.npz [NAME ...]

The head is rendered a little off its true pose, with the light estimated as the solver does; the true flow is where the
true pose puts each rendered point of the surface. Errors are pixels of the crop in which the solver measures flow, on
the face.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from solver_core.documents.shot import load_shot
from solver_core.face.pose import Pose
from solver_core.flow.networks.own import FACTOR, Own
from solver_core.flow.networks.registry import flow_network
from solver_core.flow.networks.torch_flow import TorchFlow
from solver_core.look.synthesis import picture
from solver_core.observe.observer import SIZE
from solver_core.report.compare import load_truth
from solver_core.solve import prepare_context
from solver_core.stages.shared.light import estimate_lights

DEGREES, SIDEWAYS, DEPTH = 2.0, 0.004, 0.01  # how far off: a turn, metres across the line of sight, metres along it
BEHIND = 0.005  # metres: a point this far behind the true render's surface is hidden in the plate
FAR = 3.0  # pixels: an error by which a vector is of no use


def off(pose: Pose, rng: np.random.Generator) -> Pose:
    """The poses, each turned and moved."""
    count = len(pose)
    axis = rng.normal(size=(count, 3))
    turn = Rotation.from_rotvec(np.radians(DEGREES) * axis / np.linalg.norm(axis, axis=1, keepdims=True)).as_matrix()
    shift = rng.normal(size=(count, 3)) * (SIDEWAYS, DEPTH, SIDEWAYS)
    return Pose(turn @ pose.rotation, pose.translation + shift, pose.weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shot", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("names", nargs="*", help="networks of the registry (default: dis)")
    parser.add_argument("--checkpoint", type=Path, help="of a training")
    parser.add_argument("--every", type=int, default=6, help="every n-th frame")
    arguments = parser.parse_args()
    networks = [flow_network(name) for name in arguments.names or ["dis"]]
    if arguments.checkpoint:
        own = Own()
        own.load_state_dict(torch.load(arguments.checkpoint, weights_only=True)["network"])
        networks.append(TorchFlow("checkpoint", own, FACTOR, FACTOR, torch.device("cpu")))
    shot, truth = load_shot(arguments.shot), load_truth(arguments.truth)
    known = np.flatnonzero(np.isin(shot.frames, truth.frames) & ~np.isin(shot.frames, truth.hidden))
    shot = shot.at(known[:: arguments.every])
    context = prepare_context(shot, lambda _done, _total: True)
    true = truth.at(shot.frames, shot.rig.names)
    context.pose = true
    estimate_lights(context)
    view, look = context.views[0], context.look.under(context.look.lights[0])
    index = np.flatnonzero(view.seen)
    plates, apart = view.images(index, SIZE), off(true, np.random.default_rng(0))[index]
    shown = picture(context.rig, context.renderer, view, apart, index, SIZE, look, plates)
    expected = picture(context.rig, context.renderer, view, true[index], index, SIZE, look, plates)
    print("| network | mean | median | 95 % | over 3 px | seconds a pair |")
    print("| --- | --- | --- | --- | --- | --- |")
    for network in networks:
        began = time.perf_counter()
        flows = network(shown.rendering.image, plates)
        seconds, errors = (time.perf_counter() - began) / len(index), []
        for b, i in enumerate(index):
            fragments = shown.rendering.fragments
            rows, columns = np.nonzero((fragments.triangle[b] >= 0) & context.face_triangles[fragments.triangle[b]])
            points = context.rig.sample(
                fragments.triangle[b][rows, columns][None], fragments.barycentric[b][rows, columns][None]
            )
            pixels, depth = view.camera[index[b : b + 1]].project(points.world(true[np.array([i])]))
            there = view.crop(int(i), SIZE).to_crop(pixels[0])
            place = np.clip(there.astype(int), 0, SIZE - 1)
            seen = depth[0] < expected.rendering.fragments.depth[b][place[:, 1], place[:, 0]] + BEHIND
            wanted = there - np.stack([columns, rows], 1) - 0.5
            errors.append(np.linalg.norm(flows[b][rows, columns] - wanted, axis=1)[seen])
        every = np.concatenate(errors)
        print(
            f"| {network.name} | {every.mean():.2f} | {np.median(every):.2f} | {np.percentile(every, 95):.2f} "
            f"| {np.mean(every > FAR):.1%} | {seconds:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
