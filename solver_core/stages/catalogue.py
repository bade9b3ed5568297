"""The stages: which parameters each step frees, by which energy, for how long (Sections 9.1 and 9.2). Data, no control flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from solver_core.common.errors import FaceSolveError
from solver_core.face.joints import JAW


def bone_of(joint: str) -> str:
    """The word that frees a joint of this name, among a step's keys."""
    return f"{joint} bone"


ALL = "*"  # every shape key that may be solved, and every joint
# among `keys`: those whose names say that they close an eye; looking down lowers the lids much alike
EYELIDS = "eyelids"
JAW_BONE = bone_of(JAW)  # among `keys`: where the rig has one it takes the place of the keys that open the jaw


@dataclass(frozen=True)
class Fit:
    """Landmarks of the plate against their fixed places on the rig: no render, so it converges from far away."""

    iterations: int
    rotation: bool = True
    keys: tuple[str, ...] = ()  # shape-key groups or names, or ALL
    regions: Mapping[str, float] = field(default_factory=dict)  # weights of landmark regions
    elsewhere: float = 1.0  # weight of the other landmarks
    edges: float = 0.0  # weight of the edge-preserving energy, beside the landmarks' 1 (Section 9.1)
    near: float = 0.0  # how hard the head is held where the stage began, beside the landmarks' 1 (Section 6)
    smooth: float = 0.0  # frames: the plate's landmarks are smoothed over time first; a swing of this period is halved


@dataclass(frozen=True)
class Deep:
    """Render and plate through the same networks, round by round (equation 2); light is estimated anew before each round."""

    rounds: int
    keys: tuple[str, ...] = ()
    flow: bool = False  # dense flow from the render to the plate beside the landmarks
    sparse: bool = False  # keys that hardly move over the whole shot are held nearer to zero than those that do
    skin: bool = False  # the skin's detail is taken from all frames' plates; the shot's mean pose stays what it was
    bundle: bool = False  # where that detail lies on the head is solved too, with all frames together (bundle adjustment); beside flow, skin and sparse
    head: bool = True  # whether the head may move
    stiffness: float = 1.0  # how hard keys are held at zero; in shots of fewer than four frames at least by 0.4


@dataclass(frozen=True)
class Scan:
    """Keys tried one value after another: each takes the one at which the render looks most like the plate where the key moves."""

    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fill:
    """Frames of the infill ranges, carried over from known ones by the plate's flow (Section 7); flow is read anew in each round."""

    rounds: int
    keys: tuple[str, ...] = ()
    renders: bool = False  # the plate's flow against the flow between renders, instead of the mesh's exact motion


@dataclass(frozen=True)
class Refine:
    """The motion over time against the plate (Section 8), as strongly as the artist's amount says."""

    sweeps: int
    keys: tuple[str, ...] = ()
    flow: bool = True  # the plate's flow between frames; without it frames are smoothed alone
    renders: bool = False  # as in Fill
    parallel: bool = False  # each sweep from the last one's values (Jacobi), instead of the newest (Gauss-Seidel)


@dataclass(frozen=True)
class Smooth:
    """The solved motion by smoothing splines, without the plate, as strongly as the artist's amount of refinement says."""

    keys: tuple[str, ...] = ()
    head: bool = True  # whether the head's motion is smoothed


Step = Fit | Deep | Scan | Fill | Refine | Smooth
KINDS: dict[str, type[Step]] = {
    "fit": Fit,
    "deep": Deep,
    "scan": Scan,
    "fill": Fill,
    "refine": Refine,
    "smooth": Smooth,
}  # in stage files

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
        Deep(rounds=1, flow=True),
        Deep(rounds=2, keys=(ALL,), flow=True),
        Deep(rounds=1, keys=(ALL,), flow=True, skin=True),
        Deep(rounds=1, keys=(ALL,), flow=True, sparse=True, skin=True, bundle=True, stiffness=0.4),
        Deep(rounds=1, keys=(ALL,), flow=True, sparse=True, skin=True, stiffness=0.1),
        # a blink is rare, quick and small: beside the whole head it looks like nothing, in the picture of the eye it is plain
        Scan(keys=(EYELIDS,)),
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
