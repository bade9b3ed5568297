"""Which of several people in the plate is to be solved, as the artist said."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import bpy

from ...problem import FaceSolveProblem


def choose(settings: bpy.types.PropertyGroup, camera: str, frame: int, place: Tuple[float, float]) -> None:
    """Keep where the person is in a frame of a camera's plate.

    Args:
        settings: `scene.face_solve`.
        camera: the camera's name.
        frame: of the scene.
        place: shares of the plate's width and height, from its top left.

    Raises:
        FaceSolveProblem: where the camera is none of the settings', or the place is not in the plate.
    """
    found = next((item.camera for item in settings.cameras if item.camera and item.camera.name == camera), None)
    if found is None:
        raise FaceSolveProblem(f"{camera or 'This'} is no camera that is solved.", "Press Set Up, or add the camera.")
    if not all(0.0 <= share <= 1.0 for share in place):
        raise FaceSolveProblem("That place is outside the plate.", "Click on the person's face in the plate.")
    item = next((one for one in settings.people if (one.camera, one.frame) == (found, frame)), None)
    item = item or settings.people.add()
    item.camera, item.frame, item.place = found, frame, place


def people_of(
    settings: bpy.types.PropertyGroup, cameras: Sequence[bpy.types.Object], sizes: Dict[str, Tuple[int, int]]
) -> List[Dict[str, object]]:
    """What the shot says of them: camera, frame, and the place in pixels of the plate."""
    return [
        {
            "camera": item.camera.name,
            "frame": item.frame,
            "point": [share * side for share, side in zip(item.place, sizes[item.camera.name], strict=True)],
        }
        for item in sorted(settings.people, key=lambda one: one.frame)
        if item.camera in cameras
    ]
