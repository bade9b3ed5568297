"""Every reader with damaged inputs for it: what it may answer with, and what it may not take for good."""

from __future__ import annotations

import io
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from addon.problem import FaceSolveProblem
from addon.scene.results import sidecar
from addon.scene.results.solution_file import read_solution
from addon.scene.setup.preset import read_preset
from addon.worker.job import Job
from addon.worker.process import WorkerProcess
from solver_core import protocol
from solver_core.color import spaces
from solver_core.common.errors import FaceSolveError
from solver_core.documents.journal import journal_path, recover
from solver_core.documents.shot import load_shot
from solver_core.documents.solution import load_solution
from solver_core.face.rig_file import load_rig
from solver_core.footage.plates import open_plate
from solver_core.networks.registry import landmark_layout
from solver_core.service.worker import BUG, Worker
from solver_core.stages.stage_file import read_stages
from tests.campaign import seeds
from tests.campaign.mutations import damaged, damaged_arrays, damaged_json, damaged_text, pattern

REFUSALS = (FaceSolveError, FaceSolveProblem, protocol.ProtocolError)


class NonsenseError(Exception):
    """A reader took for good what cannot be."""


@dataclass(frozen=True)
class Reader:
    """One kind of input."""

    make: Callable[[Path, np.random.Generator], None]  # writes a damaged one into a folder
    read: Callable[[Path], None]  # reads it; raises one of REFUSALS, or NonsenseError
    share: float  # of the inputs


def claim(holds: object, what: str) -> None:
    """Raise where a thing that was read does not hold."""
    if not holds:
        raise NonsenseError(what)


def _sound(rotation, translation, weights, what: str) -> None:
    rotation, translation, weights = (np.asarray(one, float) for one in (rotation, translation, weights))
    rotation = rotation.reshape(-1, 3, 3)
    claim(all(np.isfinite(one).all() for one in (rotation, translation, weights)), f"{what}: not finite")
    claim(np.allclose(rotation @ rotation.swapaxes(1, 2), np.eye(3), atol=0.01), f"{what}: no rotation")
    claim((np.linalg.det(rotation) > 0).all(), f"{what}: mirrors")
    claim(np.abs(translation).max(initial=0) < 1e8 and np.abs(weights).max(initial=0) < 1e4, f"{what}: enormous")


def _shot(folder: Path) -> None:
    shot = load_shot(folder)
    raw = json.loads((folder / "shot.json").read_bytes().decode("utf-8-sig"))
    claim(raw["schema"] is not True, "schema: true")
    claim((np.diff(shot.frames) > 0).all(), "frames do not ascend")
    claim(np.abs(shot.frames).max() <= 1_048_574, "frames that Blender has not")
    _sound(shot.initial.rotation, shot.initial.translation, shot.initial.weights, "initial")
    for locked in shot.locked:
        _sound(locked.rotation, locked.translation, locked.weights, "locked")
    claim(len({camera.name for camera in shot.cameras}) == len(shot.cameras), "two cameras of one name")
    for camera in shot.cameras:
        claim((camera.intrinsics[:, :2] < 1e10).all() and (camera.intrinsics[:, :2] > 0).all(), "focal length")


def _rig(folder: Path) -> None:
    rig = load_rig(folder / "rig.npz")
    with np.load(folder / "rig.npz") as raw:
        claim(np.array_equal(raw["triangles"].astype(float), rig.triangles.astype(float)), "triangles are others")
    for values in (rig.neutral, rig.deltas, rig.scale, rig.strength):
        claim(np.isfinite(values).all(), "not finite")
    claim(rig.triangles.min() >= 0 and rig.triangles.max() < len(rig.neutral), "triangles")


def _solution(folder: Path) -> None:
    for read in (_solver_solution, _addon_solution):
        read(folder / "SOLUTION.npz")


def _solver_solution(path: Path) -> None:
    try:
        found = load_solution(path)
    except FaceSolveError:
        return
    _sound(found.pose.rotation, found.pose.translation, found.pose.weights, "solution")
    claim(len(set(found.frames.tolist())) == len(found.frames), "a frame twice")


def _addon_solution(path: Path) -> None:
    for frame, one in read_solution(path)[1].items():
        claim(abs(frame) <= 1_048_574 and one.status in protocol.FRAME_STATUSES, "frame or status")
        _sound(one.rotation, one.translation, one.weights, "import")
        claim(one.error_px is None or 0 <= one.error_px < math.inf, "error_px")


def _journal(folder: Path) -> None:
    found = recover(folder / "SOLUTION.npz")
    if found is not None:
        _sound(found.pose.rotation, found.pose.translation, found.pose.weights, "journal")
        found.save(folder / "recovered.npz")
        load_solution(folder / "recovered.npz")


def _overlay(folder: Path) -> None:
    found = sidecar.open_sidecar(folder / "a.overlay.npz")
    if found is not None:
        found.sizes("A")
        for name in found.members:
            parts = name.split("/")
            if len(parts) == 3 and parts[2].lstrip("-").isdecimal():
                for values in found.landmarks(parts[1], int(parts[2])) or ():
                    claim(all(isinstance(one, float | int) for one in values), "landmarks are no numbers")
                found.flow(parts[1], int(parts[2]))
    (folder / "kept.npz").unlink(missing_ok=True)
    sidecar.keep(folder / "a.overlay.npz", None, folder / "kept.npz")


def _plate(spec: dict) -> None:
    with open_plate(spec) as plate:
        for frame in (1, 3):
            pixels = plate.read_display(frame)
            claim(np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1, "pixels")


def _messages(folder: Path) -> None:
    process = WorkerProcess(["/bin/cat", str(folder / "messages")], folder / "log", dict(os.environ), folder)
    job = Job(process, {"type": "solve"}, weight_count=2)
    try:
        until = time.monotonic() + 8
        while not job.state.over and time.monotonic() < until:
            for one in job.poll():
                _sound(one.rotation, one.translation, one.weights, "message")
        claim(job.state.over, "a job that does not end")
        progress = job.progress
        claim(
            0 <= progress.fraction <= 1 and (progress.seconds_left is None or progress.seconds_left < 1e300), "progress"
        )
    finally:
        process.kill()


def _commands(folder: Path) -> None:
    answers = io.BytesIO()
    worker = Worker(io.BytesIO(), answers)
    message = protocol.decode((folder / "command").read_bytes())
    if message["type"] in {protocol.CHECK, protocol.WEIGHTS}:
        return
    worker._answer(message)
    last = protocol.decode(answers.getvalue().splitlines()[-1])
    if last.get("remedy") == BUG:
        raise AssertionError(last["message"])


def _ocio(folder: Path) -> None:
    os.environ["OCIO"] = str(folder / "config.ocio")
    try:
        spaces._processor("camera")
    finally:
        del os.environ["OCIO"]


def _report(folder: Path) -> None:
    from solver_core.report.report import report

    report(folder / "SOLUTION.npz", folder / "report")


def _writes(name: str, make: Callable[[np.random.Generator], bytes]) -> Callable[[Path, np.random.Generator], None]:
    return lambda folder, rng: (folder / name).write_bytes(make(rng)) and None


def _still(name: str) -> tuple[Callable[[Path, np.random.Generator], None], Callable[[Path], None]]:
    def make(folder: Path, rng: np.random.Generator) -> None:
        data = bytearray((folder / "good" / name).read_bytes())
        if rng.random() < 0.4:  # the header alone, where sizes stand
            for _ in range(3):
                data[int(rng.integers(0, 400)) % len(data)] = int(rng.integers(0, 256))
            (folder / Path(name).name).write_bytes(data)
        else:
            (folder / Path(name).name).write_bytes(damaged(bytes(data), rng))

    kind = "movie" if name.endswith("mp4") else "image"
    return make, lambda folder: _plate({"kind": kind, "path": str(folder / Path(name).name), "frames": [1, 3]})


def _journal_lines(rng: np.random.Generator) -> bytes:
    lines = [json.dumps(one).encode() for one in seeds.journal()]
    for _ in range(rng.integers(1, 4)):
        i = int(rng.integers(0, len(lines)))
        lines[i] = damaged_json(seeds.journal()[i % 5], rng) if rng.random() < 0.7 else damaged(lines[i], rng)
    return b"\n".join(lines) + (b"\n" if rng.random() < 0.5 else b"")


def _message_lines(rng: np.random.Generator) -> bytes:
    lines = [json.dumps(seeds.MESSAGES[0]).encode()]
    for _ in range(rng.integers(1, 5)):
        one = seeds.MESSAGES[int(rng.integers(0, len(seeds.MESSAGES)))]
        lines.append(damaged_json(one, rng) if rng.random() < 0.8 else json.dumps(one).encode())
    return b"\n".join(lines) + b"\n"


READERS: dict[str, Reader] = {
    "shot.json": Reader(
        lambda folder, rng: (folder / "shot.json").write_bytes(damaged_json(seeds.shot(folder / "good"), rng)) and None,
        _shot,
        0.22,
    ),
    "rig.npz": Reader(_writes("rig.npz", lambda rng: damaged_arrays(seeds.rig(), rng)), _rig, 0.15),
    "SOLUTION.npz, solver and add-on": Reader(
        _writes("SOLUTION.npz", lambda rng: damaged_arrays(seeds.solution(), rng)), _solution, 0.15
    ),
    "journal": Reader(
        lambda folder, rng: journal_path(folder / "SOLUTION.npz").write_bytes(_journal_lines(rng)) and None,
        _journal,
        0.1,
    ),
    "overlay file": Reader(_writes("a.overlay.npz", lambda rng: damaged_arrays(seeds.overlay(), rng)), _overlay, 0.08),
    "stage file": Reader(
        _writes("stages.toml", lambda rng: damaged_text(seeds.stage_file(), rng)),
        lambda folder: read_stages(folder / "stages.toml", landmark_layout("facemesh")) and None,
        0.06,
    ),
    "preset": Reader(
        _writes("preset.json", lambda rng: damaged_json(seeds.preset(), rng)),
        lambda folder: read_preset(folder / "preset.json") and None,
        0.06,
    ),
    "messages to the add-on": Reader(_writes("messages", _message_lines), _messages, 0.05),
    "commands to the solver": Reader(
        _writes("command", lambda rng: damaged_json(seeds.COMMANDS[int(rng.integers(0, 2))], rng)), _commands, 0.03
    ),
    "PNG": Reader(*_still("plates/0001.png"), 0.025),
    "EXR": Reader(*_still("a.exr"), 0.025),
    "movie": Reader(*_still("a.mp4"), 0.015),
    "frame pattern": Reader(
        _writes("pattern", lambda rng: pattern(rng).encode()),
        lambda folder: _plate(
            {
                "kind": "sequence",
                "path": str(folder / "good") + "/plates/" + (folder / "pattern").read_text(),
                "frames": [1, 3],
            }
        ),
        0.03,
    ),
    "OCIO configuration": Reader(_writes("config.ocio", lambda rng: damaged_text(seeds.OCIO, rng)), _ocio, 0.005),
    "report of a solution": Reader(
        _writes("SOLUTION.npz", lambda rng: damaged_arrays(seeds.solution(), rng)), _report, 0.003
    ),
}
