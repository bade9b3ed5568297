"""Makes a character that is linked, overridden or only instanced this file's own, so that it can be keyed."""

from __future__ import annotations

from typing import Iterable, Iterator, List, Set

import bpy

from ...problem import FaceSolveProblem
from ..rig.mesh import is_mesh, solvable_keys
from ..rig.skinning import skinned_to


def instanced_heads(scene: bpy.types.Scene) -> Iterator[bpy.types.Object]:
    """The empties that show a collection with a mesh that has shape keys."""
    for one in scene.objects:
        shown = one.instance_collection if one.instance_type == "COLLECTION" else None
        if shown is not None and any(is_mesh(other) and solvable_keys(other) for other in shown.all_objects):
            yield one


def only_shown(instance: bpy.types.Object) -> FaceSolveProblem:
    """What is wrong with a head that an empty shows."""
    return FaceSolveProblem(
        f"{instance.name} only shows a character of another collection: nothing can be keyed on it.",
        "Make the character local: its objects come into this scene, where the instance stands.",
        "face_solve.make_character_local",
    )


def make_local(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> List[str]:
    """Make the face, all that is parented with it and its armatures local with their data.

    Of an instance all that it shows.

    Answers with the names of the objects that are this file's own now.
    """
    made: Set[str] = set()
    for empty in list(instanced_heads(scene)):
        shown = list(empty.instance_collection.all_objects)
        empty.instance_type, empty.instance_collection = "NONE", None
        for one in shown:
            if one.name not in scene.collection.objects:
                scene.collection.objects.link(one)
        own = _own(shown)
        for one in own:
            if one.parent is None:
                one.parent = empty
        made.update(one.name for one in own)
    if settings.face is not None:
        made.update(one.name for one in _own(_character(scene, settings.face)))
    return sorted(made)


def _character(scene: bpy.types.Scene, face: bpy.types.Object) -> List[bpy.types.Object]:
    root = face
    while root.parent is not None:
        root = root.parent
    return [
        one for one in dict.fromkeys([root, *root.children_recursive, *skinned_to(face)]) if scene.objects.get(one.name)
    ]


def _own(objects: Iterable[bpy.types.Object]) -> List[bpy.types.Object]:
    wanted = list(objects)
    layer = bpy.context.view_layer
    for one in layer.objects:
        one.select_set(False)
    for one in wanted:
        if one.name in layer.objects:
            layer.objects[one.name].select_set(True)
    layer.objects.active = wanted[0] if wanted and wanted[0].name in layer.objects else None
    bpy.ops.object.make_local(type="SELECT_OBDATA")
    return list(layer.objects.selected)
