"""End-point errors of flow networks on pairs that no training saw.

Usage: python -m training.evaluate [--checkpoint FILE] [--rig RIG.npz] [NAME ...]

The pairs: the demo's head as other actors, the head of `--rig` (a head that the training has no part of) and textures
that move across each other. Errors are pixels, over places that are visible in both pictures, on the head where there
is one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from solver_core.flow.network import FlowNetwork
from solver_core.flow.networks.own import FACTOR, Own
from solver_core.flow.networks.registry import flow_network
from solver_core.flow.networks.torch_flow import TorchFlow
from training.heads import Mesh
from training.pairs import Pair, face_pair, textured_pair

SIZE = 320  # pixels: the crop in which the solver measures flow
FAR = 3.0  # pixels: an error by which a vector is of no use
HELD_OUT = 9  # the training's seeds begin with other numbers


def load_head(path: Path) -> Mesh:
    """A head as the given rig files have it: polygons, metres, Blender's axes; its skin one colour with grain."""
    rig = np.load(path)
    polygons = np.split(rig["poly_vertices"], np.cumsum(rig["poly_sizes"])[:-1])
    triangles = np.array([[p[0], p[n], p[n + 1]] for p in polygons for n in range(1, len(p) - 1)], np.int32)
    vertices = rig["neutral"].astype(float)
    colors = rig["colors"] if "colors" in rig else np.tile([0.45, 0.30, 0.23], (len(vertices), 1))
    middle = (vertices.min(0) + vertices.max(0)) / 2
    return Mesh(vertices - middle * (1, 0, 1), triangles, rig["expression_deltas"].astype(float), colors)


def sets(rig: Path | None, count: int, size: int) -> Iterator[tuple[str, list[Pair]]]:
    """The pairs that networks are measured on."""
    kinds: dict[str, Callable[[np.random.Generator], Pair]] = {"faces": lambda rng: face_pair(rng, size)}
    if rig is not None:
        head = load_head(rig)
        kinds["faces of another head"] = lambda rng: face_pair(rng, size, head=head)
    kinds["textures"] = lambda rng: textured_pair(rng, size)
    for number, (kind, make) in enumerate(kinds.items()):
        yield kind, [make(np.random.default_rng([HELD_OUT, number, i])) for i in range(count)]


def errors(network: FlowNetwork, pairs: list[Pair]) -> tuple[list[np.ndarray], float]:
    """End-point errors of each pair's visible places (on the head where there is one), and seconds a pair."""
    found, began = [], time.perf_counter()
    flows = [network(pair.first[None], pair.second[None])[0] for pair in pairs]
    seconds = (time.perf_counter() - began) / len(pairs)
    for pair, flow in zip(pairs, flows, strict=True):
        counted = pair.visible & pair.face if pair.face.any() else pair.visible
        found.append(np.linalg.norm(flow - pair.flow, axis=-1)[counted])
    return found, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="networks of the registry (default: dis)")
    parser.add_argument("--checkpoint", type=Path, help="of a training, also one that still goes on")
    parser.add_argument("--rig", type=Path, help="another head")
    parser.add_argument("--count", type=int, default=60, help="pairs of a kind")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels a side")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks = [flow_network(name) for name in arguments.names or ["dis"]]
    if arguments.checkpoint:
        own = Own()
        saved = torch.load(arguments.checkpoint, weights_only=True)
        own.load_state_dict(saved["network"])
        networks.append(TorchFlow(f"step {saved['step']}", own, FACTOR, FACTOR, torch.device("cpu")))
    print(f"| pairs | network | mean | median of a pair's mean | 95 % | over {FAR:g} px | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, pairs in sets(arguments.rig, arguments.count, arguments.size):
        for network in networks:
            found, seconds = errors(network, pairs)
            means, every = [np.mean(e) for e in found if len(e)], np.concatenate(found)
            print(
                f"| {kind} | {network.name} | {np.mean(means):.2f} | {np.median(means):.2f} "
                f"| {np.percentile(every, 95):.2f} | {np.mean(every > FAR):.1%} | {seconds:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
