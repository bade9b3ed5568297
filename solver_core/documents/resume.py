"""Going on with a solve that was ended: what its journal had finished stays, and only the rest is solved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np

from solver_core.documents.shot import Shot
from solver_core.documents.solution import Solution
from solver_core.face.pose import Pose
from solver_core.service.listener import FrameResult


def digest(shot: Shot) -> str:
    """A short name for the rig, the cameras and their plates: a solve of another one is another solve.

    Where the solve starts, and what the artist has locked, is left out: a shot that is exported again differs in that
    alone.
    """
    found = hashlib.blake2b(digest_size=16)
    rig = shot.rig
    for values in (
        rig.neutral,
        rig.triangles,
        rig.key_shapes(np.arange(len(rig.names))),
        rig.scale,
        rig.minimum,
        rig.maximum,
        rig.solved,
        shot.frames,
    ):
        found.update(np.ascontiguousarray(values).tobytes())
    for camera in shot.cameras:
        found.update(np.ascontiguousarray(camera.intrinsics).tobytes())
        found.update(np.ascontiguousarray(camera.world_to_camera).tobytes())
        found.update(json.dumps([camera.name, camera.width, camera.height, camera.plate, shot.rig.names]).encode())
    return found.hexdigest()


def take_up(shot: Shot, done: dict[int, FrameResult]) -> tuple[Shot, dict[int, FrameResult]]:
    """The shot with frames that are done held where they are, and which frames these are.

    They are neighbours of those to solve. Frames that the artist has locked since stay the artist's.
    """
    free = {int(frame) for frame in shot.frames[~shot.held_mask]}
    kept = {frame: result for frame, result in done.items() if frame in free}
    if not kept:
        return shot, kept
    initial = shot.initial.copy()
    for frame, result in kept.items():
        pose = Pose(result.rotation[None], result.translation[None], result.weights[None], result.joints)
        initial.assign(np.searchsorted(shot.frames, [frame]), pose)
    return replace(shot, initial=initial, neighbours=(*shot.neighbours, *sorted(kept))), kept


def give_back(solution: Solution, done: dict[int, FrameResult]) -> None:
    """Say of the frames that were taken up what had been said of them."""
    for frame, result in done.items():
        i = int(np.searchsorted(solution.frames, frame))
        solution.take(i, result)
