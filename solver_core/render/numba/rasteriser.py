"""The rasteriser that comes with the solver: Numba's compiled loops on the processor's cores."""

from __future__ import annotations

from solver_core.render.numba.raster import rasterise
from solver_core.render.numba.silhouettes import outline
from solver_core.render.numba.surface import blend_outline, interpolate
from solver_core.render.numba.tangents import image_tangents
from solver_core.render.rasteriser import Antialiased, Float32, Fragments, Geometry, Motion, Scene


class NumbaRasteriser:
    """Implements `Rasteriser`; holds nothing."""

    def rasterise(self, geometry: Geometry, height: int, width: int) -> Fragments:
        """As `Rasteriser`."""
        return rasterise(geometry, height, width)

    def interpolate(self, scene: Scene, fragments: Fragments) -> Float32:
        """As `Rasteriser`."""
        return interpolate(scene, fragments)

    def antialias(self, scene: Scene, fragments: Fragments, surface: Float32) -> Antialiased:
        """As `Rasteriser`; the outline is a `silhouettes.Outline`."""
        visible = outline(scene, fragments)
        return Antialiased(blend_outline(scene, visible, surface), visible)

    def tangents(self, scene: Scene, fragments: Fragments, drawn: Antialiased, motion: Motion) -> Float32:
        """As `Rasteriser`: per pixel a linear form, pushed through by every parameter."""
        return image_tangents(scene, fragments, drawn.outline, drawn.linear, motion)
