"""What the renderer's kernels read: one batch of geometry, light and appearance in their types."""

from __future__ import annotations

from dataclasses import dataclass

from solver_core.render.raster import Float32, Float64, Int32


@dataclass(frozen=True)
class Scene:
    """One batch.

    Attributes:
        points: [B,V,2] raster pixels.
        depth: [B,V] metres.
        normals: [B,V,3] unit, world axes.
        light: [B,9,3] world axes.
        shadow_light: [B,9,3] the same light on the head's axes.
        background: [B,H,W,3] linear.
        triangles: [T,3].
        albedo: [V,3] linear.
        shadow: [V,9] shadow transfer on the head's axes, [0,9] without one.
    """

    points: Float64
    depth: Float64
    normals: Float64
    light: Float64
    shadow_light: Float64
    background: Float32
    triangles: Int32
    albedo: Float64
    shadow: Float64
