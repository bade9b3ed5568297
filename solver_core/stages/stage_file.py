"""Stages in a studio's own file.

It is TOML in the words of catalogue.py, read with errors that name the line (docs/stages.md).
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomllib

from solver_core.common.errors import FaceSolveError
from solver_core.common.reading import read_text, reading, why
from solver_core.face.rig import Rig
from solver_core.networks.regions import Layout
from solver_core.protocol import SHIPPED_STAGES
from solver_core.stages.catalogue import KINDS
from solver_core.stages.key_names import ALL, EYELIDS, JAW_BONE, bone_of
from solver_core.stages.kinds.step import Step, WrongSettingError, default_of, setting_name

LARGEST, LONGEST = 2**16, 1000  # bytes and lines of a stage file; that of the built-in stages has a hundred lines
MOST = 1000  # iterations or rounds of a step: more is a slip of the finger
HEAVIEST = 1e9  # of a weight
RESERVED = ("loading", "detection", "judging")  # what progress calls the parts of a solve that are no stages
WORDS = {int: "a whole number", float: "a number", bool: "true or false"}  # that stand for a value of the type
Where = tuple[str | int, ...]  # keys and indices that lead to a setting


def read_stages(path: Path, layout: Layout) -> dict[str, tuple[Step, ...]]:
    """The stages of a file, by name and in its order.

    Args:
        path: a TOML file as `write_stages` writes them, or the name of one that comes with the solver.
        layout: the landmark network's, whose regions may be named.

    Raises:
        FaceSolveError: naming the file, the line, and what would be allowed there.
    """
    path = found(path)
    with reading(path, "The stage file", "Mend it there, or choose another file, or none."):
        text = read_text(path, LARGEST).replace("\r\n", "\n")
        if text.count("\n") > LONGEST:
            raise ValueError(f"it has more than {LONGEST} lines")
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:  # its own message names line and column
            raise FaceSolveError(f"The stage file {path} is no TOML: {why(error)}.", "Mend it there.") from error
    try:
        return _stages(document, layout)
    except _WrongError as wrong:
        line = line_of(text, wrong.where)
        raise FaceSolveError(f"The stage file {path}, line {line}: {wrong.what}.", wrong.remedy) from wrong


def found(path: Path) -> Path:
    """The file that is meant: the path, or the one of that name that comes with the solver."""
    shipped = path.name in SHIPPED_STAGES and not path.is_file()
    return Path(__file__).with_name(f"{path.name}.toml") if shipped else path


def write_stages(stages: Mapping[str, tuple[Step, ...]]) -> str:
    """The stages as TOML; settings that have their default are left out. `read_stages` gives the same stages back."""
    lines: list[str] = []
    for name, steps in stages.items():
        lines += ["[[stage]]", f"name = {_toml(name)}", ""]
        for step in steps:
            lines += ["[[stage.step]]", f"kind = {_toml(step.kind)}"]
            for field in dataclasses.fields(step):  # type: ignore[arg-type]
                value = getattr(step, field.name)
                if value != default_of(field):
                    lines.append(f"{setting_name(field)} = {_toml(value)}")
            lines.append("")
    return "\n".join(lines)


def unknown_keys(stages: Mapping[str, tuple[Step, ...]], rig: Rig) -> list[str]:
    """Sentences about shape keys and groups that the steps name and the rig has not: they free nothing."""
    known = {ALL, EYELIDS, JAW_BONE, *map(bone_of, rig.joints), *rig.names, *rig.groups}
    missing = {
        name: [key for step in steps for key in dict.fromkeys(step.keys) if key not in known]
        for name, steps in stages.items()
    }
    return [
        f"The stage {name} frees {', '.join(dict.fromkeys(keys))}, "
        "which the face has neither as a shape key nor as a group."
        for name, keys in missing.items()
        if keys
    ]


def line_of(text: str, where: Where) -> int:
    """The number of the line where the setting at `where` begins; 1 where there is none.

    The beginning of a TOML file is TOML itself exactly where it ends between two statements. So the statement that
    brings the setting stands between the longest beginning without it and the shortest with it.
    """
    lines = text.split("\n")
    begins = 1
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _reaches(document, where):
            return begins
        begins = end + 1
    return 1


class _WrongError(Exception):
    """What is wrong at a place in the document."""

    def __init__(self, where: Where, what: str, remedy: str) -> None:
        super().__init__(what)
        self.where, self.what, self.remedy = where, what, remedy


def _stages(document: dict[str, Any], layout: Layout) -> dict[str, tuple[Step, ...]]:
    _only(document, (), ("stage",), "setting")
    stages: dict[str, tuple[Step, ...]] = {}
    for i, item in enumerate(_tables(document, (), "stage")):
        where: Where = ("stage", i)
        _only(item, where, ("name", "step"), "setting of a stage")
        name = item.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name) or name in RESERVED:
            raise _WrongError(
                (*where, "name") if "name" in item else where,
                "the stage has no name that can be used",
                f"Give it one of letters, digits, _ and - that is none of {', '.join(RESERVED)}.",
            )
        if name in stages:
            raise _WrongError(
                (*where, "name"), f"there is another stage called {name}", "Give every stage its own name."
            )
        steps = _tables(item, where, "step")
        stages[name] = tuple(_step(step, (*where, "step", j), layout) for j, step in enumerate(steps))
    return stages


def _tables(owner: dict[str, Any], where: Where, name: str) -> list[dict[str, Any]]:
    """The tables of an array that may not be empty."""
    header = ".".join([*(str(part) for part in where if isinstance(part, str)), name])
    tables = owner.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _WrongError((*where, name), f"{name} is no list of tables", f"Begin each with the line [[{header}]].")
    if not tables:
        raise _WrongError(
            (*where, name) if name in owner else where, f"there is no {name}", f"Begin one with the line [[{header}]]."
        )
    return tables


def _step(item: dict[str, Any], where: Where, layout: Layout) -> Step:
    word = item.get("kind")
    if not isinstance(word, str) or word not in KINDS:
        what = f"there is no kind of step {word!r:.80}" if "kind" in item else "the step has no kind"
        raise _WrongError((*where, "kind") if "kind" in item else where, what, f"Kinds are {', '.join(KINDS)}.")
    kind = KINDS[word]
    try:
        settings = kind.upgraded({name: value for name, value in item.items() if name != "kind"})
        step = kind(**_settings(kind, settings, where))
        step.check(layout)
    except WrongSettingError as wrong:
        raise _WrongError((*where, *wrong.setting), wrong.what, wrong.remedy) from wrong
    return step


def _settings(kind: type[Step], settings: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """The settings that are given, each of the type that its field has."""
    fields = {setting_name(field): field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    types = typing.get_type_hints(kind)
    _only(settings, where, ("kind", *fields), f"setting of a {kind.kind} step")
    given: dict[str, Any] = {}
    for name, field in fields.items():
        if name in settings:
            given[field.name] = _value(settings[name], types[field.name], field, where)
        elif default_of(field) is dataclasses.MISSING:
            expected = WORDS.get(types[field.name], "its value")
            raise _WrongError(where, f"the {kind.kind} step has no {name}", f"Add {name} = {expected}.")
    return given


def _value(value: object, kind: object, field: dataclasses.Field[Any], owner: Where) -> object:
    """A setting of the type that the step's field has."""
    name = setting_name(field)
    where = (*owner, name)
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise _WrongError(where, f"{name} is {value!r:.80}", "Write true or false.")
    if kind is int:
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST:
            return value
        raise _WrongError(where, f"{name} is {value!r:.80}", f"Write a whole number from 1 to {MOST}.")
    if kind is float:
        return _amount(value, where)
    if kind is str:
        choices = field.metadata["choices"]
        if value in choices:
            return value
        raise _WrongError(where, f"{name} is {value!r:.80}", f"Write one of {', '.join(map(_toml, choices))}.")
    if kind == tuple[str, ...]:
        return _names(value, where)
    if not isinstance(value, Mapping):
        example = field.metadata.get("example", "{ name = 1.0 }")
        raise _WrongError(where, f"{name} is {value!r:.80}", f"Write it as {example}.")
    return {key: _amount(amount, (*where, key)) for key, amount in value.items()}


def _amount(value: object, where: Where) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= HEAVIEST:
        return float(value)
    raise _WrongError(
        where,
        f"{where[-1]} is {value!r:.80}",
        "Write a number of 0 or more, of the size that the built-in stages have.",
    )


def _names(value: object, where: Where) -> tuple[str, ...]:
    name = where[-1]
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise _WrongError(
            where, f"{name} is {value!r:.80}", f'Write groups or shape keys as ["jaw", "mouth"], or ["{ALL}"] for all.'
        )
    twice = next((one for one in value if value.count(one) > 1), None)
    if twice is not None:
        raise _WrongError(where, f"{name} has {twice} twice", "Name each group or shape key once.")
    if ALL in value and len(value) > 1:
        raise _WrongError(
            where, f'{name} has "{ALL}", which is all of them, beside others', f'Write ["{ALL}"], or the others alone.'
        )
    return tuple(value)


def _only(item: Mapping[str, Any], where: Where, allowed: tuple[str, ...], what: str) -> None:
    for name in item:
        if name not in allowed:
            raise _WrongError((*where, name), f"there is no {what} {name}", f"Allowed: {', '.join(allowed)}.")


def _reaches(document: Any, where: Where) -> bool:
    for key in where:
        if isinstance(key, int):
            if not isinstance(document, list) or key >= len(document):
                return False
        elif not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):  # TOML's basic strings are JSON's, but for the letter "delete"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)
