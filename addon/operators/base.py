"""What the operators share: a problem becomes a reported error, and a warning a reported warning."""

from __future__ import annotations

import functools
from typing import Callable, Set

import bpy

from ..problem import FaceSolveProblem


def reports_problems(execute: Callable[..., Set[str]]) -> Callable[..., Set[str]]:
    """Turn a `FaceSolveProblem` into an error report: a message for the artist, a RuntimeError for a script."""

    @functools.wraps(execute)
    def guarded(self: bpy.types.Operator, context: bpy.types.Context) -> Set[str]:
        try:
            return execute(self, context)
        except FaceSolveProblem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}

    return guarded
