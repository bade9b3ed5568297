"""Where networks run: the processor, or a CUDA device that is really there."""

from __future__ import annotations

import torch

from solver_core.common.errors import FaceSolveError


def device(name: str) -> torch.device:
    """The device of that name.

    Args:
        name: `cpu`, or `cuda` with or without a number.

    Raises:
        FaceSolveError: where this machine has none.
    """
    if name.partition(":")[0] not in {"cpu", "cuda"}:
        raise FaceSolveError(f"There is no device called '{name}'.", "Known are: cpu, cuda.")
    chosen = torch.device(name)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise FaceSolveError(
            f"The networks should run on '{name}', but this machine has no such graphics card that the solver can use.",
            "Choose the processor in the add-on's preferences (on the command line: --device cpu), "
            "or install the solver for CUDA.",
        )
    return chosen
