"""The pins of a shot on the scene: added, moved, deleted, copied to another frame."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import bpy

from ..problem import FaceSolveProblem
from .camera.plate import background, plate_size, read_plate
from .rig.mesh import is_mesh
from .setup.prechecks import enabled_cameras

SAME_PLACE = 1e-4  # of barycentric coordinates: two pins that differ by less hold one place of the mesh

_sizes: Dict[Tuple[str, str], Tuple[int, int]] = {}  # by camera and plate


def pins_at(settings: bpy.types.PropertyGroup, frame: int) -> List[int]:
    """The indices of a frame's pins whose camera is still there."""
    return [i for i, pin in enumerate(settings.pins) if pin.frame == frame and pin.camera is not None]


def pinned_frames(settings: bpy.types.PropertyGroup) -> List[int]:
    """Frames that have pins, ascending."""
    return sorted({pin.frame for pin in settings.pins if pin.strength > 0.0})


def pin_camera(settings: bpy.types.PropertyGroup, name: str, frame: int) -> bpy.types.Object:
    """The camera to pin in: the one of that name, or the scene's own, or the first that is solved with.

    Raises:
        FaceSolveProblem: where there is none of that name, or it has no picture at the frame.
    """
    cameras = enabled_cameras(settings)
    camera = next((one for one in cameras if one.name == name), None)
    if not name and cameras:
        camera = settings.id_data.camera if settings.id_data.camera in cameras else cameras[0]
    if camera is None:
        what = f"{name} is no camera that is solved with." if name else "No camera with a plate is switched on."
        raise FaceSolveProblem(what, "Choose one in the Setup panel.", "face_solve.setup_from_scene")
    if background(camera) is None or read_plate(camera).frame_of(frame) is None:
        raise FaceSolveProblem(
            f"The plate of {camera.name} has no picture at frame {frame}, so nothing can be pinned there.",
            "Go to a frame that the plate covers.",
        )
    return camera


def size_of(camera: bpy.types.Object, frame: int) -> Tuple[int, int]:
    """The plate's width and height at a frame, pixels.

    Raises:
        FaceSolveProblem: where it cannot be opened.
    """
    plate = read_plate(camera)
    key = (camera.name, plate.path)
    if key not in _sizes:  # a file has to be opened for it, which a moving mouse does not wait for
        _sizes[key] = plate_size(camera, plate, [frame])
    return _sizes[key]


def inside(place: Sequence[float], size: Sequence[int]) -> Tuple[float, float]:
    """The nearest place of the picture: a pin that is pulled off it stays at its edge."""
    return min(max(place[0], 0.0), float(size[0])), min(max(place[1], 0.0), float(size[1]))


def add_pin(
    settings: bpy.types.PropertyGroup,
    frame: int,
    camera: bpy.types.Object,
    vertices: Sequence[int],
    barycentric: Sequence[float],
    place: Sequence[float],
) -> int:
    """Put a pin, and answer with its index. One that holds the same place of the mesh there already is moved instead.

    Raises:
        FaceSolveProblem: where the face has no such vertices, or the coordinates are no place between them.
    """
    face = settings.face
    count = len(face.data.vertices) if is_mesh(face) else 0
    if not all(0 <= vertex < count for vertex in vertices):
        raise FaceSolveProblem(f"The face has no vertex {max(vertices)}: it has {count}.", "Pin another place.")
    total = sum(barycentric)
    if total <= 0.0 or min(barycentric) < -SAME_PLACE * total:
        raise FaceSolveProblem(
            "The barycentric coordinates are no place on the mesh.", "Give three that are not below 0."
        )
    shares = [value / total for value in barycentric]
    index = next(
        (i for i in pins_at(settings, frame) if _is_at(settings.pins[i], camera, vertices, shares)), len(settings.pins)
    )
    pin = settings.pins[index] if index < len(settings.pins) else settings.pins.add()
    pin.frame, pin.camera, pin.vertices, pin.barycentric = frame, camera, vertices, shares
    pin.size = size_of(camera, frame)
    pin.place = inside(place, pin.size)
    settings.pin_index = index
    return index


def _is_at(
    pin: bpy.types.PropertyGroup, camera: bpy.types.Object, vertices: Sequence[int], shares: Sequence[float]
) -> bool:
    same = pin.camera == camera and list(pin.vertices) == list(vertices)
    return same and all(abs(a - b) < SAME_PLACE for a, b in zip(pin.barycentric, shares, strict=True))


def chosen_pin(settings: bpy.types.PropertyGroup, index: int) -> bpy.types.PropertyGroup:
    """The pin of an index; below zero the one that was touched last.

    Raises:
        FaceSolveProblem: where there is none.
    """
    found = settings.pin_index if index < 0 else index
    if not 0 <= found < len(settings.pins) or settings.pins[found].camera is None:
        raise FaceSolveProblem("There is no such pin.", "Put one on the head first, or choose one that is there.")
    return settings.pins[found]


def delete_pins(settings: bpy.types.PropertyGroup, indices: Sequence[int]) -> None:
    """Take pins away."""
    for index in sorted(indices, reverse=True):
        settings.pins.remove(index)
    settings.pin_index = -1


def copy_pins(settings: bpy.types.PropertyGroup, source: int, target: int) -> int:
    """Put a frame's pins on the same places of the mesh and of the plate at another; answers how many.

    Raises:
        FaceSolveProblem: where the frame has none, or the plate ends before the other.
    """
    indices = pins_at(settings, source)
    if not indices:
        raise FaceSolveProblem(f"Frame {source} has no pins to copy.", "Put some on the head first.")
    for index in indices:
        pin = settings.pins[index]
        pin_camera(settings, pin.camera.name, target)
        made = add_pin(settings, target, pin.camera, list(pin.vertices), list(pin.barycentric), list(pin.place))
        settings.pins[made].strength = settings.pins[index].strength
    return len(indices)


def nearest(
    settings: bpy.types.PropertyGroup, frame: int, camera: bpy.types.Object, place: Sequence[float], reach: float
) -> Optional[int]:
    """The frame's pin of a camera that is nearest to a place of the plate, none farther than `reach` pixels."""
    far = {
        i: (settings.pins[i].place[0] - place[0]) ** 2 + (settings.pins[i].place[1] - place[1]) ** 2
        for i in pins_at(settings, frame)
        if settings.pins[i].camera == camera
    }
    best = min(far, key=lambda i: far[i], default=None)
    return best if best is not None and far[best] <= reach**2 else None
