"""Reads published flow checkpoints into the modules.

No code from them is run, and every entry is accounted for.
"""

from __future__ import annotations

import codecs
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from solver_core.common.errors import FaceSolveError

Translate = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
SHOWN = 3  # names that a message gives as examples

# A training script's file may carry NumPy numbers (the best error so far): plain values, harmless to read.
_NUMBER = np.float64(0).__reduce__()[0]
HARMLESS: list[Any] = [
    (_NUMBER, "numpy.core.multiarray.scalar"),
    (_NUMBER, "numpy._core.multiarray.scalar"),
    codecs.encode,
    np.dtype,
    type(np.dtype(np.float32)),
    type(np.dtype(np.float64)),
]


def load(network: nn.Module, file: Path, translate: Translate) -> nn.Module:
    """Put the file's values into the network.

    Args:
        network: of the checkpoint's architecture; takes over the file's tensors, so that it may be on torch's `meta`
            device.
        file: `.safetensors`, or written by `torch.save`: a state dict, or a dictionary that holds one as `state_dict`.
        translate: the file's names into the network's.

    Returns:
        The network, in evaluation, its parameters without derivatives.

    Raises:
        FaceSolveError: where the file cannot be read or is not this network's.
    """
    found, wanted = translate(read(file)), network.state_dict()
    # how many batches were seen is written by newer versions of torch only, and means nothing after training
    found = {name: value for name, value in found.items() if not name.endswith("num_batches_tracked")}
    wanted = {name: value for name, value in wanted.items() if not name.endswith("num_batches_tracked")}
    problem = difference(
        {name: tuple(value.shape) for name, value in found.items()},
        {name: tuple(value.shape) for name, value in wanted.items()},
    )
    if problem:
        raise FaceSolveError(
            f"{file.name} is not a checkpoint of this network: {problem}.",
            "Put the published file there under its own name; 'python -m solver_core weights list' says which that is.",
        )
    network.load_state_dict(found, strict=False, assign=True)
    return network.eval().requires_grad_(False)


def read(file: Path) -> dict[str, Tensor]:
    """The file's tensors by name.

    Raises:
        FaceSolveError: where it cannot be read, or would have to run code to be.
    """
    try:
        if file.suffix == ".safetensors":
            content: object = load_file(file)
        else:
            with torch.serialization.safe_globals(HARMLESS):
                content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise FaceSolveError(
            f"The weights {file} cannot be read: the file is damaged, or holds more than numbers.",
            "Copy the published file there once more, whole and unpacked.",
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise FaceSolveError(f"The weights {file} are not a table of tensors.", "Put the published file there.")
    return content


def difference(found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> str:
    """How a checkpoint's names and shapes differ from a network's, in words; empty where they do not."""
    missing, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing:
        return f"{len(missing)} of its {len(wanted)} parts are missing ({_some(missing)})"
    if unknown:
        return f"it has {len(unknown)} parts that the network has not ({_some(unknown)})"
    for name, shape in wanted.items():
        if found[name] != shape:
            return f"{name} is {_times(found[name])} and should be {_times(shape)}"
    return ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
