"""Array type names used in every signature, the shapes stand beside the arguments; and an even choice among many."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating]
Ints: TypeAlias = npt.NDArray[np.integer]
Bools: TypeAlias = npt.NDArray[np.bool_]
Strings: TypeAlias = npt.NDArray[np.str_]


def spread(values: Ints, most: int) -> Ints:  # [n]
    """[at most `most`] of the values, evenly from the first to the last; all where there are no more."""
    count = min(most, len(values))
    return values[np.linspace(0, len(values) - 1, count).round().astype(int)] if count else values[:0]
