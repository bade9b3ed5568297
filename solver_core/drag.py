"""The head follows the artist's pins: one small solve a mouse move, with nothing but the rig and the cameras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from solver_core.camera.camera import Camera
from solver_core.common.arrays import Floats
from solver_core.common.numbers import whole
from solver_core.documents.checks import camera_numbers, joint_motion, joints_given, poses
from solver_core.documents.pins import pin_place
from solver_core.documents.shot import read_distortion
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.pins import pin_energies
from solver_core.energies.prior import HeadPrior, WeightPrior, joint_priors
from solver_core.face.parameters import FreeParameters
from solver_core.face.pins import FULL_POSE, Pin
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.face.rig_file import load_rig
from solver_core.optimise.dogleg import Options, dogleg
from solver_core.protocol import EXPRESSION, FARTHEST_FRAME, HEAD
from solver_core.stages.shared.priors import STIFFNESS

TOTAL = 400.0  # what pins weigh a share of, as beside the flow from a render: the keys' stiffness is counted in it
ITERATIONS = 12
# What pins do not say stays where it was. What one residual is: radians of a turn about the line of sight, and of any
# other; shares of the head's radius. Two pins turn the head in the picture and change its distance much sooner than
# they tilt it.
ROLL, TILT, TILT_OF_MANY, SHIFT = 1.0, 0.002, 1.0, 1.0


def follow_pins(rig: Rig, cameras: Sequence[Camera], pins: Sequence[Pin], start: Pose, free: FreeParameters) -> Pose:
    """The pose that brings the pins to their places; what they do not say stays as it was at the start.

    One pin moves the head, two turn it in the picture and change its distance as well, three and more turn it in every
    way. Keys are held at their values as firmly as a solve holds them at zero.

    Args:
        rig: the head.
        cameras: of one frame each.
        pins: of that frame.
        start: one pose.
        free: what may change.
    """
    pose = start.copy()
    energies: list[Energy] = [*pin_energies(rig, cameras, [pins], pose, TOTAL)] if pins else []
    if not energies:
        return pose
    count = places(pins)
    energies += [
        HeadPrior(start, _held(rig, cameras, count, start)[None]),
        WeightPrior(start.weights, STIFFNESS / rig.strength[None] ** 2),
        *joint_priors(rig, STIFFNESS, start.joints),
    ]
    free = replace(free, rotation=free.rotation and count > 1)
    return dogleg(FaceProblem(energies, rig, free), pose, 1, Options(iterations=ITERATIONS)).state


def places(pins: Iterable[Pin]) -> int:
    """How many places of the mesh are held, each camera's for itself: two pins on one place are one."""
    return len({(pin.camera, pin.vertices, pin.barycentric) for pin in pins if pin.strength > 0})


def free_for(rig: Rig, pins: Sequence[Pin], what: str | Sequence[str]) -> FreeParameters:
    """What a drag may change.

    Args:
        rig: the head.
        pins: of the frame.
        what: `head`, and its expression from the fourth pin on; `expression` alone; or groups of shape keys.
    """
    moves = what == HEAD
    if moves and places(pins) <= FULL_POSE:
        return FreeParameters(np.zeros(0, int))
    every = moves or what == EXPRESSION
    wanted = [bool(solved) and (every or group in what) for solved, group in zip(rig.solved, rig.groups, strict=True)]
    joints = {name: joint.solved for name, joint in rig.joints.items() if every or name in what}
    return FreeParameters(np.flatnonzero(wanted), joints, rotation=moves, translation=moves)


def _held(rig: Rig, cameras: Sequence[Camera], count: int, start: Pose) -> Floats:
    """[6,6] how firmly the head's turn and place are held: roots, in radians and metres of the world."""
    sight = start.translation[0] - cameras[0].position[0]
    sight = sight / max(float(np.linalg.norm(sight)), 1e-9)
    along = np.outer(sight, sight)
    root = np.zeros((6, 6))
    root[:3, :3] = along / ROLL + (np.eye(3) - along) / (TILT if count < FULL_POSE else TILT_OF_MANY)
    root[3:, 3:] = np.eye(3) / (SHIFT * rig.radius)
    return root


@dataclass(frozen=True)
class Dragging:
    """A rig that was opened once, for as many drags as the artist makes."""

    rig: Rig

    @classmethod
    def opened(cls, path: Path) -> Dragging:
        """Of a rig.npz.

        Raises:
            FaceSolveError: where it is none.
        """
        return cls(load_rig(path))

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A `drag` message's answer (docs/protocol.md), without its type.

        Raises:
            FaceSolveError: a lens distortion that is not known.
            KeyError, TypeError, ValueError: what is wrong with the message.
        """
        rig, count = self.rig, len(self.rig.neutral)
        number = whole(message["number"], 0, 2**53, "number")
        frame = whole(message.get("frame", 0), -FARTHEST_FRAME, FARTHEST_FRAME, "frame")
        cameras = [_camera(item) for item in message["cameras"]]
        names = {camera.name for camera in cameras}
        pins = [Pin(frame, str(item["camera"]), *pin_place(item, count)) for item in message["pins"]]
        pins = [pin for pin in pins if pin.camera in names]
        given = message["pose"]
        joints = joints_given(given)
        start = Pose(
            *poses(given, 1, len(rig.names), "pose"),
            {name: joint_motion(joints.get(name, {}), 1, f"pose.joints.{name}") for name in rig.joints},
        )
        pose = follow_pins(rig, cameras, pins, start, free_for(rig, pins, message["free"])) if cameras else start
        return {
            "number": number,
            "frame": frame,
            "rotation": pose.rotation[0].ravel().tolist(),
            "translation": pose.translation[0].tolist(),
            "weights": pose.weights[0].tolist(),
            "joints": {
                name: {"rotation": joint.rotation[0].ravel().tolist(), "translation": joint.translation[0].tolist()}
                for name, joint in pose.joints.items()
            },
        }


def _camera(item: Mapping[str, Any]) -> Camera:
    name = str(item["name"])
    numbers = {**item, "intrinsics": [item["intrinsics"]], "world_to_camera": [item["world_to_camera"]]}
    width, height, intrinsics, world_to_camera = camera_numbers(numbers, 1, f"camera {name}:")
    distortion = read_distortion(item.get("distortion"), name)
    return Camera(name, width, height, intrinsics, world_to_camera, distortion=distortion)
