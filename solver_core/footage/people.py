"""Who of several people in a plate is the one to solve: the one on whom the artist's head stands, followed in time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from solver_core.common.arrays import Bools, Floats, Ints

# All distances are counted in faces: the longer side of the box around a face's landmarks.
REACH = 0.8  # how far from where it is expected a face of the next frame may be
SLACK = 0.1  # the same, more for each frame that it was not seen in
GAP = 12  # frames: a face that was not seen for longer is taken for a new one, unless it stands where it was
STILL = 0.3  # how near to its old place that is
PACE = 0.3  # a frame: a faster face is not expected to go on like that, it was cut or mistaken
TOUCH = 0.6  # two faces that come this near can be mistaken for each other
ALIKE = 0.5  # the nearest to the artist's head has to be nearer than another person by this much
ASTRAY = 2.0  # a head that stands further from every face says little


@dataclass(frozen=True)
class Place:
    """Where a face is in a plate."""

    centre: Floats  # [2] plate pixels
    size: float = 0.0  # plate pixels; 0: not known


def place_of(points: Floats) -> Place | None:  # [L,2] plate pixels
    """The place of a face with these landmarks; None where they are none."""
    if not np.isfinite(points).all():
        return None
    low, high = points.min(0), points.max(0)
    return Place((low + high) / 2, max(float((high - low).max()), 1e-3))


def apart(first: Place, second: Place) -> float:
    """Distance of two faces: sideways in faces, in depth in doublings of their size."""
    if not first.size or not second.size:
        return math.dist(first.centre, second.centre) / (first.size or second.size)
    aside = math.dist(first.centre, second.centre) / math.sqrt(first.size * second.size)
    return math.hypot(aside, math.log2(first.size / second.size))


@dataclass(frozen=True)
class Sought:
    """Who is looked for in N frames of a camera."""

    heads: Sequence[Place | None]  # N; where the artist's head stands in the plate, None outside the picture
    told: Mapping[int, Place] = field(default_factory=dict)  # by frame, where the artist says or shows that the face is


@dataclass(frozen=True)
class Choice:
    """Whom to solve in N frames."""

    person: list[int | None]  # N; which of the frame's faces, None where the person is not seen
    unsure: Bools  # [N] frames in which another face came so near that they may have been mistaken
    people: int  # the most faces that were seen at one time
    doubtful: bool  # whether the artist's head did not say clearly whose face it is

    def notes(self, frames: Ints) -> list[str]:
        """What the artist should know of it; `frames` [N] are the scene's."""
        if self.people < 2:
            return []
        shows = f"The plate shows {self.people} faces"
        told = "click the right one in a frame with Choose Person"
        if self.doubtful:
            said = [f"{shows}, and the head stands clearly on none of them: the nearest was taken. If wrong, {told}."]
        else:
            said = [f"{shows}; the one where the head stands was taken, and followed."]
        if self.unsure.any():
            named = spans(frames[self.unsure])
            said.append(f"Another face comes so near that both may be mistaken, in frames {named}: look, and {told}.")
        return said


@dataclass
class _Track:
    """One person's faces, by frame: which of the frame's faces, and where."""

    faces: dict[int, int] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)

    def add(self, frame: int, face: int, place: Place) -> None:
        self.faces[frame], self.places[frame] = face, place

    @property
    def last(self) -> int:
        return max(self.faces)

    def expected(self, frame: int) -> Place:
        """Where the face should be in a later frame: it goes on as it moved, unless that is too fast to be true."""
        last = self.last
        here, before = self.places[last], self.places.get(last - 1)
        if before is None or apart(here, before) > PACE:
            return here
        return Place(here.centre + (here.centre - before.centre) * (frame - last), here.size)

    def overlaps(self, other: _Track) -> bool:
        """Whether both were seen in one frame: then they are two people."""
        return not self.faces.keys().isdisjoint(other.faces)


def choose_person(faces: Sequence[Sequence[Place]], sought: Sought, cuts: Bools) -> Choice:
    """Choose one of the faces in each of N frames.

    Faces are followed from frame to frame. The person is the one whose face comes nearest to the artist's head; how
    sure any detector is does not count. Where a face is told, the person of that frame is the one nearest to it, and
    those around follow.

    Args:
        faces: of each frame.
        sought: who is looked for.
        cuts: [N-1] true where the plate cuts between a frame and the next.
    """
    told = {i: place for i, place in sought.told.items() if faces[i]}
    tracks = _follow(faces, cuts)
    person: list[int | None] = [None] * len(faces)
    doubtful = False
    for first, end in _takes(cuts, len(faces)):
        here = [track for track in tracks if first <= track.last < end]
        if not here:
            continue
        chosen, sure = _nearest(here, sought.heads, {i: p for i, p in told.items() if first <= i < end})
        doubtful |= not sure
        for track in chosen:
            for i, face in track.faces.items():
                person[i] = face
    _mend(person, tracks, told)
    for i, place in told.items():
        person[i] = min(range(len(faces[i])), key=lambda face: apart(faces[i][face], place))
    unsure = np.array([_touched(faces[i], person[i]) and i not in told for i in range(len(faces))], bool)
    return Choice(person, unsure, max(map(len, faces), default=0), doubtful)


def spans(frames: Ints) -> str:
    """Frames in words: 1001-1004, 1010."""
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts if len(part))


def _takes(cuts: Bools, count: int) -> Iterable[tuple[int, int]]:
    """The stretches between cuts: first frame, and the one after the last."""
    return itertools.pairwise([0, *(np.flatnonzero(cuts) + 1).tolist(), count])


def _follow(faces: Sequence[Sequence[Place]], cuts: Bools) -> list[_Track]:
    """Everybody's faces through the frames, none across a cut."""
    tracks: list[_Track] = []
    going: list[_Track] = []
    for i, here in enumerate(faces):
        if i and cuts[i - 1]:
            going = []
        pairs: list[tuple[_Track, int]] = []
        if going and here:
            cost = np.array([[_cost(track, i, place) for place in here] for track in going])
            rows, columns = linear_sum_assignment(cost)
            pairs = [(going[r], int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < _NEVER]
        taken = {face for _, face in pairs}
        for track, face in pairs:
            track.add(i, face, here[face])
        for face, place in enumerate(here):
            if face not in taken:
                track = _Track()
                track.add(i, face, place)
                tracks.append(track)
                going.append(track)
    return tracks


_NEVER = 1e6  # the cost of taking one face for another that is out of reach


def _cost(track: _Track, frame: int, place: Place) -> float:
    missed = frame - track.last - 1
    if missed > GAP:
        distance = apart(track.places[track.last], place)
        return distance if distance < STILL else _NEVER
    distance = apart(track.expected(frame), place)
    return distance if distance < REACH + SLACK * missed else _NEVER


def _nearest(
    tracks: list[_Track], heads: Sequence[Place | None], told: Mapping[int, Place]
) -> tuple[list[_Track], bool]:
    """The person's tracks between two cuts, and whether the artist's head, or what they told, says so clearly."""

    def distance(track: _Track) -> float:
        return min(
            (apart(place, head) for i, place in track.places.items() if (head := heads[i]) is not None),
            default=math.inf,
        )

    def rank(track: _Track) -> tuple[float, float, int]:
        near = min((apart(track.places[i], told[i]) for i in told.keys() & track.places.keys()), default=math.inf)
        return near, distance(track), -len(track.faces)

    def first(track: _Track) -> float:
        """How near the head the face was when it was first seen: a head that stands still was put there early."""
        head = heads[min(track.faces)]
        return math.inf if head is None else apart(track.places[min(track.faces)], head)

    order = sorted(tracks, key=rank)
    if not told:
        alike = [track for track in order if distance(track) <= distance(order[0]) + ALIKE]
        order.sort(key=lambda track: track is not min(alike, key=first))
    chosen, others = [order[0]], []
    for track in order[1:]:
        if any(track.overlaps(one) for one in chosen):
            others.append(track)
        elif _follows(track, chosen, others):
            chosen.append(track)
        else:
            others.append(track)
    rivals = [distance(track) for track in others if track.overlaps(order[0])]
    best = distance(order[0])
    sure = bool(told) or not rivals or (best < ASTRAY and min(rivals) - best > ALIKE)
    return chosen, sure


def _follows(track: _Track, chosen: list[_Track], others: list[_Track]) -> bool:
    """Whether a face that was found again is rather the person's than another's."""

    def near(other: _Track) -> float:
        ends = ((min(track.faces), max(other.faces)), (max(track.faces), min(other.faces)))
        return min(apart(track.places[mine], other.places[theirs]) for mine, theirs in ends)

    return min(map(near, chosen)) <= min(map(near, others), default=math.inf)


def _mend(person: list[int | None], tracks: list[_Track], told: Mapping[int, Place]) -> None:
    """Where the artist told two frames of one person whose faces were taken for two people, change between them.

    That is in the frame between them where the two came nearest to each other.
    """

    def track_of(i: int) -> _Track | None:
        near = [track for track in tracks if i in track.places]
        return min(near, key=lambda track: apart(track.places[i], told[i]), default=None)

    for first, second in itertools.pairwise(sorted(told)):
        one, other = track_of(first), track_of(second)
        if one is None or other is None or one is other:
            continue
        both = [i for i in range(first, second) if i in one.places and i in other.places]
        at = min(both, key=lambda i: apart(one.places[i], other.places[i]), default=(first + second) // 2)
        for i in range(first, len(person)):
            track = one if i <= at else other
            if i in one.faces or i in other.faces:
                person[i] = track.faces.get(i)


def _touched(faces: Sequence[Place], person: int | None) -> bool:
    if person is None:
        return False
    mine = faces[person]
    return any(apart(mine, other) < TOUCH for face, other in enumerate(faces) if face != person)
