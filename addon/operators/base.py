"""What the operators share: a problem becomes a reported error, and a warning a reported warning."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Callable, Set

import bpy

from ..problem import FaceSolveProblem
from ..scene.keys import fixes


def chosen_path(filepath: str) -> Path:
    """The path that an operator was given, absolute.

    Raises:
        FaceSolveProblem: where there is none.
    """
    if not filepath:
        raise FaceSolveProblem("No path is given.", "Choose where the file is.")
    return Path(bpy.path.abspath(filepath))


def reports_problems(execute: Callable[..., Set[str]]) -> Callable[..., Set[str]]:
    """Turn a `FaceSolveProblem` into an error report: a message for the artist, a RuntimeError for a script."""

    @functools.wraps(execute)
    def guarded(self: bpy.types.Operator, context: bpy.types.Context) -> Set[str]:
        fixes.forget()  # a script may have changed keys without any update of the scene
        try:
            return execute(self, context)
        except FaceSolveProblem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}

    return guarded
