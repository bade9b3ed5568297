"""Where another machine sees a file that this one knows by its own path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Replacement = tuple[str, str]  # how a path begins over there, and here

_replacements: tuple[Replacement, ...] = ()


def see_as(replacements: Sequence[Replacement]) -> None:
    """Use these in this process from now on."""
    global _replacements  # noqa: PLW0603 - a fact about the machine, as its mounted disks are
    _replacements = tuple(replacements)


def seen_here(path: str) -> str:
    """The path as it is where its folder is there; else the first replacement whose folder is; else as it is."""
    plain = path.replace("\\", "/")
    others = [here + plain[len(there) :] for there, here in _replacements if plain.startswith(there)]
    return next((one for one in (path, *others) if Path(one).parent.exists()), path)
