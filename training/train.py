"""Trains the flow network: python -m training.train CHECKPOINT [--steps N].

Interrupted, it goes on where the checkpoint was written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from solver_core.flow.networks.own import Own
from training.pairs import Pair, face_pair, textured_pair

DRAWN, SHOWN = 208, 176  # pixels a side of a pair, and of the part of it that one step sees
BATCH = 4
START, POOL = 60, 500  # pairs made before the first step, and kept; each step one is made anew
FACES = 0.5  # of the pairs
RATE = 1e-3
HIDDEN_SHARE = 0.3  # what a place counts that is hidden in the second picture
STEP_SHARES = (0.05, 0.05, 0.1, 0.1, 0.2, 0.2, 0.4, 1.0)  # coarse to fine
SAVE_EVERY = 50  # steps


def loss_of(network: Own, first: Tensor, second: Tensor, flow: Tensor, weight: Tensor) -> Tensor:
    """A robust end-point error of every step of the network.

    Args:
        network: in training.
        first: [B,3,S,S].
        second: [B,3,S,S].
        flow: [B,2,S,S] the truth.
        weight: [B,S,S].
    """
    with torch.autocast("cpu", torch.bfloat16):
        found = network.predictions(first, second)
    total = flow.new_zeros(())
    for share, prediction in zip(STEP_SHARES, found, strict=True):
        error = ((prediction - flow).square().sum(1) + 1e-3) ** 0.35
        total = total + share * (weight * error).sum() / weight.sum()
    return total


def batch_of(pairs: list[Pair], rng: np.random.Generator, size: int = SHOWN) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Parts of pairs, mirrored and with their colours exchanged at random, as `loss_of` takes them."""
    rows = []
    for pair in pairs:
        y, x = rng.integers(0, len(pair.flow) - size + 1, 2)
        part = (slice(y, y + size), slice(x, x + size))
        images = np.concatenate([pair.first[part], pair.second[part]], -1).astype(np.float32)
        colours = rng.permutation(3)
        images = images[..., [*colours, *(colours + 3)]]
        flow, weight = pair.flow[part].astype(np.float32), np.where(pair.visible[part], 1, HIDDEN_SHARE)
        for axis, sign in ((1, (-1, 1)), (0, (1, -1))):
            if rng.random() < 0.5:
                images, flow, weight = np.flip(images, axis), np.flip(flow, axis) * sign, np.flip(weight, axis)
        rows.append((images.transpose(2, 0, 1), flow.transpose(2, 0, 1), weight))
    images, flow, weight = (torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*rows, strict=True))
    return images[:, :3], images[:, 3:], flow, weight


def a_pair(seed: int) -> Pair:
    """The training's pair of that number."""
    rng = np.random.default_rng([1, seed])
    pair = face_pair(rng, DRAWN) if rng.random() < FACES else textured_pair(rng, DRAWN)
    half = (array.astype(np.float16) for array in (pair.first, pair.second, pair.flow))
    return Pair(*half, pair.visible, pair.face)


def batches(start: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """From step `start` on; a pool that is filled again after an interruption is not the same, but is alike."""
    pool = [a_pair(seed) for seed in range(start, start + START)]
    step = start
    while True:
        rng = np.random.default_rng([2, step])
        yield batch_of([pool[i] for i in rng.choice(len(pool), BATCH, replace=False)], rng)
        step += 1
        new = a_pair(step + START)
        if len(pool) < POOL:
            pool.append(new)
        else:
            pool[rng.integers(POOL)] = new


def train(checkpoint: Path, steps: int) -> Own:
    """Train up to `steps` steps in all."""
    torch.manual_seed(0)
    network = Own().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4)
    done = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        done = saved["step"]
    recent, began = [], time.monotonic()
    for step, batch in enumerate(batches(done), done):
        if step >= steps:
            break
        ratio = min(1.0, (step + 1) / 200) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 0.005
        for group in optimiser.param_groups:
            group["lr"] = float(RATE * ratio)
        optimiser.zero_grad()
        loss = loss_of(
            network, *(part.contiguous(memory_format=torch.channels_last) if part.ndim == 4 else part for part in batch)
        )
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        if torch.isfinite(norm):
            optimiser.step()
        recent.append(float(loss.detach()))
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            part = checkpoint.with_suffix(".part")
            torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}, part)
            part.replace(checkpoint)
            print(
                f"step {step + 1}: loss {np.mean(recent):.4f}, {(time.monotonic() - began) / len(recent):.2f} s a step",
                flush=True,
            )
            recent, began = [], time.monotonic()
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--steps", type=int, default=8000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train(arguments.checkpoint, arguments.steps)


if __name__ == "__main__":
    main()
