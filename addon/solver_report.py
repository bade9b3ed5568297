"""What the solver last said of itself: its check, and what is there of each network. Forgotten when Blender ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional

from .problem import ERROR, Problem

INSTALL = "Tick it under Install Solver in the add-on's preferences, and press Install Solver."
_FETCH = "Press its download button in the add-on's preferences, under Weights."
_MEND = "face_solve.preferences"
# What a choice in the settings stands on: weights, of which one is enough, and what the network is called here.
_LANDMARKS = {
    "FAN": (("fan",), "3D-FAN"),
    "FACEMESH": (("facemesh",), "FaceMesh"),
    "ATTENTION": (("attention",), "FaceMesh with Attention"),
}
_DETECTORS = {"SHORT_RANGE": (("short_range",), "BlazeFace"), "DLIB_CNN": (("dlib_cnn",), "dlib's CNN")}
_FLOWS = {
    "RAFT_SMALL": (("raft_small", "raft_things_small"), "RAFT Small"),
    "RAFT_LARGE": (("raft_large", "raft_things"), "RAFT"),
    "FLOWNET2": (("flownet2",), "FlowNet2"),
}


@dataclass(frozen=True)
class Weights:
    """One network's entry in the list (protocol.LISTED)."""

    name: str
    what: str
    licence: str
    size: int  # bytes to download
    state: str  # intact, missing or altered
    package: str  # what it needs and has not; empty where nothing is missing
    optional: bool
    by_hand: str  # what the artist has to do where the solver does not fetch it; else empty

    @property
    def ready(self) -> bool:
        """Whether a solve can use it."""
        return self.state == "intact" and not self.package


@dataclass
class _Said:
    lines: List[str] = field(default_factory=list)
    weights: Dict[str, Weights] = field(default_factory=dict)


_said = _Said()


def remember(lines: List[str], weights: List[Weights]) -> None:
    """Keep what a check or a list said; empty ones leave what was known."""
    _said.lines = lines or _said.lines
    _said.weights = {one.name: one for one in weights} or _said.weights


def forget() -> None:
    """The solver was installed, removed or exchanged."""
    _said.lines, _said.weights = [], {}


def lines() -> List[str]:
    """What the last check said."""
    return _said.lines


def weights() -> List[Weights]:
    """The networks, as the solver last listed them; empty where it has not been asked."""
    return list(_said.weights.values())


def find(name: str) -> Optional[Weights]:
    """One network; None where the solver has not been asked or does not know it."""
    return _said.weights.get(name)


def choice_problems(landmarks: str, detector: str, flow: str) -> List[Problem]:
    """Chosen networks that are known not to be there; nothing where the solver has not been asked.

    Args:
        landmarks: `scene.face_solve.landmarks`.
        detector: `scene.face_solve.detector`.
        flow: `scene.face_solve.flow`.
    """
    problems = []
    dlib = find("dlib_cnn")
    if detector == "DLIB_HOG" and dlib is not None and dlib.package:
        problems.append(Problem(ERROR, "dlib's HOG needs dlib, which is not installed.", INSTALL, _MEND))
    for names, called in filter(None, (_LANDMARKS.get(landmarks), _DETECTORS.get(detector), _FLOWS.get(flow))):
        items = [find(name) for name in names]
        item = items[0]
        if item is None or any(one is not None and one.ready for one in items):
            continue
        if item.package:
            message, remedy = f"{called} needs the Python package {item.package}, which is not installed.", INSTALL
        else:
            message, remedy = f"The weights of {called} are {item.state}.", item.by_hand or _FETCH
        problems.append(Problem(ERROR, message, remedy, _MEND))
    return problems
