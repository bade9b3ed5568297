"""The picture of the head: rasterise, interpolate at pixel centres, correct the outlines by their exact areas, encode.

`Renderer.render` gives the image, `Renderer.render_jvp` the image and its tangents, so that a Jacobian is one pass
forward. The image depends continuously on the vertices, except where surfaces cut through each other and in the few
pixels where one outline passes over another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from solver_core.look.look import Look
from solver_core.render.encoding import encode
from solver_core.render.mesh import mesh_edges
from solver_core.render.numba.rasteriser import NumbaRasteriser
from solver_core.render.rasteriser import (
    Antialiased,
    Float32,
    Float64,
    Fragments,
    Geometry,
    Int32,
    Motion,
    Rasteriser,
    Scene,
)
from solver_core.render.shading import rotate_light

GREY = 0.18
"""Linear light behind the head where no background is given."""


@dataclass(frozen=True)
class Rendering:
    """A batch of pictures.

    Attributes:
        image: [B,H,W,3] float32, sRGB-encoded display values, 0..1.
        linear: [B,H,W,3] float32, the same before encoding, not clipped.
        fragments: what each pixel's centre sees.
        surface: [B,H,W,3] float32, linear colours at the pixels' centres, before the outline's correction.
    """

    image: Float32
    linear: Float32
    fragments: Fragments
    surface: Float32


class Renderer:
    """Renders one mesh.

    Args:
        triangles: [T,3], counterclockwise seen from outside.
        rasteriser: what draws them; Numba's where none is given.
    """

    def __init__(self, triangles: npt.ArrayLike, rasteriser: Rasteriser | None = None) -> None:
        self.triangles: Int32 = np.require(triangles, np.int32, ["C", "W"])
        self.rasteriser: Rasteriser = NumbaRasteriser() if rasteriser is None else rasteriser

    @cached_property
    def edges(self) -> Int32:
        """[E,4] of `mesh.mesh_edges`."""
        return mesh_edges(self.triangles)

    def rasterise(self, points: npt.ArrayLike, depth: npt.ArrayLike, height: int, width: int) -> Fragments:
        """What each pixel's centre sees of the mesh, without its colours.

        Args:
            points: [B,V,2] projected vertices, raster pixels from the top left corner.
            depth: [B,V] metres in front of the camera.
            height: rows.
            width: columns.

        Raises:
            ValueError: shapes do not fit.
        """
        return self.rasteriser.rasterise(Geometry.of(points, depth, self.triangles), height, width)

    def render(
        self,
        points: npt.ArrayLike,  # [B,V,2] raster pixels
        depth: npt.ArrayLike,  # [B,V] metres
        normals: npt.ArrayLike,  # [B,V,3] unit, world axes
        look: Look,
        background: npt.ArrayLike | None,  # [B,H,W,3] linear
        height: int,
        width: int,
        *,
        head_rotation: npt.ArrayLike | None = None,  # [B,3,3]
    ) -> Rendering:
        """Render a batch.

        Args:
            points: [B,V,2] projected vertices, raster pixels from the top left corner.
            depth: [B,V] metres in front of the camera.
            normals: [B,V,3] unit vertex normals, world axes.
            look: what the mesh looks like, in one light (`Look.under`).
            background: [B,H,W,3] (or what broadcasts to it) linear; None is grey 0.18.
            height: rows.
            width: columns.
            head_rotation: [B,3,3] world = R @ head, needed with a shadow transfer.

        Returns:
            The rendering.

        Raises:
            ValueError: shapes do not fit, or the look is in no light or several.
        """
        scene = self._scene(points, depth, normals, look, background, height, width, head_rotation)
        return self._draw(scene, height, width)[0]

    def render_jvp(  # noqa: D417 - the first seven are those of `render`
        self,
        points: npt.ArrayLike,
        depth: npt.ArrayLike,
        normals: npt.ArrayLike,
        look: Look,
        background: npt.ArrayLike | None,
        height: int,
        width: int,
        *,
        d_points: npt.ArrayLike,  # [B,P,V,2]
        d_depth: npt.ArrayLike,  # [B,P,V]
        d_normals: npt.ArrayLike,  # [B,P,V,3]
        head_rotation: npt.ArrayLike | None = None,
        d_rotation: npt.ArrayLike | None = None,  # [B,P,3]
    ) -> tuple[Rendering, Float32]:
        """Render a batch with its tangents by P parameters: the arguments of `render` and these.

        Args:
            d_points: [B,P,V,2] raster pixels per unit of each parameter.
            d_depth: [B,P,V] metres per unit.
            d_normals: [B,P,V,3] per unit.
            d_rotation: [B,P,3] rotation vector per unit on world axes (dR = [d_rotation]x R), used with a shadow
                transfer.

        Returns:
            The rendering, and d_image [B,P,H,W,3] float32: the exact derivative of `Rendering.image` where visibility
            does not change; zero where the image is clipped.

        Raises:
            ValueError: shapes do not fit, or the look is in no light or several.
        """
        scene = self._scene(points, depth, normals, look, background, height, width, head_rotation)
        rendering, drawn = self._draw(scene, height, width)
        motion = _motion(scene, d_points, d_depth, d_normals, head_rotation, d_rotation)
        return rendering, self.rasteriser.tangents(scene, rendering.fragments, drawn, motion)

    def _draw(self, scene: Scene, height: int, width: int) -> tuple[Rendering, Antialiased]:
        fragments = self.rasteriser.rasterise(scene.geometry, height, width)
        surface = self.rasteriser.interpolate(scene, fragments)
        drawn = self.rasteriser.antialias(scene, fragments, surface)
        return Rendering(encode(drawn.linear), drawn.linear, fragments, surface), drawn

    def _scene(
        self,
        points: npt.ArrayLike,
        depth: npt.ArrayLike,
        normals: npt.ArrayLike,
        look: Look,
        background: npt.ArrayLike | None,
        height: int,
        width: int,
        head_rotation: npt.ArrayLike | None,
    ) -> Scene:
        geometry = Geometry.of(points, depth, self.triangles)
        batch, count = geometry.depth.shape
        normals64 = np.require(normals, np.float64, ["C", "W"])
        albedo = np.require(look.shown, np.float64, ["C", "W"])
        if normals64.shape != (batch, count, 3) or albedo.shape != (count, 3):
            raise ValueError(f"normals must be {(batch, count, 3)} and albedo {(count, 3)}")
        if len(look.lights) != 1:
            raise ValueError(f"a picture is taken in one light, not in {len(look.lights)}")
        lights = np.require(np.broadcast_to(np.asarray(look.lights[0], np.float64), (batch, 9, 3)), None, ["C", "W"])
        shadow, shadow_light = np.zeros((1, 0, 9)), np.zeros((batch, 9, 3))
        if look.shadow is not None:
            shadow = np.require(look.shadow, np.float64, ["C", "W"]).reshape(-1, *look.shadow.shape[-2:])
            if head_rotation is None or shadow.shape not in {(1, count, 9), (batch, count, 9)}:
                raise ValueError("a shadow transfer is [V,9] or [B,V,9] and needs the head's rotation")
            shadow_light = np.ascontiguousarray(rotate_light(lights, head_rotation))
        grey = np.full(3, GREY, np.float32) if background is None else np.asarray(background, np.float32)
        behind = np.require(np.broadcast_to(grey, (batch, height, width, 3)), None, ["C", "W"])
        return Scene(
            *geometry,
            edges=self.edges,
            normals=normals64,
            albedo=albedo,
            light=lights,
            shadow=shadow,
            shadow_light=shadow_light,
            background=behind,
        )


def _motion(
    scene: Scene,
    d_points: npt.ArrayLike,
    d_depth: npt.ArrayLike,
    d_normals: npt.ArrayLike,
    head_rotation: npt.ArrayLike | None,
    d_rotation: npt.ArrayLike | None,
) -> Motion:
    points, depth, normals = (np.require(given, np.float32, ["C", "W"]) for given in (d_points, d_depth, d_normals))
    batch, count = scene.depth.shape
    parameters = points.shape[1]
    turned = scene.shadow.shape[1] > 0 and head_rotation is not None and d_rotation is not None
    shadow_light = np.zeros((batch, parameters, 9, 3))
    if turned:
        shadow_light = _d_shadow_light(scene.light, np.asarray(head_rotation), np.asarray(d_rotation, np.float64))
    motion = Motion(points, depth, normals, shadow_light)
    expected = tuple((batch, parameters, *shape) for shape in ((count, 2), (count,), (count, 3), (9, 3)))
    if tuple(part.shape for part in motion) != expected:
        raise ValueError(
            "tangents must be d_points [B,P,V,2], d_depth [B,P,V], d_normals [B,P,V,3], d_rotation [B,P,3]"
        )
    return motion


def _d_shadow_light(light: Float64, head_rotation: Float64, d_rotation: Float64) -> Float64:
    """[B,P,9,3] tangents of the light on the head's axes: each of the three turns once, then their combinations."""
    step = 1e-4
    rotation = head_rotation.astype(np.float64)
    by_axis = []
    for axis in np.eye(3):
        cross = np.cross(np.eye(3), axis)  # [axis]x, a turn about one axis
        turns = [np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross for a in (step, -step)]
        plus, minus = (rotate_light(light, turn @ rotation) for turn in turns)
        by_axis.append((plus - minus) / (2 * np.sin(step)))
    return np.ascontiguousarray(np.einsum("abkc,bpa->bpkc", np.stack(by_axis), d_rotation))
