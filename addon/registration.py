"""Everything that Blender has to know of the add-on, in the order that it has to know it."""

from __future__ import annotations

import bpy

from . import keymap, preferences, properties
from .operators import (
    exchange,
    fit,
    install,
    lists,
    people,
    pins,
    presets,
    review,
    setup,
    shapes,
    solve,
    solver,
    takes,
    wipe,
)
from .overlay import error_curve, pin_handles, plate_overlay, timeline_strip
from .panels import main, overlays, stages
from .panels import pins as pins_panel
from .panels import review as review_panel
from .panels import setup as setup_panel
from .panels import shapes as shapes_panel
from .panels import takes as takes_panel
from .runs import current as current_run
from .runs import drag as drag_run
from .runs import install as install_run
from .scene.keys import fixes
from .scene.results import old_files

CLASSES = (
    *properties.CLASSES,
    *preferences.CLASSES,
    *install.CLASSES,
    *setup.CLASSES,
    *people.CLASSES,
    *solver.CLASSES,
    *lists.CLASSES,
    *shapes.CLASSES,
    *presets.CLASSES,
    *solve.CLASSES,
    *fit.CLASSES,
    *review.CLASSES,
    *takes.CLASSES,
    *exchange.CLASSES,
    *wipe.CLASSES,
    *pins.CLASSES,
    *main.CLASSES,
    *setup_panel.CLASSES,
    *shapes_panel.CLASSES,
    *stages.CLASSES,
    *review_panel.CLASSES,
    *takes_panel.CLASSES,
    *pins_panel.CLASSES,
    *overlays.CLASSES,
)


def register() -> None:
    """Register classes, settings and handlers."""
    for cls in CLASSES:
        if issubclass(cls, bpy.types.Operator) and "bl_description" not in vars(cls):
            cls.bl_description = (cls.__doc__ or "").rstrip(".")  # Blender ends a tooltip with a full stop of its own
        bpy.utils.register_class(cls)
    properties.register_settings()
    bpy.types.STATUSBAR_HT_header.append(main.draw_status_bar)
    current_run.register_handlers()
    drag_run.register()
    fixes.register()
    old_files.register()
    install_run.register()
    plate_overlay.register()  # pins and the curve are drawn over it
    pin_handles.register()
    error_curve.register()
    timeline_strip.register()
    keymap.register()


def unregister() -> None:
    """Take everything back, in reverse."""
    keymap.unregister()
    timeline_strip.unregister()
    error_curve.unregister()
    pin_handles.unregister()
    plate_overlay.unregister()
    install_run.unregister()
    old_files.unregister()
    fixes.unregister()
    drag_run.unregister()
    current_run.unregister_handlers()
    bpy.types.STATUSBAR_HT_header.remove(main.draw_status_bar)
    properties.unregister_settings()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
