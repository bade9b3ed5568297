"""Which part of the face a shape key moves, and which key is its other side; no bpy.

Both are told by names: ARKit's, FACS, Blender's .L and .R.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Sequence

GROUPS = ("jaw", "mouth", "brows", "eyes", "cheeks", "nose", "head", "identity", "other")

# The actor's own shape: set once by Fit Rig to the Actor, not solved frame by frame.
IDENTITY = "identity"
# What stands at a value for the whole shot, a modelling target or a pose corrective: left out, until the artist
# switches it on.
HELD = "held"
_IDENTITY = re.compile(r"identity|id[_ .-]|(id|shape)[_ .-]?[0-9]+$")

# FACS action units by number (Ekman, Friesen, Hager: Facial Action Coding System, 2002).
_ACTION_UNITS: Dict[str, Sequence[int]] = {
    "brows": (1, 2, 4),
    "eyes": (5, 7, 41, 42, 43, 44, 45, 46, 61, 62, 63, 64, 65, 66),
    "cheeks": (6, 33, 34, 35),
    "nose": (9, 38, 39),
    "mouth": (8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 28, 32),
    "jaw": (26, 27, 29, 30, 31),
    "head": (21, 51, 52, 53, 54, 55, 56, 57, 58),
}
# The muscles behind the action units, and names of units whose words alone would mislead; the first that matches
# decides: the levator "alaeque nasi" wrinkles the nose, the other "labii" muscles move the lips.
_MUSCLES = (
    ("cheeks", ("oculiparsorbitalis", "oculiorbitalis")),
    ("nose", ("alaequenasi", "nasalis", "septinasi")),
    ("brows", ("frontalis", "corrugator", "procerus", "supercili")),
    ("eyes", ("oculi", "palpebra")),
    (
        "mouth",
        (
            "zygomatic",
            "risorius",
            "buccinator",
            "triangularis",
            "mentalis",
            "orbicularisoris",
            "orboris",
            "anguli",
            "caninus",
            "labii",
            "nasolabial",
            "chinrais",
        ),
    ),
    ("jaw", ("masseter", "temporalis", "pterygoid", "digastric")),
    ("head", ("platysma", "sternocleido")),
)
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
_UNIT = re.compile(r"(?:^|[^a-z])(?:au|unit|facs)[_ .-]?(?:[lr][_ .-]?)?0*([0-9]{1,2})(?![0-9])")
_OTHER = {"L": "R", "l": "r", "Left": "Right", "left": "right", "LEFT": "RIGHT"}
_OTHER.update({right: left for left, right in _OTHER.items()})
_SIDE = re.compile(
    r"(?:(?<=[._ -])(?:[LRlr]|Left|left|LEFT|Right|right|RIGHT)|(?<=[a-z0-9])(?:Left|Right|[LR]))(?=(?:\.[0-9]{3})?$)"
    r"|^(?:[LRlr]|Left|left|LEFT|Right|right|RIGHT)(?=[._ -])|^(?:Left|left|Right|right)(?=[A-Z])"
)


# What ARKit's shape keys are called, and what many rigs call theirs after them; without sides, case and marks.
_EXPRESSIONS = re.compile(
    r"(brow(down|innerup|outerup)|cheek(puff|squint)|eye(blink|look(up|down|in|out)|squint|wide|sclosed|close)"
    r"|jaw(forward|left|right|open|drop)"
    r"|mouth(close|dimple|frown|funnel|left|lowerdown|press|pucker|right|rolllower"
    r"|rollupper|shruglower|shrugupper|smile|stretch|upperup|open)"
    r"|nosesneer|tongueout|smile|frown|blink|viseme[a-z]*|fcl[a-z]*|au\d+[a-z]*)(left|right|l|r)?"
)


def is_expression(name: str) -> bool:
    """Whether a name is that of an expression beyond doubt: one that a face makes and loses again."""
    return bool(_EXPRESSIONS.fullmatch(re.sub(r"[^a-z0-9]", "", name.lower())))


def group_of(name: str) -> str:
    """The group of one shape key, one of `GROUPS`."""
    lowered = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if _IDENTITY.match(lowered):
        return IDENTITY
    unit = _UNIT.search(lowered)
    if unit:
        number = int(unit.group(1))
        for group, units in _ACTION_UNITS.items():
            if number in units:
                return group
    flat = re.sub(r"[^a-z]", "", lowered)
    for group, words in (*_MUSCLES, *_WORDS):
        if any(word in flat for word in words):
            return group
    return "other"


def other_side(name: str) -> Optional[str]:
    """The name of the same shape key on the other side of the face; None where the name has no side.

    Understood are Blender's suffixes (`_L`, `.L`, `.L.001`, `_left`), ARKit's and other camel case (`smileLeft`,
    `AU12L`), and prefixes (`L_`, `leftSmile`).
    """
    found = list(_SIDE.finditer(name))
    if not found:
        return None
    side = found[-1]  # a suffix rather than a prefix
    return name[: side.start()] + _OTHER[side.group()] + name[side.end() :]


def grouped(names: Sequence[str]) -> Dict[str, List[str]]:
    """Shape keys by group, in the order of `GROUPS`, empty groups left out."""
    found: Dict[str, List[str]] = {group: [] for group in GROUPS}
    for name in names:
        found[group_of(name)].append(name)
    return {group: keys for group, keys in found.items() if keys}
