"""Face Solve: solves an actor's head pose and shape-key weights from the filmed plate."""

from __future__ import annotations

bl_info = {
    "name": "Face Solve",
    "author": "Face Solve contributors",
    "version": (0, 0, 0),  # set by build_addon.py
    "blender": (3, 4, 0),
    "location": "3D Viewport > Sidebar > Face Solve",
    "description": "Solves head pose and shape keys from footage",
    "category": "Animation",
}


def register() -> None:
    """Called by Blender when the add-on is switched on."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the add-on is switched off."""
    from . import registration

    registration.unregister()
