"""The shot folder: what the add-on hands to the solver, read, checked and frozen (docs/shot_format.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.camera.distortion import COEFFICIENTS, Distortion
from solver_core.common.arrays import Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.face.blocks import RigidMotion, at_rest
from solver_core.face.joints import JAW
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.face.rig_file import load_rig
from solver_core.look.texture import Texture, painted, read_layout
from solver_core.protocol import FRAME_STATUSES, SHOT_SCHEMA_VERSION, SHOT_SCHEMAS_READ

AGAIN = "Export the shot again from Blender."
FILM = 24.0  # frames a second: of a shot that does not say, and of those that times counted in frames of film were measured on


@dataclass(frozen=True)
class LockedFrame:
    """A frame that the artist has posed: kept to the bit, and trusted."""

    frame: int
    rotation: Floats  # [3,3]
    translation: Floats  # [3] metres, world
    weights: Floats  # [K]
    joints: Mapping[str, RigidMotion] = field(default_factory=dict)  # 1 frame each

    @property
    def pose(self) -> Pose:
        """The frame's pose."""
        return Pose(self.rotation[None], self.translation[None], self.weights[None], self.joints)


@dataclass(frozen=True)
class Earlier:
    """What the last solve made of a frame."""

    status: str  # of protocol.FRAME_STATUSES
    reason: str = ""


@dataclass(frozen=True)
class Settings:
    """What the artist chose; every choice has a default that works."""

    landmarks: str = "facemesh"
    detector: str = "short_range"  # how faces are found: networks/registry.py
    flow: str = "dis"  # the optical flow network: networks/flow/registry.py
    refinement: float = 0.0  # amount of temporal refinement, 0 to 1; 0 leaves it out
    reference_frames: tuple[int, ...] = ()  # scene frames that the light is taken from; none: the solver chooses
    device: str = "cpu"  # where the networks run: cpu or cuda


@dataclass(frozen=True)
class Shot:
    """Everything the solver knows of a shot. Arrays have one entry a frame, in the order of `frames`."""

    name: str
    folder: Path
    frames: Ints  # [N] scene frames, ascending
    fps: float  # frames a second
    cameras: tuple[Camera, ...]
    rig: Rig
    initial: Pose  # N poses
    locked: tuple[LockedFrame, ...] = ()
    neighbours: tuple[int, ...] = ()  # scene frames beside the part to solve, kept at their initial poses
    infill_ranges: tuple[tuple[int, int], ...] = ()
    settings: Settings = field(default_factory=Settings)
    earlier: Mapping[int, Earlier] = field(default_factory=dict)  # scene frame -> what the last solve made of it
    stages: tuple[str, ...] | None = None
    stage_file: Path | None = None  # a studio's own stages
    notes: tuple[str, ...] = ()  # what the artist should know of what was read

    @property
    def locked_mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """[N] true where the artist has posed the frame."""
        return np.isin(self.frames, [locked.frame for locked in self.locked])

    @property
    def pace(self) -> float:
        """How many frames of this shot one frame of film lasts."""
        return self.fps / FILM

    @property
    def held_mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """[N] true where the pose stays as it is: the artist's frames, and the neighbours of the part to solve."""
        return self.locked_mask | np.isin(self.frames, self.neighbours)

    def between(self, first: int, last: int) -> Shot:
        """The same shot, of the frames from `first` to `last` only.

        Raises:
            FaceSolveError: where it has none of them.
        """
        keep = np.flatnonzero((self.frames >= first) & (self.frames <= last))
        if not len(keep):
            raise FaceSolveError(
                f"The shot goes from {self.frames[0]} to {self.frames[-1]}, not from {first} to {last}.",
                "Choose frames of the shot.",
            )
        return self.at(keep)

    def at(self, keep: Ints) -> Shot:
        """The same shot, of the frames at these indices only."""
        frames = self.frames[keep]
        return replace(
            self,
            frames=frames,
            initial=self.initial[keep],
            cameras=tuple(camera.at(keep) for camera in self.cameras),
            locked=tuple(locked for locked in self.locked if locked.frame in frames),
        )

    def start(self) -> Pose:
        """Where the solve starts: the initial poses, with the locked frames at the artist's values."""
        pose = self.initial.copy()
        for locked in self.locked:
            pose.assign(np.searchsorted(self.frames, [locked.frame]), locked.pose)
        return pose


def load_shot(folder: Path) -> Shot:
    """Read and check a shot folder.

    Raises:
        FaceSolveError: naming what is missing or wrong in it.
    """
    path = folder / "shot.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FaceSolveError(f"There is no shot.json in {folder}.", AGAIN) from error
    except (OSError, ValueError) as error:
        raise FaceSolveError(f"{path} cannot be read: {error}.", AGAIN) from error
    if not isinstance(document, dict) or document.get("schema") not in SHOT_SCHEMAS_READ:
        version = document.get("schema") if isinstance(document, dict) else None
        raise FaceSolveError(
            f"{path} has schema version {version!r}; this solver reads up to {SHOT_SCHEMA_VERSION}.",
            "Install the add-on and the solver of the same release.",
        )
    try:
        return _shot(folder, document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"is malformed: {error}"
        raise FaceSolveError(f"{path} {what}.", AGAIN) from error


def _shot(folder: Path, document: dict[str, Any]) -> Shot:
    frames = np.array([_whole(frame, "frames") for frame in document["frames"]], np.int64)
    if len(frames) == 0:
        raise FaceSolveError("The shot has no frames.", "Choose a frame range that the plate covers.")
    if np.any(np.diff(frames) <= 0):
        raise ValueError("frames must ascend")
    rig, notes = _rig(folder / document.get("rig", "rig.npz"), folder, document.get("textures") or [])
    count, keys = len(frames), len(rig.names)
    if not document["cameras"]:
        raise FaceSolveError("The shot has no camera.", "Enable at least one camera that has a plate.")
    initial = document["initial"]
    pose = Pose(
        _turns(initial["rotation"], count, "initial.rotation"),
        _numbers(initial["translation"], (count, 3), "initial.translation"),
        _numbers(initial["weights"], (count, keys), "initial.weights"),
        _joints(initial, rig, count, "initial"),
    )
    locked = tuple(
        LockedFrame(
            _whole(item["frame"], "locked.frame"),
            _turns(item["rotation"], 1, "locked.rotation")[0],
            _numbers(item["translation"], (3,), "locked.translation"),
            _numbers(item["weights"], (keys,), "locked.weights"),
            _joints(item, rig, 1, "locked"),
        )
        for item in document.get("locked", [])
        if _whole(item["frame"], "locked.frame") in set(frames.tolist())
    )
    stages = document.get("stages")
    if not isinstance(stages, list | None):
        raise TypeError(f"stages is {stages!r}, expected a list of names")
    return Shot(
        name=str(document.get("name", folder.name)),
        folder=folder,
        frames=frames,
        fps=_between(document.get("fps", FILM), 1e-3, 1e4, "fps"),
        cameras=tuple(_camera(item, count) for item in document["cameras"]),
        rig=rig,
        initial=pose,
        locked=locked,
        neighbours=tuple(_whole(frame, "neighbours") for frame in document.get("neighbours", [])),
        infill_ranges=tuple(
            (_whole(r["frame_start"], "infill_ranges.frame_start"), _whole(r["frame_end"], "infill_ranges.frame_end"))
            for r in document.get("infill_ranges", [])
        ),
        settings=_settings(document.get("settings", {})),
        earlier={_whole(item["frame"], "earlier.frame"): _earlier(item) for item in document.get("earlier", [])},
        stages=None if stages is None else tuple(str(stage) for stage in stages),
        stage_file=folder / str(document["stage_file"]) if document.get("stage_file") else None,
        notes=tuple(notes),
    )


def _earlier(item: dict[str, Any]) -> Earlier:
    if item["status"] not in FRAME_STATUSES:
        raise ValueError(f"earlier.status is {item['status']!r}, expected one of {', '.join(FRAME_STATUSES)}")
    return Earlier(str(item["status"]), str(item.get("reason", "")))


def _settings(document: dict[str, Any]) -> Settings:
    """The settings that this version knows; others are left aside."""
    given = {key: value for key, value in document.items() if key in Settings.__dataclass_fields__}
    for name in ("landmarks", "detector", "flow", "device"):
        if not isinstance(given.get(name, ""), str):
            raise TypeError(f"settings.{name} is {given[name]!r}, expected a name")
    if "refinement" in given:
        given["refinement"] = _between(given["refinement"], 0.0, 1.0, "settings.refinement")
    if "reference_frames" in given:
        given["reference_frames"] = tuple(
            _whole(frame, "settings.reference_frames") for frame in given["reference_frames"]
        )
    return Settings(**given)


def _between(value: object, low: float, high: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, expected a number from {low:g} to {high:g}")
    return float(value)


def _whole(value: object, name: str) -> int:
    """A frame: of the scene, or of a plate."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**31 or int(value) != value:
        raise ValueError(f"{name} has {value!r}, expected whole numbers")
    return int(value)


def _turns(value: object, count: int, name: str) -> Floats:
    """[count,3,3] rotations."""
    turns = _orthonormal(_numbers(value, (count, 3, 3), name), name)
    if (np.linalg.det(turns) < 0).any():
        raise ValueError(f"{name} has a matrix that mirrors")
    return turns


def _orthonormal(axes: Floats, name: str) -> Floats:  # [n,3,3]
    if not np.allclose(axes @ axes.swapaxes(1, 2), np.eye(3), atol=1e-3):
        raise ValueError(f"{name} has a matrix that is no rotation")
    return axes


def _rig(path: Path, folder: Path, textures: list[dict[str, Any]]) -> tuple[Rig, list[str]]:
    """The rig, with its textures' colours at the vertices, and what is to be said of it."""
    rig: Rig = load_rig(path)
    bones = ", ".join(f"its {name} bone" for name in rig.joints)
    moved = f"head and {bones} are" if bones else "head is"
    notes = [] if rig.names else [f"The face has no shape keys: only its {moved} solved."]
    layout = read_layout(path, len(rig.triangles)) if textures else None
    if layout is None:
        return rig, notes
    images = [
        Texture(str(folder / item["path"]), str(item.get("colorspace", "sRGB")), str(item.get("extension", "repeat")))
        for item in textures
    ]
    rig, unread = painted(rig, layout, images)
    return rig, notes + unread


def _joints(item: dict[str, Any], rig: Rig, count: int, name: str) -> dict[str, RigidMotion]:
    """The joints' motions in the rig's order, at rest where the file says nothing. In files of schema 1 the jaw's are `jaw_...`."""
    given = dict(item.get("joints", {}))
    if "jaw_rotation" in item or "jaw_translation" in item:
        given[JAW] = {kind: item[f"jaw_{kind}"] for kind in ("rotation", "translation") if f"jaw_{kind}" in item}
    motions, rest = {}, at_rest(count)
    for joint in rig.joints:
        own, where = given.get(joint, {}), f"{name}.joints.{joint}"
        motions[joint] = RigidMotion(
            _turns(own.get("rotation", rest.rotation), count, f"{where}.rotation"),
            _numbers(own.get("translation", rest.translation), (count, 3), f"{where}.translation"),
        )
    return motions


def _camera(item: dict[str, Any], count: int) -> Camera:
    plate = dict(item["plate"])
    if len(plate["frames"]) != count:
        raise ValueError(f"camera {item['name']}: plate.frames has {len(plate['frames'])} entries for {count} frames")
    of = f"camera {item['name']}:"
    plate["frames"] = [None if frame is None else _whole(frame, f"{of} plate.frames") for frame in plate["frames"]]
    intrinsics = _numbers(item["intrinsics"], (count, 4), f"{of} intrinsics")
    if (intrinsics[:, :2] <= 0).any():
        raise ValueError(f"{of} intrinsics has a focal length that is not above 0")
    world_to_camera = _numbers(item["world_to_camera"], (count, 3, 4), f"{of} world_to_camera")
    _orthonormal(world_to_camera[:, :, :3], f"{of} world_to_camera")
    return Camera(
        name=str(item["name"]),
        width=int(item["width"]),
        height=int(item["height"]),
        intrinsics=intrinsics,
        world_to_camera=world_to_camera,
        plate=plate,
        distortion=_distortion(item.get("distortion"), str(item["name"])),
    )


def _distortion(item: dict[str, Any] | None, camera: str) -> Distortion | None:
    if item is None:
        return None
    model = str(item["model"])
    if model not in COEFFICIENTS:
        raise FaceSolveError(
            f"Camera {camera} has a lens distortion {model}, which this version does not know.",
            f"Choose one of {', '.join(COEFFICIENTS)} in the movie clip's camera.",
        )
    principal, unit = (_numbers(item[name], (2,), f"distortion.{name}") for name in ("principal", "unit"))
    if not unit.all():
        raise ValueError("distortion.unit is zero")
    coefficients = _numbers([item[name] for name in COEFFICIENTS[model]], (len(COEFFICIENTS[model]),), "distortion")
    return Distortion(
        model,
        tuple(map(float, coefficients)),
        (float(principal[0]), float(principal[1])),
        (float(unit[0]), float(unit[1])),
    )


def _numbers(value: object, shape: tuple[int, ...], name: str) -> Floats:
    array = np.asarray(value, np.float64)
    if array.size != int(np.prod(shape)):
        raise ValueError(f"{name} has {array.size} numbers, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has a value that is not a finite number")
    return array.reshape(shape)
