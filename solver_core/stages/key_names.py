"""What a step's `keys` may say beside the names of shape keys and their groups."""

from __future__ import annotations

import re

from solver_core.face.joints import JAW


def bone_of(joint: str) -> str:
    """The word that frees a joint of this name, among a step's keys."""
    return f"{joint} bone"


ALL = "*"  # every shape key that may be solved, and every joint
EYELIDS = "eyelids"  # those whose names say that they close an eye; looking down lowers the lids much alike
GAZE = "gaze"  # what turns the eyeballs: shape keys and joints
JAW_BONE = bone_of(JAW)  # where the rig has one it takes the place of the keys that open the jaw

CLOSES_EYE = re.compile(r"blink|(eye|lid)s?[ _.-]*clos|clos[a-z]*[ _.-]*(eye|lid)|au[ _.-]*45(?!\d)", re.IGNORECASE)
