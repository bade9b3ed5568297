"""Draws head, landmarks and flow over the plate, in viewports that look through one of the settings' cameras."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple

import bpy
from bpy.app.handlers import persistent

from ..scene.results.overlays import overlay_file
from ..scene.results.sidecar import Sidecar, open_sidecar
from ..scene.rig.mesh import is_mesh
from .layers import FlowLayer, HeadLayer, LandmarkLayer, WipeLine
from .view import View, view_of


@dataclass
class _Drawn:
    """What is on the graphics card."""

    handle: Optional[object] = None
    head: HeadLayer = field(default_factory=HeadLayer)
    landmarks: LandmarkLayer = field(default_factory=LandmarkLayer)
    flow: FlowLayer = field(default_factory=FlowLayer)
    wipe: WipeLine = field(default_factory=WipeLine)
    file: Tuple[str, ...] = ()  # what the scene names it by
    sidecar: Optional[Sidecar] = None


_drawn = _Drawn()


def builds() -> Dict[str, int]:
    """How often each thing was made: `mesh` read from Blender, `head` drawn anew, `landmarks`, `flow`.

    Redraws alone raise none.
    """
    drawn = _drawn
    return {
        "mesh": drawn.head.reads,
        "head": drawn.head.draws,
        "landmarks": drawn.landmarks.builds,
        "flow": drawn.flow.builds,
    }


def sidecar_of(settings: bpy.types.PropertyGroup) -> Optional[Sidecar]:
    """The shot's overlay file, opened once; None where there is none."""
    named = (bpy.data.filepath, settings.overlays.file, settings.overlays.file_there)
    if named != _drawn.file:
        _drawn.file = named
        path = overlay_file(settings.id_data)
        _drawn.sidecar = open_sidecar(path) if path is not None else None
    return _drawn.sidecar


def draw() -> None:
    """Draw into the region that is being drawn."""
    context = bpy.context
    settings = context.scene.face_solve
    overlays = settings.overlays
    view = view_of(context) if overlays.show else None
    if view is None:
        return
    frame = view.frame()
    left = 0.0
    if overlays.wipe:
        left = min(1.0, max(0.0, frame.at(overlays.wipe_position, 0.0)[0] / view.width))
    face = settings.face
    present = is_mesh(face) and face.name in context.view_layer.objects
    if present and (overlays.shaded or overlays.wireframe):
        _drawn.head.draw(view, face, overlays, left)
    _draw_measured(view, settings, left)
    if overlays.wipe:
        _drawn.wipe.draw(view, frame, overlays.wipe_position)


def _draw_measured(view: View, settings: bpy.types.PropertyGroup, left: float) -> None:
    overlays = settings.overlays
    sidecar = sidecar_of(settings) if overlays.landmarks or overlays.flow else None
    size = sidecar.sizes(view.camera.name) if sidecar is not None else None
    place = view.plate(size) if size is not None else None
    if place is None:
        return
    if overlays.flow:
        _drawn.flow.draw(view, sidecar, place, overlays.opacity, left)
    if overlays.landmarks:
        _drawn.landmarks.draw(view, sidecar, place, overlays)


@persistent
def _on_change(_scene: bpy.types.Scene, graph: bpy.types.Depsgraph) -> None:
    """The head's geometry is read again only where Blender computed it again."""
    names = _drawn.head.names
    if any(
        update.is_updated_geometry and isinstance(update.id, bpy.types.Object) and update.id.name in names
        for update in graph.updates
    ):
        _drawn.head.version += 1


@persistent
def _on_load(*_args: object) -> None:
    """Other data-blocks stand where the old ones stood: a new file, or an undo."""
    _drawn.head.version += 1
    _drawn.file = ("", -1)


_HANDLERS = (
    ("depsgraph_update_post", _on_change),
    ("frame_change_post", _on_change),
    ("load_post", _on_load),
    ("undo_post", _on_load),
    ("redo_post", _on_load),
)


def register() -> None:
    """Hang the drawing on the viewports; there are none in background mode."""
    if bpy.app.background:
        return
    _drawn.handle = bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Take it off again."""
    if _drawn.handle is None:
        return
    bpy.types.SpaceView3D.draw_handler_remove(_drawn.handle, "WINDOW")
    _drawn.handle = None
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
    for layer in (_drawn.head, _drawn.landmarks, _drawn.flow, _drawn.wipe):
        layer.forget()
    _drawn.file, _drawn.sidecar = ("", 0), None
