"""Finds the face, the cameras with plates, the range and the shape-key groups of a scene."""

from __future__ import annotations

from typing import List, Optional

import bpy

from ...problem import FaceSolveProblem
from ..camera.plate import cameras_with_plate, read_plate
from ..rig.carried import turned_by_keys
from ..rig.controls import controls_of
from ..rig.head import Carrier, chosen_carrier
from ..rig.jaw import find_jaw, jaw_if_sound, usual_carrier
from ..rig.mesh import check_face, is_in, is_mesh, solvable_keys
from ..rig.shape_groups import HELD, group_of
from ..rig.shape_settings import fill_groups
from .faces import faces_by_look, is_part_of
from .local import instanced_heads, only_shown
from .mover import find_mover
from .prechecks import enabled_cameras

_CUBE = 8  # vertices of Blender's own cube, which stands selected in a new file and is nobody's head
_QUALIFIES = 0.7  # of the best score: a mesh that could be the face as well


def set_up(scene: bpy.types.Scene, active: Optional[bpy.types.Object]) -> List[str]:
    """Fill `scene.face_solve`; answers with what was found, one sentence each.

    Done again, it adds what is new and drops what is gone; what the artist changed since the last time stays.

    Args:
        scene: the scene.
        active: the active object, preferred as the face where it qualifies; may be None.

    Raises:
        FaceSolveProblem: where there is no face or no camera with a plate.
    """
    settings = scene.face_solve
    before = settings.face
    said = [_find_face(scene, settings, active)]
    sentence = _find_jaw(settings, same_face=settings.face == before)
    said += [sentence] if sentence else []
    sentence = _find_mover(scene, settings, same_face=settings.face == before)
    said += [sentence] if sentence else []
    said.append(_find_cameras(scene, settings))
    said.append(find_range(scene, settings, keep=True))
    fill_groups(settings, afresh=False)
    held = next((group for group in settings.shape_groups if group.name == HELD and not group.enabled), None)
    if held is not None:
        names = ", ".join(key.name for key in held.keys[:3]) + (", ..." if len(held.keys) > 3 else "")
        said.append(f"{len(held.keys)} shape keys stand at a value and are kept there ({names}).")
    said += [f"Shape keys in {len(settings.shape_groups)} groups."] if solvable_keys(settings.face) else []
    return said


def _find_face(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup, active: Optional[bpy.types.Object]) -> str:
    # a head without expressions looks like any other mesh: only the artist can say which it is
    chosen = settings.face if is_mesh(settings.face) and is_in(scene, settings.face) else None
    looks = faces_by_look(scene)
    candidates = [look.mesh for look in looks]
    if not candidates and chosen is None and is_mesh(active) and len(active.data.vertices) > _CUBE:
        candidates = [active]
    if not candidates and chosen is None:
        instance = next(instanced_heads(scene), None)
        if instance is not None:
            raise only_shown(instance)
        raise FaceSolveProblem(
            "No mesh with shape keys is in the scene.",
            "Add the actor's head, with its expressions as shape keys; "
            "or select a head without any, to have its motion solved.",
        )
    best = looks[0] if looks else None
    own = next((look for look in looks if look.mesh == active and look.moving), None)
    part = own is not None and is_part_of(active, best.mesh)  # an eyeball that happens to be active is no face
    if own is not None and not part and not (chosen and active in chosen.children_recursive):
        face, why = active, "the active object"  # teeth below it move with it
    elif chosen:
        face, why = chosen, "as chosen"
    elif best is not None:
        face, why = best.mesh, best.why
    else:
        face, why = active, "no shape keys"
    settings.face = face
    check_face(settings)
    others = [look for look in looks if look.mesh != face and look.score >= _QUALIFIES * best.score]
    names = ", ".join(look.mesh.name for look in others[:4])
    also = f" Others that could be: {names}." if others else ""
    why = why if others or best is None or best.mesh != face else best.why
    settings.found_face, settings.found_why = face, why
    settings.found_others = "\n".join(look.mesh.name for look in others[:4])
    return f"Face: {face.name} ({why}).{also}"


def _find_mover(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup, *, same_face: bool) -> str:
    """Choose what moves the head, unless the artist decided otherwise on what was found before."""
    carrier, sentence = find_mover(scene, settings)
    now = (settings.head_owner, settings.head_bone)
    if same_face and now != (settings.found_owner, settings.found_bone):
        return f"The head is moved by {chosen_carrier(settings).called}, as you chose."
    usual = carrier == Carrier(usual_carrier(settings.face, jaw_if_sound(settings)))
    settings.head_owner = settings.found_owner = None if usual else carrier.owner
    settings.head_bone = settings.found_bone = carrier.bone
    return sentence


def _find_jaw(settings: bpy.types.PropertyGroup, *, same_face: bool) -> str:
    """Choose the jaw bone, unless the artist decided otherwise on the one that was found before."""
    bone, sentence = find_jaw(settings.face)
    decided = same_face and bone == settings.found_jaw and settings.jaw_bone != bone
    if decided and (not settings.jaw_bone or jaw_if_sound(settings) is not None):
        return f"Jaw bone: {settings.jaw_bone or 'none'}, as you chose."
    keys = sorted(turned_by_keys(settings.face).get(bone, ()))
    keys += [
        name
        for name, found in controls_of(settings.face).items()
        if group_of(name) == "jaw" and any(f'"{bone}"' in one.path for one in found)
    ]  # another key that the bone drives mends what it does
    if bone and keys:  # the one moves the other: solved as one, through what the artist moves
        settings.jaw_bone = settings.found_jaw = ""
        return (
            f"The jaw bone {bone} and the shape key{'s' if len(keys) > 1 else ''} {', '.join(keys[:3])} "
            "move together, and are solved together."
        )
    settings.jaw_bone = settings.found_jaw = bone
    return sentence


def _find_cameras(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> str:
    cameras = sorted(cameras_with_plate(scene), key=lambda one: (one != scene.camera, one.name))
    if not cameras:
        raise FaceSolveProblem(
            "No camera has a plate.", "Add the footage as a background image of the matchmoved camera."
        )
    off = [item.camera for item in settings.cameras if not item.enabled]
    settings.cameras.clear()
    for camera in cameras:
        item = settings.cameras.add()
        item.camera, item.enabled = camera, camera not in off
    return f"Cameras: {', '.join(one.name + (' (off)' if one in off else '') for one in cameras)}."


def find_range(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup, *, keep: bool = False) -> str:
    """Set the range to those of the scene's frames that a plate covers; answers with it in words.

    Args:
        scene: the scene.
        settings: `scene.face_solve`.
        keep: leave a range that the artist set since one was found, unless the plates cover none of it.
    """
    covered = set()
    for camera in enabled_cameras(settings):
        try:
            plate = read_plate(camera)
        except FaceSolveProblem:  # said by the prechecks, where the artist sees it
            continue
        covered.update(
            frame for frame in range(scene.frame_start, scene.frame_end + 1) if plate.frame_of(frame) is not None
        )
    first, last = settings.frame_start, settings.frame_end
    edited = settings.is_property_set("found_range") and tuple(settings.found_range) != (first, last)
    uncovered = covered and covered.isdisjoint(range(first, last + 1))
    if keep and edited and not uncovered:
        return f"Frames {first}-{last}, as you set them."
    found = min(covered, default=scene.frame_start), max(covered, default=scene.frame_end)
    settings.frame_start, settings.frame_end = settings.found_range = found
    return f"Frames {found[0]}-{found[1]}."
