"""The layers over the plate.

Each keeps what it put on the graphics card and makes it again only where what it shows has changed.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

import bpy
import gpu
from mathutils import Matrix, Vector

from ..scene.results.sidecar import Sidecar
from . import head_mesh
from .marks import Marks, landmark_marks, region_colors
from .plate_place import Place
from .shaders import batch, grid, programs
from .view import View

FINER = 2  # the head is drawn with so many pixels a pixel of the region, for smooth wires
NEARER = 0.998  # wires stand so much nearer to the camera than their surface, which would hide half of each
MARGIN = 0.01  # of the screen's half width: wires lie on the head's box
LIGHT = Vector((-0.35, 0.55, 0.75)).normalized()  # camera axes: from the upper left, before the head
_UNIT = [value / 255.0 for value in range(256)]


@dataclass
class _Picture:
    """The head as one region sees it, drawn beside the screen."""

    target: gpu.types.GPUOffScreen
    key: Tuple = ()
    shape: Optional[gpu.types.GPUBatch] = None  # the part of it that the head covers


@dataclass
class HeadLayer:
    """Shaded head and wireframe.

    The geometry is read when the head changes, drawn when the view does, and else only shown.
    """

    version: int = 0  # raised when the head may have changed
    reads: int = 0
    draws: int = 0
    _parts: List[head_mesh.Part] = field(default_factory=list)
    _key: Tuple = ()
    _pictures: Dict[int, _Picture] = field(default_factory=dict)

    @property
    def names(self) -> List[str]:
        """The objects that are shown."""
        return [part.name for part in self._parts]

    def draw(self, view: View, face: bpy.types.Object, settings: bpy.types.PropertyGroup, left: float) -> None:
        """Show what lies on the right of `left` (0 to 1 across the region)."""
        key = (face.as_pointer(), self.version)
        if key != self._key:
            shown = [one for one in head_mesh.meshes_of(face) if len(one.evaluated_get(view.graph).data.polygons)]
            self._parts = [head_mesh.read_part(one, view.graph) for one in shown]
            self._key = key
            self.reads += 1
        if not self._parts:
            return
        picture = self._picture(view)
        worlds = [view.scene.objects[part.name].evaluated_get(view.graph).matrix_world for part in self._parts]
        look = (
            view.window,
            view.to_camera,
            tuple(settings.shaded_color) if settings.shaded else (),
            settings.opacity,
            tuple(settings.wire_color) if settings.wireframe else (),
        )
        now = (key, *(value for matrix in (*look[:2], *worlds) for row in matrix for value in row), *look[2:])
        if now != picture.key:
            self._render(picture.target, worlds, *look)
            picture.key, picture.shape = now, self._covered(view, worlds)
            self.draws += 1
        show_picture(picture.target.texture_color, picture.shape, (1.0, 1.0, 0.0, 0.0), left)

    def forget(self) -> None:
        """Let go of everything on the graphics card."""
        head_mesh.forget()
        for picture in self._pictures.values():
            picture.target.free()
        self._parts, self._key = [], ()
        self._pictures.clear()

    def _picture(self, view: View) -> _Picture:
        size = (FINER * view.width, FINER * view.height)
        found = self._pictures.get(view.key)
        if found is None or (found.target.width, found.target.height) != size:
            if found is not None:
                found.target.free()
            found = self._pictures[view.key] = _Picture(gpu.types.GPUOffScreen(*size))
        return found

    def _covered(self, view: View, worlds: List[Matrix]) -> gpu.types.GPUBatch:
        """The box on the screen that holds the head; all of the screen where the head is beside the camera."""
        to_clip = view.window @ view.to_camera
        corners = [
            to_clip @ world @ Vector((*corner, 1.0))
            for part, world in zip(self._parts, worlds, strict=True)
            for corner in part.box
        ]
        places = [(point.x / point.w, point.y / point.w) for point in corners if point.w > 0.0]
        if len(places) < len(corners):
            places = [(-1.0, -1.0), (1.0, 1.0)]
        (left, right), (low, high) = (
            (max(-1.0, min(values) - MARGIN), min(1.0, max(values) + MARGIN)) for values in zip(*places, strict=True)
        )
        box = ((left, low), (right, low), (right, high), (left, high))
        return square(
            array("f", (value for corner in box for value in corner)),
            array("f", (0.5 * value + 0.5 for corner in box for value in corner)),
        )

    def _render(
        self,
        target: gpu.types.GPUOffScreen,
        worlds: List[Matrix],
        window: Matrix,
        to_camera: Matrix,
        surface: Tuple[float, ...],
        opacity: float,
        wires: Tuple[float, ...],
    ) -> None:
        program = programs()["head"]
        with target.bind():
            gpu.state.active_framebuffer_get().clear(color=(0.0, 0.0, 0.0, 0.0), depth=1.0)
            gpu.state.depth_test_set("LESS_EQUAL")
            gpu.state.depth_mask_set(True)
            gpu.state.blend_set("NONE")
            program.bind()
            if not surface:
                gpu.state.color_mask_set(False, False, False, False)
            for part, world in zip(self._parts, worlds, strict=True):
                program.uniform_float("to_clip", window @ to_camera @ world)
                light = ((to_camera @ world).to_3x3().inverted_safe() @ LIGHT).normalized()
                program.uniform_float("light", (*light, 1.0))
                program.uniform_float("color", (*surface[:3], opacity) if surface else (0.0, 0.0, 0.0, 0.0))
                part.surface.draw(program)
            gpu.state.color_mask_set(True, True, True, True)
            if wires:
                gpu.state.blend_set("ALPHA_PREMULT")
                gpu.state.depth_mask_set(False)
                nearer = Matrix.Diagonal((NEARER, NEARER, NEARER, 1.0))
                for part, world in zip(self._parts, worlds, strict=True):
                    program.uniform_float("to_clip", window @ nearer @ to_camera @ world)
                    program.uniform_float("light", (0.0, 0.0, 1.0, 0.0))
                    program.uniform_float("color", wires)
                    part.wires.draw(program)
            gpu.state.depth_mask_set(False)
            gpu.state.depth_test_set("NONE")


@dataclass
class LandmarkLayer:
    """Landmarks of plate and render."""

    builds: int = 0
    _key: Tuple = ()
    _batch: Optional[gpu.types.GPUBatch] = None

    def draw(self, view: View, sidecar: Sidecar, place: Place, settings: bpy.types.PropertyGroup) -> None:
        """Draw this frame's, where there are any."""
        colors = (tuple(settings.plate_color), tuple(settings.render_color))
        line = tuple(settings.residual_color) if settings.residuals else (0.0, 0.0, 0.0, 0.0)
        frame, scale = view.scene.frame_current, view.scale
        key = (sidecar, view.camera.name, frame, colors, line, settings.regions, settings.residual_stretch, scale)
        if key != self._key:
            self._key, self._batch = key, None
            self.builds += 1
            found = sidecar.landmarks(view.camera.name, frame)
            if found is not None:
                regions = region_colors(sidecar.region, sidecar.regions, len(found[0]) // 2) if settings.regions else []
                stretch = settings.residual_stretch
                self._batch = marks_batch(landmark_marks(*found, colors, line, regions, scale=scale, stretch=stretch))
        if self._batch is not None:
            show_marks(self._batch, view, place)

    def forget(self) -> None:
        """Let go of everything on the graphics card."""
        self._key, self._batch = (), None


@dataclass
class FlowLayer:
    """Optical flow from the render to the plate."""

    builds: int = 0
    _key: Tuple = ()
    _texture: Optional[gpu.types.GPUTexture] = None
    _batch: Optional[gpu.types.GPUBatch] = None

    def draw(self, view: View, sidecar: Sidecar, place: Place, opacity: float, left: float) -> None:
        """Draw this frame's, where it was measured."""
        key = (sidecar, view.camera.name, view.scene.frame_current)
        if key != self._key:
            self._key, self._texture = key, None
            self.builds += 1
            found = sidecar.flow(view.camera.name, view.scene.frame_current)
            if found is not None:
                picture, (a, b, x, c, d, y) = found
                high, wide = picture.shape[:2]
                values = array("f", map(_UNIT.__getitem__, picture.values))
                buffer = gpu.types.Buffer("FLOAT", len(values), values)
                self._texture = gpu.types.GPUTexture((wide, high), format="RGBA8", data=buffer)
                corners = ((0, 0), (wide, 0), (wide, high), (0, high))
                self._batch = square(
                    array("f", (value for u, v in corners for value in (a * u + b * v + x, c * u + d * v + y))),
                    array("f", (0, 0, 1, 0, 1, 1, 0, 1)),
                )
        if self._texture is not None:
            show_picture(self._texture, self._batch, place.clip(*view.size), left, opacity)

    def forget(self) -> None:
        """Let go of everything on the graphics card."""
        self._key, self._texture, self._batch = (), None, None


@dataclass
class WipeLine:
    """The line between plate and render."""

    _batch: Optional[gpu.types.GPUBatch] = None

    def draw(self, view: View, frame: Place, position: float) -> None:
        """Draw it over the height of the camera's frame."""
        if self._batch is None:
            marks = Marks()
            marks.line(0.0, 0.0, 0.0, 1.0, 2.0 * view.scale, (0.0, 0.0, 0.0, 0.5))
            marks.line(0.0, 0.0, 0.0, 1.0, 1.0 * view.scale, (1.0, 1.0, 1.0, 0.95))
            self._batch = marks_batch(marks)
        x, y = frame.at(position, 0.0)
        show_marks(self._batch, view, Place(x, y, 1.0, frame.y_unit))

    def forget(self) -> None:
        """Let go of everything on the graphics card."""
        self._batch = None


def square(corners: array[float], parts: array[float]) -> gpu.types.GPUBatch:
    """Four corners on the screen, and where in the picture each of them is (0 to 1)."""
    attributes = {"pos": grid(corners, 2), "uv": grid(parts, 2)}
    return batch("TRIS", programs()["picture"], attributes, grid(array("I", (0, 1, 2, 0, 2, 3)), 3, "I"))


def marks_batch(marks: Marks) -> Optional[gpu.types.GPUBatch]:
    """Marks on the graphics card; None where there are none."""
    if not len(marks):
        return None
    attributes = {
        "pos": grid(marks.place, 2),
        "away": grid(marks.away, 2),
        "shape": grid(marks.shape, 2),
        "color": grid(marks.color, 4),
    }
    return batch("TRIS", programs()["marks"], attributes, grid(marks.corners, 3, "I"))


def show_picture(
    texture: gpu.types.GPUTexture,
    shape: gpu.types.GPUBatch,
    place: Tuple[float, float, float, float],
    left: float,
    opacity: float = 1.0,
) -> None:
    """Draw a premultiplied picture over the region.

    Args:
        texture: the picture.
        shape: from `square`.
        place: scale and offset from the shape's places to clip space.
        left: what lies on the left of it is not drawn, 0 to 1 across the region.
        opacity: 0 to 1.
    """
    program = programs()["picture"]
    gpu.state.blend_set("ALPHA_PREMULT")
    program.bind()
    program.uniform_float("place", place)
    program.uniform_float("left", 2.0 * left - 1.0)
    program.uniform_float("opacity", opacity)
    program.uniform_sampler("image", texture)
    shape.draw(program)
    gpu.state.blend_set("NONE")


def show_marks(shape: gpu.types.GPUBatch, view: View, place: Place) -> None:
    """Draw marks over the region."""
    program = programs()["marks"]
    gpu.state.blend_set("ALPHA_PREMULT")
    program.bind()
    program.uniform_float("place", place.clip(*view.size))
    program.uniform_float("pixel", (2.0 / view.width, 2.0 / view.height))
    shape.draw(program)
    gpu.state.blend_set("NONE")
