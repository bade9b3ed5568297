"""Lips and lids have observers of their own: deaf to what is within their error, and of the keys alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver_core.face.parameters import FreeParameters
from solver_core.observe.landmarks import REGION_BIAS, LidObserver, LipObserver
from solver_core.observe.registry import default_weights
from solver_core.stages.shared.light import estimate_lights
from solver_core.stages.shared.observing import observe

INDEX = np.array([0])


@pytest.fixture(scope="module")
def seen(context):
    """One frame whose rendered mouth is further open than the plate's."""
    apart = replace(context, pose=context.pose.copy())
    estimate_lights(apart)
    apart.pose.weights[0, apart.rig.names.index("jawOpen")] += 0.3
    (found,) = observe(apart, apart.views[0], apart.look.lights[0], INDEX, default_weights("lips", "lids", "landmarks"))
    return apart, found


def energy_of(context, observation, **changes):
    return replace(observation.correspondences, **changes).energy(context.pose[INDEX])


def test_each_speaks_of_its_region_alone(seen):
    context, found = seen
    layout = context.observer("lips").network.layout
    for observer, region in ((LipObserver, "lips"), (LidObserver, "eye_rims")):
        (told,) = np.nonzero(found[observer.name].correspondences.trust)
        assert set(told) <= set(layout.regions[region])
        assert len(told) > 0.6 * len(layout.regions[region])
    assert found["lips"].layers() == {}
    assert found["landmarks"].layers() != {}


def test_a_mouth_that_is_open_in_the_render_alone_is_closed(seen):
    context, found = seen
    free = FreeParameters(np.arange(len(context.rig.names)))
    residual, jacobian = energy_of(context, found["lips"]).linear(context.pose[INDEX], np.array([0]), free)
    downhill = -(residual[:, None] @ jacobian)[0, 0, 6:]
    assert downhill[context.rig.names.index("jawOpen")] < 0


def test_they_say_nothing_of_where_the_head_is(seen):
    context, found = seen
    free = FreeParameters(np.arange(len(context.rig.names)))
    first = np.array([0])
    for name, moves in (("lips", False), ("landmarks", True)):
        _, jacobian = energy_of(context, found[name]).linear(context.pose[INDEX], first, free)
        assert jacobian[..., :6].any() == moves
        assert jacobian[..., 6:].any()


def test_what_is_within_the_networks_error_is_left_to_flow(seen):
    """Beyond it the residual is the distance beyond."""
    context, found = seen
    first = np.array([0])
    one = found["lips"].correspondences
    plain = energy_of(context, found["lips"], bias=0.0).residual(context.pose[INDEX], first)[0].reshape(-1, 2)
    deaf = energy_of(context, found["lips"]).residual(context.pose[INDEX], first)[0].reshape(-1, 2)
    pixels, _ = one.camera.project(one.points.world(context.pose[INDEX]))
    far = np.linalg.norm((one.root @ (pixels[0] - one.target)[..., None])[..., 0], axis=1)
    told = one.trust > 0
    near = told & (far < REGION_BIAS)
    assert not deaf[near].any()
    assert near.any()
    assert (told & ~near).any()
    ratio = np.linalg.norm(deaf[told & ~near], axis=1) / np.linalg.norm(plain[told & ~near], axis=1)
    np.testing.assert_allclose(ratio, 1 - REGION_BIAS / far[told & ~near], rtol=1e-6)
