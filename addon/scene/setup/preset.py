"""A preset: how an artist likes to solve, as a readable file that other shots and other people can load; no bpy."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Union

from ...problem import FaceSolveProblem
from ..rig.shape_layout import Group, Layout

VERSION = 1
_KIND = "face_solve_preset"
_LARGEST = 1 << 24  # bytes; a preset of a thousand keys has 40 thousand
_LARGEST_NUMBER = sys.float_info.max  # JSON's whole numbers may have hundreds of digits, which no float holds
_AGAIN = "Choose a file that Save Preset has written."

Value = Union[str, bool, float]


@dataclass(frozen=True)
class Preset:
    """What a preset holds: the groups, and other settings under `scene.face_solve` by their names.

    One without groups leaves the face's as they are.
    """

    layout: Optional[Layout] = field(default_factory=Layout)
    settings: Dict[str, Value] = field(default_factory=dict)


def write_preset(path: Path, preset: Preset) -> None:
    """Write the file, all of it or nothing.

    Raises:
        FaceSolveProblem: where it cannot be written.
    """
    document: Dict[str, object] = {_KIND: VERSION, "settings": dict(sorted(preset.settings.items()))}
    if preset.layout is not None:
        document["excluded_keys"] = sorted(preset.layout.left_out)
        document["groups"] = [
            {"name": group.name, "enabled": group.enabled, "strength": group.strength, "keys": list(group.keys)}
            for group in preset.layout.groups
        ]
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise FaceSolveProblem(
            f"The preset {path} cannot be written: {error.strerror or error}.", "Choose a folder that can be written."
        ) from error


def read_preset(path: Path) -> Preset:
    """Read and check a file.

    Raises:
        FaceSolveProblem: where it cannot be read, is no preset, is of a newer version or is malformed, with the place.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise FaceSolveProblem(f"{path} is too large to be a preset.", _AGAIN)
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaceSolveProblem(f"The preset {path} cannot be read: {error.strerror or error}.", _AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise FaceSolveProblem(f"{path} is no preset: it is not JSON text ({error}).", _AGAIN) from error
    if not isinstance(document, dict) or _KIND not in document:
        raise FaceSolveProblem(f"{path} is no preset of Face Solve.", _AGAIN)
    version = document[_KIND]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise FaceSolveProblem(f"The preset {path} has no version.", _AGAIN)
    if version > VERSION:
        raise FaceSolveProblem(
            f"The preset {path} is of version {version}, and this add-on reads {VERSION}.", "Update the add-on."
        )
    try:
        return _preset(document)
    except _Malformed as error:
        raise FaceSolveProblem(
            f"The preset {path} is damaged: {error}.", "Save it again, or mend that place in a text editor."
        ) from error


class _Malformed(ValueError):
    """What is wrong with a preset's content."""


def _preset(document: Dict[str, object]) -> Preset:
    groups: List[Group] = []
    for number, entry in enumerate(_list(document.get("groups", []), "groups"), 1):
        where = f"group {number}"
        if not isinstance(entry, dict):
            raise _Malformed(f"{where} is not an entry with a name")
        name, enabled, strength = entry.get("name"), entry.get("enabled", True), entry.get("strength", 1.0)
        if not isinstance(name, str) or not name:
            raise _Malformed(f"{where} has no name")
        if not isinstance(enabled, bool):
            raise _Malformed(f"{where} ({name}) is neither enabled (true) nor not (false)")
        if not _is_number(strength) or strength < 0:
            raise _Malformed(f"{where} ({name}) has a strength that is not a number from 0 up")
        keys = _texts(entry.get("keys", []), f"the keys of {where} ({name})")
        groups.append(Group(name, tuple(keys), enabled, float(strength)))
    settings = document.get("settings", {})
    if not isinstance(settings, dict):
        raise _Malformed("settings are not names with values")
    for name, value in settings.items():
        if not (isinstance(value, (str, bool)) or _is_number(value)):
            raise _Malformed(f"the setting {name} is neither a number nor a text")
    left_out = frozenset(_texts(document.get("excluded_keys", []), "excluded_keys"))
    layout = Layout(tuple(groups), left_out) if "groups" in document or left_out else None
    return Preset(layout, settings)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST_NUMBER


def _list(value: object, where: str) -> List[object]:
    if not isinstance(value, list):
        raise _Malformed(f"{where} is not a list")
    return value


def _texts(value: object, where: str) -> List[str]:
    found = _list(value, where)
    if not all(isinstance(one, str) for one in found):
        raise _Malformed(f"{where} holds something that is not a name")
    return found
