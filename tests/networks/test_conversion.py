"""The converted networks compute, layer by layer, what a TFLite interpreter computes from the published files."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from solver_core.common.errors import FaceSolveError
from solver_core.networks import tflite, weights

INPUT_SIZE = {"facemesh": 192, "short_range": 128}


def _picture(kind: str, request: pytest.FixtureRequest) -> np.ndarray:
    if kind == "noise":
        return np.random.default_rng(5).random((480, 480, 3), dtype=np.float32)
    return request.getfixturevalue(kind)[:480, 60:540]


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors.*")
@pytest.mark.parametrize("kind", ["noise", "face", "plate"])
@pytest.mark.parametrize("name", INPUT_SIZE)
def test_every_layer_equals_the_interpreters(name, kind, request):
    size = INPUT_SIZE[name]
    image = cv2.resize(_picture(kind, request), (size, size), interpolation=cv2.INTER_AREA)
    if name == "short_range":
        image = image * 2 - 1
    interpreter = Interpreter(str(weights.source_path(name)), experimental_preserve_all_tensors=True, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    expected = {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_tensor_details() if d["name"]}

    graph = weights.load(name)
    with torch.inference_mode():
        values = graph.run(torch.from_numpy(image).permute(2, 0, 1)[None], keep=True)
    assert len(values) == len(graph.steps) + 1 > 90
    for layer, value in values.items():
        ours = value.permute(0, 2, 3, 1) if value.ndim == 4 else value
        assert ours.shape == expected[layer].shape, layer
        error = np.abs(ours.numpy() - expected[layer]).max() / np.abs(expected[layer]).max()
        assert error < 2e-5, f"{layer}: {error}"


@pytest.mark.parametrize("name", INPUT_SIZE)
def test_a_batch_is_its_images_one_by_one(name):
    graph = weights.load(name)
    images = torch.rand(3, 3, INPUT_SIZE[name], INPUT_SIZE[name], generator=torch.Generator().manual_seed(1))
    together = graph(images)
    for i, image in enumerate(images):
        for whole, alone in zip(together, graph(image[None]), strict=True):
            torch.testing.assert_close(whole[i : i + 1], alone, rtol=1e-4, atol=1e-3)


def test_running_needs_no_flatbuffer_package_and_converting_says_that_it_does(monkeypatch):
    source = weights.source_path("short_range").read_bytes()
    for module in ("tflite", "flatbuffers"):
        monkeypatch.setitem(sys.modules, module, None)
    assert weights.load("short_range").steps
    with pytest.raises(FaceSolveError, match="'tflite' is not installed"):
        tflite.read(source)
