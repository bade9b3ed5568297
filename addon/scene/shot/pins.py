"""The artist's pins as shot.json has them."""

from __future__ import annotations

from typing import Dict, List, Sequence

import bpy

from ..rig.mesh import is_mesh


def pins_document(settings: bpy.types.PropertyGroup, frames: Sequence[int]) -> List[Dict[str, object]]:
    """The pins of these frames that the face still has the vertices of (docs/shot_format.md)."""
    wanted = set(frames)
    count = len(settings.face.data.vertices) if is_mesh(settings.face) else 0
    return [
        {"frame": pin.frame, **pin_document(pin)}
        for pin in settings.pins
        if pin.frame in wanted and pin.camera is not None and max(pin.vertices) < count
    ]


def pin_document(pin: bpy.types.PropertyGroup) -> Dict[str, object]:
    """One pin without its frame."""
    return {
        "camera": pin.camera.name,
        "vertices": list(pin.vertices),
        "barycentric": list(pin.barycentric),
        "place": list(pin.place),
        "strength": pin.strength,
    }
