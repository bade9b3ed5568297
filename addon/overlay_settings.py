"""What is drawn over the plate: the settings under `scene.face_solve.overlays`."""

from __future__ import annotations

from typing import Tuple

import bpy
from bpy.props import BoolProperty, FloatProperty, FloatVectorProperty, StringProperty
from bpy.types import PropertyGroup

from .overlay.head_mesh import meshes_of


def _color(name: str, default: Tuple[float, float, float, float], description: str) -> object:
    return FloatVectorProperty(
        name=name, subtype="COLOR_GAMMA", size=4, min=0.0, max=1.0, default=default, description=description
    )


def _is_hidden(overlays: bpy.types.PropertyGroup) -> bool:
    face = overlays.id_data.face_solve.face
    return face is not None and face.hide_get()


def _hide(overlays: bpy.types.PropertyGroup, hidden: bool) -> None:
    face = overlays.id_data.face_solve.face
    for one in meshes_of(face) if face is not None else ():
        one.hide_set(hidden)


def _is_seen_through(overlays: bpy.types.PropertyGroup) -> bool:
    face = overlays.id_data.face_solve.face
    return face is not None and face.display_type == "WIRE"


def _see_through(overlays: bpy.types.PropertyGroup, wire: bool) -> None:
    face = overlays.id_data.face_solve.face
    for one in meshes_of(face) if face is not None else ():
        one.display_type = "WIRE" if wire else "TEXTURED"


def _shown(overlays: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    if not overlays.show and overlays.hide_head:
        overlays.hide_head = False  # nothing would be left to be seen


class FaceSolveOverlays(PropertyGroup):
    """`scene.face_solve.overlays`."""

    show: BoolProperty(
        name="Show over the Plate",
        default=False,
        update=_shown,
        description="Draw what is switched on below over the plate, in viewports that look through one of the cameras",
    )
    hide_head: BoolProperty(
        name="Hide the Head Itself",
        get=_is_hidden,
        set=_hide,
        description="Hide the head's own mesh in the viewport, so that the plate is seen under the overlays",
    )
    see_through: BoolProperty(
        name="See Through the Head",
        get=_is_seen_through,
        set=_see_through,
        description="Draw the head's own mesh as wire: the plate is seen through it, and it can still be posed",
    )
    shaded: BoolProperty(name="Shaded Head", default=False, description="The solved head, shaded, over the plate")
    opacity: FloatProperty(
        name="Opacity",
        default=0.6,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="How much of the plate the shaded head and the flow cover",
    )
    shaded_color: _color("Shaded Head", (0.80, 0.72, 0.66, 1.0), "Colour of the shaded head")
    wireframe: BoolProperty(
        name="Wireframe", default=True, description="The edges of the solved head that face the camera"
    )
    wire_color: _color("Wireframe", (0.35, 0.85, 1.0, 0.55), "Colour of the wireframe; its alpha is how strong it is")
    landmarks: BoolProperty(
        name="Landmarks",
        default=True,
        description="Where the solver saw the face's landmarks: dots on the plate, rings on its last render",
    )
    plate_color: _color("Plate", (0.25, 1.0, 0.35, 1.0), "Colour of the landmarks that were seen on the plate")
    render_color: _color("Render", (1.0, 0.45, 0.1, 1.0), "Colour of the landmarks that were seen on the render")
    residuals: BoolProperty(
        name="Residuals",
        default=True,
        description="A line from each landmark of the plate to the same one of the render",
    )
    residual_color: _color("Residuals", (1.0, 0.95, 0.2, 0.9), "Colour of the lines")
    residual_stretch: FloatProperty(
        name="Stretch",
        default=1.0,
        min=1.0,
        soft_max=20.0,
        max=100.0,
        description="Draw the lines so many times longer than they are: errors below a pixel are seen then",
    )
    regions: BoolProperty(
        name="Colour by Region",
        default=False,
        description="Brows, eyes, nose, lips and the other regions in colours of their own",
    )
    flow: BoolProperty(
        name="Optical Flow",
        default=False,
        description="Where the solver saw the render's pixels on the plate. "
        "The colour is the direction, the strength how far; white is none",
    )
    wipe: BoolProperty(
        name="Wipe",
        default=False,
        description="The plate on the left of a line, shaded head, wireframe and flow on its right",
    )
    wipe_position: FloatProperty(
        name="Position",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="Where the line stands, from the left to the right edge of the camera's frame",
    )
    # The overlay file of what plays (scene/results/overlays.py), below the .blend where it can be; and its full path,
    # for a .blend that was saved elsewhere since.
    file: StringProperty(options={"HIDDEN"})
    file_there: StringProperty(options={"HIDDEN"})
