"""Finds a camera's plate and says, frame by frame, which of its frames shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, List, Optional, Tuple

import bpy

from ...problem import FaceSolveProblem
from .camera_model import Backdrop
from .plate_map import ClipTiming, ImageTiming, sequence_pattern


@dataclass(frozen=True)
class Plate:
    """A camera's footage.

    Args:
        camera: the camera's name.
        kind: `sequence`, `movie` or `image`.
        path: absolute; a pattern of `{frame}` for a sequence.
        frame_of: scene frame -> the plate's own frame, None outside the plate.
    """

    camera: str
    kind: str
    path: str
    frame_of: Callable[[int], Optional[int]]

    def file(self, number: int) -> Path:
        """The file that holds one of the plate's frames."""
        return Path(self.path.format(frame=number)) if self.kind == "sequence" else Path(self.path)

    def frames(self, scene_frames: Iterable[int]) -> List[Optional[int]]:
        """The frame map."""
        return [self.frame_of(frame) for frame in scene_frames]


def background(camera: bpy.types.Object) -> Optional[bpy.types.PropertyGroup]:
    """The camera's background image that holds a plate: the first that is shown, else the first."""
    filled = [one for one in camera.data.background_images if _owner(one) is not None]
    return next((one for one in filled if one.show_background_image), filled[0] if filled else None)


def cameras_with_plate(scene: bpy.types.Scene) -> List[bpy.types.Object]:
    """The cameras of a scene that have a plate."""
    return [one for one in scene.objects if one.type == "CAMERA" and background(one) is not None]


def _owner(entry: bpy.types.PropertyGroup) -> bpy.types.ID:
    return shown_clip(entry) if entry.source == "MOVIE_CLIP" else entry.image


def shown_clip(entry: bpy.types.PropertyGroup) -> Optional[bpy.types.MovieClip]:
    """The clip that Blender shows: with Active Clip that of the scene camera's solver constraint, else of the scene."""
    if not entry.use_camera_clip:
        return entry.clip
    scene = bpy.context.scene
    for one in scene.camera.constraints if scene.camera is not None else ():
        if one.type in ("CAMERA_SOLVER", "FOLLOW_TRACK", "OBJECT_SOLVER") and not one.use_active_clip and one.clip:
            return one.clip
    return scene.active_clip


def read_plate(camera: bpy.types.Object) -> Plate:
    """The plate of a camera, found without opening its files.

    Raises:
        FaceSolveProblem: where the camera has none, or one that is no footage.
    """
    entry = background(camera)
    if entry is None:
        raise FaceSolveProblem(
            f"The camera {camera.name} has no plate.", "Add the footage as a background image of the camera."
        )
    return _clip_plate(camera, entry) if entry.source == "MOVIE_CLIP" else _image_plate(camera, entry)


def _image_plate(camera: bpy.types.Object, entry: bpy.types.bpy_struct) -> Plate:
    image, user = entry.image, entry.image_user
    path = bpy.path.abspath(image.filepath, library=image.library)
    timing = ImageTiming(user.frame_start, user.frame_duration, user.frame_offset, user.use_cyclic)
    if image.source == "SEQUENCE":
        found = sequence_pattern(str(Path(path)))
        if found is None:
            raise FaceSolveProblem(
                f"The plate of {camera.name} is an image sequence without a number in its name: {path}.",
                "Number its files.",
            )
        _check_duration(camera, user)
        return Plate(camera.name, "sequence", found[0], timing.plate_frame)
    if image.source == "MOVIE":
        _check_duration(camera, user)
        return Plate(camera.name, "movie", path, timing.plate_frame)
    if image.source == "FILE" and image.packed_file is None:
        return Plate(camera.name, "image", path, lambda _frame: 1)
    raise FaceSolveProblem(
        f"The plate of {camera.name} is no footage on disk (image {image.name}).",
        "Use a movie or an image sequence; unpack it if it is packed.",
    )


def _check_duration(camera: bpy.types.Object, user: bpy.types.ImageUser) -> None:
    if user.frame_duration <= 0:
        raise FaceSolveProblem(
            f"The plate of {camera.name} is zero frames long.",
            "Set Frames in the camera's background image to the footage's length.",
        )


def _clip_plate(camera: bpy.types.Object, entry: bpy.types.bpy_struct) -> Plate:
    clip = shown_clip(entry)
    path = bpy.path.abspath(clip.filepath, library=clip.library)
    if clip.source == "MOVIE":
        timing = ClipTiming(1, clip.frame_start, clip.frame_offset, clip.frame_duration)
        return Plate(camera.name, "movie", path, timing.plate_frame)
    found = sequence_pattern(str(Path(path)))
    if found is None:
        return Plate(camera.name, "image", path, lambda _frame: 1)
    timing = ClipTiming(found[1], clip.frame_start, clip.frame_offset, clip.frame_duration)
    return Plate(camera.name, "sequence", found[0], timing.plate_frame)


def colorspace_of(camera: bpy.types.Object) -> str:
    """Blender's name for the colour space of a camera's plate."""
    owner = _owner(background(camera))
    if owner.source == "MOVIE":
        tuple(owner.size)  # opens the file: before that Blender knows no colour space of a movie
    return owner.colorspace_settings.name


def plate_size(camera: bpy.types.Object, plate: Plate, scene_frames: Iterable[int]) -> Tuple[int, int]:
    """Width and height of the plate in pixels, from its first frame in the range.

    Raises:
        FaceSolveProblem: where Blender cannot open it.
    """
    entry = background(camera)
    size = (
        tuple(shown_clip(entry).size)
        if entry.source == "MOVIE_CLIP"
        else tuple(entry.image.size)
        if plate.kind != "sequence"
        else (0, 0)
    )
    if min(size) > 0:
        return int(size[0]), int(size[1])
    for number in plate.frames(scene_frames):
        if number is None:
            continue
        path = plate.file(number)
        if not path.is_file() or path.stat().st_size == 0:
            continue
        size = _measured(path)
        if min(size) > 0:
            return size
        raise FaceSolveProblem(
            f"A frame of the plate of {camera.name} cannot be opened: {path}.",
            "The file is damaged; render or copy it again.",
        )
    raise FaceSolveProblem(f"No frame of the plate of {camera.name} can be opened.", "Check the footage's path.")


def _measured(path: Path) -> Tuple[int, int]:
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError:
        return 0, 0
    try:
        return int(image.size[0]), int(image.size[1])
    finally:
        bpy.data.images.remove(image)


def backdrop(camera: bpy.types.Object, size: Tuple[int, int]) -> Backdrop:
    """How the plate lies in the camera's frame at the current frame."""
    entry = background(camera)
    owner = _owner(entry)
    return Backdrop(
        width=size[0],
        height=size[1],
        frame_method=entry.frame_method,
        offset_x=entry.offset[0],
        offset_y=entry.offset[1],
        scale=entry.scale,
        flip_x=entry.use_flip_x,
        flip_y=entry.use_flip_y,
        rotation=entry.rotation,
        pixel_aspect=owner.display_aspect[0] / owner.display_aspect[1],
    )


def missing_frames(plate: Plate, scene_frames: Iterable[int]) -> Tuple[List[int], List[int], List[int]]:
    """Scene frames without a plate frame, with a missing file, and with an empty file; nothing is decoded."""
    outside, missing, empty, sizes = [], [], [], {}
    for frame in scene_frames:
        number = plate.frame_of(frame)
        if number is None:
            outside.append(frame)
            continue
        path = plate.file(number)
        if path not in sizes:
            try:
                sizes[path] = path.stat().st_size
            except OSError:
                sizes[path] = None
        if sizes[path] is None:
            missing.append(frame)
        elif sizes[path] == 0:
            empty.append(frame)
    return outside, missing, empty
