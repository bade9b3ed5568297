"""What published flow checkpoints call their layers, translated into the names of the modules here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")

# RAFT as its authors name it (princeton-vl/RAFT), part by part, in order; what is left out has the same name in both.
# The authors register the normalisation of a block's shortcut twice, alone as `norm3` and in `downsample`; the former
# is dropped.
RAFT_AUTHORS: tuple[tuple[str, str], ...] = (
    (r"^fnet\.", "feature_encoder."),
    (r"^cnet\.", "context_encoder."),
    (r"(encoder)\.conv1\.", r"\1.convnormrelu.0."),
    (r"(encoder)\.norm1\.", r"\1.convnormrelu.1."),
    (r"(encoder)\.conv2\.", r"\1.conv."),
    (r"(layer\d\.\d)\.conv(\d)\.", r"\1.convnormrelu\2.0."),
    (r"(layer\d\.\d)\.norm(\d)\.", r"\1.convnormrelu\2.1."),
    (r"^update_block\.encoder\.convc(\d)\.", r"update_block.motion_encoder.convcorr\1.0."),
    (r"^update_block\.encoder\.convf(\d)\.", r"update_block.motion_encoder.convflow\1.0."),
    (r"^update_block\.encoder\.conv\.", "update_block.motion_encoder.conv.0."),
    (r"^update_block\.gru\.conv([zrq])(\d?)\.", r"update_block.recurrent_block.convgru\2.conv\1."),
    (r"convgru\.", "convgru1."),
    (r"^update_block\.mask\.0\.", "mask_predictor.convrelu.0."),
    (r"^update_block\.mask\.2\.", "mask_predictor.conv."),
)
TWICE = re.compile(r"^[fc]net\.layer\d\.0\.norm3\.")


def raft(state: Mapping[str, Value]) -> dict[str, Value]:
    """A RAFT checkpoint's entries under torchvision's names, from those or from the authors'.

    Args:
        state: by the published names.

    Returns:
        The same values; entries that no rule knows keep their names.
    """
    state = without_prefix(state)
    if not any(name.startswith(("fnet.", "cnet.")) for name in state):
        return dict(state)
    named = {}
    for name, value in state.items():
        if TWICE.match(name):
            continue
        for pattern, replacement in RAFT_AUTHORS:
            name = re.sub(pattern, replacement, name)  # noqa: PLW2901 (it is led from one spelling to the next)
        named[name] = value
    return named


def without_prefix(state: Mapping[str, Value]) -> dict[str, Value]:
    """The entries without the `module.` that training on several devices puts before every name."""
    return {name.removeprefix("module."): value for name, value in state.items()}
