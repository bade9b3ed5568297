"""Rounds of the deep energies: render, ask observers about render and plate, move the head, again.

Within a round the networks' outputs are taken to move as the surface points that they were found on: a quasi-Newton
step on ||N(F*) - N(F)||: a pose where that is zero stays; where a residual remains, the resting pose can differ from
the exact minimum's (docs/method.md). With a `jacobian`, a round minimises that energy itself, and the network sees the
render at every evaluation.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Floats, Ints, spread
from solver_core.energies.energy import Energy, FaceProblem
from solver_core.energies.gaze import OneGaze
from solver_core.energies.landmark import Jacobian
from solver_core.energies.prior import WeightPrior, joint_priors
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.networks.regions import Layout
from solver_core.observe.correspondences import Correspondences
from solver_core.observe.landmarks import LandmarkObserver
from solver_core.observe.registry import OBSERVERS, default_weights
from solver_core.optimise.dogleg import Options, Quadratic, dogleg
from solver_core.stages.context import Context, blocks_of
from solver_core.stages.kinds.step import Cancelled, Step, WrongSettingError, default_of, never, setting_name
from solver_core.stages.shared.bundle import Bundle, Detail, Share, share_of
from solver_core.stages.shared.contact import TOTAL, contact_energies, linear_contacts
from solver_core.stages.shared.deep_energy import DeepEnergy
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.observing import correspondences
from solver_core.stages.shared.pinned import pins_beside
from solver_core.stages.shared.priors import FIRM, STIFFNESS
from solver_core.stages.shared.regions import check_regions
from solver_core.stages.shared.skin import LEAST, bake
from solver_core.stages.shared.sparsity import StoredModel, relevance, solve_sparse

REWEIGHTINGS = 3
ANCHOR_ROUNDS = 3  # an anchor's answer starts at its neighbour's, which is nearly its own

OF_THE_ENERGY = ("iterations", "crop", "regions", "elsewhere", "edges", "near", "lambda_")
COST = {"material": 0.3, "exact": 1.0, "backward": 100.0}  # of an iteration, in rounds of material points


def _landmarks_alone() -> dict[str, float]:
    return default_weights("landmarks")


@dataclass(frozen=True)
class Deep(Step):
    """Render and plate through the same networks, round by round (equation 2).

    Light is estimated anew before each round.
    """

    kind = "deep"
    seconds = 0.3
    reports_moves = True  # frames appear, and a solve that is killed keeps them

    rounds: int
    keys: tuple[str, ...] = ()
    # what compares render and plate (observe/registry.py), and what all that each says of a frame weighs
    observers: Mapping[str, float] = field(
        default_factory=_landmarks_alone, metadata={"example": "{ landmarks = 10.0, flow = 400.0 }"}
    )
    sparse: bool = False  # keys that hardly move over the whole shot are held nearer to zero than those that do
    skin: bool = False  # the skin's detail is taken from all frames' plates; the shot's mean pose stays what it was
    # Where that detail lies on the head is solved too, with all frames together (bundle adjustment); beside an observer
    # that sees detail, skin and sparse.
    bundle: bool = False
    rotation: bool = True  # whether the head may turn
    translation: bool = True  # and whether it may move
    stiffness: float = 1.0  # how hard keys are held at zero; in shots of fewer than four frames at least by 0.4
    # The derivative of equation 2, which is then minimised itself (energies/landmark.py); left out: material points
    # with robust weights, the networks asked once a round.
    jacobian: str = field(default="", metadata={"choices": typing.get_args(Jacobian)})
    # What follows is of that energy (shared/deep_energy.py).
    iterations: int = 10
    crop: str = field(default="plate", metadata={"choices": ("plate", "render")})  # where the network sees the render
    regions: Mapping[str, float] = field(default_factory=dict, metadata={"example": "{ jaw = 0.0, mouth = 3.0 }"})
    elsewhere: float = 1.0
    edges: float = 0.0
    near: float = 0.0
    lambda_: float = 0.0

    @property
    def passes(self) -> int:
        """One a round."""
        return self.rounds

    @property
    def expected(self) -> float:
        """More where the network is asked at every evaluation, and again for every parameter or landmark."""
        return super().expected * (self.iterations * COST[self.jacobian] if self.jacobian else 1.0)

    @property
    def moves_head(self) -> bool:
        """As its settings say."""
        return self.rotation or self.translation

    def free(self, context: Context) -> FreeParameters:
        """Its keys, and of the head what its settings say."""
        return context.free(self.keys, rotation=self.rotation, translation=self.translation)

    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """All rounds, over all frames each; context.pose changes.

        Yields:
            [b] indices of the frames that have just been moved; none where only something was looked at.
        """
        del cancelled
        for _ in range(self.rounds):
            yield from self._round(context)

    def solve_anchors(self, context: Context, cancelled: Cancelled = never) -> None:
        """By these frames' own plates, and as firmly as a single frame needs.

        A key that only the anchor moves does not seem to move while the anchor stands where its neighbour does. And
        where a round with the skin takes back what all frames moved in common, it takes back what is asked here.
        """
        alone = replace(self, rounds=1, sparse=False, bundle=False, stiffness=max(self.stiffness, FIRM))
        anchors = context.solvable
        for _ in range(ANCHOR_ROUNDS):
            own = context.pose[anchors]
            for chunk in alone.run(context):
                own.assign(np.searchsorted(anchors, chunk), context.pose[chunk])
                if cancelled():
                    return
            context.pose.assign(anchors, own)

    @classmethod
    def upgraded(cls, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """`head` was `rotation` and `translation` in one, `flow = true` what `observers` with the flow is now."""
        if "head" in settings:
            if not isinstance(settings["head"], bool):
                raise WrongSettingError(("head",), f"head is {settings['head']!r}", "Write true or false.")
            rest = {name: value for name, value in settings.items() if name != "head"}
            settings = {"rotation": settings["head"], "translation": settings["head"], **rest}
        if "flow" not in settings:
            return settings
        if not isinstance(settings["flow"], bool):
            raise WrongSettingError(("flow",), f"flow is {settings['flow']!r}", "Write true or false.")
        if "observers" in settings:
            raise WrongSettingError(("flow",), "flow stands beside observers", "Leave flow out, and list it there.")
        rest = {name: value for name, value in settings.items() if name != "flow"}
        names = ("landmarks", "flow") if settings["flow"] else ("landmarks",)
        return {**rest, "observers": default_weights(*names)}

    def check(self, layout: Layout) -> None:
        """Refuse unknown observers or regions, a step that asks none, and settings that do not go together."""
        for name in self.observers:
            if name not in OBSERVERS:
                raise WrongSettingError(
                    ("observers", name), f"there is no observer {name}", f"Observers are {', '.join(OBSERVERS)}."
                )
        if not any(self.observers.values()):
            raise WrongSettingError(("observers",), "no observer has a weight", "Give one a weight above 0.")
        sees_detail = any(OBSERVERS[name].sees_detail for name, weight in self.observers.items() if weight)
        if self.bundle and not (sees_detail and self.skin and self.sparse):
            raise WrongSettingError(
                ("bundle",),
                "bundle has no detail to solve",
                "List flow among the observers, and set skin and sparse to true beside it.",
            )
        if self.jacobian:
            self._check_energy(layout)
            return
        for one in dataclasses.fields(self):
            if one.name in OF_THE_ENERGY and getattr(self, one.name) != default_of(one):
                name = setting_name(one)
                raise WrongSettingError(
                    (name,),
                    f"{name} is of the energy that a jacobian asks for",
                    f'Add jacobian = "exact", or leave {name} out.',
                )

    def _check_energy(self, layout: Layout) -> None:
        """That what is asked beside a jacobian is there."""
        check_regions(layout, self.regions, self.elsewhere)
        for name, weight in self.observers.items():
            if weight and name != LandmarkObserver.name:
                raise WrongSettingError(
                    ("observers", name),
                    f"the jacobian is that of landmarks, and {name} is asked beside them",
                    f"List {LandmarkObserver.name} alone, or leave jacobian out.",
                )
        for name in ("sparse", "skin", "bundle"):
            if getattr(self, name):
                raise WrongSettingError((name,), f"{name} stands beside jacobian", "Leave one of them out.")

    def _round(self, context: Context) -> Iterator[Ints]:
        """The light anew, then every frame moved."""
        if self.jacobian:
            yield from self._minimised(context)
            return
        estimate_lights(context)
        context.look = bake(context) if self.skin else replace(context.look, detail=None)
        before = context.pose.copy()
        free, frames = self.free(context), context.solvable
        # of few frames nothing is known of the keys' activity, and nothing of the skin's detail
        stiffness = self.stiffness if context.trusted.sum() >= LEAST else max(self.stiffness, FIRM)
        strength = stiffness * STIFFNESS / context.rig.strength**2
        models: dict[int, StoredModel] = {}
        bundle = _bundle(context, free, strength) if self.bundle else None
        if bundle is not None:
            bundle.fixed = bool(context.shot.posed_mask.any())  # pins, too, say where the shot as a whole is
            # where detail lies on the head is best seen in frames that the artist has locked
            for i in map(int, spread(np.flatnonzero(context.shot.locked_mask & context.seen), LEAST)):
                bundle.add_fixed(i, correspondences(context, np.array([i]), self.observers)[i])
                yield frames[:0]
        chunks, shares = blocks_of(frames), dict[int, Share]()
        detail = None if bundle is None else bundle.detail
        for at, solved in context.over(solve_frames, chunks, self, free, strength, detail):
            for one in solved:
                context.pose.assign(np.array([one.index]), one.pose)
                if one.model is not None:
                    models[one.index] = one.model
                if one.share is not None:
                    shares[one.index] = one.share
            yield chunks[at]
        models = dict(sorted(models.items()))  # sums are taken in the frames' order, whichever was solved first
        if bundle is not None:
            for i, share in sorted(shares.items()):
                bundle.take(i, share)
            for i, change in bundle.solve(before).items():
                models[i] = replace(models[i], gradient=models[i].gradient + change)
        if models:
            solve_sparse(context, models, free, strength, linear_contacts(context, list(models), free))
        if self.skin and bundle is None and not context.shot.posed_mask.any():
            hold_mean(context, before)

    def _minimised(self, context: Context) -> Iterator[Ints]:
        """A round of the energy itself, frame by frame."""
        estimate_lights(context)
        context.look = replace(context.look, detail=None)
        energy = DeepEnergy(
            total=self.observers[LandmarkObserver.name],
            regions=self.regions,
            elsewhere=self.elsewhere,
            edges=self.edges,
            near=self.near,
            lambda_=self.lambda_,
            crop=self.crop,
            jacobian=cast("Jacobian", self.jacobian),
            iterations=self.iterations,
        )
        for index in context.solvable:
            energy.minimise(context, self.free(context), int(index))
            yield np.array([index])


@dataclass(frozen=True)
class Solved:
    """What became of one frame in a round."""

    index: int
    pose: Pose  # 1
    model: StoredModel | None  # around it, where the step is sparse
    share: Share | None  # in the bundle, where there is one


def solve_frames(
    context: Context, step: Deep, free: FreeParameters, strength: Floats, detail: Detail | None, frames: Ints
) -> list[Solved]:
    """Move the heads of b frames, and say what the round's sums need to know of each."""
    solved = []
    for i, found in correspondences(context, frames, step.observers).items():
        solve_frame(context, i, found, free, strength)
        model = linearise(context, i, found, free) if step.sparse else None
        share = None if detail is None or model is None else share_of(context, detail, free, i, found, model)
        stored = None if model is None else StoredModel.of(model)
        solved.append(Solved(i, context.pose[np.array([i])], stored, share))
    return solved


def _bundle(context: Context, free: FreeParameters, strength: Floats) -> Bundle | None:
    """The bundle of the frames that are solved, or None.

    It is None where the rig's own colours say where the detail lies, or where frames that are not solved here carry
    most of it.
    """
    others = context.trusted & ~context.shot.locked_mask
    others[context.solvable] = False
    if context.rig.colors is not None or others.any() or len(context.solvable) < LEAST:
        return None
    return Bundle(context, free, strength * relevance(context.pose.weights[context.trusted]))


def hold_mean(context: Context, before: Pose) -> None:
    """Take back what all frames moved in common since `before`, seen from the head: context.pose changes.

    Baked colours make the frames agree with each other; where they all are together is no longer seen (skin.py).
    """
    frames = context.solvable
    old, new = before[frames], context.pose[frames]
    turn = Rotation.from_matrix(old.rotation.swapaxes(1, 2) @ new.rotation).as_rotvec()
    shift = np.einsum("bji,bj->bi", old.rotation, new.translation - old.translation)
    back = Rotation.from_rotvec(-np.median(turn, 0)).as_matrix()
    new.head.translation -= np.einsum("bij,j->bi", old.rotation, np.median(shift, 0))
    new.head.rotation = new.rotation @ back
    context.pose.assign(frames, new)


def solve_frame(
    context: Context, index: int, found: list[Correspondences], free: FreeParameters, strength: Floats
) -> None:
    """Move one frame's head towards its cameras' correspondences, keys held at zero by strength [K].

    `context.pose` changes.
    """
    frame = np.array([index])
    pose = context.pose[frame]
    priors: list[Energy] = [
        WeightPrior(np.zeros((1, len(strength))), strength[None]),
        *joint_priors(context.rig, STIFFNESS),
        *(contact_energies(context, 1, TOTAL) if len(free.keys) else []),
        *OneGaze.of(context.eyes, context.rig),
    ]
    pins = pins_beside(context, index, found, pose)
    for _ in range(REWEIGHTINGS):
        energies: list[Energy] = [*priors, *pins, *(item.energy(pose) for item in found)]
        dogleg(FaceProblem(energies, context.rig, free), pose, 1, Options(iterations=5))
    context.pose.assign(frame, pose)


def linearise(context: Context, index: int, found: list[Correspondences], free: FreeParameters) -> Quadratic:
    """One frame's correspondences around its pose, as a quadratic [1,P] and [1,P,P]; keys are not held by anything."""
    pose, rig = context.pose[np.array([index])], context.rig
    energies: list[Energy] = [*joint_priors(rig, STIFFNESS), *OneGaze.of(context.eyes, rig)]
    energies += [item.energy(pose) for item in found]
    energies += pins_beside(context, index, found, pose)
    return FaceProblem(energies, rig, free).quadratic(pose, np.array([0]))
