"""One camera's view of the shot: where the face is in each plate, and the plate's pixels there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from solver_core.camera.camera import Camera
from solver_core.camera.crop import Crop
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.footage.cache import remembered
from solver_core.footage.cuts import HEIGHT, WIDTH, find_cuts, thumbnail
from solver_core.footage.people import REACH, Place, Sought, apart, choose_person, place_of
from solver_core.footage.plates import Plate, PlateFrameError, open_plate
from solver_core.networks.detector import FaceDetector
from solver_core.networks.landmarks import Found, LandmarkNetwork, NotFound, faces_in

# Residuals are counted in pixels of a face crop of this size, so that no weight depends on the plate's resolution.
REFERENCE_CROP = 256.0
KEPT_BYTES = 96 * 2**20  # of a camera's crops, 0.3 MB each
LINEAR_BYTES = 8 * 2**20  # of its linear crops for the light, 0.3 MB each
NOT_LOOKED_AT = "not looked at"  # the solve was stopped before
OUT_OF_PICTURE = 0.25  # share of the landmarks that may lie outside the plate


@dataclass
class View:
    """A camera, its plate, and what the landmark network sees there in each of the shot's N frames."""

    camera: Camera
    plate: Plate | None  # None where the camera has no picture in the whole range
    crops: list[Crop | None]  # N; the plate's crop, used for the render too
    points: Floats  # [N,L,2] plate pixels, NaN where no face was found
    reasons: list[str]  # N; why there is no face, empty where there is one
    cuts: Bools  # [N-1] true where a cut in the plate lies between a frame and the next
    pictured: Bools | None = None  # [N] true where the plate has a picture; None: everywhere, if there is a plate
    notes: list[str] = field(default_factory=list)  # what the artist should know of what was found, each sentence once
    doubts: list[str] = field(default_factory=list)  # N; why the face may be another person's, empty where it is not
    _kept: dict[tuple[int, int], npt.NDArray[np.uint8]] = field(default_factory=dict)
    _derived: dict[str, dict[int, npt.NDArray[Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Without a word nothing is in doubt."""
        self.doubts = self.doubts or [""] * len(self.crops)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: all but what is kept."""
        return {**self.__dict__, "_kept": {}, "_derived": {}}

    @property
    def seen(self) -> Bools:
        """[N] frames where the face was found."""
        return np.array([crop is not None for crop in self.crops])

    def kept_bytes(self) -> int:
        """What is kept in memory of the plate's crops and of what follows from them."""
        stores: list[Mapping[Any, npt.NDArray[Any]]] = [self._kept, *self._derived.values()]
        return sum(one.nbytes for store in stores for one in store.values())

    def close(self) -> None:
        """Let go of the plate's files and memory."""
        self._kept.clear()
        self._derived.clear()
        if self.plate is not None:
            self.plate.close()

    @property
    def filmed(self) -> Bools:
        """[N] frames where the plate has a picture."""
        return np.full(len(self.crops), self.plate is not None) if self.pictured is None else self.pictured

    def at(self, index: Ints) -> View:
        """The same view of the frames at these indices only, in ascending order."""
        cuts = np.array([self.cuts[a:b].any() for a, b in itertools.pairwise(index)], bool)
        return replace(
            self,
            camera=self.camera.at(index),
            crops=[self.crops[i] for i in index],
            points=self.points[index],
            reasons=[self.reasons[i] for i in index],
            doubts=[self.doubts[i] for i in index],
            cuts=cuts,
            pictured=None if self.pictured is None else self.pictured[index],
            _kept={},
            _derived={},
        )

    def leave_out(self, frames: Bools, reason: str) -> None:
        """Take the face as not seen in some of the N frames, and say why."""
        for i in np.flatnonzero(frames):
            self.crops[i], self.points[i], self.reasons[i] = None, np.nan, reason

    def unit(self, index: Ints) -> Floats:
        """[b] the size in plate pixels of one pixel of the reference crop."""
        return np.array([crop.side / REFERENCE_CROP if (crop := self.crops[i]) else np.nan for i in index])

    def matrices(self, index: Ints, size: int) -> Floats:
        """[b,2,3] plate pixels to pixels of a crop of `size`."""
        return np.stack([self.crop(i, size).matrix() for i in index])

    def inverses(self, index: Ints, size: int) -> Floats:
        """[b,2,3] pixels of a crop of `size` to plate pixels."""
        return np.stack([self.crop(i, size).inverse() for i in index])

    def images(self, index: Ints, size: int) -> Floats:
        """[b,size,size,3] the plate in its crops, display-referred (sRGB-encoded), float32."""
        return np.stack([self._image(int(i), size) for i in index]).astype(np.float32) / 255

    def _image(self, i: int, size: int) -> npt.NDArray[np.uint8]:
        """Cropped once and kept, 8 bits a channel: rounds come back to every frame."""

        def cropped() -> npt.NDArray[np.uint8]:
            sampled = self.crop(i, size).sample(self._footage().read_display(self._number(i)))
            return (np.clip(sampled, 0, 1) * 255 + 0.5).astype(np.uint8)

        return remembered(self._kept, (i, size), cropped, KEPT_BYTES, rounds=True)

    def linear_images(self, index: Ints, size: int) -> Floats:
        """[b,size,size,3] the plate in its crops, linear Rec.709, float32."""

        def sampled(unknown: Ints) -> Floats:
            return np.stack([self.crop(i, size).sample(self._footage().read(self._number(i))) for i in unknown])

        return self.derived(f"linear {size}", index, LINEAR_BYTES, sampled)

    def derived(self, what: str, index: Ints, room: int, make: Callable[[Ints], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """[b,...] what follows from these frames' plate alone, made once and kept: rounds come back to every frame.

        Args:
            what: its name.
            index: [b] frames.
            room: bytes that all of this name may take.
            make: makes it for the frames [u] that are not kept: [u,...].
        """
        store = self._derived.setdefault(what, {})
        frames = [int(i) for i in index]
        values = {i: store[i] for i in frames if i in store}
        for i in frames:
            if i not in values:  # each by itself: what a network says of one must not depend on what is kept of others
                values[i] = make(np.array([i]))[0]
        for i in frames:
            remembered(store, i, lambda i=i: values[i], room, rounds=True)  # type: ignore[misc]
        return np.stack([values[i] for i in frames])

    def _number(self, i: int) -> int:
        return int(self.camera.plate["frames"][i])

    def crop(self, i: int, size: int) -> Crop:
        """The crop of one frame, sampled to `size`."""
        return replace(self._crop(i), size=size)

    def _footage(self) -> Plate:
        if self.plate is None:
            raise ValueError(f"camera {self.camera.name} has no plate in this range")
        return self.plate

    def _crop(self, i: int) -> Crop:
        crop = self.crops[i]
        if crop is None:
            raise ValueError(f"no face in frame index {i}")
        return crop


def find_faces(
    camera: Camera,
    frames: Ints,  # [N] of the scene
    networks: tuple[LandmarkNetwork, FaceDetector],
    sought: Sought,
    step: Callable[[int], bool],  # told how many frames are done, before each and after the last; false stops
    fps: float,
) -> View:
    """Find the face in every plate of a camera (Section 5: detector, crop, network).

    A frame where it is not found, or whose plate cannot be read, carries the reason; nothing is guessed. Where the
    plate shows several people, `people` says whose face it is.
    """
    count, plates = len(frames), camera.plate["frames"]
    filmed = any(number is not None for number in plates) and step(0)
    plate = open_plate(camera.plate, size=(camera.width, camera.height)) if filmed else None
    faces: list[list[Found]] = [[] for _ in range(count)]
    reasons = [NOT_LOOKED_AT] * count
    thumbnails = np.full((count, HEIGHT, WIDTH), np.nan, np.float32)
    expected: Place | None = None
    for i, number in enumerate(plates):
        if not step(i):
            break
        reasons[i] = ""
        if number is None or plate is None:
            reasons[i] = f"the plate of camera {camera.name} has no picture here"
            continue
        try:
            image = plate.read_display(int(number))
            thumbnails[i] = thumbnail(image)
            before = faces[i - 1] if i else []
            found = _look(image, networks, before, expected or sought.heads[i])
            if isinstance(found, NotFound):
                reasons[i] = f"camera {camera.name}: {found.reason.rstrip('.')}"
            else:
                faces[i], expected = found, _nearest(found, expected or sought.heads[i])
        except PlateFrameError as error:
            reasons[i] = error.message
    else:
        step(count)
    pictured = np.asarray(np.isfinite(thumbnails).all((1, 2)))
    cuts = find_cuts(thumbnails, fps)
    view = View(camera, plate, [None] * count, np.full((count, networks[0].count, 2), np.nan), reasons, cuts, pictured)
    _take_person(view, faces, sought, frames)
    return view


def _look(
    image: Floats,
    networks: tuple[LandmarkNetwork, FaceDetector],
    before: list[Found],
    near: Place | None,
) -> list[Found] | NotFound:
    """The faces in a picture.

    Small faces are looked for beside large ones only where no face is found near the place that one should be at.
    """
    found = faces_in(image, *networks, before)
    if isinstance(found, list) and near is not None:
        nearest = _nearest(found, near)
        if nearest is None or apart(nearest, near) > REACH:
            return faces_in(image, *networks, before, everywhere=True)
    return found


def _nearest(found: list[Found], near: Place | None) -> Place | None:
    places = [place for face in found if (place := place_of(face.points))]
    return min(places, key=lambda place: apart(place, near) if near else 0.0, default=None)


def _take_person(view: View, faces: list[list[Found]], sought: Sought, frames: Ints) -> None:
    """Put the face of the person who is solved into a view, and what is to be said of the choice."""
    name, camera = view.camera.name, view.camera
    places = [[place for face in here if (place := place_of(face.points))] for here in faces]
    choice = choose_person(places, sought, view.cuts)
    for i, chosen in enumerate(choice.person):
        if chosen is not None:
            found = faces[i][chosen]
            if _outside(found.points, camera) > OUT_OF_PICTURE:
                view.reasons[i] = f"the head leaves the picture of camera {name}"
                continue
            view.crops[i], view.points[i] = found.crop, found.points
            if choice.unsure[i]:
                view.doubts[i] = f"another face is so near in camera {name} that this may be the wrong person"
        elif faces[i]:
            view.reasons[i] = f"camera {name} shows another face here, not the one that is solved"
    view.notes += choice.notes(frames)


def _outside(points: Floats, camera: Camera) -> float:
    inside = (points >= 0).all(1) & (points <= [camera.width, camera.height]).all(1)
    return float(1 - inside.mean())
