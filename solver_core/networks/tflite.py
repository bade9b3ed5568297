"""Reads a .tflite flatbuffer into the operator list and weights that `graph.Graph` runs.

It is needed only when weights are fetched.

The operator list is plain JSON (see `graph.py` for its grammar), so running a network needs neither the `tflite`
package nor flatbuffers. Spatial padding "SAME" is resolved to explicit rows and columns here, where tensor sizes are
known.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from solver_core.common.errors import FaceSolveError

Array = npt.NDArray[Any]
Step = dict[str, Any]


def read(buffer: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The network in a .tflite file as a graph description and its constant tensors.

    Args:
        buffer: the file's bytes; one subgraph, batch size 1, NHWC, float32 with float16 or float32 constants.

    Returns:
        (graph, tensors): `graph` is JSON-able: input, outputs, steps. `tensors` holds convolution weights as
        [out, in / groups, height, width], biases [out] and PReLU slopes [channels], in the file's own precision.

    Raises:
        FaceSolveError: where the packages that know the file format are missing, or an operator is unknown.
    """
    return _Reader(buffer).read()


class _Reader:
    """One pass over one file; holds the schema's objects and what has been converted so far."""

    def __init__(self, buffer: bytes) -> None:
        try:
            self.schema: Any = importlib.import_module("tflite")
        except ImportError as error:
            raise FaceSolveError(
                "The network's weights cannot be converted: the Python package 'tflite' is not installed.",
                "Install it into the solver's Python (pip install tflite) and fetch the weights again.",
            ) from error
        self.model = self.schema.Model.GetRootAsModel(buffer, 0)
        self.subgraph = self.model.Subgraphs(0)
        self.opcodes = {v: k for k, v in vars(self.schema.BuiltinOperator).items() if isinstance(v, int)}
        self.dequantised: dict[int, int] = {}  # tensor index -> index of the float16 constant that it repeats
        self.constants: dict[str, Array] = {}

    def read(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """The whole graph: see the module's `read`."""
        steps: list[Step] = []
        for position in range(self.subgraph.OperatorsLength()):
            operator = self.subgraph.Operators(position)
            code = self.model.OperatorCodes(operator.OpcodeIndex())
            name = self.opcodes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if name == "CUSTOM":
                name = f"{code.CustomCode().decode()} {code.Version()}"
            inputs = [int(i) for i in operator.InputsAsNumpy()]
            output = int(operator.Outputs(0))
            if name == "DEQUANTIZE":
                self.dequantised[output] = inputs[0]
                continue
            steps.append(self._step(name, operator, inputs, output))
        graph = {
            "input": self._name(int(self.subgraph.Inputs(0))),
            "outputs": [self._name(int(i)) for i in self.subgraph.OutputsAsNumpy()],
            "steps": steps,
        }
        return graph, self.constants

    def _step(self, name: str, operator: Any, inputs: list[int], output: int) -> Step:
        step: Step = {"inputs": [self._name(inputs[0])], "output": self._name(output)}
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            self._convolution(name, operator, inputs, step)
        elif name == "PRELU":
            self.constants[f"{step['output']}.slope"] = self._constant(inputs[1]).reshape(-1)
            step |= {"op": "prelu", "slope": f"{step['output']}.slope"}
        elif name == "RELU":
            step |= {"op": "relu"}
        elif name == "ADD":
            options = self._options(operator, self.schema.AddOptions())
            self._no_fused_activation(options)
            step |= {"op": "add", "inputs": [self._name(i) for i in inputs]}
        elif name == "MAX_POOL_2D":
            options = self._options(operator, self.schema.Pool2DOptions())
            self._no_fused_activation(options)
            kernel = (options.FilterHeight(), options.FilterWidth())
            stride = (options.StrideH(), options.StrideW())
            if kernel != stride or any(self._pads(options, inputs[0], kernel, stride)):
                raise self._unknown("an overlapping or padded pooling")
            step |= {"op": "max_pool", "kernel": list(kernel)}
        elif name == "PAD":
            pads_nhwc = self._constant(inputs[1])
            if pads_nhwc[:3].any() or pads_nhwc[3, 0]:
                raise self._unknown("a padding of something else than trailing channels")
            step |= {"op": "pad_channels", "count": int(pads_nhwc[3, 1])}
        elif name == "RESHAPE":  # [1, H, W, C] -> [1, H * W * anchors, values]
            spatial = len(self._shape(inputs[0])) == 4
            step |= {"op": "flatten" if spatial else "reshape", "shape": self._shape(output)[1:]}
        elif name == "MUL":
            self._no_fused_activation(self._options(operator, self.schema.MulOptions()))
            self.constants[f"{step['output']}.factor"] = self._constant(inputs[1])
            step |= {"op": "multiply", "factor": f"{step['output']}.factor"}
        elif name == "STRIDED_SLICE":
            if self._shape(inputs[0]) != self._shape(output) or (self._constant(inputs[3]) != 1).any():
                raise self._unknown("a slice of something less than the whole")
            step |= {"op": "identity"}
        elif name == "Landmarks2TransformMatrix 2":
            step |= {"op": "window_matrix", **self._window(operator)}
        elif name == "TransformTensorBilinear 2":
            options = self._custom(operator)
            size = [int(options["output_width"]), int(options["output_height"])]
            step |= {"op": "sample_window", "inputs": [self._name(i) for i in inputs], "size": size}
        elif name == "TransformLandmarks 2":
            step |= {"op": "transform_points", "inputs": [self._name(i) for i in inputs]}
        elif name == "CONCATENATION":
            options = self._options(operator, self.schema.ConcatenationOptions())
            step |= {"op": "concatenate", "inputs": [self._name(i) for i in inputs], "axis": options.Axis()}
        else:
            raise self._unknown(f"the operator {name}")
        return step

    def _convolution(self, name: str, operator: Any, inputs: list[int], step: Step) -> None:
        depthwise = name == "DEPTHWISE_CONV_2D"
        options = self._options(
            operator, self.schema.DepthwiseConv2DOptions() if depthwise else self.schema.Conv2DOptions()
        )
        self._no_fused_activation(options)
        if options.DilationWFactor() != 1 or options.DilationHFactor() != 1:
            raise self._unknown("a dilated convolution")
        if depthwise and options.DepthMultiplier() != 1:
            raise self._unknown("a depthwise convolution with a multiplier")
        # [out, h, w, in] or, depthwise, [1, h, w, channels]  ->  [out, in / groups, h, w]
        weight = self._constant(inputs[1]).transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        self.constants[f"{step['output']}.weight"] = np.ascontiguousarray(weight)
        self.constants[f"{step['output']}.bias"] = self._constant(inputs[2])
        stride = (options.StrideH(), options.StrideW())
        step |= {
            "op": "convolution",
            "weight": f"{step['output']}.weight",
            "bias": f"{step['output']}.bias",
            "stride": list(stride),
            "pads": self._pads(options, inputs[0], weight.shape[2:], stride),
            "groups": weight.shape[0] if depthwise else 1,
        }

    def _window(self, operator: Any) -> Step:
        """The settings of a window around landmarks, as `windows.window_matrix` takes them."""
        options = self._custom(operator)
        return {
            "points": [int(i) for i in options["subset_idxs"]],
            "level": [int(options["left_rotation_idx"]), int(options["right_rotation_idx"])],
            "scale": [float(options["scale_x"]), float(options["scale_y"])],
            "size": [int(options["output_width"]), int(options["output_height"])],
            "angle": float(options["target_rotation_radians"]),
        }

    @staticmethod
    def _custom(operator: Any) -> dict[str, Any]:
        """The options of an operator of the file's own, which are a flexbuffer."""
        flexbuffers: Any = importlib.import_module("flatbuffers.flexbuffers")
        return dict(flexbuffers.Loads(bytes(operator.CustomOptionsAsNumpy())))

    def _pads(
        self, options: Any, image: int, kernel: tuple[int, ...], stride: tuple[int, ...]
    ) -> tuple[int, int, int, int]:
        """Rows and columns of zeros (left, right, top, bottom): TensorFlow's SAME puts the odd one last."""
        if options.Padding() == self.schema.Padding.VALID:
            return (0, 0, 0, 0)
        _, height, width, _ = self._shape(image)
        total = [
            max((-(-size // step) - 1) * step + k - size, 0)
            for size, step, k in zip((height, width), stride, kernel, strict=True)
        ]
        return (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2)

    def _constant(self, index: int) -> Array:
        tensor = self.subgraph.Tensors(self.dequantised.get(index, index))
        types = self.schema.TensorType
        dtype = {types.FLOAT32: np.float32, types.FLOAT16: np.float16, types.INT32: np.int32}.get(tensor.Type())
        if dtype is None:
            raise self._unknown("a constant that is neither floating point nor an integer")
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
        return np.frombuffer(data.tobytes(), dtype).reshape(shape)

    def _shape(self, index: int) -> list[int]:
        return [int(n) for n in self.subgraph.Tensors(index).ShapeAsNumpy()]

    def _name(self, index: int) -> str:
        return str(self.subgraph.Tensors(index).Name().decode())

    def _options(self, operator: Any, options: Any) -> Any:
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _no_fused_activation(self, options: Any) -> None:
        if options.FusedActivationFunction() != self.schema.ActivationFunctionType.NONE:
            raise self._unknown("a fused activation")

    @staticmethod
    def _unknown(what: str) -> FaceSolveError:
        return FaceSolveError(f"The network's file uses {what}, which this version of the solver cannot convert.")
