"""Writes a checkpoint's network as the file that the solver reads.

Usage: python -m training.export CHECKPOINT OUT.safetensors
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file

from solver_core.flow.networks.own import Own


def export(checkpoint: Path, out: Path) -> str:
    """Half-precision values of the trained network; returns the file's SHA-256."""
    network = Own()
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["network"])
    save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, out)
    return hashlib.sha256(out.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    digest = export(arguments.checkpoint, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main()
