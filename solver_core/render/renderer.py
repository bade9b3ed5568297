"""The picture of the head: rasterise, shade at pixel centres, correct the outlines by their exact areas, encode.

`Renderer.render` gives the image, `Renderer.render_jvp` the image and its tangents, so that a Jacobian is one pass forward.
The image depends continuously on the vertices, except where surfaces cut through each other and in the few pixels where one
outline passes over another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver_core.render.kernels import blend_outline, encode, shade_centres
from solver_core.render.raster import Float32, Float64, Fragments, geometry, rasterise
from solver_core.render.scene import Scene
from solver_core.render.shading import rotate_light
from solver_core.render.silhouettes import Outline, mesh_edges, outline
from solver_core.render.tangents import image_tangents

GREY = 0.18
"""Linear light behind the head where no background is given."""


@dataclass(frozen=True)
class Rendering:
    """A batch of pictures.

    Attributes:
        image: [B,H,W,3] float32, sRGB-encoded display values, 0..1.
        linear: [B,H,W,3] float32, the same before encoding, not clipped.
        fragments: what each pixel's centre sees.
        outline: the visible silhouette and its share of each pixel.
        surface: [B,H,W,3] float32, linear colours at the pixels' centres, before the outline's correction.
    """

    image: Float32
    linear: Float32
    fragments: Fragments
    outline: Outline
    surface: Float32


class Renderer:
    """Renders one mesh.

    Args:
        triangles: [T,3].
        albedo: [V,3] linear; may be replaced at any time.
        shadow: [V,9] or None: what is missing from the open sky at each vertex, on the head's own axes
            (`transfer.shadow_transfer`): irradiance = basis(normal) @ light + shadow @ light on the head's axes.
    """

    def __init__(
        self,
        triangles: npt.ArrayLike,
        albedo: npt.ArrayLike,
        shadow: npt.ArrayLike | None = None,
    ) -> None:
        self.triangles = np.require(triangles, np.int32, ["C", "W"])
        self.albedo = np.require(albedo, np.float64, ["C", "W"])
        self.shadow = None if shadow is None else np.require(shadow, np.float64, ["C", "W"])
        self.edges = mesh_edges(self.triangles)

    def render(
        self,
        points: npt.ArrayLike,  # [B,V,2] raster pixels
        depth: npt.ArrayLike,  # [B,V] metres
        normals: npt.ArrayLike,  # [B,V,3] unit, world axes
        light: npt.ArrayLike,  # [9,3] or [B,9,3]
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
            light: [9,3] or [B,9,3] spherical harmonics of the irradiance, world axes.
            background: [B,H,W,3] (or what broadcasts to it) linear; None is grey 0.18.
            height: rows.
            width: columns.
            head_rotation: [B,3,3] world = R @ head, needed with a shadow transfer.

        Returns:
            The rendering.

        Raises:
            ValueError: shapes do not fit.
        """
        scene = self._scene(points, depth, normals, light, background, height, width, head_rotation)
        return self._render(scene, height, width)

    def render_jvp(  # noqa: D417 - the first seven are those of `render`
        self,
        points: npt.ArrayLike,
        depth: npt.ArrayLike,
        normals: npt.ArrayLike,
        light: npt.ArrayLike,
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
            d_rotation: [B,P,3] rotation vector per unit on world axes (dR = [d_rotation]x R), used with a shadow transfer.

        Returns:
            The rendering, and d_image [B,P,H,W,3] float32: the exact derivative of `Rendering.image` where visibility
            does not change; zero where the image is clipped.
        """
        scene = self._scene(points, depth, normals, light, background, height, width, head_rotation)
        rendering = self._render(scene, height, width)
        d_points32 = np.require(d_points, np.float32, ["C", "W"])
        batch, parameters = d_points32.shape[:2]
        d_shadow_light = np.zeros((batch, parameters, 9, 3))
        if self.shadow is not None and d_rotation is not None:
            d_shadow_light = self._d_shadow_light(scene, head_rotation, np.asarray(d_rotation, np.float64))
        d_image = image_tangents(
            scene,
            rendering.fragments,
            rendering.outline,
            rendering.linear,
            d_points=d_points32,
            d_depth=np.require(d_depth, np.float32, ["C", "W"]),
            d_normals=np.require(d_normals, np.float32, ["C", "W"]),
            d_shadow_light=d_shadow_light,
        )
        return rendering, d_image

    def _render(self, scene: Scene, height: int, width: int) -> Rendering:
        fragments = rasterise(scene.points, scene.depth, self.triangles, height, width)
        edges = outline(scene.points, scene.depth, self.triangles, self.edges, fragments.depth)
        surface = shade_centres(scene, fragments)
        linear = blend_outline(scene, edges, surface)
        return Rendering(encode(linear), linear, fragments, edges, surface)

    def _scene(
        self,
        points: npt.ArrayLike,
        depth: npt.ArrayLike,
        normals: npt.ArrayLike,
        light: npt.ArrayLike,
        background: npt.ArrayLike | None,
        height: int,
        width: int,
        head_rotation: npt.ArrayLike | None,
    ) -> Scene:
        points64, depth64, _ = geometry(points, depth, self.triangles)
        batch, count = depth64.shape
        normals64 = np.require(normals, np.float64, ["C", "W"])
        if normals64.shape != (batch, count, 3) or self.albedo.shape != (count, 3):
            raise ValueError(f"normals must be {(batch, count, 3)} and albedo {(count, 3)}")
        lights = np.require(np.broadcast_to(np.asarray(light, np.float64), (batch, 9, 3)), None, ["C", "W"])
        shadow_light = np.zeros((batch, 9, 3))
        if self.shadow is not None:
            if head_rotation is None or self.shadow.shape != (count, 9):
                raise ValueError("a shadow transfer is [V,9] and needs the head's rotation")
            shadow_light = np.ascontiguousarray(rotate_light(lights, head_rotation))
        shape = (batch, height, width, 3)
        grey = np.full(3, GREY, np.float32) if background is None else np.asarray(background, np.float32)
        return Scene(
            points64,
            depth64,
            normals64,
            lights,
            shadow_light,
            np.require(np.broadcast_to(grey, shape), None, ["C", "W"]),
            self.triangles,
            self.albedo,
            np.zeros((0, 9)) if self.shadow is None else self.shadow,
        )

    def _d_shadow_light(self, scene: Scene, head_rotation: npt.ArrayLike | None, d_rotation: Float64) -> Float64:
        """[B,P,9,3] tangents of the light on the head's axes: each of the three turns once, then their combinations."""
        step = 1e-4
        rotation = np.asarray(head_rotation, np.float64)
        by_axis = []
        for axis in np.eye(3):
            cross = np.cross(np.eye(3), axis)  # [axis]x, a turn about one axis
            turns = [np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross for a in (step, -step)]
            plus, minus = (rotate_light(scene.light, turn @ rotation) for turn in turns)
            by_axis.append((plus - minus) / (2 * np.sin(step)))
        return np.ascontiguousarray(np.einsum("abkc,bpa->bpkc", np.stack(by_axis), d_rotation))
