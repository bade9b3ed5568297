"""Which part of the face a shape key moves, told by its name (ARKit, FACS, Blender's .L/.R); no bpy."""

from __future__ import annotations

import re
from typing import Dict, List, Sequence

GROUPS = ("jaw", "mouth", "brows", "eyes", "cheeks", "nose", "head", "other")

_ACTION_UNITS: Dict[str, Sequence[int]] = {
    "brows": (1, 2, 4),
    "eyes": (5, 7, 41, 42, 43, 44, 45, 46, 61, 62, 63, 64, 65, 66),
    "cheeks": (6, 33, 34, 35),
    "nose": (9, 38, 39),
    "mouth": (8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 28, 32),
    "jaw": (26, 27, 29, 30, 31),
    "head": (51, 52, 53, 54, 55, 56, 57, 58),
}
# The first that matches decides: "cheekSquint" is of the cheeks, "eyeSquint" of the eyes, "noseSneer" of the nose.
_WORDS = (
    ("brows", ("brow", "forehead")),
    ("cheeks", ("cheek", "puff")),
    ("nose", ("nose", "nostril", "sneer")),
    ("eyes", ("eye", "blink", "lid", "squint", "pupil", "look", "wink", "gaze")),
    ("jaw", ("jaw", "chin")),
    (
        "mouth",
        (
            "mouth",
            "lip",
            "smile",
            "frown",
            "tongue",
            "dimple",
            "pucker",
            "funnel",
            "viseme",
            "phoneme",
            "teeth",
            "kiss",
        ),
    ),
    ("head", ("head", "neck", "skull", "throat")),
)
_UNIT = re.compile(r"(?:^|[^a-z])au[_ .-]?0*([0-9]{1,2})(?![0-9])")


def group_of(name: str) -> str:
    """The group of one shape key, one of `GROUPS`."""
    lowered = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    unit = _UNIT.search(lowered)
    if unit:
        number = int(unit.group(1))
        for group, units in _ACTION_UNITS.items():
            if number in units:
                return group
    flat = re.sub(r"[^a-z]", "", lowered)
    for group, words in _WORDS:
        if any(word in flat for word in words):
            return group
    return "other"


def grouped(names: Sequence[str]) -> Dict[str, List[str]]:
    """Shape keys by group, in the order of `GROUPS`, empty groups left out."""
    found: Dict[str, List[str]] = {group: [] for group in GROUPS}
    for name in names:
        found[group_of(name)].append(name)
    return {group: keys for group, keys in found.items() if keys}
