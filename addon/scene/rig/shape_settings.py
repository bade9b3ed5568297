"""The groups of shape keys in the settings.

They are read as a layout, written back, said where they do not suit the face, and searched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import List, Set

import bpy

from ... import compat
from ...problem import WARNING, FaceSolveProblem, Problem
from .mesh import driven_keys, is_mesh, key_blocks, solvable_keys
from .shape_groups import HELD, IDENTITY, group_of, is_expression
from .shape_layout import Group, Layout, complete, faults, move, regroup

_MEND = "face_solve.mend_groups"
_STANDS = 1e-3  # a value below is none


def read_layout(settings: bpy.types.PropertyGroup) -> Layout:
    """The settings' groups as a value."""
    groups = tuple(
        Group(group.name, tuple(key.name for key in group.keys), group.enabled, group.strength)
        for group in settings.shape_groups
    )
    return Layout(
        groups, frozenset(key.name for group in settings.shape_groups for key in group.keys if not key.enabled)
    )


def write_layout(settings: bpy.types.PropertyGroup, layout: Layout) -> None:
    """Replace the settings' groups; the active group stays the active one where it is still there."""
    active = active_group(settings)
    settings.shape_groups.clear()
    for group in layout.groups:
        item = settings.shape_groups.add()
        item.name, item.enabled, item.strength = group.name, group.enabled, group.strength
        for key in group.keys:
            entry = item.keys.add()
            entry.name, entry.enabled = key, key not in layout.left_out
    names = [group.name for group in layout.groups]
    settings.shape_group_index = names.index(active) if active in names else 0


def active_group(settings: bpy.types.PropertyGroup) -> str:
    """The name of the active group; empty where there is none."""
    index = settings.shape_group_index
    return settings.shape_groups[index].name if 0 <= index < len(settings.shape_groups) else ""


def fill_groups(settings: bpy.types.PropertyGroup, *, afresh: bool) -> None:
    """Put every shape key of the face into one group, by its name.

    Args:
        settings: `scene.face_solve`, with a face.
        afresh: also those that are in a group already; switches and strengths are kept either way.
    """
    layout, keys = read_layout(settings), solvable_keys(settings.face)
    known = set(layout.homes())
    layout = regroup(layout, keys) if afresh else complete(layout, keys)
    held = [name for name in standing_keys(settings.face) if name not in known]
    if held:
        layout = move(layout, held, HELD)
        groups = tuple(replace(one, enabled=False) if one.name == HELD else one for one in layout.groups)
        layout = replace(layout, groups=groups)
    write_layout(settings, layout)


def standing_keys(face: bpy.types.Object) -> List[str]:
    """Shape keys that stand at a value without being animated or driven, and are no expressions.

    They make the person, or mend a pose.
    """
    keys = face.data.shape_keys if is_mesh(face) else None
    if keys is None:
        return []
    driven = driven_keys(face)
    return [
        name
        for name in solvable_keys(face)
        if abs(keys.key_blocks[name].value) > _STANDS
        and not keys.key_blocks[name].mute
        and name not in driven
        and not is_expression(name)
        and group_of(name) != IDENTITY
        and compat.find_curve(keys, keys.key_blocks[name].path_from_id("value"), 0) is None
    ]


def group_problems(settings: bpy.types.PropertyGroup) -> List[Problem]:
    """Where the groups do not suit the face; a solve can start all the same."""
    if not is_mesh(settings.face) or not settings.shape_groups:
        return []
    found = faults(read_layout(settings), solvable_keys(settings.face))
    problems = []
    if found.doubled:
        message = f"{_named(found.doubled)} in more than one group."
        problems.append(Problem(WARNING, message, "Keep each key in the first group that has it.", _MEND))
    if found.absent:
        message = f"The groups name {_counted(found.absent)} that {settings.face.name} has not."
        problems.append(Problem(WARNING, message, "Take the names out of the groups.", _MEND))
    if found.loose:
        message = f"{_named(found.loose)} in no group, and solved with the usual strength."
        problems.append(Problem(WARNING, message, "Put each key into the group that its name tells.", _MEND))
    return problems


def _counted(keys: tuple) -> str:
    shown = ", ".join(keys[:3]) + (", ..." if len(keys) > 3 else "")
    return f"{len(keys)} shape key{'s' if len(keys) > 1 else ''} ({shown})"


def _named(keys: tuple) -> str:
    return f"{_counted(keys)} {'are' if len(keys) > 1 else 'is'}"


def solved_keys(settings: bpy.types.PropertyGroup) -> Set[str]:
    """The shape keys that a solve would move."""
    face = settings.face
    left_out = {
        key.name for group in settings.shape_groups for key in group.keys if not (group.enabled and key.enabled)
    }
    muted = {block.name for block in key_blocks(face) if block.mute}
    return set(solvable_keys(face)) - muted - left_out - driven_keys(face)


def shown_keys(settings: bpy.types.PropertyGroup) -> List[bool]:
    """Whether the list shows each shape key of the face, by its search and filters; the reference key is among them."""
    words = settings.key_search.lower().split()
    solved = solved_keys(settings)
    groups = read_layout(settings).homes()
    group = active_group(settings) if settings.key_of_group else ""
    wanted = {"SOLVED": True, "LEFT_OUT": False}.get(settings.key_state)
    return [
        block != settings.face.data.shape_keys.reference_key
        and all(word in block.name.lower() for word in words)
        and (not group or group in groups.get(block.name, ()))
        and (wanted is None or wanted == (block.name in solved))
        for block in key_blocks(settings.face)
    ]


def active_key(settings: bpy.types.PropertyGroup) -> str:
    """The name of the list's active shape key.

    Raises:
        FaceSolveProblem: where there is none.
    """
    blocks = key_blocks(settings.face)
    if not 0 < settings.key_index < len(blocks):
        raise FaceSolveProblem("No shape key of the list is active.", "Click one.")
    return blocks[settings.key_index].name
