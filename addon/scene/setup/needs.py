"""What a stage solved alone still lacks: sentences with remedies for its panel."""

from __future__ import annotations

from typing import List

import bpy

from ... import protocol
from ...problem import ERROR, INFO, WARNING, Problem
from ..rig.mesh import solvable_keys
from .prechecks import prechecks

_PLACED = (protocol.SOLVED, protocol.INFILLED, protocol.INTERPOLATED, protocol.LOCKED)
_WHOLE = ("Solve Shot", "Solve Range")


def stage_needs(settings: bpy.types.PropertyGroup, stage: str) -> List[Problem]:
    """What stands in the way of a stage, or makes it do nothing; empty where it can start.

    Args:
        settings: `scene.face_solve`.
        stage: its operator's name, such as `rigid_alignment`.
    """
    wrong = [problem for problem in prechecks(settings) if problem.level == ERROR]
    if wrong:
        others = f" And {len(wrong) - 1} more, at the head of the tab." if len(wrong) > 1 else ""
        return [Problem(ERROR, wrong[0].message, wrong[0].remedy + others, wrong[0].mend)]
    if stage in ("rigid_alignment", "solve_shot", "solve_range"):
        return []
    rigid = not (solvable_keys(settings.face) or settings.jaw_bone)
    if stage == "expression" and rigid:
        return [Problem(INFO, f"{settings.face.name} has no shape keys: there is no expression to solve.")]
    if not any(item.status in _PLACED for item in settings.results):
        return [
            Problem(WARNING, "No frame has been aligned yet.", "Align the head first.", "face_solve.rigid_alignment")
        ]
    if (
        stage in ("dense_alignment", "temporal_refinement")
        and not rigid
        and not _has_run(settings, "Expression", *_WHOLE)
    ):
        return [
            Problem(WARNING, "No expression has been solved yet.", "Solve it first.", "face_solve.expression"),
        ]
    if stage == "temporal_refinement" and settings.refinement == 0.0:
        return [Problem(INFO, "Its amount is 0: Solve Shot leaves it out.", "Raise the amount.")]
    return []


def _has_run(settings: bpy.types.PropertyGroup, *titles: str) -> bool:
    return any(run.name in titles and not run.failed for run in settings.runs)
