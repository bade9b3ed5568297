"""The shot folder: what the add-on hands to the solver, read, checked and frozen (docs/shot_format.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.camera.distortion import COEFFICIENTS, Distortion
from solver_core.common.arrays import Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.common.numbers import between, finite
from solver_core.common.reading import DAMAGE, read_json, reading, why
from solver_core.documents.checks import camera_numbers, frame_number, joint_motion, joints_given, plate_of, poses
from solver_core.documents.pins import read_pins
from solver_core.face.blocks import RigidMotion
from solver_core.face.pins import FULL_POSE, Pin
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.face.rig_file import load_rig
from solver_core.look.texture import Texture, painted, read_layout
from solver_core.protocol import FRAME_STATUSES, SHOT_SCHEMA_VERSION, SHOT_SCHEMAS_READ

AGAIN = "Export the shot again from Blender."
# Frames a second: of a shot that does not say, and of those that times counted in frames of film were measured on.
FILM = 24.0


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
class Person:
    """Where the artist clicked on the person to solve."""

    camera: str
    frame: int  # of the scene
    point: Floats  # [2] plate pixels


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
    pins: tuple[Pin, ...] = ()
    neighbours: tuple[int, ...] = ()  # scene frames beside the part to solve, kept at their initial poses
    infill_ranges: tuple[tuple[int, int], ...] = ()
    settings: Settings = field(default_factory=Settings)
    earlier: Mapping[int, Earlier] = field(default_factory=dict)  # scene frame -> what the last solve made of it
    stages: tuple[str, ...] | None = None
    stage_file: Path | None = None  # a studio's own stages
    people: tuple[Person, ...] = ()  # who is to be solved, where the artist said so
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

    def pinned_mask(self, least: int = 1) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """[N] true where a frame has so many pins and does not stay as it is."""
        count = np.zeros(len(self.frames), int)
        for pin in self.pins:
            count[self.frames == pin.frame] += pin.strength > 0
        return (count >= least) & ~self.held_mask

    @property
    def posed_mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """[N] true where the artist has said where the head is: locked frames, and those with pins for a full pose."""
        return self.locked_mask | self.pinned_mask(FULL_POSE)

    def pins_at(self, index: int) -> list[Pin]:
        """The pins of the frame at an index."""
        return [pin for pin in self.pins if pin.frame == self.frames[index]]

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
            pins=tuple(pin for pin in self.pins if pin.frame in frames),
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
    with reading(path, "The shot", AGAIN):
        if not path.exists():
            raise FaceSolveError(f"There is no shot.json in {folder}.", AGAIN)
        document = read_json(path)
    version = document.get("schema") if isinstance(document, dict) else None
    if isinstance(version, bool) or version not in SHOT_SCHEMAS_READ:
        raise FaceSolveError(
            f"{path} has schema version {version!r:.80}; this solver reads up to {SHOT_SCHEMA_VERSION}.",
            "Install the add-on and the solver of the same release.",
        )
    try:
        return _shot(folder, document)
    except DAMAGE as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"is malformed: {why(error)}"
        raise FaceSolveError(f"{path} {what}.", AGAIN) from error


def _shot(folder: Path, document: dict[str, Any]) -> Shot:
    frames = np.array([frame_number(frame, "frames") for frame in document["frames"]], np.int64)
    if len(frames) == 0:
        raise FaceSolveError("The shot has no frames.", "Choose a frame range that the plate covers.")
    if np.any(np.diff(frames) <= 0):
        raise ValueError("frames must ascend")
    rig, notes = _rig(folder / document.get("rig", "rig.npz"), folder, document.get("textures") or [])
    count, keys = len(frames), len(rig.names)
    if not document["cameras"]:
        raise FaceSolveError("The shot has no camera.", "Enable at least one camera that has a plate.")
    initial = document["initial"]
    pose = Pose(*poses(initial, count, keys, "initial"), _joints(initial, rig, count, "initial"))
    here = set(frames.tolist())
    locked = tuple(
        _locked(item, rig) for item in document.get("locked", []) if frame_number(item["frame"], "locked.frame") in here
    )
    cameras = tuple(_camera(item, count) for item in document["cameras"])
    twice = next((one.name for i, one in enumerate(cameras) if one.name in {c.name for c in cameras[:i]}), None)
    if twice is not None:
        raise FaceSolveError(f"Two cameras are called {twice}.", "Give every camera its own name in Blender.")
    pins, left_aside = read_pins(document.get("pins", []), frames, cameras, len(rig.neutral))
    stages = document.get("stages")
    if stages is not None and not (isinstance(stages, list) and all(isinstance(one, str) for one in stages)):
        raise TypeError(f"stages is {stages!r:.80}, expected a list of names")
    return Shot(
        name=str(document.get("name", folder.name)),
        folder=folder,
        frames=frames,
        fps=between(document.get("fps", FILM), 1e-3, 1e4, "fps"),
        cameras=cameras,
        rig=rig,
        initial=pose,
        locked=locked,
        pins=pins,
        neighbours=tuple(frame_number(frame, "neighbours") for frame in document.get("neighbours", [])),
        infill_ranges=tuple(
            (
                frame_number(r["frame_start"], "infill_ranges.frame_start"),
                frame_number(r["frame_end"], "infill_ranges.frame_end"),
            )
            for r in document.get("infill_ranges", [])
        ),
        settings=_settings(document.get("settings", {})),
        earlier={frame_number(item["frame"], "earlier.frame"): _earlier(item) for item in document.get("earlier", [])},
        stages=None if stages is None else tuple(stages),
        stage_file=folder / str(document["stage_file"]) if document.get("stage_file") else None,
        people=tuple(_person(item, cameras) for item in document.get("people", [])),
        notes=(*notes, *left_aside),
    )


def _person(item: dict[str, Any], cameras: tuple[Camera, ...]) -> Person:
    if item["camera"] not in {camera.name for camera in cameras}:
        raise ValueError(f"people.camera is {item['camera']!r:.80}, which is no camera of the shot")
    return Person(
        str(item["camera"]), frame_number(item["frame"], "people.frame"), finite(item["point"], (2,), "people.point")
    )


def _locked(item: dict[str, Any], rig: Rig) -> LockedFrame:
    rotation, translation, weights = poses(item, 1, len(rig.names), "locked")
    joints = _joints(item, rig, 1, "locked")
    return LockedFrame(frame_number(item["frame"], "locked.frame"), rotation[0], translation[0], weights[0], joints)


def _earlier(item: dict[str, Any]) -> Earlier:
    if item["status"] not in FRAME_STATUSES:
        raise ValueError(f"earlier.status is {item['status']!r:.80}, expected one of {', '.join(FRAME_STATUSES)}")
    return Earlier(str(item["status"]), str(item.get("reason", "")))


def _settings(document: dict[str, Any]) -> Settings:
    """The settings that this version knows; others are left aside."""
    given = {key: value for key, value in document.items() if key in Settings.__dataclass_fields__}
    for name in ("landmarks", "detector", "flow", "device"):
        if not isinstance(given.get(name, ""), str):
            raise TypeError(f"settings.{name} is {given[name]!r:.80}, expected a name")
    if "refinement" in given:
        given["refinement"] = between(given["refinement"], 0.0, 1.0, "settings.refinement")
    if "reference_frames" in given:
        given["reference_frames"] = tuple(
            frame_number(frame, "settings.reference_frames") for frame in given["reference_frames"]
        )
    return Settings(**given)


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
    """The joints' motions in the rig's order, at rest where the file says nothing."""
    given = joints_given(item)
    return {joint: joint_motion(given.get(joint, {}), count, f"{name}.joints.{joint}") for joint in rig.joints}


def _camera(item: dict[str, Any], count: int) -> Camera:
    name = item["name"]
    if not isinstance(name, str) or not name:
        raise ValueError(f"a camera is called {name!r:.80}, expected a name")
    width, height, intrinsics, world_to_camera = camera_numbers(item, count, f"camera {name}:")
    return Camera(
        name=name,
        width=width,
        height=height,
        intrinsics=intrinsics,
        world_to_camera=world_to_camera,
        plate=plate_of(item["plate"], count, f"camera {name}:"),
        distortion=read_distortion(item.get("distortion"), name),
    )


def read_distortion(item: dict[str, Any] | None, camera: str) -> Distortion | None:
    """A camera's lens distortion out of shot.json; None where it has none.

    Raises:
        FaceSolveError: a model that is not known, naming the camera.
        ValueError: numbers that are none.
    """
    if item is None:
        return None
    model = str(item["model"])
    if model not in COEFFICIENTS:
        raise FaceSolveError(
            f"Camera {camera} has a lens distortion {model}, which this version does not know.",
            f"Choose one of {', '.join(COEFFICIENTS)} in the movie clip's camera.",
        )
    principal, unit = (finite(item[name], (2,), f"distortion.{name}") for name in ("principal", "unit"))
    if not unit.all():
        raise ValueError("distortion.unit is zero")
    coefficients = finite([item[name] for name in COEFFICIENTS[model]], (len(COEFFICIENTS[model]),), "distortion")
    return Distortion(
        model,
        tuple(map(float, coefficients)),
        (float(principal[0]), float(principal[1])),
        (float(unit[0]), float(unit[1])),
    )
