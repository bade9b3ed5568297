"""Everything the stages share while a shot is being solved."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from solver_core import protocol
from solver_core.camera.camera import NEAR
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.documents.shot import Shot
from solver_core.executors.executor import HERE, Executor
from solver_core.face.eyes import Eyes
from solver_core.face.joints import JAW
from solver_core.face.key_relations import KeyRelations
from solver_core.face.landmark_embedding import LandmarkEmbedding
from solver_core.face.lips import Lips
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig, place
from solver_core.flow.network import FlowNetwork
from solver_core.flow.networks.registry import flow_network
from solver_core.footage.cuts import common_cuts
from solver_core.footage.views import View
from solver_core.look.look import Look
from solver_core.networks.detector import FaceDetector
from solver_core.networks.landmarks import LandmarkNetwork
from solver_core.networks.regions import Layout
from solver_core.networks.registry import face_detector, landmark_network
from solver_core.observe.landmarks import carried
from solver_core.observe.observer import Networks, Observer
from solver_core.observe.registry import load_observers
from solver_core.render.renderer import Renderer
from solver_core.stages.key_names import ALL, CLOSES_EYE, EYELIDS, GAZE, JAW_BONE, bone_of

Block = TypeVar("Block")
Result = TypeVar("Result")

CHUNK = 2  # frames of a block, and between two looks at whether the artist has stopped: about a second of one core


def blocks_of(frames: Ints, size: int = CHUNK) -> list[Ints]:
    """Frames in blocks; where they are cut does not depend on who works on them."""
    return [frames[start : start + size] for start in range(0, len(frames), size)]


@dataclass(frozen=True)
class Filled:
    """What infill made of one frame."""

    status: str  # protocol.INFILLED, INTERPOLATED or FRAME_FAILED
    reason: str  # empty where it was infilled


def _on_a_copy(context: Context, work: Callable[..., Result], shared: tuple[object, ...], block: Block) -> Result:
    return work(replace(context, pose=context.pose.copy()), *shared, block)


@dataclass
class Context:
    """A solve in progress. `pose` is what changes."""

    shot: Shot
    network: LandmarkNetwork
    detector: FaceDetector
    flow: FlowNetwork
    layout: Layout  # the network's landmark regions
    embedding: LandmarkEmbedding
    views: list[View]
    renderer: Renderer
    look: Look  # as far as it is known: replaced, never changed
    pose: Pose  # N frames
    fill: Bools  # [N] frames that infill is to fill in: no other stage solves them
    known: Bools  # [N] the others whose poses can be trusted, once they are solved
    error_px: Floats  # [N] landmark distances of the last fit, plate pixels; NaN where nothing was fitted
    eyes: Eyes | None = None  # None: not looked for
    filled: dict[int, Filled] = field(default_factory=dict)  # what infill made of its frames, by index
    begun: Pose | None = None  # the poses when the stage began
    asked: Ints | None = None  # frames to solve although they are held, and no others; None: all that are not
    observers: dict[str, Observer] = field(default_factory=dict)  # those that are loaded, by name
    lips: Lips | None = None  # where they touch; None: the rig does not say
    relations: KeyRelations | None = None  # between the rig's keys; None: nothing is known
    executor: Executor = HERE  # who works on blocks of frames
    witness: LandmarkNetwork | None = None  # the network that judges what is solved

    def close(self) -> None:
        """Let go of the plates' files and memory."""
        for view in self.views:
            view.close()

    def at(self, index: Ints) -> Context:
        """The same solve of the frames at these indices only, in ascending order.

        Nothing of it has been filled in yet.
        """
        return replace(
            self,
            shot=self.shot.at(index),
            views=[view.at(index) for view in self.views],
            pose=self.pose[index],
            fill=self.fill[index],
            known=self.known[index],
            error_px=self.error_px[index],
            executor=HERE,
        )

    def over(
        self, work: Callable[..., Result], blocks: Sequence[Block], *shared: object
    ) -> Generator[tuple[int, Result]]:
        """Do `work(context, *shared, block)` for all blocks, wherever the solve has its workers.

        The work may change the pose of its context, which is a copy: what counts is what it gives back.

        Yields:
            The position of each block and its result, as they are done.
        """
        return self.executor.map(_on_a_copy, blocks, replace(self, pose=self.pose.copy()), work, shared)

    def travel(self) -> None:
        """Let what does not change any more travel to each worker once."""
        settings, executor = self.shot.settings, self.executor
        executor.constant(self.network, landmark_network, settings.landmarks, settings.device)
        executor.constant(self.flow, flow_network, settings.flow, settings.device)
        networks = Networks(self.network, self.flow, settings.device)
        for observer in self.observers.values():
            executor.constant(observer, type(observer), networks)
        executor.constant(self.detector, face_detector, settings.detector)
        if self.witness is not None:
            executor.constant(self.witness, landmark_network, self.witness.name, settings.device)
        of_the_rig = (self.embedding, self.renderer, self.look.shadow, self.look.mouth)
        of_its_parts = (self.lips, self.relations, self.eyes)
        for value in (self.shot, *of_the_rig, *of_its_parts, *self.views):
            if value is not None:
                executor.constant(value)

    def observer(self, name: str) -> Observer:
        """The observer of that name, with its network loaded once."""
        networks = Networks(self.network, self.flow, self.shot.settings.device)
        if name not in self.observers or self.observers[name].networks != networks:
            self.observers.update(load_observers([name], networks))
        return self.observers[name]

    def leave_out_behind(self) -> None:
        """Take the face as not seen where the solve would begin with the head behind the camera, or around it.

        Nothing leads from there.
        """
        corners = self.rig.neutral[self.rig.triangles[self.embedding.triangle]]  # [L,3,3]
        face = place(self.pose, (corners * self.embedding.barycentric[..., None]).sum(1) * self.rig.scale)
        for view in self.views:
            _, depth = view.camera.project(face)
            view.leave_out(view.seen & (depth <= NEAR).any(1), f"the head is not in front of camera {view.camera.name}")

    def take_up(self) -> None:
        """Begin where the last solve ended: frames that it has filled are filled, those that failed are not known.

        `fill`, `known`, `filled` change.
        """
        self.known = self.seen | self.held
        for i, frame in enumerate(self.shot.frames):
            earlier = self.shot.earlier.get(int(frame))
            if earlier is None or self.held[i]:
                continue
            if earlier.status in {protocol.INFILLED, protocol.INTERPOLATED}:
                self.filled[i] = Filled(earlier.status, earlier.reason)
            self.fill[i] = i in self.filled or earlier.status == protocol.FRAME_FAILED
            self.known[i] = not self.fill[i]

    @property
    def rig(self) -> Rig:
        """The head."""
        return self.shot.rig

    @property
    def face_triangles(self) -> Bools:
        """[T] triangles of the face alone."""
        face: Bools = np.all(self.embedding.face[self.rig.triangles], axis=1)
        return face

    @property
    def head_triangles(self) -> Bools:
        """[T] triangles of the head without neck and shoulders, which move by themselves."""
        head: Bools = np.all(self.embedding.head[self.rig.triangles], axis=1)
        return head

    @property
    def seen(self) -> Bools:
        """[N] frames where at least one camera sees the face."""
        return np.any([view.seen for view in self.views], axis=0)

    @property
    def trusted(self) -> Bools:
        """[N] frames whose poses say something of the shot: seen or given, and not left to infill."""
        return (self.seen | self.held) & ~self.fill

    @property
    def solvable(self) -> Ints:
        """Indices of the frames to solve: those that are asked for.

        Where none are, they are those that are seen and neither held nor left to infill.
        """
        return np.flatnonzero(self.seen & ~self.held & ~self.fill) if self.asked is None else self.asked

    @property
    def held(self) -> Bools:
        """[N] frames that stay as they are: the artist's own, and neighbours of the part to solve."""
        return self.shot.held_mask

    @property
    def cuts(self) -> Bools:
        """[N-1] true where the plates of all cameras that film there cut between a frame and the next."""
        return common_cuts(np.stack([view.cuts for view in self.views]), np.stack([view.filmed for view in self.views]))

    def free(self, keys: tuple[str, ...], *, rotation: bool = True, translation: bool = True) -> FreeParameters:
        """The parameters that a step frees; keys that the artist excluded never are.

        All keys are freed with all joints; `bone_of` a joint frees it alone. Where the rig has a jaw bone and the step
        frees it, it comes first: keys of the group `jaw` are free only where all keys are.
        """
        rig = self.rig
        by_bone = JAW in rig.joints and JAW_BONE in keys and ALL not in keys
        turns = np.zeros(len(rig.names), bool) if self.eyes is None else self.eyes.keys
        wanted = [
            solved
            and (
                ALL in keys
                or group in keys
                or name in keys
                or (EYELIDS in keys and bool(CLOSES_EYE.search(name)))
                or (GAZE in keys and bool(turn))
            )
            and not (by_bone and group == JAW)
            for name, group, solved, turn in zip(rig.names, rig.groups, rig.solved, turns, strict=True)
        ]
        eye_joints = self.eyes.joints if self.eyes is not None and GAZE in keys else ()
        joints = {
            name: joint.solved
            for name, joint in rig.joints.items()
            if ALL in keys or bone_of(name) in keys or name in eye_joints
        }
        return FreeParameters(np.flatnonzero(wanted), joints, rotation, translation)

    def landmark_weights(self, regions: dict[str, float], elsewhere: float) -> Floats:
        """[L] one weight for each landmark."""
        weights = np.full(self.network.count, elsewhere)
        weights[~carried(self.layout)] = 0.0  # unless they are named
        for region, weight in regions.items():
            weights[list(self.layout.regions[region])] = weight
        return weights
