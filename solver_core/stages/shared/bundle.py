"""Bundle adjustment over the skin's detail.

All frames' poses are solved together with the places on the head where each piece of the detail lies.

Detail that was baked at poses which are still a little wrong lies a little beside its place, the same in every frame.
Frames that see a side of the head only from there agree with it and with nobody else, and rendering and aligning in
turn never parts the two. Here the places slide along the surface with the poses, and are eliminated (Triggs et al.
2000): how far away the head is comes out of the detail's own motion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag
from scipy.spatial.transform import Rotation

from solver_core.common.arrays import Floats, Ints
from solver_core.energies.energy import FaceProblem
from solver_core.face.blocks import RIGID
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose
from solver_core.observe.correspondences import Correspondences
from solver_core.optimise.box import box_minimum
from solver_core.optimise.dogleg import Quadratic
from solver_core.render.shading import vertex_normals
from solver_core.stages.context import Context
from solver_core.stages.shared.sparsity import held_at_zero

# of the face's radius: detail that slides together, some 4 cm; what smaller pieces would take up belongs to the shape
# keys
CELL = 2 / 3
SLIDE = 1 / 20  # of the face's radius: how far detail is expected to lie beside its place
# Of its distance: by how much a stiff appearance sees the head too near or too far, as all outlines err alike.
NEARER = 0.005


@dataclass(frozen=True)
class Frame:
    """One frame's share in the bundle, its own parameters eliminated."""

    detail: Ints  # [q] columns of the detail that it sees
    across: Floats  # [P,q] curvature between its parameters and them
    # [6,q+1+6] how its rigid parameters answer to them, to its own correspondences, and to a pull on each of the six.
    rigid: Floats
    turn: Floats  # [6,6] the head's axes to the world's, for rotation and translation


@dataclass(frozen=True)
class Detail:
    """The pieces that slide, and how hard each key is held meanwhile."""

    cell: Ints  # [T] the piece that each triangle belongs to
    along: Floats  # [C,3,2] the directions along each, in the head's axes
    held: Floats  # [K]


@dataclass(frozen=True)
class Gathered:
    """What the correspondences of one frame say of the detail."""

    columns: Ints  # [q] of the detail that they see
    across: Floats  # [P,q] curvature between the frame's parameters and it
    own: Floats  # [q/2,2,2] its own curvature
    pull: Floats  # [q/2,2]
    # by camera: [6,6] what they say of the head, in its own axes, and [6] a step away by the distance
    rigid: list[tuple[str, Floats, Floats]]


@dataclass(frozen=True)
class Share:
    """A frame that is solved, as the bundle takes it."""

    gathered: Gathered
    frame: Frame
    curvature: Floats  # [q,q] and [q,7], to be taken from the detail's: what the frame's own parameters take up
    right: Floats


class Bundle:
    """Gathers frame by frame; `solve` says what the detail's true places change in each frame's model.

    Args:
        context: the solve; its poses are those around which the models are.
        free: the frames' parameters, P of them.
        held: [K] how hard each key is held at zero.
    """

    def __init__(self, context: Context, free: FreeParameters, held: Floats) -> None:
        self.context, self.free = context, free
        self.detail = Detail(*surface_cells(context), held)
        count = 2 * len(self.detail.along)
        self.curvature = np.zeros((count, count))
        self.right = np.zeros((count, 1 + RIGID))
        self.frames: dict[int, Frame] = {}
        # by camera: [6,6] what the frames' correspondences say of the head, in its own axes, and [6] a step away from
        # it by the distance
        self.rigid: dict[str, Floats] = {}
        self.away: dict[str, Floats] = {}
        self.fixed = False  # whether a frame that does not move has been seen

    def add(self, index: int, found: list[Correspondences], model: Quadratic) -> None:
        """A frame that is solved. `model` is what its correspondences say in its parameters, [1,P] and [1,P,P]."""
        self.take(index, share_of(self.context, self.detail, self.free, index, found, model))

    def take(self, index: int, share: Share) -> None:
        """The same, worked out already."""
        self._gather(share.gathered)
        detail = share.gathered.columns
        self.curvature[np.ix_(detail, detail)] -= share.curvature
        self.right[detail] -= share.right
        self.frames[index] = share.frame

    def add_fixed(self, index: int, found: list[Correspondences]) -> None:
        """A frame whose pose is given: it says where the detail lies."""
        pose = self.context.pose[np.array([index])]
        self._gather(gathered(self.detail, self.free, pose, found, None))
        self.fixed = True

    def solve(self, before: Pose) -> dict[int, Floats]:
        """[P] by frame: what the gradient of its model changes by.

        The detail is at its place then and the shot as a whole held.

        Args:
            before: the poses when the round began. The mean of the shot is known from them as well as one frame's
                correspondences would show it with colours that are true; its distance by NEARER at best.
        """
        used = np.flatnonzero(np.diag(self.curvature) != 0)
        if not self.frames or not len(used):
            return {}
        reach = SLIDE * face_radius(self.context)
        curvature = self.curvature[np.ix_(used, used)] + np.eye(len(used)) / reach**2
        slide = np.zeros_like(self.right)
        slide[used] = np.linalg.solve(curvature, self.right[used])
        share = 1 / len(self.frames)
        answers = {}
        for index, frame in self.frames.items():
            seen = len(frame.detail)
            answers[index] = frame.rigid[:, seen:] - frame.rigid[:, :seen] @ slide[frame.detail]
        gain = np.zeros(RIGID)
        if not self.fixed:
            mean = share * np.sum([self.frames[i].turn.T @ answer for i, answer in answers.items()], axis=0)
            moved = mean[:, 0] + self._moved(before)
            # a pull on the mean is a share of one on each frame
            gain = -np.linalg.solve(share * mean[:, 1:] + np.linalg.inv(self.information()), moved)
        places = slide[:, 0] + share * slide[:, 1:] @ gain
        return {i: self._change(frame, places, share * gain) for i, frame in self.frames.items()}

    def _gather(self, found: Gathered) -> None:
        """Add up what is the detail's alone, and by camera what would be said of the head, were the colours true."""
        columns = found.columns.reshape(-1, 2)
        self.curvature[columns[:, :, None], columns[:, None, :]] += found.own
        self.right[columns, 0] -= found.pull
        for name, rigid, away in found.rigid:
            self.rigid[name] = self.rigid.get(name, np.zeros((RIGID, RIGID))) + rigid
            self.away[name] = self.away.get(name, np.zeros(RIGID)) + away

    def information(self) -> Floats:
        """[6,6] information about the shot's mean, in the head's axes."""
        share = 1 / len(self.frames)
        known = np.zeros((RIGID, RIGID))
        for name, rigid in self.rigid.items():
            seen = share * rigid
            away = seen @ (share * self.away[name])
            known += seen - np.outer(away, away) / (share * self.away[name] @ away + 1 / NEARER**2)
        return _solvable(known)

    def _moved(self, before: Pose) -> Floats:
        """[6] the mean motion of the frames since then, in the head's axes."""
        index = np.array(list(self.frames))
        old, new = before[index], self.context.pose[index]
        turned = Rotation.from_matrix(old.rotation.swapaxes(1, 2) @ new.rotation).as_rotvec()
        shifted = np.einsum("bji,bj->bi", old.rotation, new.translation - old.translation)
        return np.concatenate([turned.mean(0), shifted.mean(0)])

    def _change(self, frame: Frame, places: Floats, gain: Floats) -> Floats:
        change: Floats = frame.across @ places[frame.detail]
        change[:RIGID] -= frame.turn @ gain
        return change


def share_of(
    context: Context, detail: Detail, free: FreeParameters, index: int, found: list[Correspondences], model: Quadratic
) -> Share:
    """A solved frame's share: `model` is what its correspondences say in its parameters, [1,P] and [1,P,P]."""
    pose, rig = context.pose[np.array([index])], context.rig
    problem = FaceProblem([], rig, free)
    with_keys = held_at_zero(model, pose, free, detail.held)
    limits = problem.bounds(pose)
    hessian, gradient, low, high, step = (part[0] for part in (*with_keys, *limits, box_minimum(*with_keys, *limits)))
    slope = gradient + hessian @ step
    bound = ((step <= low) & (slope > 0)) | ((step >= high) & (slope < 0)) | (np.diag(hessian) <= 0)
    turn = block_diag(pose.rotation[0], pose.rotation[0])

    seen = gathered(detail, free, pose, found, turn)
    across, count, moving = seen.across, len(seen.columns), ~bound
    pull = np.zeros((len(gradient), RIGID))
    pull[:RIGID] = turn
    sides = np.column_stack([across, -(gradient + hessian[:, bound] @ step[bound]), pull])[moving]
    answer = np.linalg.solve(_solvable(hessian[np.ix_(moving, moving)]), sides)
    right = across[moving].T @ answer[:, count:]
    right[:, 0] += across[bound].T @ step[bound]
    rigid = np.zeros((RIGID, sides.shape[1]))
    rigid[moving[:RIGID]] = answer[: moving[:RIGID].sum()]
    frame = Frame(seen.columns, across.astype(np.float32), rigid, turn)
    return Share(replace(seen, across=across[:0]), frame, across[moving].T @ answer[:, :count], right)


def gathered(
    detail: Detail, free: FreeParameters, pose: Pose, found: list[Correspondences], turn: Floats | None
) -> Gathered:
    """What one frame's correspondences say of the detail, and where `turn` is given (`Frame.turn`) of the head."""
    count = len(detail.along)
    across = np.zeros((count, 2, free.size))
    own, pull = np.zeros((count, 2, 2)), np.zeros((count, 2))
    rigid = []
    for item in found:
        energy = item.energy(pose)
        residual, jacobian = (part[0].astype(np.float64) for part in energy.linear(pose, np.array([0]), free))
        if turn is not None:
            rigid.append(_of_the_head(item, pose, turn, jacobian[:, :RIGID]))
        if item.triangle is None:
            continue
        cell = detail.cell[item.triangle]
        world = pose.rotation[0] @ detail.along[cell]  # [n,3,2]
        sliding = energy.root[0] @ item.camera.derivative(item.points.world(pose))[0] @ world
        sliding = np.where((energy.root[0] != 0).any((1, 2), keepdims=True), sliding, 0.0)
        moving, apart = jacobian.reshape(len(cell), 2, -1), residual.reshape(len(cell), 2)
        np.add.at(across, cell, np.einsum("nxd,nxp->ndp", sliding, moving))
        np.add.at(own, cell, np.einsum("nxd,nxe->nde", sliding, sliding))
        np.add.at(pull, cell, np.einsum("nxd,nx->nd", sliding, apart))
    seen = np.flatnonzero(own.any((1, 2)))
    columns = (2 * seen[:, None] + np.arange(2)).ravel()
    return Gathered(columns, across[seen].reshape(2 * len(seen), -1).T, own[seen], pull[seen], rigid)


def _of_the_head(item: Correspondences, pose: Pose, turn: Floats, jacobian: Floats) -> tuple[str, Floats, Floats]:
    """A camera, what these correspondences say of the head in its own axes, and a step away from it."""
    matrix = item.camera.world_to_camera[0]
    eye = -matrix[:, :3].T @ matrix[:, 3]
    away = np.concatenate([np.zeros(3), pose.rotation[0].T @ (pose.translation[0] - eye)])
    own = jacobian @ turn
    return item.camera.name, own.T @ own, away


def surface_cells(context: Context) -> tuple[Ints, Floats]:
    """[T] the piece of the surface that each triangle belongs to, and [C,3,2] the directions along each.

    There are C pieces; the directions are in the head's axes.
    """
    rig = context.rig
    vertices = rig.neutral.astype(np.float64) * rig.scale
    head = rig.triangles[context.head_triangles]
    _, own = np.unique(np.floor(vertices[head].mean(1) / (CELL * face_radius(context))), axis=0, return_inverse=True)
    cell = np.zeros(len(rig.triangles), int)  # nothing is measured outside the head
    cell[context.head_triangles] = own.ravel()
    normal = np.zeros((own.max() + 1, 3))
    np.add.at(normal, own.ravel(), vertex_normals(vertices, rig.triangles)[head].mean(1))
    # the two directions that the normal leaves: the last rows of V in the singular value decomposition of the row that
    # it is
    along = np.linalg.svd(normal[:, None])[2][:, 1:].swapaxes(1, 2)
    return cell, along


def face_radius(context: Context) -> float:
    """Metres: how far the face's vertices are from their middle, RMS."""
    face = (context.rig.neutral * context.rig.scale)[context.embedding.face]
    return float(np.sqrt(((face - face.mean(0)) ** 2).sum(1).mean()))


def _solvable(matrix: Floats) -> Floats:
    """A symmetric matrix with directions of no curvature held, too softly to be felt elsewhere."""
    return matrix + 1e-12 * np.trace(matrix) * np.eye(len(matrix))
