"""What published flow checkpoints contain.

The names and shapes are written down from their authors' code and not from ours.
"""

from __future__ import annotations

import torch

# Convolutions: name, output channels, input channels, rows, columns. Each has a bias unless it is said.
RAFT_LARGE_ENCODER = """
convnormrelu.0 64 3 7 7
layer1.0.convnormrelu1.0 64 64 3 3
layer1.0.convnormrelu2.0 64 64 3 3
layer1.1.convnormrelu1.0 64 64 3 3
layer1.1.convnormrelu2.0 64 64 3 3
layer2.0.convnormrelu1.0 96 64 3 3
layer2.0.convnormrelu2.0 96 96 3 3
layer2.0.downsample.0 96 64 1 1
layer2.1.convnormrelu1.0 96 96 3 3
layer2.1.convnormrelu2.0 96 96 3 3
layer3.0.convnormrelu1.0 128 96 3 3
layer3.0.convnormrelu2.0 128 128 3 3
layer3.0.downsample.0 128 96 1 1
layer3.1.convnormrelu1.0 128 128 3 3
layer3.1.convnormrelu2.0 128 128 3 3
conv 256 128 1 1
"""
RAFT_LARGE_REST = """
update_block.motion_encoder.convcorr1.0 256 324 1 1
update_block.motion_encoder.convcorr2.0 192 256 3 3
update_block.motion_encoder.convflow1.0 128 2 7 7
update_block.motion_encoder.convflow2.0 64 128 3 3
update_block.motion_encoder.conv.0 126 256 3 3
update_block.recurrent_block.convgru1.convz 128 384 1 5
update_block.recurrent_block.convgru1.convr 128 384 1 5
update_block.recurrent_block.convgru1.convq 128 384 1 5
update_block.recurrent_block.convgru2.convz 128 384 5 1
update_block.recurrent_block.convgru2.convr 128 384 5 1
update_block.recurrent_block.convgru2.convq 128 384 5 1
update_block.flow_head.conv1 256 128 3 3
update_block.flow_head.conv2 2 256 3 3
mask_predictor.convrelu.0 256 128 3 3
mask_predictor.conv 576 256 1 1
"""
RAFT_SMALL_ENCODER = """
convnormrelu.0 32 3 7 7
layer1.0.convnormrelu1.0 8 32 1 1
layer1.0.convnormrelu2.0 8 8 3 3
layer1.0.convnormrelu3.0 32 8 1 1
layer1.1.convnormrelu1.0 8 32 1 1
layer1.1.convnormrelu2.0 8 8 3 3
layer1.1.convnormrelu3.0 32 8 1 1
layer2.0.convnormrelu1.0 16 32 1 1
layer2.0.convnormrelu2.0 16 16 3 3
layer2.0.convnormrelu3.0 64 16 1 1
layer2.0.downsample.0 64 32 1 1
layer2.1.convnormrelu1.0 16 64 1 1
layer2.1.convnormrelu2.0 16 16 3 3
layer2.1.convnormrelu3.0 64 16 1 1
layer3.0.convnormrelu1.0 24 64 1 1
layer3.0.convnormrelu2.0 24 24 3 3
layer3.0.convnormrelu3.0 96 24 1 1
layer3.0.downsample.0 96 64 1 1
layer3.1.convnormrelu1.0 24 96 1 1
layer3.1.convnormrelu2.0 24 24 3 3
layer3.1.convnormrelu3.0 96 24 1 1
"""
RAFT_SMALL_REST = """
feature_encoder.conv 128 96 1 1
context_encoder.conv 160 96 1 1
update_block.motion_encoder.convcorr1.0 96 196 1 1
update_block.motion_encoder.convflow1.0 64 2 7 7
update_block.motion_encoder.convflow2.0 32 64 3 3
update_block.motion_encoder.conv.0 80 128 3 3
update_block.recurrent_block.convgru1.convz 96 242 3 3
update_block.recurrent_block.convgru1.convr 96 242 3 3
update_block.recurrent_block.convgru1.convq 96 242 3 3
update_block.flow_head.conv1 128 96 3 3
update_block.flow_head.conv2 2 128 3 3
"""
# The authors' names for the same layers, in the order of the lists above.
AUTHORS_LARGE_ENCODER = [
    "conv1",
    "layer1.0.conv1",
    "layer1.0.conv2",
    "layer1.1.conv1",
    "layer1.1.conv2",
    "layer2.0.conv1",
    "layer2.0.conv2",
    "layer2.0.downsample.0",
    "layer2.1.conv1",
    "layer2.1.conv2",
    "layer3.0.conv1",
    "layer3.0.conv2",
    "layer3.0.downsample.0",
    "layer3.1.conv1",
    "layer3.1.conv2",
    "conv2",
]
AUTHORS_LARGE_REST = [
    f"update_block.{name}"
    for name in [
        "encoder.convc1",
        "encoder.convc2",
        "encoder.convf1",
        "encoder.convf2",
        "encoder.conv",
        "gru.convz1",
        "gru.convr1",
        "gru.convq1",
        "gru.convz2",
        "gru.convr2",
        "gru.convq2",
        "flow_head.conv1",
        "flow_head.conv2",
        "mask.0",
        "mask.2",
    ]
]
AUTHORS_SMALL_ENCODER = [
    "conv1",
    "layer1.0.conv1",
    "layer1.0.conv2",
    "layer1.0.conv3",
    "layer1.1.conv1",
    "layer1.1.conv2",
    "layer1.1.conv3",
    "layer2.0.conv1",
    "layer2.0.conv2",
    "layer2.0.conv3",
    "layer2.0.downsample.0",
    "layer2.1.conv1",
    "layer2.1.conv2",
    "layer2.1.conv3",
    "layer3.0.conv1",
    "layer3.0.conv2",
    "layer3.0.conv3",
    "layer3.0.downsample.0",
    "layer3.1.conv1",
    "layer3.1.conv2",
    "layer3.1.conv3",
]
AUTHORS_SMALL_REST = ["fnet.conv2", "cnet.conv2"] + [
    f"update_block.{name}"
    for name in [
        "encoder.convc1",
        "encoder.convf1",
        "encoder.convf2",
        "encoder.conv",
        "gru.convz",
        "gru.convr",
        "gru.convq",
        "flow_head.conv1",
        "flow_head.conv2",
    ]
]
# Batch normalisations of the large context encoder beside their convolutions: torchvision's name, the authors',
# channels.
NORMS = [("convnormrelu.1", "norm1", 64)]
NORMS += [
    (f"layer{i}.{j}.convnormrelu{k}.1", f"layer{i}.{j}.norm{k}", c)
    for i, c in ((1, 64), (2, 96), (3, 128))
    for j in (0, 1)
    for k in (1, 2)
]
NORMS += [(f"layer{i}.0.downsample.1", f"layer{i}.0.downsample.1", c) for i, c in ((2, 96), (3, 128))]
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")

TAIL = """
conv4.0 512 256 3 3
conv4_1.0 512 512 3 3
conv5.0 512 512 3 3
conv5_1.0 512 512 3 3
conv6.0 1024 512 3 3
conv6_1.0 1024 1024 3 3
deconv5.0 1024 512 4 4
deconv4.0 1026 256 4 4
deconv3.0 770 128 4 4
deconv2.0 386 64 4 4
"""
PLAIN = (
    "predict_flow6 2 1024 3 3\npredict_flow5 2 1026 3 3\n"
    "predict_flow4 2 770 3 3\npredict_flow3 2 386 3 3\npredict_flow2 2 194 3 3"
)
CARRIED = "\n".join(f"upsampled_flow{i}_to_{i - 1} 2 2 4 4" for i in (6, 5, 4, 3))
FLOWNET2 = {
    "flownetc": "conv1.0 64 3 7 7\nconv2.0 128 64 5 5\nconv3.0 256 128 5 5\n"
    f"conv_redir.0 32 256 1 1\nconv3_1.0 256 473 3 3{TAIL}{PLAIN}\n{CARRIED}",
    "flownets_1": f"conv1.0 64 12 7 7\nconv2.0 128 64 5 5\nconv3.0 256 128 5 5\nconv3_1.0 256 256 3 3{TAIL}{PLAIN}",
    "flownets_2": f"conv1.0 64 12 7 7\nconv2.0 128 64 5 5\nconv3.0 256 128 5 5\nconv3_1.0 256 256 3 3{TAIL}{PLAIN}",
    "flownets_d": f"""conv0.0 64 6 3 3
conv1.0 64 64 3 3
conv1_1.0 128 64 3 3
conv2.0 128 128 3 3
conv2_1.0 128 128 3 3
conv3.0 256 128 3 3
conv3_1.0 256 256 3 3
inter_conv5.0 512 1026 3 3
inter_conv4.0 256 770 3 3
inter_conv3.0 128 386 3 3
inter_conv2.0 64 194 3 3
predict_flow6 2 1024 3 3
predict_flow5 2 512 3 3
predict_flow4 2 256 3 3
predict_flow3 2 128 3 3
predict_flow2 2 64 3 3{TAIL}{CARRIED}""",
    "flownetfusion": """conv0.0 64 11 3 3
conv1.0 64 64 3 3
conv1_1.0 128 64 3 3
conv2.0 128 128 3 3
conv2_1.0 128 128 3 3
deconv1.0 128 32 4 4
deconv0.0 162 16 4 4
inter_conv1.0 32 162 3 3
inter_conv0.0 16 82 3 3
predict_flow2 2 128 3 3
predict_flow1 2 32 3 3
predict_flow0 2 16 3 3
upsampled_flow2_to_1 2 2 4 4
upsampled_flow1_to_0 2 2 4 4""",
}
# Numbers of parameters, as published: torchvision's table of models, NVIDIA's models.py.
PARAMETERS = {"raft_large": 5_257_536, "raft_small": 990_162, "flownet2": 162_518_834}


def _convolutions(text: str, before: str = "", names: list[str] | None = None) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for i, line in enumerate(text.split("\n")[1:-1] if text.startswith("\n") else text.split("\n")):
        name, *numbers = line.split()
        shape = tuple(map(int, numbers))
        name = before + (names[i] if names else name)
        upwards = "deconv" in name or "upsampled" in name  # transposed convolutions: inputs first
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = (shape[1] if upwards else shape[0],)
    return shapes


def _norms(before: str, which: int, channels_of=NORMS) -> dict[str, tuple[int, ...]]:
    return {f"{before}{row[which]}.{part}": (row[2],) for row in channels_of for part in NORM_PARTS}


def shapes_of(checkpoint: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the checkpoints by kind.

    The kinds are `raft_large`, `raft_small` (torchvision), `raft_things`, `raft_things_small` (the authors),
    `flownet2`.
    """
    if checkpoint == "raft_large":
        found = {}
        for encoder in ("feature_encoder.", "context_encoder."):
            found |= _convolutions(RAFT_LARGE_ENCODER, encoder)
        found |= _norms("context_encoder.", 0) | _convolutions(RAFT_LARGE_REST)
        return found | {f"context_encoder.{name}.num_batches_tracked": () for name, _, _ in NORMS}
    if checkpoint == "raft_small":
        found = _convolutions(RAFT_SMALL_REST)
        for encoder in ("feature_encoder.", "context_encoder."):
            found |= _convolutions(RAFT_SMALL_ENCODER, encoder)
        return found
    if checkpoint == "raft_things":
        found = {}
        for encoder in ("fnet.", "cnet."):
            found |= _convolutions(RAFT_LARGE_ENCODER, encoder, AUTHORS_LARGE_ENCODER)
        twice = [("", f"layer{i}.0.norm3", c) for i, c in ((2, 96), (3, 128))]
        found |= _norms("cnet.", 1) | _norms("cnet.", 1, twice)
        found |= _convolutions(RAFT_LARGE_REST, "", AUTHORS_LARGE_REST)
        return {f"module.{name}": shape for name, shape in found.items()}
    if checkpoint == "raft_things_small":
        found = _convolutions(RAFT_SMALL_REST, "", AUTHORS_SMALL_REST)
        for encoder in ("fnet.", "cnet."):
            found |= _convolutions(RAFT_SMALL_ENCODER, encoder, AUTHORS_SMALL_ENCODER)
        return {f"module.{name}": shape for name, shape in found.items()}
    found = {}
    for part, text in FLOWNET2.items():
        found |= _convolutions(text, f"{part}.")
    for part in ("flownets_1", "flownets_2"):  # here, what carries flow up has no bias
        found |= {f"{part}.upsampled_flow{i}_to_{i - 1}.weight": (2, 2, 4, 4) for i in (6, 5, 4, 3)}
    return found


def checkpoint_of(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict of that format, of random values that keep activations in bounds; the same for the same layer."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in shapes_of(name).items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(1000)
        elif key.endswith("running_var"):
            state[key] = 0.5 + torch.rand(shape, generator=generator)
        elif len(shape) > 1:
            fan = shape[1] * shape[2] * shape[3]
            state[key] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        else:
            state[key] = 0.1 * torch.randn(shape, generator=generator)
    return state
