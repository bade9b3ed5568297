"""The head at a pose as one camera would have filmed it: the render F(x_R), in the same crop as the plate."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from solver_core.camera.camera import Camera
from solver_core.color.srgb import srgb_decode
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.footage.views import View
from solver_core.look.look import Look
from solver_core.render.renderer import Renderer, Rendering
from solver_core.render.shading import vertex_normals

COARSE = 4  # the covered region is found at this fraction of the resolution
OPENCV_MOST = 30000  # rows that OpenCV can sample at once
COVER = 0.04  # of the crop's side: how far around the render the plate is replaced behind it


@dataclass(frozen=True)
class Picture:
    """b renders in the crops of b frames, and the geometry that they show."""

    rendering: Rendering  # images [b,S,S,3]
    points: Floats  # [b,V,2] crop pixels
    depth: Floats  # [b,V] metres
    normals: Floats  # [b,V,3] world
    background: Floats  # [b,S,S,3] linear
    look: Look  # with the shadows of these poses


def picture(
    rig: Rig, renderer: Renderer, view: View, pose: Pose, index: Ints, size: int, look: Look, plates: Floats
) -> Picture:
    """Render b frames.

    Args:
        rig: the head.
        renderer: of the head.
        view: the camera and its crops.
        pose: b poses.
        index: which of the shot's frames they are.
        size: of the crop in pixels.
        look: of the head, in this camera's light alone (`Look.under`).
        plates: [b,S,S,3] the plate in the same crops, display-referred: what stands behind the head is filled in from
            around it.
    """
    vertices, points, depth, normals = geometry_of(rig, view, pose, index, size)
    background = backdrop(renderer, points, depth, plates)
    look = look.shadowed(on_head(pose, vertices))
    rendering = renderer.render(points, depth, normals, look, background, size, size, head_rotation=pose.rotation)
    return Picture(rendering, points, depth, normals, background, look)


def on_head(pose: Pose, world: Floats) -> Floats:  # [b,V,3]
    """[b,V,3] the vertices on the head's own axes."""
    return (world - pose.translation[:, None]) @ pose.rotation


def geometry_of(rig: Rig, view: View, pose: Pose, index: Ints, size: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Vertices in the world and in the crop, their depth and their normals.

    They are [b,V,3] world metres, [b,V,2] crop pixels, [b,V] metres and [b,V,3] on world axes.
    """
    return projected(rig, view.camera[index], view.matrices(index, size), pose)


def projected(rig: Rig, camera: Camera, matrices: Floats, pose: Pose) -> tuple[Floats, Floats, Floats, Floats]:
    """The same through b frames of a camera, whose plate pixels [b,2,3] matrices take to a picture's."""
    vertices = rig.world(pose)
    pixels, depth = camera.project(vertices)
    points = pixels @ matrices[:, :, :2].swapaxes(1, 2) + matrices[:, None, :, 2]
    return vertices, points, depth, vertex_normals(vertices, rig.triangles)


def backdrop(renderer: Renderer, points: Floats, depth: Floats, plates: Floats, filmed: Floats | None = None) -> Floats:
    """[b,S,S,3] linear: what stands behind the head, the plates with the head's place filled in from around it.

    Args:
        renderer: of the head.
        points: [b,V,2] its vertices in the plates' crops, pixels.
        depth: [b,V] metres.
        plates: [b,S,S,3] display-referred.
        filmed: [b,n,2] landmarks of the filmed faces, pixels: inside their outline the plates are filled in too.
    """
    covered = _covered(renderer, points, depth, plates.shape[1])
    if filmed is not None:
        covered |= np.stack([_inside(outline, plates.shape[1]) for outline in filmed])
    return srgb_decode(np.stack([fill(plate, mask) for plate, mask in zip(plates, covered, strict=True)]))


def sample_image(image: Floats, places: Floats) -> Floats:  # [S,S,C], [n,2] pixels
    """[n,C] the image between its pixels; outside, its border."""
    at = (places - 0.5).astype(np.float32)  # OpenCV counts from the first pixel's centre
    rows = [
        cv2.remap(image, part[:, None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        for part in np.array_split(at, 1 + len(at) // OPENCV_MOST)
    ]
    return np.concatenate(rows)


def _covered(renderer: Renderer, points: Floats, depth: Floats, size: int) -> Bools:
    """[b,S,S] where the head is rendered, grown: the filmed head may stand beside it.

    It is found at a quarter of the resolution.
    """
    small = size // COARSE
    seen = renderer.rasterise(points / COARSE, depth, small, small).mask.astype(np.uint8)
    reach = max(1, round(COVER * small))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.stack(
        [cv2.resize(cv2.dilate(mask, kernel), (size, size), interpolation=cv2.INTER_NEAREST) > 0 for mask in seen]
    )


def _inside(landmarks: Floats, size: int) -> Bools:
    """[S,S] the outline of landmarks [n,2], grown as the head is."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(landmarks).astype(np.int32)), 1)
    reach = max(1, round(COVER * size))
    return cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0


def fill(image: Floats, mask: Bools) -> Floats:
    """The image [S,S,C] with the masked pixels filled smoothly from the others.

    They are averaged down and carried back up.
    """
    keep = (~mask).astype(np.float32)
    levels = [(image.astype(np.float32) * keep[..., None], keep)]
    while min(levels[-1][1].shape) > 1:
        colour, weight = levels[-1]
        small = (max(1, weight.shape[1] // 2), max(1, weight.shape[0] // 2))
        levels.append(
            (
                cv2.resize(colour, small, interpolation=cv2.INTER_AREA),
                cv2.resize(weight, small, interpolation=cv2.INTER_AREA),
            )
        )
    colour, weight = levels[-1]
    filled = colour.reshape(*weight.shape, -1) / np.maximum(weight, 1e-6)[..., None]
    for colour, weight in reversed(levels[:-1]):
        up = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(colour.shape)
        filled = colour + (1 - weight[..., None]) * up
    return filled
