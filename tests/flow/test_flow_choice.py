"""The choice of a flow network and of the device: what is refused before work starts, and the same names everywhere."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import Settings
from solver_core.flow.dis import DisFlow
from solver_core.flow.networks import registry
from solver_core.flow.networks.registry import FLOWS, flow_network
from solver_core.networks.device import device
from solver_core.networks.registry import landmark_network
from solver_core.service import cli
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, solve_folder
from training.pairs import face_pair

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


def test_the_default_is_a_network_that_needs_no_weights():
    (default,) = (field.default for field in fields(Settings) if field.name == "flow")
    assert isinstance(flow_network(default), DisFlow)


def test_an_unknown_network_is_answered_with_the_known_ones():
    with pytest.raises(
        FaceSolveError, match=r"no flow network called 'raft'.*dis, own, raft_small, raft_large, flownet2"
    ):
        flow_network("raft")


def test_command_line_and_add_on_offer_what_there_is():
    solve = cli._parser()._subparsers._group_actions[0].choices["solve"]
    (choices,) = (action.choices for action in solve._actions if action.dest == "flow")
    assert choices == list(FLOWS)
    text = (ROOT / "addon" / "properties.py").read_text(encoding="utf-8")
    offered = text.partition("    flow: EnumProperty(")[2].partition("default=")[0]
    assert re.findall(r'\(\s*"([A-Z0-9_]+)",', offered) == [name.upper() for name in FLOWS]


@WITHOUT_CUDA
@pytest.mark.parametrize("make", [flow_network, landmark_network])
def test_a_graphics_card_that_is_not_there_is_refused(make):
    name = "dis" if make is flow_network else "facemesh"
    with pytest.raises(FaceSolveError, match=r"no such graphics card.*--device cpu"):
        make(name, "cuda")
    with pytest.raises(FaceSolveError, match="no device called 'tpu'"):
        make(name, "tpu")


def test_the_processor_is_always_there():
    assert device("cpu") == torch.device("cpu")


@WITHOUT_CUDA
@pytest.mark.parametrize(
    ("overrides", "said"),
    [(Overrides(device="cuda"), "no such graphics card"), (Overrides(flow="raft_large"), "Bring raft_large_C_T")],
)
def test_a_solve_is_refused_before_it_starts(little_shot, tmp_path, monkeypatch, overrides, said):
    from solver_core import solve

    if overrides.flow:
        monkeypatch.setenv("FACE_SOLVE_CACHE", str(tmp_path))
    monkeypatch.setattr(solve, "find_faces", lambda *_: pytest.fail("work was started"))
    with pytest.raises(FaceSolveError, match=said):
        solve_folder(little_shot.folder, tmp_path / "out.npz", Silent(), overrides)


def test_a_network_is_told_the_pictures_in_their_order():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 1, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(flow_network("dis")(first, second), DisFlow()(first, second))


def test_the_own_networks_weights_come_with_the_solver_and_are_checked(tmp_path, monkeypatch):
    network = flow_network("own")
    assert registry.OWN_FILE.stat().st_size < 6e6
    altered = tmp_path / "own.safetensors"
    monkeypatch.setattr(registry, "OWN_FILE", altered)
    with pytest.raises(FaceSolveError, match="missing or have been altered"):
        flow_network("own")
    altered.write_bytes(b"0")
    with pytest.raises(FaceSolveError, match="missing or have been altered"):
        flow_network("own")
    assert network.name == "own"


def test_on_unseen_faces_the_own_network_errs_less_than_dis():
    """Of the table in docs/flow_network.md a small part: it would show weights that do not belong to the code."""
    pairs = [face_pair(np.random.default_rng([9, 7, i]), 160) for i in range(4)]
    mean = {}
    for name in ("dis", "own"):
        network = flow_network(name)
        errors = [
            np.linalg.norm(network(p.first[None], p.second[None])[0] - p.flow, axis=-1)[p.visible & p.face]
            for p in pairs
        ]
        mean[name] = np.mean([e.mean() for e in errors])
    assert mean["own"] < 0.8 * mean["dis"]
