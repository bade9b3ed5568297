"""Between the settings of a scene and a preset: what of them a preset holds, and what of a preset suits a face."""

from __future__ import annotations

from typing import Dict, List, Tuple

import bpy

from ..results.bounds import from_pixels
from ..rig.mesh import check_face, solvable_keys
from ..rig.shape_layout import Layout, complete, faults
from ..rig.shape_settings import read_layout, write_layout
from .preset import Preset, Value

# What describes a way to solve. Cameras, frames and ranges describe a shot: they stay.
NAMES = (
    *("landmarks", "detector", "flow", "refinement", "bad_above", "judged", "stage_file"),
    *("overlays.hide_head", "overlays.shaded", "overlays.opacity", "overlays.wireframe", "overlays.landmarks"),
    *("overlays.residuals", "overlays.residual_stretch", "overlays.regions", "overlays.flow"),
)


def take_preset(settings: bpy.types.PropertyGroup) -> Preset:
    """The settings as a preset."""
    values = {}
    for name in NAMES:
        owner, own_name = _place(settings, name)
        values[name] = _plain(getattr(owner, own_name))
    return Preset(read_layout(settings), values)


def _place(settings: bpy.types.PropertyGroup, name: str) -> Tuple[bpy.types.PropertyGroup, str]:
    """The group that a setting lies in, and its name there."""
    group, _dot, own_name = name.rpartition(".")
    return (getattr(settings, group) if group else settings), own_name


def _plain(value: Value) -> Value:
    # Blender's numbers are single precision: seven digits are all that they have, and read better.
    return float(f"{value:.7g}") if isinstance(value, float) else value


def apply_preset(settings: bpy.types.PropertyGroup, preset: Preset) -> List[str]:
    """Set what suits this face and this version; answers with what did not, one sentence each.

    Raises:
        FaceSolveProblem: where no face is chosen.
    """
    check_face(settings)
    said = [] if preset.layout is None else _apply_layout(settings, preset.layout)
    for name, value in _renamed(preset.settings).items():
        owner, own_name = _place(settings, name) if name in NAMES else (None, "")
        if owner is None or not _suits(owner.bl_rna.properties[own_name], value):
            said.append(f"This version has no {name} = {value}: skipped.")
        else:
            setattr(owner, own_name, value)
    return said


def _renamed(settings: Dict[str, Value]) -> Dict[str, Value]:
    """The settings of a preset under today's names: before 0.2 the bound of bad frames was in plate pixels."""
    found = dict(settings)
    pixels = found.pop("bad_error_px", None)
    if isinstance(pixels, float):
        found.setdefault("bad_above", from_pixels(pixels))
    elif pixels is not None:
        found["bad_error_px"] = pixels
    return found


def _apply_layout(settings: bpy.types.PropertyGroup, layout: Layout) -> List[str]:
    """Group the face's keys; answers as `apply_preset`."""
    said = []
    keys = solvable_keys(settings.face)
    found = faults(layout, keys)
    if found.absent:
        said.append(f"{settings.face.name} has no shape keys {_listed(found.absent)}: skipped.")
    if found.doubled:
        said.append(f"The preset has {_listed(found.doubled)} in more than one group: kept in the first.")
    if found.loose:
        said.append(f"The preset does not name {_listed(found.loose)}: grouped by their names.")
    write_layout(settings, complete(layout, keys))
    return said


def _suits(definition: bpy.types.Property, value: Value) -> bool:
    if definition.type == "ENUM":
        return value in {item.identifier for item in definition.enum_items}
    if definition.type == "BOOLEAN":
        return isinstance(value, bool)
    if definition.type in ("FLOAT", "INT"):
        return not isinstance(value, (bool, str)) and definition.hard_min <= value <= definition.hard_max
    return isinstance(value, str)


def _listed(keys: tuple) -> str:
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
