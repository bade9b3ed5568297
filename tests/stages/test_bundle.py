"""Bundle adjustment over baked detail: the same answer as all unknowns solved at once, and what it is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from solver_core.documents.shot import LockedFrame, load_shot
from solver_core.energies.energy import FaceProblem
from solver_core.energies.prior import WeightPrior
from solver_core.observe.correspondences import Correspondences
from solver_core.solve import prepare_context
from solver_core.stages.catalogue import LANDMARKS_AND_FLOW
from solver_core.stages.key_names import ALL
from solver_core.stages.kinds.deep import Deep
from solver_core.stages.shared import bundle as module
from solver_core.stages.shared.bundle import Bundle, face_radius, surface_cells

KEYS = ("jawOpen", "mouthSmile_L")
HELD = 300.0


@pytest.fixture
def solving(context):
    """The little shot with its own copy of the poses, keys away from their ends."""
    own = replace(context, pose=context.pose.copy())
    own.pose.weights[:, [own.rig.names.index(name) for name in KEYS]] = 0.5
    return own


def seen_from(context, index, slide, rng, noise=0.0, at=None):
    """What flow would say of one frame.

    Points of the face, wanted where detail that lies `slide` [C,2] metres beside its place is at the true pose.
    """
    triangle = rng.choice(np.flatnonzero(context.face_triangles), 400)
    points = context.rig.sample(triangle[None], rng.dirichlet(np.ones(3), 400)[None])
    true = (context.pose if at is None else at)[np.array([index])]
    cell, along = surface_cells(context)
    camera = context.views[0].camera[np.array([index])]
    world = points.world(true)[0] + np.einsum(
        "xy,nyd,nd->nx", true.rotation[0], along[cell[triangle]], slide[cell[triangle]]
    )
    target = camera.project(world[None])[0][0] + noise * rng.normal(size=(400, 2))
    everywhere = np.ones(400)
    return Correspondences(
        camera, points, target, np.broadcast_to(np.eye(2), (400, 2, 2)), everywhere, everywhere, 1e6, 400.0, triangle
    )


def models_of(context, observed):
    """The free parameters and what each frame's correspondences say in them."""
    free = context.free(KEYS)
    problem = [
        FaceProblem([item.energy(context.pose[np.array([i])])], context.rig, free) for i, item in enumerate(observed)
    ]
    return free, [one.quadratic(context.pose[np.array([i])], np.array([0])) for i, one in enumerate(problem)]


def bundled(context, observed, fixed=()):
    free, models = models_of(context, observed)
    held = np.full(len(context.rig.names), HELD)
    gathered = Bundle(context, free, held)
    for i, item in enumerate(observed):
        if i in fixed:
            gathered.add_fixed(i, [item])
        else:
            gathered.add(i, [item], models[i])
    return gathered, free, models, held


def steps(context, free, models, held, changes):
    """[F,P] each frame's answer to its model with its gradient changed."""
    keys = free.keys
    found = {}
    for i, change in changes.items():
        hessian, gradient = models[i].hessian[0].copy(), models[i].gradient[0] + change
        hessian[range(6, len(gradient)), range(6, len(gradient))] += held[keys]
        gradient[6:] += held[keys] * context.pose.weights[i, keys]
        found[i] = np.linalg.solve(hessian, -gradient)
    return found


def test_it_answers_as_all_unknowns_solved_at_once_do(solving):
    """The slow twin: one dense least-squares problem of all poses and all places.

    The places' derivatives by differences.
    """
    rng = np.random.default_rng(0)
    pieces = len(surface_cells(solving)[1])
    observed = [seen_from(solving, i, rng.normal(size=(pieces, 2)) * 1e-3, rng, 0.3) for i in range(4)]
    gathered, free, models, held = bundled(solving, observed)
    found = steps(solving, free, models, held, gathered.solve(solving.pose))

    size, count = 6 + len(free.keys), len(observed)
    unknown = count * size + 2 * pieces
    cell, along = surface_cells(solving)
    rows, right = [], []
    for i, item in enumerate(observed):
        pose = solving.pose[np.array([i])]
        energy = item.energy(pose)
        residual, jacobian = energy.linear(pose, np.array([0]), free)
        block = np.zeros((800, unknown))
        block[:, i * size : (i + 1) * size] = jacobian[0]
        own = cell[item.triangle]
        for d in range(2):
            moved = item.points.world(pose) + 1e-6 * (pose.rotation[0] @ along[own][:, :, d, None])[None, ..., 0]
            ahead = (energy.root[0] @ (item.camera.project(moved)[0][0] - item.target)[..., None])[..., 0]
            for axis in range(2):
                block[2 * np.arange(400) + axis, count * size + 2 * own + d] = (
                    ahead[:, axis] - residual[0].reshape(-1, 2)[:, axis]
                ) / 1e-6
        rows.append(block)
        right.append(-residual[0])
        prior = WeightPrior(np.zeros((1, len(held))), held[None]).linear(pose, np.array([0]), free)
        block = np.zeros((prior[0].shape[1], unknown))
        block[:, i * size : (i + 1) * size] = prior[1][0]
        rows.append(block)
        right.append(-prior[0][0])
    block = np.zeros((2 * pieces, unknown))
    block[:, count * size :] = np.eye(2 * pieces) / (module.SLIDE * face_radius(solving))
    rows.append(block)
    right.append(np.zeros(2 * pieces))
    mean = np.zeros((6, unknown))
    for i in range(count):
        rotation = solving.pose.rotation[i]
        mean[:3, i * size : i * size + 3] = rotation.T / count
        mean[3:, i * size + 3 : i * size + 6] = rotation.T / count
    rows.append(np.linalg.cholesky(gathered.information()).T @ mean)
    right.append(np.zeros(6))
    whole = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    for i in range(count):
        np.testing.assert_allclose(found[i], whole[i * size : (i + 1) * size], rtol=1e-3, atol=2e-6)


def test_distance_comes_out_of_how_far_detail_travels(solving, monkeypatch):
    """Baked where all frames stood too near, detail agrees with them as well as it can.

    As the head turns from side to side it travels too far.
    """
    rng = np.random.default_rng(1)
    turns = Rotation.from_rotvec(np.linspace(-0.5, 0.5, 9)[:, None] * [0.0, 0.0, 1.0])
    solving.pose.rotation[:] = turns.as_matrix() @ solving.pose.rotation[4]
    solving.pose.translation[:] = solving.pose.translation[4]
    true = solving.pose.copy()
    matrix = solving.views[0].camera.world_to_camera
    away = solving.pose.translation + (matrix[:, :, :3].swapaxes(1, 2) @ matrix[:, :, 3:])[..., 0]
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    solving.pose.head.translation -= 0.004 * away
    # each piece lies where the frames, standing too near, see it on average
    pieces = len(surface_cells(solving)[1])
    seen = Bundle(solving, solving.free(KEYS), np.full(len(solving.rig.names), HELD))
    for i in range(9):
        seen.add_fixed(i, [seen_from(solving, i, np.zeros((pieces, 2)), rng, at=true)])
    used = np.diag(seen.curvature) > 0
    beside = np.zeros(2 * pieces)
    beside[used] = -np.linalg.solve(seen.curvature[np.ix_(used, used)], seen.right[used, 0])
    observed = [seen_from(solving, i, beside.reshape(-1, 2), rng, at=true) for i in range(9)]

    def too_near(believed):
        monkeypatch.setattr(module, "NEARER", believed)
        gathered, free, models, held = bundled(solving, observed)
        changes = gathered.solve(solving.pose)
        both = (steps(solving, free, models, held, given) for given in (dict.fromkeys(range(9), 0.0), changes))
        return [np.mean([0.004 - step[3:6] @ away[i] for i, step in answer.items()]) for answer in both]

    alone, together = too_near(module.NEARER)
    assert alone > 0.003
    assert 0 < together < 0.85 * alone
    # the less is believed of where the shot stood, the more is left to what the detail says
    assert 0 < too_near(10 * module.NEARER)[1] < together


def test_a_given_frame_says_where_detail_lies(solving):
    """All detail lies a millimetre beside its place.

    The frames alone follow it; beside a frame that is given they do not.
    """
    rng = np.random.default_rng(2)
    slide = np.tile([0.001, 0.0005], (len(surface_cells(solving)[1]), 1))
    observed = [seen_from(solving, i, slide, rng) for i in range(9)]
    gathered, free, models, held = bundled(solving, observed, fixed=(4,))
    changes = gathered.solve(solving.pose)
    assert 4 not in changes
    alone = steps(solving, free, models, held, dict.fromkeys(changes, 0.0))
    together = steps(solving, free, models, held, changes)
    far = [np.mean([np.linalg.norm(step[3:6]) for step in answer.values()]) for answer in (alone, together)]
    assert far[1] < 0.5 * far[0]


def test_what_all_frames_do_in_common_is_taken_back(solving):
    """Where nothing but the common motion is asked for, the shot hardly moves from where it was before the round."""
    rng = np.random.default_rng(3)
    before = solving.pose.copy()
    solving.pose.head.translation += solving.pose.rotation @ [0.002, 0.0, 0.0]
    still = np.zeros((len(surface_cells(solving)[1]), 2))
    observed = [seen_from(solving, i, still, rng) for i in range(9)]
    gathered, free, models, held = bundled(solving, observed)
    back = steps(solving, free, models, held, gathered.solve(before))
    sideways = np.mean([solving.pose.rotation[i].T @ step[3:6] for i, step in back.items()], axis=0)[0]
    assert -0.002 < sideways < -0.0005


def test_nothing_observed_changes_nothing(solving):
    free = solving.free(KEYS)
    assert Bundle(solving, free, np.full(len(solving.rig.names), HELD)).solve(solving.pose) == {}


@pytest.mark.parametrize("given", [(), (4,)])
def test_a_round_of_plates_and_networks_follows_a_given_frame_and_drifts_nowhere_without(shot, given):
    """A head without colours that begins 3 mm too near, all frames alike but the given one."""
    own = load_shot(shot.folder)
    locked = tuple(
        LockedFrame(
            int(own.frames[i]),
            *(part[i] for part in (own.initial.rotation, own.initial.translation, own.initial.weights)),
        )
        for i in given
    )
    context = prepare_context(
        replace(own, rig=replace(own.rig, colors=None), locked=locked), lambda _done, _total: True
    )
    true = context.pose.copy()
    others = np.setdiff1d(np.arange(len(true)), given)
    away = context.pose.translation - np.array([0.1, -0.95, 0.02])
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    context.pose.translation[others] -= 0.003 * away[others]
    step = Deep(rounds=1, keys=(ALL,), observers=LANDMARKS_AND_FLOW, sparse=True, skin=True, bundle=True)
    moved = np.concatenate(list(step.run(context)))
    np.testing.assert_array_equal(moved, others)
    np.testing.assert_array_equal(context.pose.translation[list(given)], true.translation[list(given)])
    near = ((true.translation - context.pose.translation) * away).sum(1)[others]
    assert near.std() < 0.00025
    # in this shot the head hardly turns: nothing says how far away it is, but a frame that is given
    assert abs(near.mean()) < (0.0025 if given else 0.0045)
