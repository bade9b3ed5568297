"""Colour spaces by the names that Blender gives them: to linear Rec.709 for the energy, to sRGB for the networks.

sRGB, linear Rec.709 and data are computed here; every other space goes through OpenColorIO's built-in studio
configuration, or through the one that the environment variable OCIO names, where that one knows the space.
Spaces that bake a look into the picture (Filmic sRGB, the AgX Base family, False Color) have no inverse and are
refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import PyOpenColorIO as ocio

from solver_core.color.srgb import srgb_decode
from solver_core.common.errors import FaceSolveError
from solver_core.common.reading import DAMAGE, why

Pixels = npt.NDArray[np.float32]
Transform = Callable[[Pixels], Pixels]

BUILTIN_CONFIG = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
LINEAR_REC709 = "Linear Rec.709 (sRGB)"
HALF_MAX = 65504.0  # the largest half float: what an infinite pixel becomes

_SRGB = {"sRGB", "sRGB 2.2", "sRGB - Texture", "sRGB Encoded Rec.709 (sRGB)"}
_LINEAR = {"Linear Rec.709", "Linear", "Linear BT.709", "Linear Rec.709 (sRGB)", "scene_linear"}
_DATA = {"Non-Color", "Non-Colour Data", "Generic Data", "Raw"}

# Blender's name (3.4 to 5.0) -> the studio configuration's.
_RENAMED = {
    "ACEScg": "ACEScg",
    "Linear ACEScg": "ACEScg",
    "Linear ACES": "ACES2065-1",
    "Linear Rec.2020": "Linear Rec.2020",
    "Linear BT.2020": "Linear Rec.2020",
    "Linear DCI-P3 D65": "Linear P3-D65",
    "Linear CIE-XYZ D65": "CIE-XYZ-D65",
    "XYZ": "CIE-XYZ-D65",
    "nuke_rec709": "Camera Rec.709",
}
# The offset of a curve with exponent 2.4 (0.055 is sRGB's), then the linear space that it encodes.
_ENCODED = {
    "Display P3": (0.055, "Linear P3-D65"),
    "Rec.1886": (0.0, LINEAR_REC709),
    "BT.1886": (0.0, LINEAR_REC709),
    "Rec.2020": (0.0, "Linear Rec.2020"),
    "BT.2020": (0.0, "Linear Rec.2020"),
}
_LONGEST_NAME = 200  # letters
_LOOKS = (
    "Filmic sRGB",
    "AgX",
    "False Color",
    "Khronos PBR",
    "ACES 1.3 sRGB",
    "ACES 2.0 sRGB",
    "Luminance Compensation",
)


def is_srgb(name: str) -> bool:
    """Whether stored values are already what a display shows."""
    return name in _SRGB


@lru_cache(maxsize=32)
def to_linear(name: str) -> Transform:
    """The function from stored values of colour space `name` to linear Rec.709, both [..., 3] float32.

    Stored values are finite; the result may be negative (colours outside Rec.709) or above 1.

    Raises:
        FaceSolveError: where the space is unknown or has no inverse.

    """
    if name in _SRGB:
        return _decode
    if name in _LINEAR or name in _DATA:  # Blender takes data as scene-linear numbers, untouched
        return _unchanged
    processor = _processor(name)

    def convert(stored: Pixels) -> Pixels:
        pixels = np.ascontiguousarray(stored, dtype=np.float32)
        if pixels is stored or np.shares_memory(pixels, stored):
            pixels = pixels.copy()  # OpenColorIO writes in place
        processor.applyRGB(pixels)
        return pixels

    return convert


def _decode(stored: Pixels) -> Pixels:
    return np.asarray(srgb_decode(stored), np.float32)


def _unchanged(stored: Pixels) -> Pixels:
    return np.array(stored, dtype=np.float32)


def _processor(name: str) -> ocio.CPUProcessor:
    """OpenColorIO's processor from `name` to linear Rec.709."""
    builtin = ocio.Config.CreateFromFile(BUILTIN_CONFIG)
    try:
        if len(name) > _LONGEST_NAME or "\0" in name:
            raise ValueError("no colour space has such a name")
        studio = _studio_config()
        if studio is not None and studio.getColorSpace(name) is not None:
            between = ocio.Config.GetProcessorFromConfigs(studio, name, builtin, LINEAR_REC709)
            return between.getDefaultCPUProcessor()
        if name in _ENCODED:
            offset, linear = _ENCODED[name]
            curve = ocio.ExponentWithLinearTransform([2.4, 2.4, 2.4, 1.0], [offset, offset, offset, 0.0])
            primaries = ocio.ColorSpaceTransform(linear, LINEAR_REC709)
            return builtin.getProcessor(ocio.GroupTransform([curve, primaries])).getDefaultCPUProcessor()
        if name == "Filmic Log":  # log2 around middle grey, 16.5 stops, Rec.709 primaries
            log = ocio.AllocationTransform(ocio.ALLOCATION_LG2, [-12.473931188, 4.026068812])
            log.setDirection(ocio.TRANSFORM_DIR_INVERSE)
            return builtin.getProcessor(log).getDefaultCPUProcessor()
        known = _RENAMED.get(name, name)
        if builtin.getColorSpace(known) is not None:
            return builtin.getProcessor(known, LINEAR_REC709).getDefaultCPUProcessor()
    except (ocio.Exception, ocio.ExceptionMissingFile, *DAMAGE) as error:
        raise FaceSolveError(
            f"Colour space '{name[:_LONGEST_NAME]}' of the image cannot be converted: {why(error)}.",
            "Choose another colour space for the image in Blender, or check the OCIO configuration.",
        ) from error
    if name.startswith(_LOOKS):
        raise FaceSolveError(
            f"Colour space '{name}' of the image has a look baked in that cannot be undone.",
            "Set the image's colour space to the one that it was filmed or saved in, such as sRGB.",
        )
    raise FaceSolveError(
        f"The image's colour space '{name}' is not known.",
        "Choose sRGB, Linear Rec.709, ACEScg or Linear Rec.2020 in the image's settings, "
        "or set the environment variable OCIO to a configuration that has it.",
    )


def _studio_config() -> ocio.Config | None:
    """The configuration that the environment variable OCIO names, as Blender obeys it too; None without one."""
    path = os.environ.get("OCIO", "")
    return ocio.Config.CreateFromFile(path) if path else None
