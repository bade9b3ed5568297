"""The viewport that is being drawn, as the overlays need it.

Whose eyes it looks through, and where the plate's pixels lie in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import bpy
from mathutils import Matrix

from ..problem import FaceSolveProblem
from ..scene.camera.camera_model import intrinsics
from ..scene.camera.plate import backdrop, background
from ..scene.shot.sampling import read_format, read_lens
from .plate_place import Place, place_frame, place_plate


@dataclass(frozen=True)
class View:
    """A region of a 3D viewport that looks through one of the settings' cameras."""

    key: int  # tells regions apart
    camera: bpy.types.Object
    evaluated: bpy.types.Object  # the camera at this frame
    scene: bpy.types.Scene
    graph: bpy.types.Depsgraph
    width: int
    height: int
    scale: float  # of the interface
    window: Matrix  # camera space to clip space
    to_camera: Matrix  # world to camera space

    @property
    def size(self) -> Tuple[int, int]:
        """Pixels."""
        return self.width, self.height

    def frame(self) -> Place:
        """The camera's frame, 1 by 1."""
        return place_frame(
            read_lens(self.evaluated.data), read_format(self.scene), self.window, self.width, self.height
        )

    def plate(self, size: Tuple[int, int]) -> Optional[Place]:
        """The plate's pixels; None where there is no plate or it lies turned in the frame.

        Args:
            size: the plate's width and height in pixels.
        """
        if background(self.camera) is None:
            return None
        try:
            lens = intrinsics(read_lens(self.evaluated.data), read_format(self.scene), backdrop(self.camera, size))
        except FaceSolveProblem:
            return None
        return place_plate(lens, self.window, self.width, self.height)


def camera_of(context: bpy.types.Context) -> Optional[bpy.types.Object]:
    """The camera of the settings that the context's viewport looks through; None where there is none."""
    space = context.space_data
    if space is None or space.type != "VIEW_3D":
        return None
    # The sidebar has no view of its own; in a quad view each region has.
    if (context.region_data or space.region_3d).view_perspective != "CAMERA":
        return None
    camera = space.camera if space.use_local_camera else context.scene.camera
    if camera is None or camera.type != "CAMERA" or camera.data.type != "PERSP":
        return None
    return camera if any(item.camera == camera for item in context.scene.face_solve.cameras) else None


def view_of(context: bpy.types.Context) -> Optional[View]:
    """The viewport that is being drawn; None where no overlay belongs."""
    camera = camera_of(context)
    if camera is None:
        return None
    region, graph = context.region, context.evaluated_depsgraph_get()
    return View(
        region.as_pointer(),
        camera,
        camera.evaluated_get(graph),
        context.scene,
        graph,
        region.width,
        region.height,
        context.preferences.system.ui_scale,
        context.region_data.window_matrix,
        context.region_data.view_matrix,
    )
