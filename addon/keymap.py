"""The keys of the review, editable under Preferences > Keymap.

Without Review in the Viewport they mean what Blender means by them.
"""

from __future__ import annotations

from typing import List, Tuple

import bpy

_ITEMS = (
    ("face_solve.next_bad_frame", "N", "PRESS", False),
    ("face_solve.previous_bad_frame", "N", "PRESS", True),
    ("face_solve.pick_frame", "LEFTMOUSE", "PRESS", False),
    ("face_solve.hover_frame", "MOUSEMOVE", "ANY", False),
)
_added: List[Tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def register() -> None:
    """Add the keys; in background mode there is no keymap."""
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:
        return
    keymap = configuration.keymaps.new("3D View Generic", space_type="VIEW_3D")
    for operator, key, value, shift in _ITEMS:
        item = keymap.keymap_items.new(operator, key, value, shift=shift)
        if key == "N":
            item.properties.from_key = True
        _added.append((keymap, item))


def unregister() -> None:
    """Take them back."""
    for keymap, item in _added:
        keymap.keymap_items.remove(item)
    _added.clear()
