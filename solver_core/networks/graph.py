"""Runs a network given as a list of steps (what `tflite.read` returns) in torch, forward or linearised at an image.

Images are [B, C, H, W] in channels_last memory. Grammar of the description, all JSON:
`{"input": name, "outputs": [names], "steps": [{"op", "inputs": [names], "output": name, ...}]}`, where op is one of
convolution (weight, bias, stride, pads, groups), prelu (slope), relu, add, max_pool (kernel), pad_channels (count),
flatten (shape), concatenate (axis).

Every step is linear once it is known which side of zero each PReLU input lies on and which pixel won each pooling. The
linearised network is the same list of steps with those choices frozen: `Linearised`.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Step = dict[str, Any]


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
                values[output] = self._forward(step, inputs)
            for name in dead:
                del values[name]
        return [values[name] for name in self.outputs], Linearised(self, frozen)

    def _forward(self, step: Step, inputs: list[Tensor]) -> Tensor:
        op = step["op"]
        if op == "prelu":
            return F.prelu(inputs[0], self.weight(step["slope"]))
        if op == "relu":
            return F.relu(inputs[0])
        if op == "max_pool":
            return F.max_pool2d(inputs[0], step["kernel"])
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
        if op == "concatenate":
            return torch.cat(inputs, dim=step["axis"])
        raise ValueError(f"unknown step {op!r}")


class Linearised:
    """The network's derivative at the images it was linearised at: PReLU sides and pooling winners are shared."""

    CHUNK = 16  # tangents pushed together; many more fall out of the processor's cache

    def __init__(self, graph: Graph, frozen: dict[str, Tensor]) -> None:
        self._graph = graph
        self._frozen = frozen

    def __call__(self, tangents: Tensor, output: int = 0) -> Tensor:
        """Tangents [B, P, C, H, W] of the images -> tangents [B, P, ...] of the network's output number `output`."""
        name = self._graph.outputs[output]
        steps = _needed(self._graph.steps, name)
        images = [
            torch.cat([self._push(chunk, image, steps, name) for chunk in torch.split(rows, self.CHUNK)])
            for image, rows in enumerate(tangents)
        ]
        return torch.stack(images)

    def _push(self, tangents: Tensor, image: int, steps: list[Step], output: str) -> Tensor:
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
            else:
                value = graph.linear(step, inputs, bias=False)
            values[step["output"]] = value
            for name in set(step["inputs"]):
                if last_use[name] == position:
                    del values[name]
        return values[output]


def _needed(steps: list[Step], output: str) -> list[Step]:
    """The steps that `output` depends on, in order."""
    wanted, kept = {output}, []
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
