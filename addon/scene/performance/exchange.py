"""The solved expression out as a table, and a table in as the start of a solve."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import bpy
from mathutils import Matrix

from ...problem import FaceSolveProblem
from ..keys.record import KEPT, load_written, weight_channels
from ..rig.mesh import check_face, identity_keys, solvable_keys
from ..setup.prechecks import enabled_cameras
from ..shot.sampling import evaluated
from ..takes.takes import add_take
from .table import LONGEST, TURNS, plain, read_table, sample, write_table


def rate_of(scene: bpy.types.Scene) -> float:
    """Frames a second."""
    return scene.render.fps / scene.render.fps_base


def export_performance(scene: bpy.types.Scene, path: Path) -> str:
    """Write what plays, frame by frame of the range: shape keys, and the head's turn as its camera sees it.

    Raises:
        FaceSolveProblem: where there is no face with shape keys, or the file cannot be written.
    """
    settings = scene.face_solve
    check_face(settings)
    face = settings.face
    names = [name for name in solvable_keys(face) if name not in identity_keys(settings)]
    if not names:
        raise FaceSolveProblem(f"{face.name} has no expression.", "Choose a face with shape keys.")
    if settings.frame_end < settings.frame_start:
        raise FaceSolveProblem("The range ends before it starts.", "Set Start and End.")
    cameras = enabled_cameras(settings)
    rate, rows = rate_of(scene), []
    with evaluated(scene, [face, *cameras[:1]]):
        for frame in range(settings.frame_start, settings.frame_end + 1):
            scene.frame_set(frame)
            graph = bpy.context.evaluated_depsgraph_get()
            seen = face.evaluated_get(graph)
            blocks = face.data.shape_keys.evaluated_get(graph).key_blocks
            values = {name: 0.0 if blocks[name].mute else blocks[name].value for name in names}
            world = cameras[0].evaluated_get(graph).matrix_world if cameras else Matrix.Identity(4)
            values.update(zip(TURNS, head_turn(seen.matrix_world, world), strict=False))
            rows.append(((frame - settings.frame_start) / rate, values))
    try:
        path.write_text(write_table(rows, rate), encoding="utf-8")
    except OSError as error:
        raise FaceSolveProblem(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from error
    return f"{len(rows)} frames of {len(names)} shape keys: {path}"


def head_turn(head: Matrix, camera: Matrix) -> Tuple[float, float, float]:
    """Yaw, pitch and roll (radians) of a head that looks along its own -Y, as a camera sees it.

    All are zero where it looks into the camera upright. Positive yaw turns it to its own left, positive pitch lifts the
    chin, positive roll tilts it to its own right.
    """
    facing = Matrix(((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)))  # a camera's axes from the head's
    turn = camera.to_quaternion().to_matrix().transposed() @ head.to_quaternion().to_matrix() @ facing.transposed()
    # Of Y(yaw) X(-pitch) Z(roll), with Y up and Z towards the camera.
    pitch = math.asin(max(-1.0, min(1.0, turn[1][2])))
    return math.atan2(turn[0][2], turn[2][2]), pitch, math.atan2(turn[1][0], turn[1][1])


def import_performance(scene: bpy.types.Scene, path: Path, frame_start: int, file_rate: Optional[float] = None) -> str:
    """Key a table's expressions on the face, as a take that a solve may change; answers with what was done.

    Args:
        scene: whose face it is.
        path: the CSV.
        frame_start: the frame of its first row.
        file_rate: frames a second that its times count; None finds it from the highest frame number.

    Raises:
        FaceSolveProblem: where there is no face, the file is none, or none of its columns is a key of the face.
    """
    settings = scene.face_solve
    check_face(settings)
    try:
        if path.stat().st_size > LONGEST:
            raise FaceSolveProblem(f"{path.name} is too large for a table.", "Cut it to the shot.")
        performance = read_table(path.read_text(encoding="utf-8"), file_rate)
    except (OSError, UnicodeDecodeError) as error:
        raise FaceSolveProblem(f"{path} cannot be read.", "Choose the CSV that was exported.") from error
    keyable = weight_channels(settings.face)
    own = {plain(name): name for name in keyable if name not in identity_keys(settings)}
    homes = {name: own[plain(name)] for name in performance.columns if plain(name) in own}
    if not homes:
        raise FaceSolveProblem(
            f"None of the table's columns is a shape key of {settings.face.name} that can be keyed.",
            "Choose the face, or rename its keys as ARKit calls them.",
        )
    record = {name: dict(values) for name, values in load_written(settings).items() if not name.startswith(KEPT)}
    rate, frames = rate_of(scene), set()
    for column, name in homes.items():
        values = _placed(sample(performance, column, rate), frame_start)
        record.setdefault(keyable[name].name, {}).update(values)
        frames.update(values)
    add_take(settings, f"Import {path.stem}", record)
    others = _others(performance.columns, homes)
    said = f"{len(frames)} frames of {len(homes)} shape keys from {path.name}."
    if not others:
        return said
    return f"{said} Not on {settings.face.name}: {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}."


def _placed(values: Dict[int, float], frame_start: int) -> Dict[int, float]:
    return {frame_start + frame: value for frame, value in values.items()}


def _others(columns: Dict[str, List[float]], homes: Dict[str, str]) -> List[str]:
    """Columns that found no key and say something."""
    return [name for name, values in columns.items() if name not in homes and name not in TURNS and any(values)]
