"""The flow networks that a shot can choose, by the names in its settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from solver_core.common.errors import FaceSolveError
from solver_core.flow.dis import DisFlow
from solver_core.flow.network import FlowNetwork
from solver_core.flow.networks import checkpoints, flownet2, names, own, raft
from solver_core.flow.networks.torch_flow import TorchFlow
from solver_core.networks import weights
from solver_core.networks.device import device as device_of

OWN_FILE = Path(__file__).with_name("own.safetensors")
OWN_SHA256 = "d6c4ca9b890d9f99fc13020721b2289c46ea9d68376caae519386335f40f7824"


def _own(device: torch.device) -> FlowNetwork:
    if not OWN_FILE.is_file() or hashlib.sha256(OWN_FILE.read_bytes()).hexdigest() != OWN_SHA256:
        raise FaceSolveError(
            f"The weights of the flow network 'own' are missing or have been altered: {OWN_FILE}.",
            "Install the solver again.",
        )
    network = checkpoints.load(own.Own(), OWN_FILE, dict).float()  # the file holds half-precision values
    return TorchFlow("own", network, own.FACTOR, own.FACTOR, device)


def _raft(name: str, size: raft.Size, files: tuple[str, ...], device: torch.device) -> FlowNetwork:
    """From the first of the files that is there."""
    file = next((file for file in files if weights.is_here(file)), files[0])
    network = checkpoints.load(raft.Raft(size), weights.path(file), names.raft)
    return TorchFlow(name, network, raft.FACTOR, raft.LEAST, device)


def _raft_large(device: torch.device) -> FlowNetwork:
    return _raft("raft_large", raft.LARGE, ("raft_large", "raft_things"), device)


def _raft_small(device: torch.device) -> FlowNetwork:
    return _raft("raft_small", raft.SMALL, ("raft_small", "raft_things_small"), device)


def _flownet2(device: torch.device) -> FlowNetwork:
    file = weights.path("flownet2")
    with torch.device("meta"):  # 650 MB that need no values before the file's
        empty = flownet2.FlowNet2()
    network = checkpoints.load(empty, file, names.without_prefix)
    return TorchFlow("flownet2", network, flownet2.FACTOR, flownet2.FACTOR, device, flownet2.SEEN)


def _dis(_device: torch.device) -> FlowNetwork:
    return DisFlow()  # OpenCV's runs on the processor


FLOWS: Mapping[str, Callable[[torch.device], FlowNetwork]] = {
    "dis": _dis,
    "own": _own,
    "raft_small": _raft_small,
    "raft_large": _raft_large,
    "flownet2": _flownet2,
}


def flow_network(name: str, device: str = "cpu") -> FlowNetwork:
    """The flow network of that name.

    Args:
        name: one of `FLOWS`.
        device: `cpu` or `cuda`.

    Raises:
        FaceSolveError: where there is none, its weights are absent or not its own, or the machine has no such device.
    """
    if name not in FLOWS:
        raise FaceSolveError(f"There is no flow network called '{name}'.", f"Known are: {', '.join(FLOWS)}.")
    return FLOWS[name](device_of(device))
