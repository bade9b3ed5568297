"""Linear light as sRGB display values from a table, and the slope of that curve for derivatives."""

from __future__ import annotations

import numba as nb
import numpy as np

from solver_core.color.srgb import srgb_encode
from solver_core.render.rasteriser import Float32

_TABLE_SIZE = 1 << 14
_TABLE: Float32 = srgb_encode(np.linspace(0.0, 1.0, _TABLE_SIZE + 1)).astype(np.float32)


def encode(linear: Float32) -> Float32:
    """sRGB-encode, clipped to 0..1, from a table whose error stays under 1.2e-6."""
    out = np.empty_like(linear)
    _encode(linear.reshape(-1), _TABLE, out.reshape(-1))
    return out


@nb.njit(cache=True, inline="always")
def encoding_slope(x: float) -> float:
    """The slope of the sRGB encoding, zero where it is clipped."""
    if not (0.0 <= x <= 1.0):
        return 0.0
    return 12.92 if x <= 0.0031308 else (1.055 / 2.4) * x ** (1.0 / 2.4 - 1.0)


@nb.njit(parallel=True, cache=True)
def _encode(linear: Float32, table: Float32, out: Float32) -> None:
    last = table.shape[0] - 1
    for n in nb.prange(linear.shape[0]):
        x = min(max(linear[n], np.float32(0.0)), np.float32(1.0)) * np.float32(last)
        if not (x >= 0):
            x = np.float32(0.0)
        low = min(int(x), last - 1)
        share = x - np.float32(low)
        out[n] = table[low] + share * (table[low + 1] - table[low])
