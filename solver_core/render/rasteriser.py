"""What a rasteriser is: four operations on one batch of meshes, and the named tuples of arrays that they take and give.

Numba (`solver_core.render.numba`) is the one that comes with the solver, and the oracle of every other. All arrays are
C-contiguous and writable; image points are raster pixels from the top left corner, pixel (row, column) has its centre
at (column + 0.5, row + 0.5).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

NEAR = 1e-4
"""Metres. A triangle with a vertex nearer than this is dropped whole, not cut: a filmed head never reaches the lens."""


class Geometry(NamedTuple):
    """Meshes of one topology as a camera sees them.

    Attributes:
        points: [B,V,2] float64 raster pixels.
        depth: [B,V] float64 metres in front of the camera.
        triangles: [T,3] int32 vertex indices.
    """

    points: Float64
    depth: Float64
    triangles: Int32

    @classmethod
    def of(cls, points: npt.ArrayLike, depth: npt.ArrayLike, triangles: npt.ArrayLike) -> Geometry:
        """Check shapes and bring the arrays to their types.

        Raises:
            ValueError: shapes do not fit, or a triangle names a vertex that is not there.
        """
        points64 = np.require(points, np.float64, ["C", "W"])
        depth64 = np.require(depth, np.float64, ["C", "W"])
        triangles32 = np.require(triangles, np.int32, ["C", "W"])
        if points64.ndim != 3 or points64.shape[2] != 2 or depth64.shape != points64.shape[:2]:
            raise ValueError(f"points must be [B,V,2] and depth [B,V], not {points64.shape} and {depth64.shape}")
        if triangles32.ndim != 2 or triangles32.shape[1] != 3:
            raise ValueError(f"triangles must be [T,3], not {triangles32.shape}")
        if triangles32.size and (triangles32.min() < 0 or triangles32.max() >= points64.shape[1]):
            raise ValueError("triangles name vertices that are not there")
        return cls(points64, depth64, triangles32)


class Fragments(NamedTuple):
    """What each pixel's centre sees.

    Attributes:
        triangle: [B,H,W] int32, index into the triangles, -1 where there is none.
        barycentric: [B,H,W,3] float32, perspective correct (weights of the 3D vertices), zero where there is none.
        depth: [B,H,W] float32, metres in front of the camera, infinite where there is none.
    """

    triangle: Int32
    barycentric: Float32
    depth: Float32

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """[B,H,W], true where a triangle is seen."""
        return self.triangle >= 0


class Scene(NamedTuple):
    """One batch of geometry with what it looks like and what stands behind it.

    Attributes:
        points: [B,V,2] float64 raster pixels.
        depth: [B,V] float64 metres.
        triangles: [T,3] int32.
        edges: [E,4] int32 of `mesh.mesh_edges`.
        normals: [B,V,3] float64 unit, world axes.
        albedo: [V,3] float64 linear.
        light: [B,9,3] float64 spherical harmonics of the irradiance, world axes.
        shadow: [B,V,9] float64 shadow transfer on the head's axes, [1,V,9] one for all images, [1,0,9] without one.
        shadow_light: [B,9,3] float64 the same light on the head's axes.
        background: [B,H,W,3] float32 linear.
    """

    points: Float64
    depth: Float64
    triangles: Int32
    edges: Int32
    normals: Float64
    albedo: Float64
    light: Float64
    shadow: Float64
    shadow_light: Float64
    background: Float32

    @property
    def geometry(self) -> Geometry:
        """Where it is, without what it looks like."""
        return Geometry(self.points, self.depth, self.triangles)


class Motion(NamedTuple):
    """How a scene moves by each of P parameters.

    Attributes:
        points: [B,P,V,2] float32 raster pixels per unit of the parameter.
        depth: [B,P,V] float32 metres per unit.
        normals: [B,P,V,3] float32 per unit.
        shadow_light: [B,P,9,3] float64 per unit.
    """

    points: Float32
    depth: Float32
    normals: Float32
    shadow_light: Float64


class Antialiased(NamedTuple):
    """A batch of pictures whose outlines are corrected.

    Attributes:
        linear: [B,H,W,3] float32, linear light, not clipped.
        outline: what the rasteriser that made it wants to know again for the derivative; nobody else reads it.
    """

    linear: Float32
    outline: Any


class Rasteriser(Protocol):
    """Draws triangles. The `Renderer` checks shapes and types before it calls."""

    def rasterise(self, geometry: Geometry, height: int, width: int) -> Fragments:
        """Find the nearest triangle at every pixel's centre.

        A centre on an edge belongs to one of the two triangles that share it (the top-left rule). Triangles without
        area, and those with a vertex that is not finite or not farther than `NEAR`, are left out. Of equally deep
        triangles the first one is seen.
        """

    def interpolate(self, scene: Scene, fragments: Fragments) -> Float32:
        """Interpolate normals, albedo and shadow transfer at every pixel's centre, and light them.

        Linear radiance = albedo * max(0, basis(normal) @ light + shadow @ shadow_light), the interpolated normal
        brought to unit length.

        Returns:
            [B,H,W,3] float32, the background where no triangle is seen.
        """

    def antialias(self, scene: Scene, fragments: Fragments, surface: Float32) -> Antialiased:
        """Correct the colours of the pixels that the visible outline passes through by the areas that it covers there.

        For every piece of a silhouette edge inside a pixel, add flux * (colour of the edge - colour just behind it),
        where the flux is what the piece adds to the pixel's covered area; both colours are taken at the piece's point
        nearest to the pixel's centre.

        Args:
            scene: the scene.
            fragments: of `rasterise`.
            surface: [B,H,W,3] of `interpolate`.
        """

    def tangents(self, scene: Scene, fragments: Fragments, drawn: Antialiased, motion: Motion) -> Float32:
        """The derivative of the sRGB-encoded picture by each parameter, where visibility does not change.

        Args:
            scene: the scene.
            fragments: of `rasterise`.
            drawn: of `antialias`.
            motion: of the scene.

        Returns:
            [B,P,H,W,3] float32; zero where the encoding clips.
        """
