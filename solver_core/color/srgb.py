"""The sRGB transfer functions (IEC 61966-2-1): linear light to display values and back, with the derivative."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LINEAR_END = 0.0031308  # linear light below which the encoding is a straight line
_ENCODED_END = 0.04045


def srgb_encode(linear: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Encode linear light as sRGB display values.

    Args:
        linear: any shape, 0..1; negative values continue the straight part, values above 1 the power.

    Returns:
        Display values of the same shape and floating type (float64 for other types).
    """
    x = _floating(linear)
    power = 1.055 * np.maximum(x, _LINEAR_END) ** (1 / 2.4) - 0.055
    return np.where(x <= _LINEAR_END, 12.92 * x, power).astype(x.dtype, copy=False)


def srgb_decode(encoded: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Decode sRGB display values to linear light: the inverse of `srgb_encode`, same shapes and types."""
    x = _floating(encoded)
    power = ((np.maximum(x, _ENCODED_END) + 0.055) / 1.055) ** 2.4
    return np.where(x <= _ENCODED_END, x / 12.92, power).astype(x.dtype, copy=False)


def _floating(values: npt.ArrayLike) -> npt.NDArray[np.floating]:
    array = np.asarray(values)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)
