"""RAFT and FlowNet2: operations against slow twins, published formats, refusals.

Also the derivative by the second picture.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import published_flow
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from solver_core.common.errors import FaceSolveError
from solver_core.flow.networks import checkpoints, flownet2, names, raft
from solver_core.flow.networks.operations import convex_upsample, grid, local_correlation, sample, upsample, warp
from solver_core.flow.networks.registry import flow_network
from solver_core.flow.networks.torch_flow import TorchFlow
from solver_core.networks import weights

CPU = torch.device("cpu")
CHECKPOINTS = {
    "raft_large": raft.LARGE,
    "raft_things": raft.LARGE,
    "raft_small": raft.SMALL,
    "raft_things_small": raft.SMALL,
}
SEEDS = st.integers(0, 2**31)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bilinear(image, x, y):
    """One sample [C] of [C,H,W], zero outside, as it is defined."""
    total = torch.zeros(len(image), dtype=image.dtype)
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                total += image[:, row, column] * max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
    return total


def test_a_network_sees_pictures_of_its_own_size_and_answers_in_theirs():
    """Section 7: FlowNet2 sees 512 x 512. Flow comes back in the pixels of the pictures that were given."""
    sizes = []

    class Shift(torch.nn.Module):
        def forward(self, first, second):
            sizes.append(tuple(first.shape[-2:]))
            return torch.ones(len(first), 2, *first.shape[-2:]) * torch.tensor([8.0, -4.0])[:, None, None]

    flow = TorchFlow("shift", Shift(), 64, 64, CPU, seen=512)
    pictures = np.zeros((1, 320, 320, 3), np.float32)
    np.testing.assert_allclose(flow(pictures, pictures), np.broadcast_to([5.0, -2.5], (1, 320, 320, 2)), rtol=1e-5)
    assert sizes == [(512, 512)]
    assert flownet2.SEEN == 512


@given(SEEDS, st.sampled_from([(2, 1), (3, 1), (4, 2), (3, 2)]))
@settings(max_examples=6, deadline=None)
def test_local_correlation_is_its_definition(seed, how):
    reach, stride = how
    first, second = random(2, 3, 5, 6, seed=seed), random(2, 3, 5, 6, seed=seed + 1)
    found = local_correlation(first, second, reach, stride)
    steps = [d for d in range(-reach, reach + 1) if d % stride == 0]
    assert found.shape == (2, len(steps) ** 2, 5, 6)
    for y in range(5):
        for x in range(6):
            around = [
                (first[:, :, y, x] * second[:, :, y + dy, x + dx]).mean(1)
                if 0 <= y + dy < 5 and 0 <= x + dx < 6
                else torch.zeros(2, dtype=torch.float64)
                for dy in steps
                for dx in steps
            ]
            torch.testing.assert_close(found[:, :, y, x], torch.stack(around, 1))


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_the_correlation_pyramid_is_read_as_it_is_defined(seed):
    first, second = random(2, 4, 16, 18, seed=seed), random(2, 4, 16, 18, seed=seed + 1)
    places = grid(first) + 4 * random(2, 2, 16, 18, seed=seed + 2)
    found = raft.read_pyramid(raft.correlation_pyramid(first, second), places, 2)
    assert found.shape == (2, 4 * 25, 16, 18)
    for b, y, x in ((0, 0, 0), (1, 7, 9), (0, 15, 17)):
        here, expected = first[b, :, y, x], []
        for level in range(4):
            side = 2**level
            small = torch.nn.functional.avg_pool2d(
                second[b], side
            )  # products are linear: mean of products, product of means
            for dx in range(-2, 3):
                for dy in range(-2, 3):
                    u, v = (places[b, :, y, x] / side).tolist()
                    expected.append((here * bilinear(small, u + dx, v + dy)).sum() / 2)
        torch.testing.assert_close(found[b, :, y, x], torch.stack(expected))


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_convex_upsampling_is_its_definition(seed):
    flow, mask = random(1, 2, 3, 4, seed=seed), random(1, 9 * 4, 3, 4, seed=seed + 1)
    found = convex_upsample(flow, mask, 2)
    share = mask.reshape(9, 2, 2, 3, 4).softmax(0)
    for row in range(6):
        for column in range(8):
            total = torch.zeros(2, dtype=torch.float64)
            for k in range(9):
                y, x = row // 2 + k // 3 - 1, column // 2 + k % 3 - 1
                if 0 <= y < 3 and 0 <= x < 4:
                    total += share[k, row % 2, column % 2, row // 2, column // 2] * 2 * flow[0, :, y, x]
            torch.testing.assert_close(found[0, :, row, column], total)


def test_upsampling_keeps_a_constant_flow_in_its_own_pixels():
    flow = torch.tensor([1.5, -0.5])[None, :, None, None].expand(1, 2, 5, 6)
    for aligned in (False, True):
        torch.testing.assert_close(upsample(flow, 4, align_corners=aligned), 4 * flow[..., :1, :1].expand(1, 2, 20, 24))


def test_warping_by_nothing_changes_nothing_and_by_whole_pixels_shifts():
    image = random(2, 3, 7, 9)
    torch.testing.assert_close(warp(image, torch.zeros(2, 2, 7, 9, dtype=torch.float64)), image)
    flow = torch.tensor([2.0, -1.0], dtype=torch.float64)[None, :, None, None].expand(2, 2, 7, 9)
    torch.testing.assert_close(warp(image, flow)[:, :, 1:, :-2], image[:, :, :-1, 2:])
    torch.testing.assert_close(warp(image, flow)[:, :, 1:, -1], image[:, :, :-1, -1])  # the border continues


def test_sampling_outside_gives_nothing():
    image = random(1, 2, 4, 5)
    places = torch.tensor([[-3.0, 1.0], [1.0, 9.0]], dtype=torch.float64)[None, :, None]  # x -3, y 1; x 1, y 9
    assert sample(image, places).abs().max() == 0
    torch.testing.assert_close(sample(image, places / 4)[0, :, 0, 0], bilinear(image[0], -0.75, 0.25))


def test_the_channel_norm_has_a_derivative_at_zero():
    x = torch.zeros(1, 3, 2, 2, requires_grad=True)
    flownet2.channel_norm(x).sum().backward()
    assert x.grad.abs().max() == 0
    torch.testing.assert_close(flownet2.channel_norm(torch.tensor([3.0, 4.0])[None, :, None, None]).item(), 5.0)


# ------------------------------------------------------------------------------------------------ published formats


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_layer_of_a_raft_checkpoint_has_its_place(name):
    state = published_flow.checkpoint_of(name)
    network, translated = raft.Raft(CHECKPOINTS[name]), names.raft(state)
    own = {key: tuple(value.shape) for key, value in network.state_dict().items() if "num_batches" not in key}
    assert {k: tuple(v.shape) for k, v in translated.items() if "num_batches" not in k} == own
    assert (
        sum(p.numel() for p in network.parameters())
        == published_flow.PARAMETERS["raft_small" if "small" in name else "raft_large"]
    )


@pytest.mark.parametrize("ours", ["raft_large", "raft_small"])
def test_the_authors_names_mean_the_same_layers_as_torchvisions(ours):
    """Each layer's values carry torchvision's name, put under the authors' name for that layer.

    Translated back, they must agree.
    """
    size = ours.removeprefix("raft_").upper()
    parts = [
        (
            getattr(published_flow, f"RAFT_{size}_{part}"),
            getattr(published_flow, f"AUTHORS_{size}_{part}"),
            part == "ENCODER",
        )
        for part in ("ENCODER", "REST")
    ]
    state = {}
    for text, authors, in_encoders in parts:
        for line, author in zip(text.strip().split("\n"), authors, strict=True):
            name = line.split()[0]
            for mine, his in (
                (("feature_encoder.", "fnet."), ("context_encoder.", "cnet.")) if in_encoders else (("", ""),)
            ):
                for part in ("weight", "bias"):
                    state[f"module.{his}{author}.{part}"] = f"{mine}{name}.{part}"
    if ours == "raft_large":
        for name, author, _ in published_flow.NORMS:
            state |= {
                f"module.cnet.{author}.{part}": f"context_encoder.{name}.{part}" for part in published_flow.NORM_PARTS
            }
    translated = names.raft(state)
    assert all(key == value for key, value in translated.items())
    assert len(translated) == len([k for k in published_flow.shapes_of(ours) if "num_batches" not in k])


def test_every_layer_of_flownet2_has_its_place():
    with torch.device("meta"):
        network = flownet2.FlowNet2()
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert own == published_flow.shapes_of("flownet2")
    assert sum(p.numel() for p in network.parameters()) == published_flow.PARAMETERS["flownet2"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own; its `put` writes a checkpoint under its published name, as if it were the published one."""
    monkeypatch.setenv("FACE_SOLVE_CACHE", str(tmp_path))
    weights.folder().mkdir(parents=True)

    def put(name, content, write=torch.save):
        file = weights.folder() / weights.REGISTRY[name].source.file
        write(content, file)
        if weights.REGISTRY[name].source_sha256:
            digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
            monkeypatch.setitem(weights.REGISTRY, name, replace(weights.REGISTRY[name], source_sha256=digits))
        return file

    return put


@pytest.mark.parametrize("name", ["raft_small", "raft_things_small", "raft_large", "raft_things"])
def test_a_file_of_the_published_format_runs(cache, name):
    cache(name, published_flow.checkpoint_of(name))
    network = flow_network(name.replace("things_small", "small").replace("things", "large"))
    pictures = np.random.default_rng(0).random((2, 1, 70, 90, 3)).astype(np.float32)
    flow = network(*pictures)
    assert flow.shape == (1, 70, 90, 2)
    assert flow.dtype == np.float32
    assert np.isfinite(flow).all()


def test_both_publishers_files_with_the_same_values_answer_alike(tmp_path):
    ours = published_flow.checkpoint_of("raft_small")
    lines = {
        "raft_small": published_flow.shapes_of("raft_small"),
        "raft_things_small": published_flow.shapes_of("raft_things_small"),
    }
    back = dict(zip(lines["raft_things_small"], lines["raft_small"], strict=True))
    theirs = {author: ours[name] for author, name in back.items()}
    networks = []
    for file, state in (("a.safetensors", ours), ("b.pth", theirs)):
        (save_file if file.endswith("safetensors") else torch.save)(state, tmp_path / file)
        networks.append(checkpoints.load(raft.Raft(raft.SMALL, updates=2), tmp_path / file, names.raft))
    pictures = torch.rand(2, 1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    assert torch.equal(networks[0](*pictures), networks[1](*pictures))


def test_flownet2_reads_the_training_scripts_file_and_runs(cache):
    generator = torch.Generator().manual_seed(0)
    state = {
        name: ((torch.rand(1, generator=generator) - 0.3) * 0.2 / max(1, np.prod(shape[1:])) ** 0.5).expand(shape)
        for name, shape in published_flow.shapes_of("flownet2").items()
    }  # one number a layer: a small file of the full network
    cache("flownet2", {"arch": "FlowNet2", "epoch": 1, "best_EPE": np.float64(3.2), "state_dict": state})
    network = flow_network("flownet2")
    pictures = np.random.default_rng(0).random((2, 2, 50, 70, 3)).astype(np.float32)
    flow = network(*pictures)
    assert flow.shape == (2, 50, 70, 2)
    assert np.isfinite(flow).all()
    np.testing.assert_allclose(network(*pictures[:, 1:]), flow[1:], atol=1e-4)


# ------------------------------------------------------------------------------------------------ refusals


def _without(state):
    state.pop("update_block.flow_head.conv2.bias")


def _with(state):
    state["update_block.more.weight"] = torch.zeros(3)


def _misshapen(state):
    state["feature_encoder.conv.weight"] = torch.zeros(64, 96, 1, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without, r"1 of its \d+ parts are missing \(update_block.flow_head.conv2.bias\)"),
        (_with, r"1 parts that the network has not \(update_block.more.weight\)"),
        (_misshapen, "feature_encoder.conv.weight is 64 x 96 x 1 x 1 and should be 128 x 96 x 1 x 1"),
    ],
)
def test_another_networks_file_is_refused(cache, change, said):
    state = published_flow.checkpoint_of("raft_small")
    change(state)
    cache("raft_small", state)
    with pytest.raises(FaceSolveError, match=said):
        flow_network("raft_small")


class _Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('code was run')",)


def _write_text(content, file):
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "write"), [({"state_dict": _Trap()}, torch.save), (b"not found", _write_text), (b"", _write_text)]
)
def test_a_damaged_file_is_refused_and_no_code_is_run(cache, content, write):
    cache("raft_things_small", content, write)
    with pytest.raises(FaceSolveError, match="damaged, or holds more than numbers"):
        flow_network("raft_small")


def test_a_file_without_tensors_is_refused(cache):
    cache("raft_things_small", {"state_dict": {"a": 1}})
    with pytest.raises(FaceSolveError, match="not a table of tensors"):
        flow_network("raft_small")


def test_absent_weights_are_named_with_where_to_bring_them_from(cache):
    with pytest.raises(FaceSolveError, match="are missing") as caught:
        flow_network("raft_large")
    assert "Bring raft_large_C_T_SKHT_V2-ff5fadd5.pth from torchvision" in caught.value.remedy
    assert str(weights.folder()) in caught.value.remedy
    with pytest.raises(FaceSolveError, match="Bring FlowNet2_checkpoint"):
        weights.main(["fetch", "flownet2"])


def test_an_altered_file_with_a_known_sum_is_refused(cache):
    file = cache("raft_small", published_flow.checkpoint_of("raft_small"))
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(FaceSolveError, match="have been altered"):
        flow_network("raft_small")


def test_weights_of_unknown_sum_say_so(cache, capsys):
    cache("raft_things", published_flow.checkpoint_of("raft_small"))
    assert weights.main(["list", "raft_things"]) == 0
    assert "SHA-256 unknown, brought by the user (intact)" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ derivatives


def _derivative(network, size, seed, step):
    """Along a random direction of the second picture, by autograd and by central differences.

    The differences' step is short: bilinear reading and ReLUs have kinks.
    """
    generator = torch.Generator().manual_seed(seed)
    first, second, turn = (torch.rand(1, 3, size, size, generator=generator, dtype=torch.float64) for _ in range(3))
    weight = torch.rand(1, 2, size, size, generator=generator, dtype=torch.float64) - 0.5
    turn = turn - 0.5

    def value(t):
        return (network.differentiable(first, second + t * turn) * weight).sum()

    second = second.requires_grad_()
    (gradient,) = torch.autograd.grad(value(0.0), second)
    second = second.detach()
    with torch.no_grad():
        return (gradient * turn).sum().item(), ((value(step) - value(-step)) / (2 * step)).item()


def test_raft_is_differentiable_by_the_second_picture():
    network = raft.Raft(raft.SMALL, updates=3).double()
    network.load_state_dict(published_flow.checkpoint_of("raft_small"))
    exact, difference = _derivative(TorchFlow("raft", network, raft.FACTOR, raft.LEAST, CPU), 120, 0, 1e-8)
    assert exact != 0
    assert exact == pytest.approx(difference, rel=1e-4)


def test_flownet2_is_differentiable_by_the_second_picture():
    with torch.device("meta"):
        network = flownet2.FlowNet2()
    generator = torch.Generator().manual_seed(0)
    state = {
        name: (
            0.3
            * (torch.rand(1, generator=generator, dtype=torch.float64) - 0.3)
            / max(1, np.prod(value.shape[1:])) ** 0.5
        ).expand(value.shape)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state, assign=True)
    exact, difference = _derivative(TorchFlow("flownet2", network, 64, 64, CPU), 60, 0, 1e-6)
    assert exact != 0
    assert exact == pytest.approx(difference, rel=1e-4)
