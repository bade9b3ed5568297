"""The kinds of step by name, and the stages.

A stage says which parameters each step frees, by which energy, for how long (Sections 9.1 and 9.2).
"""

from __future__ import annotations

from collections.abc import Mapping

from solver_core.common.errors import FaceSolveError
from solver_core.stages.key_names import ALL, EYELIDS, JAW_BONE
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.kinds.fill import Fill
from solver_core.stages.kinds.fit import Fit
from solver_core.stages.kinds.gaze import Gaze
from solver_core.stages.kinds.refine import Refine
from solver_core.stages.kinds.scan import Scan
from solver_core.stages.kinds.smooth import Smooth
from solver_core.stages.kinds.step import Step

KINDS: dict[str, type[Step]] = {kind.kind: kind for kind in (Fit, Deep, Scan, Gaze, Fill, Refine, Smooth)}


def register(kind: type[Step]) -> type[Step]:
    """Make a kind of step known by its name, to stage files too; also a decorator of its class.

    Raises:
        ValueError: where another one has that name.
    """
    if KINDS.setdefault(kind.kind, kind) is not kind:
        raise ValueError(f"there is a kind of step called {kind.kind} already")
    return kind


LANDMARKS_AND_FLOW = {"landmarks": 10.0, "flow": 400.0}
# and where eyes look: of heads whose eyeballs nothing turns the irises say nothing
REGIONS_TOO = {**LANDMARKS_AND_FLOW, "lips": 40.0, "lids": 25.0, "irises": 20.0}

STAGES: dict[str, tuple[Step, ...]] = {
    "rigid": (
        # few iterations: bring the head near, fit nothing yet
        Fit(iterations=5, rotation=False, regions={"jaw": 0.0}),
        Fit(iterations=20, regions={"jaw": 0.0}),
        Fit(iterations=10, regions={"jaw": 1.0}, elsewhere=0.2),
        Fit(iterations=20),
    ),
    "expression": (
        Fit(iterations=15, keys=(JAW_BONE, "jawOpen"), regions={"mouth": 3.0}),
        Fit(iterations=15, keys=(JAW_BONE, "jaw"), regions={"mouth": 3.0}),
        Fit(iterations=20, keys=(JAW_BONE, "jaw", "mouth")),
        # what the paper leaves out: brows, eyes, cheeks, nose
        Fit(iterations=30, keys=(ALL,)),
    ),
    "dense": (
        Deep(rounds=1, observers=LANDMARKS_AND_FLOW),
        Deep(rounds=2, keys=(ALL,), observers=REGIONS_TOO),
        Deep(rounds=1, keys=(ALL,), observers=REGIONS_TOO, skin=True),
        Deep(rounds=1, keys=(ALL,), observers=REGIONS_TOO, sparse=True, skin=True, bundle=True, stiffness=0.4),
        Deep(rounds=1, keys=(ALL,), observers=REGIONS_TOO, sparse=True, skin=True, stiffness=0.1),
        # a blink is rare, quick and small: beside the whole head it looks like nothing, in the picture of the eye it is
        # plain
        Scan(keys=(EYELIDS,)),
        Gaze(rounds=2, observers={"irises": 5.0, "flow": 400.0}),
    ),
    "infill": (Fill(rounds=3, keys=(ALL,)),),
    "refinement": (Refine(sweeps=100, keys=(ALL,)),),
}
SOLVE_SHOT = ("rigid", "expression", "dense")


def chosen(
    names: tuple[str, ...] | None, own: Mapping[str, tuple[Step, ...]] | None = None
) -> dict[str, tuple[Step, ...]]:
    """The stages of these names in their order; None is Solve Shot's own list.

    Args:
        names: of stages.
        own: a studio's stages instead of these, all of them wanted where no names are given.

    Raises:
        FaceSolveError: an unknown stage.
    """
    known = STAGES if own is None else own
    wanted = names if names is not None else SOLVE_SHOT if own is None else tuple(own)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        owner = "This solver" if own is None else "The stage file"
        raise FaceSolveError(f"{owner} has no stage {', '.join(unknown)}.", f"It has {', '.join(known)}.")
    return {name: known[name] for name in wanted}
