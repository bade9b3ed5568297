"""Finds the face, the cameras with plates, the range and the shape-key groups of a scene."""

from __future__ import annotations

from typing import List, Optional

import bpy

from ..problem import FaceSolveProblem
from .jaw import find_jaw
from .plate import cameras_with_plate, read_plate
from .prechecks import enabled_cameras
from .rig import check_face, face_candidates, solvable_keys
from .shape_settings import fill_groups


def set_up(scene: bpy.types.Scene, active: Optional[bpy.types.Object]) -> List[str]:
    """Fill `scene.face_solve`; answers with what was found, one sentence each.

    Args:
        scene: the scene.
        active: the active object, preferred as the face where it qualifies; may be None.

    Raises:
        FaceSolveProblem: where there is no face or no camera with a plate.
    """
    settings = scene.face_solve
    said = [_find_face(scene, settings, active)]
    settings.jaw_bone, sentence = find_jaw(settings.face)
    said += [sentence] if sentence else []
    said += _find_cameras(scene, settings)
    said.append(find_range(scene, settings))
    fill_groups(settings, afresh=False)
    said += [f"Shape keys in {len(settings.shape_groups)} groups."] if solvable_keys(settings.face) else []
    return said


def _find_face(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup, active: Optional[bpy.types.Object]) -> str:
    # a head without expressions looks like any other mesh: only the artist can say which it is
    meant = [one for one in (active, settings.face) if one is not None and one.type == "MESH"]
    candidates = face_candidates(scene) or meant[:1]
    if not candidates:
        raise FaceSolveProblem(
            "No mesh with shape keys is in the scene.",
            "Add the actor's head, with its expressions as shape keys; or select a head without any, to have its motion solved.",
        )
    face = active if active in candidates else max(candidates, key=lambda one: len(solvable_keys(one)))
    settings.face = face
    check_face(face)
    others = [one.name for one in candidates if one != face]
    also = f" Others that could be: {', '.join(others[:4])}." if others else ""
    why = "the active object" if face == active and others else f"{len(solvable_keys(face)) or 'no'} shape keys"
    return f"Face: {face.name} ({why}).{also}"


def _find_cameras(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> List[str]:
    settings.cameras.clear()
    for camera in sorted(cameras_with_plate(scene), key=lambda one: (one != scene.camera, one.name)):
        item = settings.cameras.add()
        item.camera, item.enabled = camera, True
    if not settings.cameras:
        raise FaceSolveProblem(
            "No camera has a plate.", "Add the footage as a background image of the matchmoved camera."
        )
    return [f"Cameras: {', '.join(item.camera.name for item in settings.cameras)}."]


def find_range(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> str:
    """Set the range to those of the scene's frames that a plate covers; answers with it in words."""
    covered = set()
    for camera in enabled_cameras(settings):
        try:
            plate = read_plate(camera)
        except FaceSolveProblem:  # said by the prechecks, where the artist sees it
            continue
        covered.update(
            frame for frame in range(scene.frame_start, scene.frame_end + 1) if plate.frame_of(frame) is not None
        )
    settings.frame_start = min(covered, default=scene.frame_start)
    settings.frame_end = max(covered, default=scene.frame_end)
    return f"Frames {settings.frame_start}-{settings.frame_end}."
