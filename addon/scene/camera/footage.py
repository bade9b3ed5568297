"""Footage from a file onto a camera: a movie, an image sequence or a still, as the camera's background image."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Tuple

import bpy
from mathutils import Matrix, Vector

from ...problem import FaceSolveProblem
from ..rig.mesh import is_mesh
from .plate import background
from .plate_map import sequence_pattern

_MOVIES = frozenset((".mov", ".mp4", ".mkv", ".avi", ".webm", ".mxf", ".m4v", ".mpg", ".mpeg", ".ogv", ".mts", ".ts"))
_AWAY = 6.0  # head sizes before the face: with 50 mm the head fills about a quarter of the picture


def load_footage(scene: bpy.types.Scene, path: Path, chosen: Optional[bpy.types.Object]) -> str:
    """Put footage behind a camera; answers with what was done.

    The camera is the chosen one, else the scene's, where it has no plate yet; else a new one before the head, whose
    lens is a guess. The first plate of a scene gives it its picture size, a movie its frame rate too, and its range.

    Args:
        scene: whose footage it is.
        path: a movie, a still, or any file of a sequence.
        chosen: the active object; used where it is a camera.

    Raises:
        FaceSolveProblem: where there is no such file, or Blender cannot open it.
    """
    if not path.is_file():
        raise FaceSolveProblem(f"There is no file {path}.", "Choose the footage.")
    first_plate = not any(background(one) for one in scene.objects if one.type == "CAMERA")
    image, first, count = _open(path)
    camera, made = _camera(scene, chosen)
    entry = camera.data.background_images.new()
    entry.image, entry.alpha = image, 1.0
    camera.data.show_background_images = True
    user = entry.image_user
    user.frame_start, user.frame_duration, user.frame_offset = scene.frame_start, count, first - 1
    user.use_auto_refresh = True
    if first_plate:
        render = scene.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = *_size(image, path), 100
        render.pixel_aspect_x = render.pixel_aspect_y = 1.0
        if image.source == "MOVIE":
            _take_rate(scene, path)
        if count > 1:
            scene.frame_end = scene.frame_start + count - 1
    scene.camera = scene.camera or camera
    frames = f"{count} frames" if count > 1 else "a still"
    lens = " Its lens is a guess: set it, or let Fit Rig find it." if made else ""
    return f"{path.name} ({frames}) is the plate of {camera.name}.{lens}"


def _open(path: Path) -> Tuple[bpy.types.Image, int, int]:
    """The image, the number of its first frame, and how many frames there are."""
    movie = path.suffix.lower() in _MOVIES
    numbers = [] if movie else sequence_numbers(path)
    start = path if len(numbers) < 2 else Path(sequence_pattern(str(path))[0].format(frame=numbers[0]))  # type: ignore[index]
    try:
        image = bpy.data.images.load(str(start), check_existing=False)
    except RuntimeError as error:
        raise FaceSolveProblem(f"Blender cannot open {path.name}.", "Convert it to a movie or pictures.") from error
    if movie:
        image.source = "MOVIE"
        count = image.frame_duration
    elif len(numbers) > 1:
        image.source = "SEQUENCE"
        return image, numbers[0], len(numbers)
    else:
        count = 1
    if count < 1 or min(image.size) < 1:
        bpy.data.images.remove(image)
        raise FaceSolveProblem(f"Blender sees no picture in {path.name}.", "Convert it, or copy it again.")
    return image, 1, count


def sequence_numbers(path: Path) -> List[int]:
    """The numbers of the sequence that a file belongs to, without a gap, around its own; empty where it has none."""
    found = sequence_pattern(str(path))
    if found is None:
        return []
    pattern, own = found
    low = high = own
    while low > 0 and Path(pattern.format(frame=low - 1)).is_file():
        low -= 1
    while Path(pattern.format(frame=high + 1)).is_file():
        high += 1
    return list(range(low, high + 1))


def _size(image: bpy.types.Image, path: Path) -> Tuple[int, int]:
    if min(image.size) > 0:
        return int(image.size[0]), int(image.size[1])
    still = bpy.data.images.load(str(path), check_existing=False)  # a sequence has no size before it is drawn
    try:
        if min(still.size) < 1:
            raise FaceSolveProblem(f"Blender sees no picture in {path.name}.", "Convert it, or copy it again.")
        return int(still.size[0]), int(still.size[1])
    finally:
        bpy.data.images.remove(still)


def _take_rate(scene: bpy.types.Scene, path: Path) -> None:
    """The movie's frames a second, which only a clip knows."""
    clip = bpy.data.movieclips.load(str(path))
    try:
        rate = clip.fps
    finally:
        bpy.data.movieclips.remove(clip)
    if rate > 0.0:
        scene.render.fps = max(1, round(rate))
        scene.render.fps_base = scene.render.fps / rate


def _camera(scene: bpy.types.Scene, chosen: Optional[bpy.types.Object]) -> Tuple[bpy.types.Object, bool]:
    """The camera that the footage goes to, and whether it is a new one."""
    for one in (chosen, scene.camera):
        if one is not None and one.type == "CAMERA" and background(one) is None:
            return one, False
    camera = bpy.data.objects.new("Face Camera", bpy.data.cameras.new("Face Camera"))
    scene.collection.objects.link(camera)
    middle, size = _place_of_the_head(scene)
    camera.matrix_world = Matrix.Translation(middle + Vector((0.0, -_AWAY * size, 0.0))) @ Matrix.Rotation(
        1.5707963267948966, 4, "X"
    )
    return camera, True


def _place_of_the_head(scene: bpy.types.Scene) -> Tuple[Vector, float]:
    """Middle (scene units) and largest side of the chosen face; of a head of usual size at the origin without one."""
    face = scene.face_solve.face
    if not is_mesh(face) or not max(face.dimensions):
        return Vector((0.0, 0.0, 0.0)), 0.25 / max(scene.unit_settings.scale_length, 1e-6)
    corners = [face.matrix_world @ Vector(corner) for corner in face.bound_box]
    return sum(corners, Vector((0.0, 0.0, 0.0))) / len(corners), max(face.dimensions)
