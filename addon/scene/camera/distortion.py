"""Reads the lens distortion of a camera's plate from its movie clip's tracking camera."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple, Union

import bpy

from .plate import background, shown_clip

COEFFICIENTS = {
    "POLYNOMIAL": ("k1", "k2", "k3"),
    "DIVISION": ("division_k1", "division_k2"),
    "NUKE": ("nuke_k1", "nuke_k2"),
    "BROWN": ("brown_k1", "brown_k2", "brown_k3", "brown_k4", "brown_p1", "brown_p2"),
}

Record = Dict[str, Union[str, float, List[float]]]


def read_distortion(camera: bpy.types.Object, size: Tuple[int, int]) -> Optional[Record]:
    """What docs/shot_format.md calls `distortion`: None where the plate is no clip, or its lens bends nothing.

    Args:
        camera: the camera's object.
        size: the plate's width and height in pixels.
    """
    entry = background(camera)
    if entry is None or entry.source != "MOVIE_CLIP":
        return None
    lens = shown_clip(entry).tracking.camera
    values = {name.rpartition("_")[2]: getattr(lens, name) for name in COEFFICIENTS[lens.distortion_model]}
    if not any(values.values()):
        return None
    width, height = size
    aspect = lens.pixel_aspect  # width of a pixel over its height: Blender measures y in units of x
    if hasattr(lens, "principal_point_pixels"):
        across, up = lens.principal_point_pixels
    else:  # 3.4
        across, up = lens.principal
    # NUKE measures in half the longer side, the others in focal lengths.
    unit = max(width, height / aspect) / 2.0 if lens.distortion_model == "NUKE" else lens.focal_length_pixels
    return {
        "model": lens.distortion_model,
        **values,
        "principal": [across, height - up],
        "unit": [unit, unit * aspect],
    }
