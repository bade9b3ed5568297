"""The pairs of pictures that the flow network is trained on.

The flow is what geometry says, hidden places are marked, and warping by the flow makes one picture of the other.
"""

from __future__ import annotations

import numpy as np
import pytest

from training.heads import surface_flow
from training.pairs import compose, face_pair, textured_pair
from training.textures import Layer, bend, invert, moving, sample


def still(size, value, cover, step):
    """A layer of one value whose cover [S,S] moves by `step` whole pixels."""
    flow = np.zeros((size, size, 2), np.float32) + np.float32(step)
    there = np.roll(cover, step[::-1], (0, 1)).astype(np.float32)
    picture = np.full((size, size, 3), value, np.float32)
    return Layer(picture, picture, cover.astype(np.float32), there, flow, -flow)


def test_what_a_moving_thing_covers_is_hidden_and_what_it_uncovers_is_not():
    everywhere, thing = np.ones((40, 40)), np.zeros((40, 40))
    thing[10:20, 10:20] = 1
    pair = compose([still(40, 0.2, everywhere, (0, 0)), still(40, 0.8, thing, (4, 0))])
    hidden = np.zeros((40, 40), bool)
    hidden[10:20, 20:24] = True
    np.testing.assert_array_equal(~pair.visible, hidden)
    np.testing.assert_array_equal(pair.flow[thing > 0], np.tile([4, 0], (100, 1)))
    assert pair.flow[thing == 0].max() == 0
    np.testing.assert_allclose(pair.second[10:20, 14:24], 0.8)


def test_what_leaves_the_picture_is_hidden():
    pair = compose([still(32, 0.5, np.ones((32, 32)), (3, -2))])
    expected = np.ones((32, 32), bool)
    expected[:2], expected[:, -3:] = False, False
    np.testing.assert_array_equal(pair.visible, expected)


@pytest.mark.parametrize("seed", range(3))
def test_forward_and_backward_flow_undo_each_other(seed):
    backward = bend(np.random.default_rng(seed), 96, 6.0) + np.float32([3.0, -2.0])
    forward = invert(backward)
    left = np.abs(forward + sample(backward, forward))[16:-16, 16:-16]
    assert left.max() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_textures_second_picture_is_the_first_moved_by_the_flow(seed):
    layer = moving(np.random.default_rng(seed), 96, 5.0)
    away = np.abs(sample(layer.second, layer.forward) - layer.first)[16:-16, 16:-16]
    unmoved = np.abs(layer.second - layer.first)[16:-16, 16:-16]
    assert np.median(away) < 0.3 * np.median(unmoved)


def test_a_surfaces_flow_is_its_projection():
    """A wall at 1 m whose camera sees 500 pixels a metre there, moved by 8 mm to the right, 6 mm up and 0.2 m away."""
    size, scale, distance = 32, 500.0, 1.0
    corners = np.array([[-1.0, 0, -1], [3, 0, -1], [-1, 0, 3]])
    place = (np.arange(size) + 0.5 - size / 2) / scale
    x, z = np.meshgrid(place, -place)
    share = np.stack([1 - (x + 1) / 4 - (z + 1) / 4, (x + 1) / 4, (z + 1) / 4], -1)
    seen = np.broadcast_to(np.arange(3), (size, size, 3))
    moved = corners + np.array([0.008, 0.2, 0.006])
    flow = surface_flow(seen, share, np.ones((size, size), bool), moved, size, scale, distance)
    there = np.stack([(x + 0.008) * scale / 1.2, -(z + 0.006) * scale / 1.2], -1)
    here = np.stack([x * scale, -z * scale], -1)
    np.testing.assert_allclose(flow, there - here, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_a_heads_second_picture_is_the_first_moved_by_the_flow(seed):
    pair = face_pair(np.random.default_rng(seed), 160, clean=True)
    where = pair.visible & pair.face
    assert where.sum() > 1500
    away = np.abs(sample(pair.second, pair.flow) - pair.first).mean(-1)[where]
    unmoved = np.abs(pair.second - pair.first).mean(-1)[where]
    assert np.median(away) < 0.012  # what remains is that light falls differently on what has turned
    assert away.mean() < 0.6 * unmoved.mean() or unmoved.mean() < 0.01


@pytest.mark.parametrize("make", [face_pair, textured_pair])
def test_pairs_are_the_same_every_time_and_well_formed(make):
    one, again = (make(np.random.default_rng(5), 96) for _ in range(2))
    for name in ("first", "second", "flow", "visible", "face"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    assert one.first.shape == one.second.shape == (96, 96, 3)
    assert one.flow.shape == (96, 96, 2)
    for picture in (one.first, one.second):
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1
    assert np.isfinite(one.flow).all()
    assert 0.3 < one.visible.mean() <= 1
