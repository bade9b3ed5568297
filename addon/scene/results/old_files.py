"""Carries over what files of before 0.2 hold of errors in plate pixels."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ... import compat
from .bounds import USUAL_BOUND, USUAL_PIXELS, from_pixels


def carry_over(settings: bpy.types.PropertyGroup) -> None:
    """Give the bound and the results of an old file the units of today; which frames are bad stays as it was.

    Set Up had found the usual bound for a large plate: the artist's own is as many times today's as it was of that one.
    """
    found = compat.stored(settings, "found_bound")
    usual = float(found) if isinstance(found, (int, float)) and found > 0.0 else USUAL_PIXELS
    pixels = compat.stored(settings, "bad_error_px")
    if isinstance(pixels, (int, float)) and not settings.is_property_set("bad_above"):
        settings.bad_above = USUAL_BOUND * float(pixels) / usual
    results = [*settings.results, *(item for actor in settings.actors for item in actor.results)]
    for item in results:
        if not item.is_property_set("error"):
            item.error = from_pixels(item.error_px, usual)


@persistent
def _on_load(*_args: object) -> None:
    for scene in bpy.data.scenes:
        carry_over(scene.face_solve)


def register() -> None:
    """Follow loading."""
    bpy.app.handlers.load_post.append(_on_load)


def unregister() -> None:
    """Let go of it."""
    bpy.app.handlers.load_post.remove(_on_load)
