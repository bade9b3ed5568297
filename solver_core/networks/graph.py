"""Runs a network given as a list of steps (what `tflite.read` returns) in torch, forward or linearised at an image.

Images are [B, C, H, W] in channels_last memory. Grammar of the description, all JSON:
`{"input": name, "outputs": [names], "steps": [{"op", "inputs": [names], "output": name, ...}]}`, where op is one of
convolution (weight, bias, stride, pads, groups), prelu (slope), relu, add, max_pool (kernel), pad_channels (count),
flatten (shape), concatenate (axis), reshape (shape), identity, multiply (factor), and those of `windows.py`:
window_matrix (points, level, scale, size, angle), sample_window (size), transform_points. Values with fewer than four
dimensions are [B, ...].

Every step but the windows' is linear once it is known which side of zero each PReLU input lies on and which pixel won
each pooling. The linearised network is the same list of steps with those choices frozen, and the windows' steps
differentiated at their inputs: `Linearised`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from solver_core.networks import windows

Step = dict[str, Any]
CURVED = ("window_matrix", "sample_window", "transform_points")  # steps that no frozen choice makes linear


class Graph(nn.Module):
    """A network as a list of steps.

    Args:
        description: see the module's grammar.
        tensors: the weights that the steps name.
    """

    def __init__(self, description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.input: str = description["input"]
        self.outputs: list[str] = description["outputs"]
        self.steps: list[Step] = description["steps"]
        for name, tensor in tensors.items():
            value = tensor.float()
            if value.ndim == 4:
                value = value.contiguous(memory_format=torch.channels_last)
            self.register_buffer(_safe(name), value)
        last_use = {name: position for position, step in enumerate(self.steps) for name in step["inputs"]}
        self._dead: list[list[str]] = [[] for _ in self.steps]  # values nobody reads after step i
        for name, position in last_use.items():
            self._dead[position].append(name)

    def weight(self, name: str) -> Tensor:
        """The weights called `name` in the description."""
        return self.get_buffer(_safe(name))

    def forward(self, images: Tensor) -> list[Tensor]:
        """The network's outputs, in the description's order, for images [B, C, H, W]."""
        values = self.run(images)
        return [values[name] for name in self.outputs]

    def run(self, images: Tensor, keep: bool = False) -> dict[str, Tensor]:
        """Named values: the outputs, or with `keep` every step's (spatial ones [B, C, H, W])."""
        values = {self.input: images.contiguous(memory_format=torch.channels_last)}
        for step, dead in zip(self.steps, self._dead, strict=True):
            values[step["output"]] = self._forward(step, [values[name] for name in step["inputs"]])
            if not keep:
                for name in dead:
                    del values[name]
        return values

    def linearise(self, images: Tensor) -> tuple[list[Tensor], Linearised]:
        """The outputs at images [B, C, H, W], and the linear map that carries their tangents."""
        values = {self.input: images.contiguous(memory_format=torch.channels_last)}
        frozen: dict[str, Tensor] = {}
        curved: dict[str, list[Tensor]] = {}
        for step, dead in zip(self.steps, self._dead, strict=True):
            inputs = [values[name] for name in step["inputs"]]
            output = step["output"]
            if step["op"] in ("prelu", "relu"):
                slope = self.weight(step["slope"])[:, None, None] if step["op"] == "prelu" else 0.0
                frozen[output] = torch.where(inputs[0] > 0, 1.0, slope).contiguous(memory_format=torch.channels_last)
                values[output] = inputs[0] * frozen[output]
            elif step["op"] == "max_pool":
                values[output], index = F.max_pool2d(inputs[0], step["kernel"], return_indices=True)
                frozen[output] = index.permute(0, 2, 3, 1).flatten(1, 2).contiguous()  # [B, H * W, C] into the input's
            else:
                if step["op"] in CURVED:
                    curved[output] = inputs
                values[output] = self._forward(step, inputs)
            for name in dead:
                del values[name]
        return [values[name] for name in self.outputs], Linearised(self, frozen, curved)

    def _forward(self, step: Step, inputs: list[Tensor]) -> Tensor:
        op = step["op"]
        if op == "prelu":
            return F.prelu(inputs[0], self.weight(step["slope"]))
        if op == "relu":
            return F.relu(inputs[0])
        if op == "max_pool":
            return F.max_pool2d(inputs[0], step["kernel"])
        if op in CURVED:
            return curved_step(step)(*inputs)
        return self.linear(step, inputs, bias=True)

    def linear(self, step: Step, inputs: list[Tensor], bias: bool) -> Tensor:
        """A step that is linear (with `bias`: affine) whatever the image."""
        op = step["op"]
        if op == "convolution":
            left, right, top, bottom = step["pads"]
            image, padding = inputs[0], (top, left)
            if (left, top) != (right, bottom):
                image, padding = F.pad(image, (left, right, top, bottom)), (0, 0)
            return F.conv2d(
                image,
                self.weight(step["weight"]),
                self.weight(step["bias"]) if bias else None,
                step["stride"],
                padding,
                1,
                step["groups"],
            )
        if op == "add":
            return inputs[0] + inputs[1]
        if op == "pad_channels":
            return F.pad(inputs[0], (0, 0, 0, 0, 0, step["count"]))
        if op == "flatten":
            return inputs[0].permute(0, 2, 3, 1).reshape(inputs[0].shape[0], *step["shape"])
        if op == "reshape":
            return inputs[0].reshape(inputs[0].shape[0], *step["shape"])
        if op == "identity":
            return inputs[0]
        if op == "multiply":
            return inputs[0] * self.weight(step["factor"])
        if op == "concatenate":
            return torch.cat(inputs, dim=step["axis"])
        raise ValueError(f"unknown step {op!r}")


def curved_step(step: Step) -> Callable[..., Tensor]:
    """A windows' step as a function of its inputs."""
    if step["op"] == "window_matrix":
        settings = (step["points"], tuple(step["level"]), tuple(step["scale"]), tuple(step["size"]), step["angle"])
        return lambda landmarks: windows.window_matrix(landmarks, *settings)
    if step["op"] == "sample_window":
        return lambda features, matrix: windows.sample_window(features, matrix, tuple(step["size"]))
    return windows.transform_points


class Linearised:
    """The network's derivative at the images it was linearised at: PReLU sides and pooling winners are shared."""

    CHUNK = 16  # tangents pushed together; many more fall out of the processor's cache

    def __init__(self, graph: Graph, frozen: dict[str, Tensor], curved: dict[str, list[Tensor]]) -> None:
        self._graph = graph
        self._frozen = frozen
        self._curved = curved  # of each of the windows' steps the inputs it was linearised at

    def __call__(self, tangents: Tensor, output: int = 0) -> Tensor:
        """Tangents [B, P, C, H, W] of the images -> tangents [B, P, ...] of the network's output number `output`."""
        return self.several(tangents, [output])[0]

    def several(self, tangents: Tensor, outputs: list[int]) -> list[Tensor]:
        """As a call, of several outputs in one pass."""
        names = [self._graph.outputs[output] for output in outputs]
        steps = _needed(self._graph.steps, names)
        images = []
        for image, rows in enumerate(tangents):
            chunks = [self._push(chunk, image, steps, names) for chunk in torch.split(rows, self.CHUNK)]
            images.append([torch.cat(parts) for parts in zip(*chunks, strict=True)])
        return [torch.stack(parts) for parts in zip(*images, strict=True)]

    def _push(self, tangents: Tensor, image: int, steps: list[Step], outputs: list[str]) -> list[Tensor]:
        """Tangents [P, C, H, W] of one image through `steps`."""
        graph = self._graph
        values = {graph.input: tangents.contiguous(memory_format=torch.channels_last)}
        last_use = {name: position for position, step in enumerate(steps) for name in step["inputs"]}
        for position, step in enumerate(steps):
            inputs = [values[name] for name in step["inputs"]]
            if step["op"] in ("prelu", "relu"):
                value = inputs[0] * self._frozen[step["output"]][image]
            elif step["op"] == "max_pool":
                value = _gather(inputs[0], self._frozen[step["output"]][image], step["kernel"])
            elif step["op"] in CURVED:
                value = _differentiate(step, [one[image : image + 1] for one in self._curved[step["output"]]], inputs)
            else:
                value = graph.linear(step, inputs, bias=False)
            values[step["output"]] = value
            for name in set(step["inputs"]):
                if last_use[name] == position and name not in outputs:
                    del values[name]
        return [values[name] for name in outputs]


def _differentiate(step: Step, at: list[Tensor], tangents: list[Tensor]) -> Tensor:
    """Tangents [P, ...] of a windows' step, at its inputs [1, ...] for one image."""
    run = curved_step(step)

    def one(*direction: Tensor) -> Tensor:
        moved: Tensor = torch.func.jvp(run, tuple(at), tuple(part[None] for part in direction))[1]
        return moved[0]

    moved: Tensor = torch.func.vmap(one)(*tangents)
    return moved


def _needed(steps: list[Step], outputs: list[str]) -> list[Step]:
    """The steps that `outputs` depend on, in order."""
    wanted, kept = set(outputs), []
    for step in reversed(steps):
        if step["output"] in wanted:
            wanted.update(step["inputs"])
            kept.append(step)
    return kept[::-1]


def _gather(tangents: Tensor, index: Tensor, kernel: list[int]) -> Tensor:
    """Tangents [P, C, H, W] of the pixels that won the pooling; index [H' * W', C] into the H * W rows."""
    height, width = tangents.shape[2] // kernel[0], tangents.shape[3] // kernel[1]
    rows = tangents.permute(0, 2, 3, 1).flatten(1, 2)  # no copy: channels already come last in memory
    won = rows.gather(1, index.expand(rows.shape[0], -1, -1))
    return won.reshape(-1, height, width, rows.shape[2]).permute(0, 3, 1, 2)


def _safe(name: str) -> str:
    return name.replace(".", "_").replace("/", "_")


def serialise(graph: dict[str, Any], tensors: dict[str, npt.NDArray[Any]]) -> bytes:
    """A safetensors file of the graph (as metadata) and its tensors, the same bytes on every machine and version."""
    names = {"float16": "F16", "float32": "F32"}
    header: dict[str, Any] = {"__metadata__": {"graph": json.dumps(graph, separators=(",", ":"))}}
    offset, blocks = 0, []
    for key in sorted(tensors):
        array = tensors[key]
        block = array.astype(array.dtype.newbyteorder("<")).tobytes()
        span = [offset, offset + len(block)]
        header[key] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": span}
        offset += len(block)
        blocks.append(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blocks)
