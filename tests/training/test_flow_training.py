"""The project's own flow network and its training.

Tests derivatives, sizes, a step that lowers the loss, and a run that is taken up.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from solver_core.flow.networks.operations import warp
from solver_core.flow.networks.own import FACTOR, Own, least_squares_step
from solver_core.flow.networks.torch_flow import TorchFlow
from training import train
from training.pairs import face_pair

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    """With random values everywhere: a new one starts with steps of least squares alone."""
    torch.manual_seed(0)
    made = Own()
    for update in (made.coarse, made.fine):
        for parameter in update.step.parameters():
            torch.nn.init.normal_(parameter, std=0.02)
    return made


def waves(size, shift=(0.0, 0.0)):
    """[1,2,S,S] smooth pictures, moved by a shift."""
    y, x = np.mgrid[:size, :size]
    u, v = (x - shift[0]) / 6, (y - shift[1]) / 7
    return torch.from_numpy(np.stack([np.sin(u + 0.4 * v), np.cos(v - 0.3 * u)])[None])


def test_a_least_squares_step_finds_a_small_shift():
    step, known = least_squares_step(waves(48), waves(48, (0.3, -0.2)), torch.tensor(1e-4))
    inside = step[0, :, 6:-6, 6:-6]
    np.testing.assert_allclose(inside.mean((1, 2)), [0.3, -0.2], atol=0.02)
    assert inside.std((1, 2)).max() < 0.02
    assert known.shape == (1, 3, 48, 48)
    assert known.abs().max() <= 1


def test_on_a_flat_picture_the_least_squares_step_is_nothing():
    flat = torch.ones(1, 2, 16, 16)
    step, known = least_squares_step(flat, flat, torch.tensor(0.1))
    assert step.abs().max() == 0
    assert known[:, 0].abs().max() < 1e-6


def test_equal_pictures_do_not_move_while_the_network_is_new():
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 48, 64)
    assert Own().eval()(picture, picture).abs().max() < 1e-5


@pytest.mark.parametrize("shape", [(64, 64), (50, 70), (33, 97)])
def test_every_size_has_its_flow(network, shape):
    flow = TorchFlow("own", network, FACTOR, FACTOR, CPU)
    pictures = np.random.default_rng(0).random((2, 3, *shape, 3)).astype(np.float32)
    found = flow(*pictures)
    assert found.shape == (3, *shape, 2)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(flow(*pictures[:, 1:2]), found[1:2], atol=1e-4)


def test_it_is_differentiable_by_the_second_picture(network):
    flow = TorchFlow("own", copy.deepcopy(network).double(), FACTOR, FACTOR, CPU)
    generator = torch.Generator().manual_seed(1)
    first, second, turn = (torch.rand(1, 3, 48, 48, generator=generator, dtype=torch.float64) for _ in range(3))
    turn = turn - 0.5

    def value(t):
        return flow.differentiable(first, second + t * turn).square().sum()

    second.requires_grad_()
    (gradient,) = torch.autograd.grad(value(0.0), second)
    second.requires_grad_(False)
    step = 1e-7
    difference = (value(step) - value(-step)).item() / (2 * step)
    assert (gradient * turn).sum().item() == pytest.approx(difference, rel=1e-3)
    assert difference != 0


def test_the_last_prediction_is_the_flow(network):
    network.eval()
    pictures = torch.rand(2, 1, 3, 40, 56, generator=torch.Generator().manual_seed(2))
    predictions = network.predictions(*pictures)
    assert len(predictions) == len(train.STEP_SHARES)
    assert torch.equal(predictions[-1], network(*pictures))


def test_a_step_lowers_the_loss_on_a_fixed_pair():
    torch.manual_seed(0)
    made = Own().train()
    batch = train.batch_of([face_pair(np.random.default_rng(3), 64)], np.random.default_rng(0), 64)
    optimiser = torch.optim.AdamW(made.parameters(), train.RATE / 200)  # as at the beginning of a training
    loss = train.loss_of(made, *batch)
    loss.backward()
    optimiser.step()
    assert train.loss_of(made, *batch).item() < 0.999 * loss.item()


def test_mirrored_parts_keep_their_flow_true():
    """Whatever is mirrored, the second picture moved back by the flow is the first."""
    pair = face_pair(np.random.default_rng(1), 96, clean=True)
    for seed in range(6):
        first, second, flow, weight = train.batch_of([pair], np.random.default_rng(seed), 80)
        away = (warp(second, flow) - first).abs().mean(1)[weight == 1]
        assert away.median() < 0.02


def test_a_run_that_was_interrupted_goes_on(tmp_path, monkeypatch, capsys):
    for name, value in {"DRAWN": 64, "BATCH": 2, "START": 2, "POOL": 3, "SAVE_EVERY": 1}.items():
        monkeypatch.setattr(train, name, value)
    monkeypatch.setattr(train.batch_of, "__defaults__", (48,))
    checkpoint = tmp_path / "run.pt"
    before = train.train(checkpoint, 1).state_dict()
    assert torch.load(checkpoint, weights_only=True)["step"] == 1
    after = train.train(checkpoint, 2).state_dict()
    assert torch.load(checkpoint, weights_only=True)["step"] == 2
    assert "step 2" in capsys.readouterr().out
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert train.train(checkpoint, 2).state_dict().keys() == after.keys()  # nothing left to do
