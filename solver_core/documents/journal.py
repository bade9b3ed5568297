"""What a solve has finished, on disk before anybody is told.

A killed solver loses nothing, nor does one that is started again (docs/reliability.md).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from solver_core.common.errors import FaceSolveError
from solver_core.common.reading import DAMAGE
from solver_core.documents.checks import errors, frame_number, joint_motion, joints_given, poses, statuses
from solver_core.documents.solution import Solution
from solver_core.face.blocks import RigidMotion, at_rest
from solver_core.face.pose import Pose
from solver_core.protocol import FRAME_FAILED, REGIONS, SOLVED
from solver_core.service.listener import FrameResult, Listener

_LONGEST_LINE = 2**24  # bytes; a frame of a thousand shape keys has twenty thousand
JUDGING, DETECTION = "judging", "detection"  # what frames are told in that is no stage


def frame_fields(result: FrameResult) -> dict[str, Any]:
    """A frame as JSON fields; an error that is no number becomes null, a region without one is left out."""
    return {
        "frame": result.frame,
        "status": result.status,
        "error_px": _number(result.error_px),
        "error": _number(result.error),
        "regions": {name: error for name, error in result.regions.items() if math.isfinite(error)},
        "doubt": result.doubt,
        "rotation": result.rotation.ravel().tolist(),
        "translation": result.translation.tolist(),
        "weights": result.weights.tolist(),
        "stage": result.stage,
        "reason": result.reason,
        "joints": {
            name: {"rotation": motion.rotation.ravel().tolist(), "translation": motion.translation.ravel().tolist()}
            for name, motion in result.joints.items()
        },
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Asked:
    """What a solve is asked.

    A journal goes on where the next solve is asked the same; what another left is moved aside.
    """

    shot: str = ""  # a digest of the rig, the cameras and their plates
    settings: dict[str, Any] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    last: str = ""  # the last stage that solves every frame
    tells: int = 1  # how often that stage tells of a frame before it is done with it


@dataclass(frozen=True)
class Told:
    """The furthest that the solves in a journal came with a frame."""

    result: FrameResult
    finished: bool  # no stage would have moved it any more
    left: int  # stages that were still to come
    section: int  # which solve of the journal told it

    def outlasts(self, newer: Told) -> bool:
        """Whether it stays although a later solve told of the frame again."""
        if self.section == newer.section:
            return False
        failed = (self.result.status == FRAME_FAILED, newer.result.status == FRAME_FAILED)
        if failed[0] != failed[1]:
            return failed[1]
        return (self.finished, -self.left) > (newer.finished, -newer.left)


@dataclass
class Book:
    """What a journal says: of one solve, or of several of the same shot one after another."""

    names: tuple[str, ...]
    asked: Asked
    told: dict[int, Told] = field(default_factory=dict)


class Journal:
    """A listener that writes every frame to `OUT.partial.jsonl` and then passes it on."""

    def __init__(self, out: Path, names: tuple[str, ...], onward: Listener, asked: Asked | None = None) -> None:
        """Open the journal.

        What an earlier solve left there stays: in front, or beside it where that one was asked something else.

        Raises:
            FaceSolveError: where the folder cannot be written, before any work is done.
        """
        self.path = journal_path(out)
        self._onward = onward
        asked = asked or Asked()
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            book = read_journal(self.path)
            self.before: dict[int, Told] = {}
            if book is not None and (book.names, book.asked) == (names, asked):
                self.before = book.told
            elif book is not None and book.told:
                aside = _free_place(out)
                self.path.replace(journal_path(aside))
                onward.warning(
                    f"What an earlier solve of another kind had finished is kept: python -m solver_core recover {aside}"
                )
            self._file: IO[str] = self.path.open("a" if self.before else "w", encoding="utf-8")
            if self.before:
                self._file.write("\n")  # the last line may be torn
            self._line({"names": list(names), **asdict(asked)})
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def finished(self) -> dict[int, FrameResult]:
        """The frames that earlier solves were done with: none of their stages would have moved them any more."""
        return {frame: told.result for frame, told in self.before.items() if told.finished}

    def progress(self, stage: str, done: int, total: int, fraction: float, seconds_left: float) -> None:
        """Passed on."""
        self._onward.progress(stage, done, total, fraction, seconds_left)

    def frame(self, result: FrameResult) -> None:
        """Written, flushed, then passed on.

        Raises:
            FaceSolveError: where the disk is full.
        """
        try:
            self._line(frame_fields(result))
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._onward.frame(result)

    def warning(self, message: str) -> None:
        """Passed on."""
        self._onward.warning(message)

    def cancelled(self) -> bool:
        """Passed on."""
        return self._onward.cancelled()

    def close(self, *, remove: bool, held: Container[int] = ()) -> None:
        """Done with it.

        Args:
            remove: whether the solution itself is on disk, and the journal no longer needed for it.
            held: the frames that the solution holds solved. Where an earlier solve had others, the journal stays.
        """
        with contextlib.suppress(OSError):  # what a full disk did not take has been said
            self._file.close()
        lost = any(told.result.status != FRAME_FAILED and frame not in held for frame, told in self.before.items())
        if remove and not lost:
            self.path.unlink(missing_ok=True)

    def _line(self, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps(fields, allow_nan=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def journal_path(out: Path) -> Path:
    """Where the journal of the solution `out` lies."""
    return out.with_name(out.stem + ".partial.jsonl")


def recover(out: Path) -> Solution | None:
    """The frames that solves which were ended had finished, as a solution; None where they left none.

    Damaged lines are left out.

    Raises:
        FaceSolveError: where there is a journal that cannot be opened.
    """
    try:
        book = read_journal(journal_path(out))
    except OSError as error:
        raise FaceSolveError(
            f"{journal_path(out)} cannot be read: {error.strerror or error}.", "Give back the right to read it."
        ) from error
    if book is None or not book.told:
        return None
    results = [book.told[frame].result for frame in sorted(book.told)]
    return Solution(
        frames=np.array([one.frame for one in results]),
        pose=Pose(
            np.array([one.rotation for one in results]),
            np.array([one.translation for one in results]),
            np.array([one.weights for one in results]).reshape(len(results), -1),
            _joints(results),
        ),
        names=book.names,
        status=[one.status for one in results],
        error_px=np.array([one.error_px for one in results]),
        reason=[one.reason for one in results],
        settings={"recovered": True},
        error=np.array([one.error for one in results]),
        regions={name: np.array([one.regions.get(name, math.nan) for one in results]) for name in REGIONS},
        doubt=[one.doubt for one in results],
    )


def read_journal(path: Path) -> Book | None:
    """All that a journal says, of every frame the furthest; None where there is none, or no beginning of one.

    A line that is damaged is left out: torn by the end of its process, or changed since.

    Raises:
        OSError: where it cannot be read.
    """
    book: Book | None = None
    section, heard = 0, Counter[int]()
    for line in _lines(path):
        try:
            record = json.loads(line.decode("utf-8"))
            if "names" in record:
                names, asked = _header(record)
                if book is None or book.names != names:
                    book = Book(names, asked)
                book.asked, section = asked, section + 1
                heard.clear()
            elif book is not None:
                result = _result(record, len(book.names))
                heard[result.frame] += result.stage == book.asked.last
                told = _told(result, book.asked, heard[result.frame], section)
                before = book.told.get(result.frame)
                if before is None or not before.outlasts(told):
                    book.told[result.frame] = told
        except DAMAGE:
            continue
    return book


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except (FileNotFoundError, NotADirectoryError):
        return


def _header(record: dict[str, Any]) -> tuple[tuple[str, ...], Asked]:
    """Shape keys and what was asked; version 0.1 wrote the shape keys alone."""
    names = record["names"]
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names) or len(set(names)) < len(names):
        raise TypeError("names are not texts, each once")
    return tuple(names), Asked(
        str(record.get("shot", "")),
        dict(record.get("settings", {})),
        tuple(str(stage) for stage in record.get("stages", [])),
        str(record.get("last", "")),
        int(record.get("tells", 1)),
    )


def _result(record: dict[str, Any], keys: int) -> FrameResult:
    """A line of a frame, checked as every other file is."""
    rotation, translation, weights = poses(record, 1, keys, "frame")
    joints = {name: joint_motion(motion, 1, f"joints.{name}") for name, motion in joints_given(record).items()}
    error, share = (math.nan if record.get(name) is None else record[name] for name in ("error_px", "error"))
    regions = {name: float(errors([value], 1, name)[0]) for name, value in dict(record.get("regions", {})).items()}
    return FrameResult(
        frame_number(record["frame"], "frame"),
        statuses([record["status"]], 1, "status")[0],
        float(errors([error], 1, "error_px")[0]),
        rotation[0],
        translation[0],
        weights[0],
        str(record["stage"]),
        str(record["reason"]),
        joints,
        float(errors([share], 1, "error")[0]),
        {name: value for name, value in regions.items() if name in REGIONS},
        str(record.get("doubt", "")),
    )


def _told(result: FrameResult, asked: Asked, heard: int, section: int) -> Told:
    stages = [DETECTION, *asked.stages, JUDGING]
    place = stages.index(result.stage) if result.stage in stages else 0
    last = stages.index(asked.last) if asked.last in stages else len(stages) - 1
    done = place > last or (place == last and heard >= asked.tells)
    return Told(result, result.status == SOLVED and done, len(stages) - place, section)


def _joints(results: list[FrameResult]) -> dict[str, RigidMotion]:
    """The joints' motions in all frames; at rest in those that say nothing of one."""
    found = {}
    for name in dict.fromkeys(name for one in results for name in one.joints):
        motions = [one.joints.get(name) or at_rest(1) for one in results]
        found[name] = RigidMotion(
            np.concatenate([one.rotation for one in motions]), np.concatenate([one.translation for one in motions])
        )
    return found


def _free_place(out: Path) -> Path:
    """A solution's name beside `out` that no journal lies at."""
    places = (out.with_name(f"{out.stem}.before-{number}{out.suffix}") for number in itertools.count(1))
    return next(place for place in places if not journal_path(place).exists())


def _unwritable(path: Path, error: OSError) -> FaceSolveError:
    return FaceSolveError(
        f"{path.parent} cannot be written: {error.strerror or error}.",
        "Free some space, or save the scene in a folder that can be written.",
    )
