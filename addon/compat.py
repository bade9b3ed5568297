"""What differs between Blender 3.4 and 5.3; no other module asks for Blender's version."""

from __future__ import annotations

import contextlib
from typing import List, Optional

import blf
import bpy

from .wrapping import wrapped

_SLOTTED_ACTIONS = bpy.app.version >= (4, 4, 0)
_PROGRESS_BAR = bpy.app.version >= (4, 0, 0)
# Pixels at an interface scale of 1: the sidebar's tabs, margins, a box and an icon beside its text, and how narrow text
# may get.
_BESIDE_TEXT, _LEAST_ROOM, _ICON = 102.0, 80.0, 28.0
TURNS_MOVIES = bpy.app.version >= (4, 4, 0)  # whether a movie's rotation flag is obeyed


def stored(group: bpy.types.PropertyGroup, name: str) -> object:
    """What a file holds under the name of a property that is no longer there; None where it holds nothing."""
    found = None
    with contextlib.suppress(TypeError, AttributeError):  # since 5.0 a group of properties need not be a dictionary
        found = group.get(name)
    if found is None and hasattr(group, "bl_system_properties_get"):
        held = group.bl_system_properties_get()
        found = None if held is None else held.get(name)
    return found


def find_curve(owner: bpy.types.ID, data_path: str, index: int) -> Optional[bpy.types.FCurve]:
    """The F-curve that animates a property of a data-block, or None."""
    data = owner.animation_data
    action = data.action if data else None
    if action is None:
        return None
    if not _SLOTTED_ACTIONS:
        return action.fcurves.find(data_path, index=index)
    for bag in _bags(data):
        curve = bag.fcurves.find(data_path, index=index)
        if curve is not None:
            return curve
    return None


def ensure_curve(owner: bpy.types.ID, data_path: str, index: int, group: str) -> bpy.types.FCurve:
    """The F-curve that animates a property of a data-block, made where it is missing."""
    curve = find_curve(owner, data_path, index)
    if curve is not None:
        return curve
    data = owner.animation_data or owner.animation_data_create()
    if data.action is None:
        data.action = bpy.data.actions.new(f"{owner.name}Action")
    if not _SLOTTED_ACTIONS:
        return data.action.fcurves.new(data_path, index=index, action_group=group)
    if data.action_slot is None:  # assigned by hand: Blender's own way plays nothing before the file is opened again
        data.action_slot = data.action.slots.new(owner.id_type, owner.name)
    curve = data.action.fcurve_ensure_for_datablock(owner, data_path, index=index)
    if curve.group is None:
        bag = next(bag for bag in _bags(data) if bag.fcurves.find(data_path, index=index) is not None)
        curve.group = bag.groups.get(group) or bag.groups.new(group)
    return curve


def key_points(block: bpy.types.ShapeKey) -> bpy.types.bpy_prop_collection:
    """A shape key's vertices: since Blender 4.1 there is a way to them that is ten times as fast."""
    return block.points if hasattr(block, "points") else block.data


def has_slot(data: bpy.types.AnimData) -> bool:
    """Whether the action animates its data-block: since Blender 4.4 it has a slot for that."""
    return not _SLOTTED_ACTIONS or data.action_slot is not None


def own_action(data: bpy.types.AnimData) -> None:
    """Give a data-block a local copy of its action."""
    slot = data.action_slot.identifier if _SLOTTED_ACTIONS and data.action_slot is not None else ""
    data.action = data.action.copy()
    if slot:
        data.action_slot = data.action.slots[slot]


def remove_curve(owner: bpy.types.ID, curve: bpy.types.FCurve) -> None:
    """Remove a curve, and its group where it was the last one in it."""
    data = owner.animation_data
    name = curve.group.name if curve.group is not None else ""
    for bag in _bags(data) if _SLOTTED_ACTIONS else [data.action]:
        if any(one == curve for one in bag.fcurves):
            bag.fcurves.remove(curve)
            group = bag.groups.get(name) if name else None
            if group is not None and not group.channels:
                bag.groups.remove(group)
            return


def _bags(data: bpy.types.AnimData) -> List[bpy.types.bpy_struct]:
    """The channel bags of the slot that is assigned; another data-block's slot may carry the same paths."""
    slot = data.action_slot
    if slot is None:
        return []
    bags = (strip.channelbag(slot) for layer in data.action.layers for strip in layer.strips)
    return [bag for bag in bags if bag is not None]


def draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, fraction: float) -> None:
    """A progress bar; before Blender 4.0 one made of characters, as many as there is room for."""
    if _PROGRESS_BAR:
        layout.progress(factor=fraction, text=f"{fraction:.0%}")
    else:
        room = _room_for_text(context) + _ICON * context.preferences.system.ui_scale  # it has none
        count = max(8, int(room / blf.dimensions(0, "\u2588")[0]))
        full = round(count * fraction)
        layout.label(text="\u2588" * full + "\u2591" * (count - full))


def online_access() -> bool:
    """Whether Blender may go online; before 4.2 it had no such setting."""
    return bool(getattr(bpy.app, "online_access", True))


def redraw_preferences(context: bpy.types.Context) -> None:
    """Redraw the preferences, and what else shows an installation."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
    redraw_progress(context)


def redraw_progress(context: bpy.types.Context) -> None:
    """Redraw what shows a running solve, and no viewport: those can be slow."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def draw_wrapped(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str) -> None:
    """Text broken into lines that fit the region: a label alone would be cut off."""
    room = _room_for_text(context)
    _draw_column(layout, wrapped(text, lambda line: blf.dimensions(0, line)[0] <= room), icon)


def _room_for_text(context: bpy.types.Context) -> float:
    """How wide text in a panel may be, in pixels of the screen; from here on blf measures with the panels' font."""
    scale = context.preferences.system.ui_scale
    blf.size(0, context.preferences.ui_styles[0].widget.points * scale)
    return max(_LEAST_ROOM * scale, context.region.width - _BESIDE_TEXT * scale)


def draw_lines(layout: bpy.types.UILayout, text: str, icon: str, width: int) -> None:
    """Text broken into lines of at most `width` letters."""
    _draw_column(layout, wrapped(text, lambda line: len(line) <= width), icon)


def _draw_column(layout: bpy.types.UILayout, lines: List[str], icon: str) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")
