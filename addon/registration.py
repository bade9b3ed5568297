"""Everything that Blender has to know of the add-on, in the order that it has to know it."""

from __future__ import annotations

import bpy

from . import installation, preferences, properties, session
from .operators import exchange, install, review, setup, solve
from .panels import main

CLASSES = (
    *properties.CLASSES,
    *preferences.CLASSES,
    *install.CLASSES,
    *setup.CLASSES,
    *solve.CLASSES,
    *review.CLASSES,
    *exchange.CLASSES,
    *main.CLASSES,
)


def register() -> None:
    """Register classes, settings and handlers."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register_settings()
    bpy.types.STATUSBAR_HT_header.append(main.draw_status_bar)
    session.register_handlers()
    installation.register()


def unregister() -> None:
    """Take everything back, in reverse."""
    installation.unregister()
    session.unregister_handlers()
    bpy.types.STATUSBAR_HT_header.remove(main.draw_status_bar)
    properties.unregister_settings()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
