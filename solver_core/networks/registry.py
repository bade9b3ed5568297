"""The landmark networks and face detectors that a shot can choose, by the names in its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from solver_core.common.errors import FaceSolveError
from solver_core.networks.attention import AttentionMesh
from solver_core.networks.detector import FaceDetector
from solver_core.networks.device import device as device_of
from solver_core.networks.dlib_detectors import CnnDetector, HogDetector
from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.fan import Fan
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.networks.regions import Layout
from solver_core.networks.short_range import ShortRangeDetector

Chosen = TypeVar("Chosen")

LANDMARKS: Mapping[str, Callable[[str], LandmarkNetwork]] = {
    "facemesh": FaceMesh,
    "attention": AttentionMesh,
    "fan": Fan,
}
LAYOUTS: Mapping[str, Layout] = {
    "facemesh": FaceMesh.layout,
    "attention": AttentionMesh.layout,
    "fan": Fan.layout,
}
DETECTORS: Mapping[str, Callable[[], FaceDetector]] = {
    "short_range": ShortRangeDetector,
    "dlib_hog": HogDetector,
    "dlib_cnn": CnnDetector,
}


def landmark_network(name: str, device: str = "cpu") -> LandmarkNetwork:
    """The landmark network of that name, on a device as torch names it.

    Raises:
        FaceSolveError: where there is none, or its packages, weights or the device are absent, with the command that
            brings them.
    """
    return _choose(LANDMARKS, name, "landmark network")(str(device_of(device)))


def landmark_layout(name: str) -> Layout:
    """Which landmark of that network lies where; needs no weights, and raises where there is no such network."""
    return _choose(LAYOUTS, name, "landmark network")


def face_detector(name: str) -> FaceDetector:
    """The face detector of that name; raises as `landmark_network` does."""
    return _choose(DETECTORS, name, "face detector")()


def _choose(table: Mapping[str, Chosen], name: str, what: str) -> Chosen:
    if name not in table:
        raise FaceSolveError(f"There is no {what} called '{name}'.", f"Known are: {', '.join(table)}.")
    return table[name]
