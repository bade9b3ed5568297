"""Several actors in a scene: each face has its own groups, results, locks and record of what was written."""

from __future__ import annotations

from typing import Optional

import bpy

_OF_THE_LIST = ("rna_type", "name", "face")


def change_actor(settings: bpy.types.PropertyGroup) -> None:
    """Put away what belongs to the face that was chosen before, and bring back what belongs to the new one.

    Args:
        settings: `scene.face_solve`, whose `face` has just changed.
    """
    face, before = settings.face, settings.actor
    if face is None or face == before:
        return
    if before is not None:
        kept = _find(settings, before) or settings.actors.add()
        kept.face = before
        _copy(settings, kept)
        other = _find(settings, face)
        blank = settings.actors.add() if other is None else other
        blank.face = face
        _copy(blank, settings)
        settings.actors.remove(next(i for i, one in enumerate(settings.actors) if one.face == face))
    settings.actor = face


def _find(settings: bpy.types.PropertyGroup, face: bpy.types.Object) -> Optional[bpy.types.PropertyGroup]:
    return next((one for one in settings.actors if one.face == face), None)


def _copy(source: bpy.types.PropertyGroup, target: bpy.types.PropertyGroup) -> None:
    """What both have in common, as it was set; the rest of the target goes back to its defaults."""
    for one in source.bl_rna.properties:
        name = one.identifier
        if name not in target.bl_rna.properties or name in _OF_THE_LIST:
            continue
        if one.type == "COLLECTION":
            items = getattr(target, name)
            items.clear()
            for item in getattr(source, name):
                made = items.add()
                made.name = item.name
                _copy(item, made)
        elif source.is_property_set(name):
            setattr(target, name, getattr(source, name))
        else:
            target.property_unset(name)
